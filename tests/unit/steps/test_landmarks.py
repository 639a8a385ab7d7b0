import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.manifold import trustworthiness
from sklearn.neighbors import NearestNeighbors

from featscape import TSNE, embed_features, load_tsne
from featscape.errors import InputError
from featscape.findings.reliability import measure_reliability, share_in_common
from featscape.findings.spaces import search_all_pairs
from featscape.mapfolder.read import open_map
from featscape.options import EmbeddingOptions
from featscape.steps.findings import open_findings
from featscape.steps.tsne.embedding import embed


@pytest.fixture
def clusters(here, without_pictures):  # noqa: ARG001 - fewer steps
    """Write three clusters of features, the last with six items, and their labels."""
    rng = np.random.default_rng(0)
    labels = np.repeat(["a", "b", "rare"], [97, 97, 6])
    centers = np.repeat(10 * np.eye(3, 8), [97, 97, 6], axis=0)
    np.save("f.npy", (centers + rng.normal(size=(200, 8))).astype(np.float32))
    np.save("labels.npy", labels)
    return here


def map_of_landmarks(n_landmarks=60, **options):
    options = {"labels": "labels.npy", "perplexity": 5, "findings": False, **options}
    return embed_features("f.npy", "m", n_landmarks=n_landmarks, force=True, **options)


@pytest.mark.usefixtures("clusters")
def test_landmarks_are_fitted_and_the_others_placed():
    made = map_of_landmarks()
    rows = made.landmarks
    assert len(rows) == 60
    assert (np.diff(rows) > 0).all()
    assert set(np.array(made.labels)[rows]) == {"a", "b", "rare"}
    tsne = TSNE(perplexity=5, random_state=10).fit(made.features[rows])
    np.testing.assert_array_equal(made.positions[rows], tsne.embedding_)
    others = np.setdiff1d(np.arange(200), rows)
    np.testing.assert_array_equal(made.positions[others], tsne.transform(made.features[others]))
    assert made.run["parameters"]["n_landmarks"] == 60
    assert made.run["kl_divergence"] == tsne.kl_divergence_


@pytest.mark.usefixtures("clusters")
def test_neighbors_are_the_nearest_landmarks():
    made = map_of_landmarks()
    distances = np.linalg.norm(made.features[:, None] - made.features[made.landmarks], axis=2)
    distances[made.landmarks, np.arange(60)] = np.inf
    order = np.argsort(distances, axis=1)[:, :15]
    np.testing.assert_array_equal(made.neighbors.indices, made.landmarks[order])
    agrees = np.array(made.labels)[made.neighbors.indices[:, :5]] == np.array(made.labels)[:, None]
    assert made.run["agreement"]["overall"] == (agrees.sum(axis=1) > 2.5).mean()


@pytest.mark.usefixtures("clusters")
def test_the_block_size_does_not_change_the_map(monkeypatch):
    whole = map_of_landmarks()
    positions, indices = np.array(whole.positions), np.array(whole.neighbors.indices)
    monkeypatch.setattr("featscape.steps.tsne.embedding._ITEMS_AT_ONCE", 7)
    made = map_of_landmarks()
    np.testing.assert_array_equal(made.positions, positions)
    np.testing.assert_array_equal(made.neighbors.indices, indices)


@pytest.mark.usefixtures("clusters")
def test_another_seed_draws_other_landmarks():
    first = map_of_landmarks().landmarks
    np.testing.assert_array_equal(map_of_landmarks().landmarks, first)
    assert not np.array_equal(map_of_landmarks(random_state=11).landmarks, first)


@pytest.mark.parametrize("seed", [0, 10, 11])
def test_the_reliability_is_that_of_random_items_and_not_of_landmarks(monkeypatch, seed):
    rng = np.random.default_rng(1)
    plane = rng.normal(size=(400, 2)).astype(np.float32)
    options = EmbeddingOptions(n_landmarks=100, perplexity=5, random_state=seed)
    landmarks = embed(plane, options, labels=None, device="cpu").landmarks
    plane[landmarks, 0] += 100
    others = np.setdiff1d(np.arange(400), landmarks)
    positions = plane.copy()  # right for the landmarks, random for the others
    positions[others] = rng.permutation(plane[others])
    monkeypatch.setattr("featscape.findings.reliability._MOST_RANKED", 100)
    found = measure_reliability(
        plane,
        positions,
        search_all_pairs(plane, 90).indices,
        classes=None,
        search=search_all_pairs,
        n_threads=1,
        random_state=seed,
    )
    values = {one.measure: one.value for one in found.result.findings}
    near, on_map = (search_all_pairs(of, 10).indices for of in (plane, positions))
    assert values["KNN"] == pytest.approx(share_in_common(near, on_map).mean(), abs=0.12)
    expected = trustworthiness(plane, positions, n_neighbors=30)
    assert values["trustworthiness"] == pytest.approx(expected, abs=0.08)


@pytest.mark.usefixtures("clusters")
def test_the_tsne_of_landmarks_is_restored():
    made = map_of_landmarks()
    others = np.setdiff1d(np.arange(200), made.landmarks)
    tsne = load_tsne(open_map("m"))
    assert len(tsne.embedding_) == 60
    np.testing.assert_array_equal(tsne.transform(made.features[others]), made.positions[others])


@pytest.mark.parametrize(
    ("n_landmarks", "words"),
    [
        (200, r"the number of items, 200; got 200\. Choose fewer landmarks, or none"),
        (5, r"greater than the perplexity, 5; got 5\. Choose more"),
        (-1, "got -1"),
    ],
)
@pytest.mark.usefixtures("clusters")
def test_invalid_numbers_of_landmarks(featscape, n_landmarks, words):
    with pytest.raises(InputError, match=words):
        map_of_landmarks(n_landmarks)
    ended = featscape("embed", "f.npy", "--perplexity", 5, "--landmarks", n_landmarks)
    assert ended.status == 2
    assert len(ended.err.splitlines()) == 1


@pytest.mark.usefixtures("clusters")
def test_the_screens_report_the_landmarks(featscape):
    ended = featscape(
        "embed", "f.npy", "-o", "m", "--labels", "labels.npy", "--perplexity", 5, "--landmarks", 60
    )
    assert ended.status == 0
    assert "Placing: 140/140 items" in ended.err
    words = "at least 3 of the 5 nearest landmarks in all 8 features have the same label"
    assert words in " ".join(ended.out.split())
    shown = " ".join(featscape("info", "m").out.split())
    assert "fitted on 60 landmarks; the other items were placed among these" in shown


@pytest.mark.parametrize("are_stored", [True, False])
@pytest.mark.usefixtures("here", "without_pictures")
def test_torn_and_false_friends_have_the_components_of_the_landmarks(are_stored):
    rng = np.random.default_rng(0)
    features = rng.normal(size=(200, 80)) * np.linspace(2, 1, 80)
    np.save("f.npy", features.astype(np.float32))
    made = map_of_landmarks(labels=None, findings=are_stored)
    found = (made.findings if are_stored else open_findings(open_map("m"))).columns
    on_map = nearest(made.positions, 30)
    for rows, agree in (made.landmarks, True), (slice(None), False):
        near = nearest(PCA(50, svd_solver="full").fit(features[rows]).transform(features), 90)
        torn = 1 - share_in_common(near[:, :30], on_map)
        false_friends = 1 - share_in_common(on_map, near)
        # rounding may exchange the last neighbors of a few items
        assert (np.abs(found.torn - torn).mean() < 1e-3) == agree
        assert (np.abs(found.false_friends - false_friends).mean() < 1e-3) == agree


def nearest(values, k):
    return NearestNeighbors(n_neighbors=k, algorithm="brute").fit(values).kneighbors()[1]
