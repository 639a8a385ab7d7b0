"""The GPU's reduction of features against the CPU's; without a GPU, on PyTorch's CPU device."""

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from meshtsne.cuda.reduction import reduce_features
from meshtsne.errors import InputError
from meshtsne.reduction import fit_reduction

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def reduce_both(X, **options):
    chosen = {"n_components": 5, "metric": "euclidean", **options}
    host = fit_reduction(X, generator=np.random.RandomState(0), n_threads=1, **chosen)
    device = torch.device(DEVICE)
    reduction, points = reduce_features(
        X, generator=np.random.RandomState(0), n_threads=1, device=device, **chosen
    )
    assert reduction.explained_variance == pytest.approx(host.explained_variance, abs=1e-4)
    return host.apply(X), points.cpu().numpy(), reduction


def features(n, d):
    rng = np.random.RandomState(0)
    return 100 + rng.normal(size=(n, d)) * np.linspace(9, 0.5, d)


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "correlation"])
@pytest.mark.parametrize(
    "X",
    [
        features(80, 40).astype(np.float32),
        features(80, 40).astype(np.float16),
        features(80, 40).astype(np.int16),
        features(80, 3),  # nothing to reduce
        features(30, 40),  # fewer rows than columns
        features(400, 300),  # axes by iteration
        csr_array(features(80, 40) * (features(80, 40) > 100)),
    ],
    ids=["float32", "float16", "int16", "narrow", "few", "wide", "sparse"],
)
def test_the_distances_between_points_agree_with_the_cpu(X, metric):
    if metric == "correlation" and not isinstance(X, np.ndarray):
        pytest.skip("sparse features have no correlation")
    host, points, reduction = reduce_both(X, metric=metric)
    assert points.dtype == np.float32
    distances = [np.linalg.norm(one[:, None] - one[None], axis=2) for one in (host, points)]
    np.testing.assert_allclose(*distances, atol=3e-3 * distances[0].max())
    # the reduction of single rows agrees with the fitted points
    alone = reduction.apply(X[:7], alone=True)
    np.testing.assert_allclose(alone, points[:7], atol=2e-6 * np.abs(points).max())


def test_the_result_does_not_depend_on_the_block_size(monkeypatch):
    from meshtsne import reduction

    X = features(500, 40)
    whole = reduce_both(X)[1]
    monkeypatch.setattr(reduction, "_BLOCK_SIZE", 40 * 37)
    np.testing.assert_allclose(reduce_both(X)[1], whole, atol=1e-4 * np.abs(whole).max())


@pytest.mark.parametrize(
    ("spoil", "metric", "message"),
    [
        (np.nan, "euclidean", "X must be finite; 1 values are NaN or infinity, the first in row 9"),
        (np.inf, "cosine", "X must be finite"),
        (1e38, "euclidean", "the values of X must differ by less than 1e\\+37"),
    ],
)
def test_invalid_features_raise_the_errors_of_the_cpu(spoil, metric, message):
    X = features(80, 40)
    X[9, 2] = spoil
    with pytest.raises(InputError, match=message):
        reduce_features(
            X,
            n_components=5,
            n_threads=1,
            metric=metric,
            generator=np.random.RandomState(0),
            device=torch.device(DEVICE),
        )


def test_a_row_of_zeros_is_an_error_for_the_cosine_metric():
    X = features(80, 40)
    X[3] = 0
    with pytest.raises(InputError, match="not defined for a row of zeros; row 3 is such a row"):
        reduce_features(
            X,
            n_components=5,
            n_threads=1,
            metric="cosine",
            generator=np.random.RandomState(0),
            device=torch.device(DEVICE),
        )
