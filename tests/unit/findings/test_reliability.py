import numpy as np
import pytest
from scipy.spatial.distance import pdist
from scipy.stats import rankdata, spearmanr
from sklearn.decomposition import PCA

from featscape.findings import reliability as of_map
from featscape.findings.reliability import (
    _correlate_distances,
    _nearest_items,
    measure_reliability,
    share_in_common,
)
from featscape.findings.spaces import (
    average_ranks,
    search_all_pairs,
    search_among,
    searched_components,
)
from featscape.labels.classes import NO_LABEL, count_classes
from helpers.maps.planted import clouds, named


def reliability(values, positions, labels=None):
    k = min(90, len(values) - 1)
    return measure_reliability(
        values,
        positions,
        search_all_pairs(searched_components(values, random_state=0), k).indices,
        classes=count_classes(labels, len(values)),
        search=search_all_pairs,
        n_threads=1,
        random_state=0,
    )


def measures(found):
    return {one.measure: one.value for one in found.result.findings}


@pytest.fixture
def plane():
    return np.random.default_rng(0).normal(size=(300, 2)).astype(np.float32)


def test_a_perfect_map_is_reliable(plane):
    found = reliability(plane, 3 * plane, named(np.arange(300) % 5))
    assert measures(found) == pytest.approx(
        {"KNN": 1, "trustworthiness": 1, "continuity": 1, "CPD": 1, "KNC": 1}, abs=1e-3
    )
    assert found.torn.max() == found.false_friends.max() == 0
    assert found.result.reason is None


def test_items_without_a_label_are_no_class_among_the_nearest_classes(plane):
    moved = plane.copy()
    moved[200:] = 100 - moved[200:]
    labels = named(np.arange(200) // 40) + [NO_LABEL] * 100
    assert measures(reliability(plane, moved, labels))["KNC"] == pytest.approx(1, abs=1e-3)
    few = [label if label in {"ant", "bee"} else NO_LABEL for label in labels]
    assert "KNC" not in measures(reliability(plane, moved, few))


@pytest.mark.parametrize(("n_items", "k"), [(31, 5), (300, 10)])
def test_the_text_has_the_number_of_compared_neighbors(plane, n_items, k):
    text = reliability(plane[:n_items], plane[:n_items]).result.findings[0].text
    assert text == (
        f"100 % of the {k} nearest items in all 2 features are among the {k} nearest items on the "
        "map."
    )


def test_a_random_map_is_not_reliable(plane):
    shuffled = np.random.default_rng(1).permutation(plane)
    found = reliability(plane, shuffled)
    assert found.torn.mean() == pytest.approx(1 - 30 / 299, abs=0.01)
    assert found.false_friends.mean() == pytest.approx(1 - 90 / 299, abs=0.01)
    values = measures(found)
    assert abs(values["CPD"]) < 0.1
    assert values["trustworthiness"] == pytest.approx(0.5, abs=0.05)


def test_an_item_moved_to_another_place_is_torn_and_has_false_friends():
    features, codes = clouds(400)
    centers = np.array([[0, 0], [9, 0], [0, 9], [9, 9]])
    noise = np.random.default_rng(2).normal(size=(400, 2))
    positions = (centers[codes] + noise).astype(np.float32)
    positions[0] = centers[3]
    found = reliability(features, positions)
    assert found.torn[0] > 0.95
    assert found.false_friends[0] > 0.95
    assert np.median(found.false_friends) < 0.5


def nearest(values, k):
    from sklearn.neighbors import NearestNeighbors

    return NearestNeighbors(n_neighbors=k, algorithm="brute").fit(values).kneighbors()[1]


def mean_share(some, others):
    rows = zip(some, others, strict=True)
    return np.mean([np.isin(one, other).mean() for one, other in rows])


@pytest.fixture(scope="module")
def wide():
    """Return 200 x 120 features of different lengths, positions, and labels of six classes."""
    rng = np.random.default_rng(5)
    scales, lengths = np.linspace(1.5, 0.5, 120), rng.uniform(0.3, 3, (200, 1))
    features = ((rng.normal(size=(200, 120)) * scales + 1) * lengths).astype(np.float32)
    return features, features[:, :2] / lengths.astype(np.float32), named(np.arange(200) % 6)


def test_the_measures_of_the_map_are_those_of_all_features(wide):
    from sklearn.manifold import trustworthiness

    features, positions, labels = wide[0].astype(np.float16), *wide[1:]
    found = measures(reliability(features, positions, labels))
    exact = features.astype(np.float64)
    components = PCA(50, svd_solver="full").fit_transform(exact)
    common = nearest(exact, 10)
    means = [
        np.array([values[np.array(labels) == name].mean(axis=0) for name in sorted(set(labels))])
        for values in (exact, positions)
    ]
    expected = {
        "KNN": mean_share(common, nearest(positions, 10)),
        "KNN of the components": mean_share(common, nearest(components, 10)),
        "trustworthiness": trustworthiness(exact, positions, n_neighbors=30),
        "continuity": trustworthiness(positions, exact, n_neighbors=30),
        "CPD": spearmanr(pdist(exact), pdist(positions)).statistic,
        "KNC": mean_share(*(nearest(of, 2) for of in means)),
    }
    assert found == pytest.approx(expected, abs=2e-4)
    lengths = np.linalg.norm(exact, axis=1, keepdims=True)
    for other in (components, exact / lengths):  # the spaces differ
        another = trustworthiness(other, positions, n_neighbors=30)
        assert abs(another - expected["trustworthiness"]) > 1e-3


def test_few_items_have_less_components_than_items(wide):
    found = reliability(wide[0][:40], wide[1][:40])
    (text,) = (one.text for one in found.result.findings if one.measure == "KNN of the components")
    assert "nearest items in the 39 principal components" in text


def test_the_columns_are_those_of_the_components_of_t_sne(wide):
    from meshtsne import TSNE, nearest_neighbors

    features, positions, _ = wide
    components = PCA(50, svd_solver="full").fit_transform(features)
    near, on_map = nearest(components, 90), nearest(positions, 30)
    torn = [1 - np.isin(*rows).mean() for rows in zip(near[:, :30], on_map, strict=True)]
    false = [1 - np.isin(*rows).mean() for rows in zip(on_map, near, strict=True)]
    of_engine = nearest_neighbors(features, 90, n_pca=TSNE().n_pca).indices
    few = of_engine[:, :15]  # of a lower perplexity: the neighbors are searched again
    for neighbors in (of_engine, few):
        found = measure_reliability(
            features,
            positions,
            neighbors,
            classes=None,
            search=search_all_pairs,
            n_threads=1,
            random_state=0,
        )
        np.testing.assert_allclose(found.torn, torn, atol=1e-6)
        np.testing.assert_allclose(found.false_friends, false, atol=1e-6)


def test_few_landmarks_have_less_components_than_landmarks(wide):
    features, positions, _ = wide
    near = search_all_pairs(features, 90).indices
    found = measure_reliability(
        features,
        positions,
        near,
        landmarks=np.arange(0, 200, 5),
        classes=None,
        search=search_all_pairs,
        n_threads=1,
        random_state=0,
    )
    (text,) = (one.text for one in found.result.findings if one.measure == "KNN of the components")
    assert "nearest items in the 39 principal components" in text


def test_each_measure_names_its_space_and_its_neighbors(wide):
    for one in reliability(*wide).result.findings:
        assert "Euclidean" in one.evidence.method
        assert "in all 120 features" in one.evidence.method


def test_the_measures_of_a_sample_are_near_those_of_all_items(wide, monkeypatch):
    features, positions, _ = wide
    everything = measures(reliability(features, positions))
    monkeypatch.setattr(of_map, "_MOST_RANKED", 120)
    monkeypatch.setattr(of_map, "_MOST_AT_ONCE", 50 * 200)
    sampled = reliability(features, positions)
    assert measures(sampled) == pytest.approx(everything, abs=0.03)
    assert "of 120 random items" in sampled.result.findings[0].evidence.method


def test_trustworthiness_equals_that_of_scikit_learn():
    from sklearn.manifold import trustworthiness

    features, _ = clouds(200)
    positions = features[:, :2].copy()
    values = measures(reliability(features, positions))
    expected = trustworthiness(features, positions, n_neighbors=30)
    assert values["trustworthiness"] == pytest.approx(expected, abs=1e-3)
    swapped = trustworthiness(positions, features, n_neighbors=30)
    assert values["continuity"] == pytest.approx(swapped, abs=1e-3)


@pytest.mark.parametrize("n_columns", [2, 5])
def test_the_search_finds_the_nearest_items(n_columns):
    values = np.random.default_rng(0).normal(size=(120, n_columns)).astype(np.float32)
    found = search_all_pairs(values, 7)
    pairs = np.linalg.norm(values[:, None] - values, axis=2)
    np.fill_diagonal(pairs, np.inf)
    np.testing.assert_array_equal(found.indices, np.argsort(pairs, axis=1)[:, :7])
    np.testing.assert_allclose(found.distances, np.sort(pairs, axis=1)[:, :7], atol=1e-3)


def test_a_permutation_of_the_items_permutes_the_columns():
    features, _ = clouds(200)
    positions = features[:, :2].copy()
    order = np.random.default_rng(1).permutation(200)
    found, permuted = (
        reliability(features, positions),
        reliability(features[order], positions[order]),
    )
    np.testing.assert_allclose(permuted.torn, found.torn[order], atol=1e-6)
    np.testing.assert_allclose(permuted.false_friends, found.false_friends[order], atol=1e-6)


def test_without_classes_the_measure_of_classes_is_reported_as_missing(plane):
    found = reliability(plane, plane)
    assert "KNC" not in measures(found)
    assert "labels of 5 or more classes" in found.result.reason


@pytest.mark.parametrize(("n_classes", "k"), [(5, 2), (10, 4), (25, 10)])
def test_at_most_half_of_the_other_classes_are_compared(n_classes, k):
    positions = np.random.default_rng(0).normal(size=(300, 2)).astype(np.float32)
    measured = reliability(positions, positions, named(np.arange(300) % n_classes))
    assert measured.result.findings[-1].text == (
        f"100 % of the {k} nearest classes in all 2 features are among the {k} nearest classes on "
        "the map."
    )


def test_the_nearest_classes_of_a_random_map_are_preserved_by_chance_only():
    means = np.random.default_rng(0).normal(size=(40, 9, 2)).astype(np.float32)
    labels = named(np.repeat(np.arange(9), 6))
    values = [
        measures(reliability(np.repeat(one, 6, axis=0), np.repeat(other, 6, axis=0), labels))["KNC"]
        for one, other in zip(means[::2], means[1::2], strict=True)
    ]
    assert np.mean(values) == pytest.approx(4 / 8, abs=0.06)


@pytest.mark.parametrize("n_classes", [2, 3, 4])
def test_of_few_classes_the_nearest_are_not_measured(plane, n_classes):
    found = reliability(plane, plane, named(np.arange(300) % n_classes))
    assert "KNC" not in measures(found)
    assert "labels of 5 or more classes" in found.result.reason


def test_too_few_items_are_reported(plane):
    found = reliability(plane[:30], plane[:30])
    assert found.result.findings == ()
    assert found.result.reason == "The map has 30 items; at least 31 are needed."
    assert np.isnan(found.torn).all()
    assert np.isnan(found.false_friends).all()


def test_identical_items_give_finite_measures():
    same = np.ones((60, 3), np.float32)
    found = reliability(same, same[:, :2])
    assert all(np.isfinite(value) for value in measures(found).values())


def test_shared_counts_common_entries():
    some, others = np.array([[1, 2], [3, 4]]), np.array([[2, 1, 0], [0, 1, 3]])
    np.testing.assert_allclose(share_in_common(some, others), [1, 0.5])


def test_missing_neighbors_are_not_shared():
    some, others = np.array([[1, -1, -1], [-1, 5, 6]]), np.array([[2, 1, -1], [-1, -1, 6]])
    np.testing.assert_allclose(share_in_common(some, others), [1 / 3, 1 / 3])


@pytest.mark.parametrize("candidates", [[1, 3, -1, 4, -1], [1, -1, -1], [4, 3, 2, 1]])
def test_missing_neighbors_do_not_hide_the_nearest_items(candidates):
    distances = np.array([-np.inf, 3, 4, 2, 1], np.float32)  # of the item 0; the last is nearest
    near = _nearest_items(distances, np.array(candidates, np.int32), 3)
    assert near.tolist() == [4, 3, 1]


@pytest.mark.parametrize("k", [9, 30])
def test_the_columns_do_not_depend_on_the_number_of_given_neighbors(k):
    features, _ = clouds(400)
    positions = features[:, :2].copy()
    found, expected = (
        measure_reliability(
            features,
            positions,
            search_all_pairs(features, n_given).indices,
            classes=None,
            search=search_all_pairs,
            n_threads=1,
            random_state=0,
        )
        for n_given in (k, 90)
    )
    np.testing.assert_array_equal(found.torn, expected.torn)
    np.testing.assert_array_equal(found.false_friends, expected.false_friends)
    assert found.false_friends.mean() < found.torn.mean() - 0.05


def test_a_random_map_of_few_items_has_false_friends(plane):
    few = plane[:60]
    found = reliability(few, np.random.default_rng(1).permutation(few))
    assert found.false_friends.mean() == pytest.approx(1 - 27 / 59, abs=0.1)


def test_average_ranks_equal_those_of_scipy():
    values = np.array([3.0, 1.0, 3.0, 2.0, -1.0, 3.0])
    assert average_ranks(values).tolist() == rankdata(values).tolist()


def test_the_rank_correlation_of_distances_equals_that_of_scipy(plane):
    rng = np.random.default_rng(2)
    positions = rng.normal(size=plane.shape).astype(np.float32)
    found = _correlate_distances(plane, positions, generator=np.random.default_rng(0))
    expected = spearmanr(pdist(plane), pdist(positions)).statistic
    assert found.evidence.score == pytest.approx(expected, abs=1e-6)


def test_a_search_among_candidates_orders_the_candidates():
    values = np.random.default_rng(3).normal(size=(300, 8)).astype(np.float32)
    exact = search_all_pairs(values, 20)
    shuffled = np.random.default_rng(4).permuted(exact.indices, axis=1)
    found = search_among(shuffled, values, 5)
    assert (found.indices == exact.indices[:, :5]).all()
    assert found.distances == pytest.approx(exact.distances[:, :5], abs=1e-3)
    assert search_among(shuffled, values, 50).indices.shape == (300, 20)
