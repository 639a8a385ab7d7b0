"""What a fitted map can do: place further items, and tell its neighbors and affinities."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from meshtsne.affinities import conditional_probabilities, joint_probabilities
from meshtsne.errors import InputError
from meshtsne.parameters import canonical_metric, count_threads
from meshtsne.records import Neighbors
from meshtsne.search.neighbors import NeighborIndex, in_metric, out_of_metric
from meshtsne.search.precomputed import check_distances, neighbors_of_distances
from meshtsne.transform import make_field, place

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    from meshtsne.reduction import Reduction

# Two reductions of one row differ by no more than this share of its length.
_FLOAT32_ROUNDING = 2e-6


# scikit-learn has no types: its classes are Any to mypy
class FittedMap(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """The half of `TSNE` that works on a finished map; the other half makes these attributes."""

    metric: Any
    n_jobs: Any
    embedding_: NDArray[np.float32]
    neighbors_indices_: NDArray[np.int32]
    neighbors_distances_: NDArray[np.float32]
    _perplexities: tuple[float, ...]
    # How features became points of the search, and those points; None where there were distances.
    _reduction: Reduction | None
    _points: NDArray[np.float32] | None
    _seed: int

    def transform(self, X: Any) -> NDArray[np.float32]:
        """Place further items on the finished map, which does not change.

        An item's place does not depend on which others come in the same call. An item equal to a
        fitted one gets its position.

        Parameters
        ----------
        X : array-like or sparse matrix, shape (m, d)
            With ``metric="precomputed"`` distances to the fitted items, shape (m, n).

        Returns
        -------
        ndarray of float32, shape (m, n_components)

        Raises
        ------
        InputError
            X has other columns than the fitted one, or holds what is no finite number.
        NotFittedError
            There is no map yet.
        """
        return self.place(X)[0]

    def place(self, X: Any) -> tuple[NDArray[np.float32], Neighbors]:
        """Place further items as `transform` does, and tell the neighbours it found on the way.

        Parameters
        ----------
        X : array-like or sparse matrix, shape (m, d)
            As for `transform`; `InputError` and `NotFittedError` as there.

        Returns
        -------
        positions : ndarray of float32, shape (m, n_components)
        neighbors : Neighbors
            As `nearest` gives them.
        """
        neighbors, rounding = self._search(X)
        n_threads = count_threads(self.n_jobs)
        p = conditional_probabilities(neighbors, self._perplexities, n_threads=n_threads)
        Y = self.embedding_
        places = place(neighbors.indices, p, Y, field=make_field(Y, n_threads=n_threads))
        same = neighbors.distances[:, 0] <= rounding
        places[same] = Y[neighbors.indices[same, 0]]
        return places, self._in_metric(neighbors)

    def nearest(self, X: Any) -> Neighbors:
        """Find the fitted items that lie nearest to further ones: those that `transform` uses.

        Parameters
        ----------
        X : array-like or sparse matrix, shape (m, d)
            As for `transform`; `InputError` and `NotFittedError` as there.

        Returns
        -------
        Neighbors
            Shape (m, k), nearest first, the distances as in `neighbors_distances_`.
        """
        neighbors, _ = self._search(X)
        return self._in_metric(neighbors)

    @cached_property
    def affinities_(self) -> csr_array:
        """P; after a fit on a GPU made of the neighbors when it is first asked for."""
        near = Neighbors(self.neighbors_indices_, self.neighbors_distances_)
        if self._reduction is not None:
            near = out_of_metric(near, canonical_metric(self.metric))
        return joint_probabilities(near, self._perplexities, n_threads=count_threads(self.n_jobs))

    @cached_property
    def _index(self) -> NeighborIndex | None:
        """What finds the neighbors of new items; after a fit on a GPU built when first needed.

        None where the caller gave distances.
        """
        if self._points is None:
            return None
        return NeighborIndex(
            self._points,
            self.neighbors_indices_.shape[1],
            metric=canonical_metric(self.metric),
            seed=self._seed,
            n_jobs=count_threads(self.n_jobs),
        )

    def __getstate__(self) -> Any:
        if "embedding_" in self.__dict__:
            self._index  # noqa: B018 - each who takes the copy would have to build it
        return super().__getstate__()

    def _search(self, X: Any) -> tuple[Neighbors, NDArray[np.float64]]:
        """Find each new row's neighbours, at the search's own scale, and its rounding error."""
        check_is_fitted(self, "embedding_")
        X = self._validated(X, reset=False)
        k = self.neighbors_indices_.shape[1]
        if self._index is None or self._reduction is None:
            check_distances(X, n_points=len(self.embedding_))
            return neighbors_of_distances(X, k, leave_out_self=False), np.zeros(X.shape[0])
        points = self._reduction.apply(X, alone=True)
        neighbors = self._index.search(points, k, n_jobs=count_threads(self.n_jobs))
        return neighbors, _FLOAT32_ROUNDING * np.linalg.norm(points, axis=1)

    def _in_metric(self, neighbors: Neighbors) -> Neighbors:
        if self._reduction is None:  # the caller's own distances
            return neighbors
        metric = canonical_metric(self.metric)
        return Neighbors(
            neighbors.indices, in_metric(neighbors.distances, metric, self._reduction.scale)
        )

    def _validated(self, X: Any, *, reset: bool) -> Any:
        """Return X as an array or CSR matrix; scikit-learn's complaints become InputError."""
        try:
            return validate_data(self, X, accept_sparse="csr", ensure_all_finite=False, reset=reset)
        except ValueError as error:
            raise InputError(str(error)) from error
