import pickle
import warnings
from typing import get_args

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.utils.estimator_checks import parametrize_with_checks

from meshtsne import TSNE, checks
from meshtsne.descent.initial import START_NAMES
from meshtsne.descent.loop import CHECK_EVERY
from meshtsne.descent.schedule import MAX_ITER
from meshtsne.errors import DeviceError, DivergenceError, InputError
from meshtsne.fit import device
from meshtsne.forces import exact
from meshtsne.forces.choice import METHODS
from meshtsne.records import Neighbors


def quick(**parameters):
    defaults = {"perplexity": 5, "max_iter": 60, "random_state": 0, "n_jobs": 1}
    return TSNE(**{**defaults, **parameters})


def three_clusters(seed=0):
    rng = np.random.RandomState(seed)
    return (rng.normal(size=(60, 8)) + 4 * (np.arange(60) % 3)[:, None]).astype(np.float32)


@pytest.fixture(name="X")
def fixture_x():
    return three_clusters()


def estimator_checks():
    """Return the decorator of scikit-learn's checks, which warn that TSNE has no base class."""
    # scikit-learn's checks fit few items, so the perplexity is low
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Estimator TSNE does not inherit from")
        return parametrize_with_checks([TSNE(perplexity=2, max_iter=20, n_jobs=1)])


# check_array_api_input skips the whole test unless SCIPY_ARRAY_API is set before SciPy is imported
@estimator_checks()
def test_scikit_learns_estimator_checks_pass(estimator, check):
    if check.func.__name__ == "check_array_api_input":
        return
    check(estimator)


def test_the_types_of_parameters_list_the_accepted_names():
    assert set(get_args(checks.Metric)) == {*checks.METRICS, *checks.SYNONYMS}
    assert get_args(checks.Quality) == tuple(MAX_ITER)
    assert get_args(checks.Method) == METHODS
    assert get_args(checks.Init) == START_NAMES


def test_embeddings_of_few_points_have_a_low_kl_divergence():
    digits = load_digits().data
    rows = [np.random.RandomState(seed).permutation(len(digits))[:40] for seed in range(10)]
    found = [TSNE(perplexity=5, random_state=0).fit(digits[some]).kl_divergence_ for some in rows]
    assert np.mean(found) < 0.35


def test_a_fit_sets_the_attributes(X):
    model = quick().fit(X)
    assert model.embedding_.shape == (60, 2)
    assert model.embedding_.dtype == np.float32
    assert model.n_iter_ == 60
    assert model.learning_rate_ == 60
    assert model.neighbors_indices_.shape == model.neighbors_distances_.shape == (60, 15)
    assert model.neighbors_recall_ == 1
    assert model.pca_explained_variance_ratio_ == 1  # X has fewer columns than n_pca
    assert model.affinities_.shape == (60, 60)
    stages = {"pca", "index", "neighbors", "affinities", "initial", "descent"}
    assert set(model.timings_) == stages
    assert np.isfinite(model.kl_divergence_)


def test_a_late_exaggeration_keeps_the_points_together():
    embedding = TSNE(late_exaggeration=8).fit_transform(load_digits().data[:300])
    distances = np.linalg.norm(embedding - np.median(embedding, axis=0), axis=1)
    assert distances.max() < 10 * np.median(distances)


@pytest.mark.parametrize(
    ("n_components", "method"), [(1, "direct"), (2, "direct"), (3, "direct"), (2, "grid")]
)
def test_separate_clusters_stay_separate(X, method, n_components):
    model = quick(n_components=n_components, method=method, max_iter=400, perplexity=8).fit(X)
    D = ((model.embedding_[:, None] - model.embedding_[None]) ** 2).sum(axis=2)
    np.fill_diagonal(D, np.inf)
    assert ((D.argmin(axis=1) - np.arange(60)) % 3 == 0).mean() > 0.95


@pytest.mark.parametrize(
    "variant",
    [
        lambda X: X.astype(np.float64),
        np.asfortranarray,
        lambda X: np.repeat(X, 2, axis=1)[:, ::2],
        lambda X: X.tolist(),
        csr_array,
    ],
    ids=["float64", "fortran", "strided", "list", "sparse"],
)
def test_each_container_of_x_gives_the_same_embedding(X, variant):
    np.testing.assert_array_equal(quick().fit_transform(variant(X)), quick().fit_transform(X))


def test_wide_sparse_features_have_the_dense_embedding_without_a_reduction(X):
    wide = np.hstack([X + 3] * 7)  # 56 columns
    for n_pca, are_equal in ((50, False), (None, True)):
        sparse = quick(n_pca=n_pca).fit_transform(csr_array(wide))
        assert np.array_equal(sparse, quick(n_pca=n_pca).fit_transform(wide)) == are_equal


def test_the_seed_matters_with_random_initial_positions_only(X):
    for init, are_equal in (("pca", True), ("random", False)):
        first, other = (quick(init=init, random_state=s).fit_transform(X) for s in (0, 1))
        assert np.array_equal(first, other) == are_equal


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int64, np.float16, bool, object])
def test_each_numeric_dtype_is_accepted(X, dtype):
    expected = quick().fit_transform(X.astype(dtype).astype(np.float32))
    np.testing.assert_array_equal(quick().fit_transform(X.astype(dtype)), expected)


def test_a_memory_mapped_array_gives_the_same_embedding(X, tmp_path):
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    np.testing.assert_array_equal(quick().fit_transform(mapped), quick().fit_transform(X))


def test_the_input_is_not_changed(X):
    before = X.copy()
    quick().fit(X)
    np.testing.assert_array_equal(X, before)


@pytest.mark.parametrize(
    "degenerate",
    [
        np.zeros((160, 4)),
        np.repeat(np.eye(3), 60, axis=0),
        np.c_[np.arange(200.0), np.ones((200, 3))],
        np.c_[np.arange(200.0), np.ones((200, 99))],
        np.full((50, 1), 1e30),
    ],
    ids=["all identical", "three points", "constant columns", "many constant columns", "huge"],
)
@pytest.mark.parametrize("init", ["pca", "random", "spectral"])
@pytest.mark.parametrize("method", ["direct", "grid"])
def test_degenerate_features_have_a_finite_embedding(degenerate, init, method):
    model = quick(init=init, method=method, max_iter=60).fit(degenerate)
    assert np.isfinite(model.embedding_).all()
    assert np.isfinite(model.kl_divergence_)


def test_too_few_items_or_too_large_a_perplexity_is_an_error(X):
    message = r"perplexity must be less than the number of items, 60; got 60\. Lower"
    with pytest.raises(InputError, match=message):
        TSNE(perplexity=60).fit(X)
    with pytest.raises(InputError, match="at least 2 items; got 1 sample"):
        TSNE().fit(X[:1])
    with pytest.raises(InputError, match="less than the number of items, 2; got 30"):
        TSNE().fit(X[:2])


@pytest.mark.parametrize("n_items", [31, 60, 91])
def test_the_default_perplexity_works_for_as_few_items_as_in_scikit_learn(X, n_items, capsys):
    X = np.concatenate([X, X + 1])[:n_items]
    model = TSNE(max_iter=300, random_state=0, verbose=1).fit(X)
    assert model.n_neighbors_ == model.neighbors_indices_.shape[1] == min(90, n_items - 1)
    assert np.isfinite(model.embedding_).all()
    reported = f"{n_items - 1} neighbors per item, fewer than 3 x perplexity = 90"
    assert (reported in capsys.readouterr().out) == (n_items < 91)


@pytest.mark.parametrize("n_items", [2, 3, 4])
@pytest.mark.parametrize("init", ["pca", "random", "spectral"])
def test_very_few_items_have_an_embedding(X, n_items, init):
    model = TSNE(perplexity=1, init=init, max_iter=60, random_state=0).fit(X[:n_items])
    assert np.isfinite(model.embedding_).all()
    assert np.isfinite(model.kl_divergence_)
    np.testing.assert_array_equal(model.transform(X[:n_items]), model.embedding_)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_components": 4}, "n_components must be an integer from 1 to 3; got 4"),
        ({"perplexity": -1}, "perplexity must be a finite number of at least 1; got -1"),
        ({"perplexity": "30"}, "perplexity must be a number or a sequence of numbers; got '30'"),
        ({"perplexity": []}, "perplexity must be a number or a sequence"),
        ({"perplexity": np.array(30)}, "perplexity must be a number or a sequence"),
        ({"perplexity": (p for p in (5, 10))}, "a sequence of numbers; got <generator"),
        ({"perplexity": [5, 70]}, "got 70"),
        ({"early_exaggeration": 0}, "early_exaggeration must be a finite number of at least 1"),
        ({"quality": "high"}, "quality must be one of draft, standard, best; got 'high'"),
        ({"late_exaggeration": np.nan}, "late_exaggeration must be a finite number"),
        ({"early_exaggeration_iter": -1}, "early_exaggeration_iter must be .* or None; got -1"),
        ({"learning_rate": 0}, "learning_rate must be a finite number above 0 or 'auto'; got 0"),
        ({"learning_rate": "fast"}, "learning_rate must be .* got 'fast'"),
        ({"max_iter": 0}, "max_iter must be an integer of at least 1 or None; got 0"),
        ({"tolerance": -1}, "tolerance must be .* got -1"),
        (
            {"metric": "hamming"},
            "metric must be one of euclidean, .* precomputed, .*; got 'hamming'",
        ),
        ({"init": "best"}, "init must be one of pca, random, spectral or an array .* got 'best'"),
        ({"init": "an array of positions"}, "init must be one of pca, random, spectral or"),
        ({"init": [["a", "b"]] * 60}, "init must be an array of numbers"),
        ({"init": np.ones((60, 2))}, "init must have items at different positions"),
        ({"init": np.zeros((60, 3))}, r"init must have the shape .*\(60, 2\); got \(60, 3\)"),
        ({"n_pca": 0}, "n_pca must be an integer of at least 1 or None; got 0"),
        ({"n_neighbors": 3}, "n_neighbors must be at least the perplexity 5 .* got 3"),
        ({"n_neighbors": 60}, "less than the number of items 60; got 60"),
        ({"method": "fft"}, "method must be one of auto, direct, grid; got 'fft'"),
        ({"method": "exact"}, "of auto, direct, grid; got 'exact', .* scikit-learn .* 'direct'"),
        ({"method": "barnes_hut"}, "got 'barnes_hut', which only scikit-learn has. Pass 'auto'"),
        ({"device": "tpu"}, "device must be one of auto, cpu, cuda or cuda:N; got 'tpu'"),
        ({"callback": 3}, "callback must be callable or None; got 3"),
        ({"callback_every": 0}, "callback_every must be an integer"),
        ({"n_jobs": 0}, "n_jobs must be an integer other than 0, or None; got 0"),
        ({"n_jobs": "2"}, "n_jobs must be an integer .* got '2'"),
        ({"n_jobs": 1.5}, "n_jobs must be an integer .* got 1.5"),
        ({"random_state": "a"}, "random_state must be an integer from 0 .* got 'a'"),
        ({"random_state": -1}, "random_state must be an integer from 0 .* got -1"),
        ({"verbose": "no"}, "verbose must be an integer of at least 0; got 'no'"),
    ],
)
def test_an_invalid_parameter_is_an_error_before_the_search(X, parameters, message):
    model = quick(**parameters)
    with pytest.raises(InputError, match=message):
        model.fit(X)
    assert not hasattr(model, "neighbors_indices_")


def test_new_items_with_other_columns_are_an_error(X):
    with pytest.raises(InputError, match=r"as input\. Pass the same columns as to fit\.$"):
        quick().fit(X).transform(X[:, :2])


def test_new_items_outside_the_range_of_float32_are_an_error(X):
    model = quick().fit(X)
    with pytest.raises(InputError, match="within the range of the fitted features"):
        model.transform(np.asarray(X) * np.float32(1e20))


def test_invalid_features_are_input_errors(X):
    X[3, 1] = np.nan
    with pytest.raises(InputError, match="1 values are NaN or infinity, the first in row 3"):
        quick().fit(X)
    with pytest.raises(InputError, match="numeric"):
        quick().fit([["a", "b"]] * 20)
    with pytest.raises(InputError, match=r"(?s)Expected 2D array.* Pass one row of numbers per"):
        quick().fit(X[0])


def test_a_missing_gpu_is_an_error(X, monkeypatch):
    monkeypatch.setattr(device, "has_nvidia_driver", lambda: False)
    with pytest.raises(DeviceError, match="device='cuda:1' needs an NVIDIA GPU"):
        quick(device="cuda:1").fit(X)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"method": "direct"}, "has only method='grid'; got method='direct'"),
        ({"n_components": 3}, "makes embeddings of 2 dimensions; got n_components=3"),
        ({"metric": "l1"}, "takes euclidean, cosine, correlation; got metric='manhattan'"),
        ({"perplexity": 700}, "takes up to 2,048 neighbors per item; .* requires 2,100"),
    ],
)
def test_a_parameter_that_the_gpu_does_not_support_is_an_error(parameters, message):
    X = np.random.RandomState(0).normal(size=(2_200, 2))
    with pytest.raises(InputError, match=f"device='cuda' {message}.*'cpu'"):
        quick(device="cuda", **parameters).fit(X)


def test_too_many_items_for_a_gpu_are_an_error():
    with pytest.raises(InputError, match="takes up to 16,777,216 items; got 16,777,217"):
        quick(device="cuda").find_device(device.GPU_POINTS_MAX + 1)


def test_parameters_that_fit_refuses_have_no_device():
    with pytest.raises(InputError, match="early_exaggeration_iter"):
        quick(max_iter=50, early_exaggeration_iter=50).find_device(100)


def test_auto_is_the_cpu_even_if_there_is_a_gpu(monkeypatch):
    monkeypatch.setattr(device, "_is_gpu", lambda _device: True)
    assert quick().find_device(1_000_000) == "cpu"


def test_the_callback_gets_the_embedding_and_can_stop_the_descent(X):
    seen = []

    def watch(iteration, kl_divergence, embedding):
        seen.append((iteration, kl_divergence, embedding.shape))
        return iteration == 40

    model = quick(callback=watch, callback_every=20).fit(X)
    assert [s[0] for s in seen] == [20, 40]
    assert model.n_iter_ == 40
    assert seen[-1][1] == model.kl_divergence_


@pytest.mark.parametrize("method", ["fit", "fit_transform"])
@pytest.mark.parametrize("has_scikit_learn", [False, True])
def test_on_advance_counts_every_iteration_and_changes_nothing(
    X, monkeypatch, method, has_scikit_learn
):
    monkeypatch.setattr("meshtsne.estimator.is_scikit_learn_loaded", lambda: has_scikit_learn)
    counts = []
    model = quick(max_iter=130)
    getattr(model, method)(X, on_advance=counts.append)
    assert sum(counts) == model.n_iter_ == 130
    assert max(counts) <= CHECK_EVERY
    same = getattr(quick(max_iter=130), method)(X, on_advance=None)
    same = same.embedding_ if method == "fit" else same
    np.testing.assert_array_equal(model.embedding_, same)


def test_ctrl_c_keeps_the_embedding_so_far(X):
    def interrupt(iteration, _kl_divergence, _embedding):
        if iteration == 40:
            raise KeyboardInterrupt

    model = quick(callback=interrupt, callback_every=20)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X)
    assert model.n_iter_ == 40
    stopped = quick(callback=lambda iteration, *_: iteration == 40, callback_every=20)
    np.testing.assert_array_equal(model.embedding_, stopped.fit_transform(X))


@pytest.mark.parametrize("method", ["direct", "grid"])
def test_a_diverging_descent_is_an_error(X, method):
    model = TSNE(learning_rate=1e10, method=method, perplexity=5)
    with pytest.raises(DivergenceError, match=r"learning_rate=1e\+10 is .*: \d+ % of .* Lower le"):
        model.fit(X)
    TSNE(learning_rate=len(X), method=method, perplexity=5).fit(X)


def test_hubs_do_not_keep_the_other_points_from_their_places():
    X = np.random.default_rng(0).normal(size=(600, 100)).astype(np.float32)
    X[:5] *= 0.05  # near neighbors of all others
    fast, slow = (
        TSNE(n_pca=None, learning_rate=rate, random_state=0).fit(X) for rate in ("auto", 50.0)
    )
    assert fast.kl_divergence_ < 1.05 * slow.kl_divergence_


def test_points_in_many_neighborhoods_stay_in_the_map():
    for seed in range(4):
        rng = np.random.default_rng(seed)
        centers = rng.normal(size=(6, 768))
        X = 0.8 * (centers[rng.integers(6, size=1200)] + rng.normal(size=(1200, 768)))
        Y = TSNE(random_state=0).fit_transform(X.astype(np.float32))
        radius = np.linalg.norm(Y - np.median(Y, axis=0), axis=1)
        assert radius.max() < 1.3 * np.quantile(radius, 0.99)


@pytest.mark.parametrize(("max_iter", "early"), [(None, 1000), (None, 320), (50, 50)])
def test_more_exaggerated_iterations_than_iterations_are_an_error(X, max_iter, early):
    model = quick(max_iter=max_iter, early_exaggeration_iter=early)
    message = f"less than the number of iterations, {max_iter or 320}; got {early}. Lower early"
    for call in (lambda: model.fit(X), lambda: model.count_iterations(len(X))):
        with pytest.raises(InputError, match=message):
            call()
    assert quick(max_iter=50, early_exaggeration_iter=49).count_iterations(len(X)) == 50


def test_the_quality_sets_the_number_of_iterations_unless_max_iter_is_given(X):
    n_iter = {name: quick(quality=name, max_iter=None).fit(X).n_iter_ for name in MAX_ITER}
    assert n_iter == MAX_ITER
    assert n_iter["draft"] < n_iter["standard"] < n_iter["best"]
    model = quick(quality="best", max_iter=30)
    assert model.fit(X).n_iter_ == model.count_iterations(len(X)) == 30
    with pytest.raises(InputError, match="quality"):
        quick(quality="high").count_iterations(len(X))


def test_three_dimensions_have_a_quarter_more_iterations():
    plane, space = (TSNE(n_components).count_iterations(100) for n_components in (2, 3))
    assert space == 1.25 * plane
    assert TSNE(3, max_iter=50).count_iterations(100) == 50


def test_a_draft_of_many_points_in_three_dimensions_has_fewer_iterations_than_standard():
    of_many = [TSNE(3, quality=quality).count_iterations(5_000) for quality in MAX_ITER]
    assert of_many == [144, 184, 1250]
    of_fewer = [TSNE(3, quality=quality).count_iterations(4_999) for quality in MAX_ITER]
    assert of_fewer == [225, 400, 1250]


def test_in_two_dimensions_only_standard_has_fewer_iterations_for_many_points():
    n_iter = {q: [TSNE(quality=q).count_iterations(n) for n in (500, 70_000)] for q in MAX_ITER}
    assert n_iter == {"draft": [180, 180], "standard": [320, 230], "best": [1000, 1000]}
    assert TSNE(max_iter=320).count_iterations(70_000) == 320


@pytest.mark.parametrize("method", ["direct", "grid"])
def test_late_exaggeration_makes_clusters_denser(method):
    """The spread within the three clusters, relative to that of the embedding, decreases."""
    ratios = []
    for seed in range(3):  # in 1 of 15 samples, a point stays outside its cluster
        X = three_clusters(seed)
        spreads = []
        for exaggeration in (1, 4):
            model = quick(late_exaggeration=exaggeration, max_iter=300, perplexity=8, method=method)
            Y = model.fit_transform(X)
            within = np.mean([Y[cluster::3].std(axis=0) for cluster in range(3)])
            spreads.append(within / Y.std(axis=0).mean())
        ratios.append(spreads[1] / spreads[0])
    assert np.median(ratios) < 0.6


def test_tolerance_ends_a_descent_that_no_longer_improves(X):
    model = quick(max_iter=3_000, tolerance=1e-3).fit(X)
    assert model.n_iter_ < 3_000
    assert model.n_iter_ % CHECK_EVERY == 0


def test_a_fit_can_continue_a_finished_embedding(X):
    done = quick(max_iter=500).fit(X)
    more = quick(max_iter=50, early_exaggeration_iter=0, init=done.embedding_, learning_rate=5).fit(
        X
    )
    assert np.abs(more.embedding_ - done.embedding_).max() < 0.2 * np.ptp(done.embedding_)
    assert more.kl_divergence_ <= done.kl_divergence_ + 1e-2


def test_several_perplexities_give_the_mean_affinities(X):
    model = quick(perplexity=[3, 12]).fit(X)
    indices = model.neighbors_indices_
    assert indices.shape == (60, 36)
    squared = ((X[:, None].astype(np.float64) - X[indices]) ** 2).sum(axis=2)
    mean = (
        exact.conditional_probabilities(squared, 3) + exact.conditional_probabilities(squared, 12)
    ) / 2
    P = np.zeros((60, 60))
    np.put_along_axis(P, indices, mean, axis=1)
    P = (P + P.T) / 120
    np.testing.assert_allclose(model.affinities_.toarray(), P, rtol=1e-3, atol=1e-7)


def test_restore_checks_the_shapes_of_the_neighbors(X):
    model = quick().fit(X)
    indices, distances = model.neighbors_indices_, model.neighbors_distances_
    restored = quick().restore(X, model.embedding_, Neighbors(indices, distances))
    np.testing.assert_array_equal(restored.transform(X[:5] + 1), model.transform(X[:5] + 1))
    for name, wrong in (
        ("indices", Neighbors(indices[:, 1:], distances)),
        ("distances", Neighbors(indices, distances[1:])),
    ):
        with pytest.raises(InputError, match=rf"neighbors\.{name} must have .*\(60, 15\)"):
            quick().restore(X, model.embedding_, wrong)


def test_restore_removes_the_attributes_of_an_earlier_fit(X):
    model = quick().fit(X)
    neighbors = Neighbors(model.neighbors_indices_, model.neighbors_distances_)
    again = quick().fit(X[::-1]).restore(X, model.embedding_, neighbors)
    assert not hasattr(again, "kl_divergence_")
    np.testing.assert_allclose(again.affinities_.toarray(), model.affinities_.toarray(), atol=1e-7)


def test_pickle_clone_and_feature_names(X):
    model = quick().fit(X)
    copy = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copy.transform(X[:5] + 1), model.transform(X[:5] + 1))
    assert clone(model).get_params() == model.get_params()
    assert list(model.get_feature_names_out()) == ["tsne0", "tsne1"]
    frame = model.set_output(transform="pandas").transform(X[:5])
    assert list(frame.columns) == ["tsne0", "tsne1"]


def test_verbose_prints_stages_and_divergences(X, capsys):
    quick().fit(X)
    assert capsys.readouterr().out == ""
    quick(verbose=2, callback_every=30).fit(X)
    lines = capsys.readouterr().out.splitlines()
    assert any("neighbors: " in line for line in lines)
    assert sum("KL divergence" in line for line in lines) == 2


def test_only_the_seed_changes_the_embedding(X):
    a, b = (quick(init="random", random_state=s).fit_transform(X) for s in (1, 2))
    assert (a != b).any()
    np.testing.assert_array_equal(a, quick(init="random", random_state=1).fit_transform(X))


def test_the_message_for_text_has_a_space_between_its_sentences():
    with pytest.raises(InputError, match=r"arrays of bytes/strings\. Convert your data"):
        TSNE().fit_transform([["a", "b"], ["c", "d"]])
