from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_array, random_array
from sklearn.decomposition import PCA

from meshtsne import reduction
from meshtsne.errors import InputError
from meshtsne.reduction import check_finite, fit_reduction, row_blocks


def wide(n, d, *, seed=0):
    """Return features with a falling spectrum and an offset, like those of a network."""
    rng = np.random.RandomState(seed)
    spectrum = 1 / (1 + np.arange(min(n, d)))
    return rng.normal(size=(n, len(spectrum))) * spectrum @ rng.normal(size=(len(spectrum), d)) + 5


def reduce(X, n_components=10, metric="euclidean"):
    generator = np.random.RandomState(0)
    fitted = fit_reduction(
        X, n_components=n_components, metric=metric, generator=generator, n_threads=2
    )
    return fitted, fitted.apply(X)


@pytest.mark.parametrize("shape", [(500, 40), (400, 300), (60, 500), (300, 500)])
def test_the_axes_are_the_principal_components(shape):
    X = wide(*shape)
    fitted, reduced = reduce(X)
    pca = PCA(10, svd_solver="full")
    expected = pca.fit_transform(X)
    share = pca.explained_variance_ratio_.sum()
    assert share < 0.99
    assert fitted.explained_variance == pytest.approx(share, abs=1e-4)
    signs = np.sign((reduced * expected).sum(axis=0))
    scale = np.abs(expected).max()
    np.testing.assert_allclose(reduced / fitted.scale * signs, expected, atol=2e-3 * scale)


@pytest.mark.parametrize(("n", "n_copies", "n_axes"), [(8, 1, 7), (4, 10, 3), (1, 20, 1)])
def test_the_number_of_axes_is_at_most_the_rank(n, n_copies, n_axes):
    rows = wide(n, 500)
    fitted, reduced = reduce(np.repeat(rows, n_copies, axis=0))
    assert fitted.axes.shape == (500, n_axes)
    between = np.linalg.norm(rows[:, None] - rows, axis=2) * fitted.scale
    found = np.linalg.norm(reduced[::n_copies, None] - reduced[::n_copies], axis=2)
    np.testing.assert_allclose(found, between, atol=1e-3 * max(between.max(), 1e-3))


def test_the_result_does_not_depend_on_the_block_size(monkeypatch):
    X = wide(300, 40)
    _, whole = reduce(X)
    monkeypatch.setattr(reduction, "_BLOCK_SIZE", 40 * 7)
    _, blocks = reduce(X)
    np.testing.assert_allclose(np.abs(blocks), np.abs(whole), atol=1e-5)


def test_narrow_features_keep_their_dimensions():
    X = wide(30, 8)
    fitted, reduced = reduce(X)
    assert fitted.axes is None
    assert fitted.explained_variance == 1
    np.testing.assert_allclose(reduced / fitted.scale, X - X.mean(axis=0), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", [np.asarray, csr_array])
@pytest.mark.filterwarnings("error")
def test_the_components_of_equal_rows_explain_all_variance(kind):
    assert reduce(kind(np.ones((60, 70))), 5)[0].explained_variance == 1


@pytest.mark.parametrize("metric", ["manhattan", "chebyshev"])
def test_metrics_that_a_rotation_changes_are_not_rotated(metric):
    fitted, reduced = reduce(wide(30, 20), metric=metric)
    assert fitted.axes is None
    assert reduced.shape == (30, 20)


def test_the_reduction_of_a_row_does_not_depend_on_other_rows():
    X = wide(200, 60).astype(np.float32)
    fitted, in_blocks = reduce(X)
    together = fitted.apply(X, alone=True)
    by_itself = np.vstack([fitted.apply(X[i : i + 1], alone=True) for i in range(len(X))])
    np.testing.assert_array_equal(by_itself, together)
    np.testing.assert_allclose(together, in_blocks, atol=2e-6)


def test_sparse_features_are_reduced_without_becoming_dense():
    X = random_array((200, 120), density=0.2, rng=np.random.default_rng(0)).tocsr()
    _, reduced = reduce(X, n_components=119)
    D = X.toarray()
    reference = ((D[:20, None] - D[None, :20]) ** 2).sum(axis=2)
    fitted, _ = reduce(X, n_components=119)
    distance = ((reduced[:20, None] - reduced[None, :20]) ** 2).sum(axis=2) / fitted.scale**2
    np.testing.assert_allclose(distance, reference, atol=0.02 * reference.max())
    fitted, reduced = reduce(X)
    share = reduced.var(axis=0).sum() / fitted.scale**2 / D.var(axis=0).sum()
    assert fitted.explained_variance == pytest.approx(share, abs=1e-4)


def test_sparse_cosine_is_reduced_and_sparse_correlation_is_refused():
    X = random_array((100, 80), density=0.3, rng=np.random.default_rng(0)).tocsr()
    fitted, reduced = reduce(X, n_components=20, metric="cosine")
    assert reduced.shape == (100, 20)
    assert (np.linalg.norm(reduced, axis=1) / fitted.scale <= 1.001).all()
    with pytest.raises(InputError, match="metric='correlation' centers each row"):
        reduce(X, n_components=20, metric="correlation")


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_are_counted_and_located(dtype, bad):
    X = np.ones((9, 4), dtype=dtype)
    X[3, 1] = X[5, 2] = bad
    message = r"X must be finite; 2 values are NaN or infinity, the first in row 3\."
    with pytest.raises(InputError, match=message):
        reduce(X)
    with pytest.raises(InputError, match=message):
        check_finite(csr_array(X.astype(np.float64)))


def test_values_whose_sums_overflow_float64_are_an_error():
    X = np.full((10, 3), 1e308)
    X[::2] = -1e308
    with pytest.raises(InputError, match="Scale the features down"):
        reduce(X)


def test_the_largest_difference_from_the_mean_of_a_column_is_named():
    signs = np.tile([[-1.0], [1.0]], (5, 3))
    assert np.isfinite(reduce(1e38 + 0.9e37 * signs)[1]).all()
    message = r"differ by less than 1e\+37 from the mean .* ranges from 8\.9e\+37 to 1\.11e\+38"
    with pytest.raises(InputError, match=message):
        reduce(1e38 + 1.1e37 * signs)


def test_a_new_row_outside_the_range_of_float32_is_an_error():
    X = wide(30, 8)
    fitted, _ = reduce(X)
    with pytest.raises(InputError, match="within the range of the fitted features"):
        fitted.apply(np.full((1, 8), 1e200))


def test_pages_of_a_memory_mapped_file_are_released(tmp_path):
    smaps = Path("/proc/self/smaps")
    if not smaps.exists():
        pytest.skip("only Linux reports the resident pages of a file")
    np.save(tmp_path / "large.npy", np.ones((20_000, 500), np.float32))
    X = np.load(tmp_path / "large.npy", mmap_mode="r")

    def resident_kb():
        lines = smaps.read_text().splitlines()
        (start,) = (i for i, line in enumerate(lines) if line.endswith("large.npy"))
        return next(int(line.split()[1]) for line in lines[start:] if line.startswith("Rss:"))

    assert X.sum() == X.size
    assert resident_kb() > 30_000
    for _, rows in row_blocks(np.asarray(X), metric="euclidean"):
        assert rows.all()
    assert resident_kb() < 1_000


def test_changes_in_a_copy_on_write_array_are_kept(tmp_path):
    np.save(tmp_path / "copy.npy", np.ones((100, 5), np.float32))
    X = np.load(tmp_path / "copy.npy", mmap_mode="c")
    X[3] = 7
    for _ in range(2):
        blocks = [rows.copy() for _, rows in row_blocks(X, metric="euclidean")]
        assert (np.concatenate(blocks)[3] == 7).all()
