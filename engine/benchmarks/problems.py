"""Data sets, P and the measures of an embedding, for schedules.py."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.spatial import cKDTree
from sklearn.datasets import load_digits

from fashion_mnist import FashionMNIST
from meshtsne.affinities import joint_probabilities
from meshtsne.estimator import TSNE
from meshtsne.fit.request import make_request
from meshtsne.fit.stages import HostStages
from meshtsne.forces.choice import choose_gradient

if TYPE_CHECKING:
    from numpy.typing import NDArray

MEASURED_POINTS, MEASURED_PAIRS, N_NEAREST = 2_000, 100_000, 10
FAR = 1.5  # a point is far outside beyond this multiple of the 98th percentile of the radius


@cache
def fashion() -> FashionMNIST:
    """Return Fashion-MNIST."""
    return FashionMNIST.load()


def make_points(name: str, n: int, seed: int) -> NDArray[np.float32]:
    """Return n rows of a data set; the seed chooses the rows."""
    rng = np.random.default_rng(seed)
    if name == "clusters":
        return _clusters(n, rng)
    if name == "fashion":
        points = fashion().points(max(n, 70_000))
    elif name == "digits":
        points = load_digits().data.astype(np.float32)
    else:  # a file of features, such as features.npy of a map
        points = np.load(name).astype(np.float32)
    return points if n >= len(points) else points[rng.permutation(len(points))[:n]]


def _clusters(n: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return 60 clusters of very unequal sizes and widths; a fifth of the rows are duplicates."""
    sizes = rng.zipf(1.6, size=60).clip(max=n)
    label = rng.choice(60, size=n, p=sizes / sizes.sum())
    width = rng.choice([0.01, 0.3, 1.0], size=60)[label, None]
    X = 5 * rng.normal(size=(60, 20))[label] + width * rng.normal(size=(n, 20))
    copies = rng.choice(n, size=n // 5, replace=False)
    X[copies] = X[rng.choice(n, size=n // 5) // 50]
    return np.asarray(X, dtype=np.float32)


class Problem:
    """P and the initial positions of a data set, and the measures of an embedding."""

    def __init__(
        self, X: NDArray[np.float32], *, seed: int, perplexity: float, n_components: int
    ) -> None:
        self.n = len(X)
        self.perplexity = min(perplexity, (self.n - 1) / 3)
        tsne = TSNE(n_components, perplexity=self.perplexity, random_state=seed)
        request = make_request(tsne, self.n)
        stages = HostStages(request)
        stages.reduce(X)
        stages.build_index()
        stages.find_neighbors()
        self.points: NDArray[np.float32] = np.asarray(stages.points)
        self.n_threads = request.n_threads
        stages.compute_affinities()
        self.P = joint_probabilities(
            stages.neighbors, request.perplexities, n_threads=request.n_threads
        )
        self.start = stages.first_positions()
        rng = np.random.default_rng(0)
        self._rows = rng.choice(self.n, size=min(self.n, MEASURED_POINTS), replace=False)
        self._near = stages.neighbors.indices[self._rows, :N_NEAREST]
        self._pairs = rng.integers(self.n, size=(2, MEASURED_PAIRS))
        a, b = self._pairs
        self._distances = np.linalg.norm(self.points[a] - self.points[b], axis=1)

    def gradient(self, start: NDArray[Any]) -> Any:
        """Return the engine's gradient at these positions, shape (n, c)."""
        start = np.asarray(start, dtype=np.float32)
        return choose_gradient(self.P, start, method="auto", n_threads=self.n_threads)

    def measure(self, Y: NDArray[np.float32]) -> dict[str, float]:
        """Return the recall, the correlation of distances, the share far outside, and the span."""
        found = cKDTree(Y).query(Y[self._rows], self._near.shape[1] + 1)[1]
        hits = (found[:, :, None] == self._near[:, None, :]).any(axis=1).mean()
        on_map = np.linalg.norm(Y[self._pairs[0]] - Y[self._pairs[1]], axis=1)
        radius = np.linalg.norm(Y - np.median(Y, axis=0), axis=1)
        return {
            "recall": float(hits),
            "correlation": float(np.corrcoef(self._distances, on_map)[0, 1]),
            "far": float((radius > FAR * np.quantile(radius, 0.98)).mean()),
            "span": float(np.ptp(Y, axis=0).max()),
        }
