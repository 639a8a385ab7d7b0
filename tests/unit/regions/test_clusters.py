"""The density clusters of a map at several levels."""

import numpy as np
import pytest

from featscape.regions import clusters
from featscape.regions.clusters import find_clusters


def blobs(n_items, centers, *, spread=0.3, seed=0):
    rng = np.random.default_rng(seed)
    codes = np.arange(n_items) % len(centers)
    positions = (
        np.array(centers, float)[codes] + rng.normal(size=(n_items, len(centers[0]))) * spread
    )
    return positions.astype(np.float32), codes


def quads(n_items=1200):
    """Return three groups of four clusters each, and the cluster of each item."""
    groups = np.array([(0, 0), (40, 0), (0, 40)])
    inner = np.array([(0, 0), (4, 0), (0, 4), (4, 4)])
    centers = (groups[:, None] + inner).reshape(-1, 2)
    return blobs(n_items, centers.tolist())


@pytest.mark.parametrize("n_dimensions", [2, 3])
def test_planted_clusters_are_found(n_dimensions):
    centers = 10 * np.eye(5, n_dimensions) + np.arange(5)[:, None] * 30
    positions, planted = blobs(400, centers.tolist())
    first = find_clusters(positions, random_state=0)[0]
    assert set(planted[first >= 0]) == set(range(5))
    for code in range(first.max() + 1):
        assert len(set(planted[first == code])) == 1
    assert first.max() <= 6  # a planted cluster may split by chance
    assert (first >= 0).mean() > 0.7


def test_clusters_of_a_level_are_in_one_cluster_of_an_earlier_level_or_outside():
    positions, _ = quads(3000)
    found = find_clusters(positions, random_state=0)
    assert len(found) >= 2
    for level, inner in enumerate(found):
        for outer in found[:level]:
            for code in range(inner.max() + 1):
                assert len(set(outer[inner == code])) == 1


def test_of_many_items_a_sample_is_clustered_and_the_others_follow(monkeypatch):
    positions, planted = quads(1200)
    monkeypatch.setattr(clusters, "_MOST_FITTED", 400)
    found = find_clusters(positions, random_state=3)
    assert all(len(codes) == 1200 for codes in found)
    first = found[0]
    for code in range(first.max() + 1):
        assert len(set(planted[first == code] // 4)) == 1
    again = find_clusters(positions, random_state=3)
    assert all((one == other).all() for one, other in zip(found, again, strict=True))


@pytest.mark.parametrize(
    "positions",
    [
        np.zeros((1, 2)),
        np.arange(8.0).reshape(4, 2),
        np.ones((50, 2)),
        np.ones((50, 3)),
    ],
)
def test_too_few_items_and_items_at_one_position_have_no_clusters(positions):
    assert find_clusters(positions, random_state=0) == []


def test_items_at_two_positions_are_two_clusters():
    positions = np.repeat([[0.0, 0.0], [1.0, 0.0]], 20, axis=0)
    first = find_clusters(positions, random_state=0)[0]
    assert sorted(first.tolist()) == [0] * 20 + [1] * 20


@pytest.mark.parametrize("size", [5, 12, 40])
def test_the_leaves_are_those_of_scikit_learns_hdbscan(monkeypatch, size):
    from sklearn.cluster import HDBSCAN
    from sklearn.metrics import adjusted_rand_score

    positions, _ = quads(240)
    monkeypatch.setattr(clusters, "_GAP", 0)
    monkeypatch.setattr(clusters, "_N_LINKED", 239)  # all pairs of items, as in scikit-learn
    monkeypatch.setattr(clusters, "_sizes", lambda _n_points: [size])
    (found,) = find_clusters(positions, random_state=0)
    tree = HDBSCAN(
        min_cluster_size=size, min_samples=5, cluster_selection_method="leaf", copy=True
    ).fit(positions.astype(float))
    assert adjusted_rand_score(found, tree.labels_) > 0.97
    assert found.max() == tree.labels_.max()
