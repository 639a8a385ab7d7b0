import numpy as np
import pytest
from sklearn.metrics import pairwise_distances

from meshtsne.search import recall


@pytest.fixture(name="X")
def points():
    return np.random.RandomState(0).normal(size=(300, 12)).astype(np.float32)


@pytest.mark.parametrize("metric", ["euclidean", "manhattan", "chebyshev"])
def test_the_blocks_together_give_the_true_neighbors(X, metric, monkeypatch):
    monkeypatch.setattr(recall, "_POINTS_AT_ONCE", 70)
    rows = np.array([0, 69, 70, 299])
    D = pairwise_distances(X[rows].astype(np.float64), X.astype(np.float64), metric=metric)
    D[np.arange(4), rows] = np.inf
    found = recall.true_neighbors(X, rows, 10, metric=metric)
    np.testing.assert_array_equal(np.sort(found), np.sort(np.argsort(D, axis=1)[:, :10]))


def test_the_recall_counts_points_at_equal_distances(X):
    X[7] = X[3]  # a tie, of which either is right
    rows = np.array([0, 50])
    true = recall.true_neighbors(X, rows, 20, metric="euclidean")
    assert recall.share_found(X, rows, true, true, metric="euclidean") == 1
    tied = np.array([[3]])
    assert recall.share_found(X, rows[:1], np.array([[7]]), tied, metric="euclidean") == 1
    far = np.argsort(-((X[rows, None] - X) ** 2).sum(axis=2), axis=1)[:, :5]
    found = np.hstack([true[:, :15], far])
    assert recall.share_found(X, rows, found, true, metric="euclidean") == 0.75
