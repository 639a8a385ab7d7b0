"""The methods of a fitted estimator: place new items, find their neighbors, compute P."""

from __future__ import annotations

import math
import re
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from meshtsne.affinities import conditional_probabilities, joint_probabilities
from meshtsne.checks import (
    METRICS,
    as_numpy,
    canonical,
    canonical_metric,
    count_threads,
    is_plain_matrix,
)
from meshtsne.errors import InputError
from meshtsne.records import Neighbors
from meshtsne.scikit_learn import LazyEstimator, as_estimator, is_scikit_learn_loaded
from meshtsne.search.neighbors import FIT_RECALL_GOAL, NeighborIndex, in_metric, out_of_metric
from meshtsne.search.precomputed import check_distances, neighbors_of_distances
from meshtsne.transform import make_potential, place

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    from meshtsne.fit.request import FitRequest
    from meshtsne.fit.stages import Stages
    from meshtsne.reduction import Reduction

_SET_BY_FIT = (
    "embedding_",
    "kl_divergence_",
    "n_iter_",
    "n_neighbors_",
    "learning_rate_",
    "affinities_",
    "neighbors_indices_",
    "neighbors_distances_",
    "neighbors_recall_",
    "pca_explained_variance_ratio_",
    "device_",
    "_reduction",
    "_points",
    "_seed",
    "_index",
)

# The reduced features of one row differ by less than this share of their length between calls.
_FLOAT32_ROUNDING = 2e-6


class FittedMap(LazyEstimator):
    """The methods of `TSNE` that need a fitted embedding."""

    metric: Any
    n_jobs: Any
    n_features_in_: int
    embedding_: NDArray[np.float32]
    n_neighbors_: int
    neighbors_indices_: NDArray[np.int32]
    neighbors_distances_: NDArray[np.float32]
    _perplexities: tuple[float, ...]
    # None if there were no features.
    _reduction: Reduction | None
    _points: NDArray[np.float32] | None
    _seed: int

    def transform(self, X: Any) -> NDArray[np.float32]:
        """Place new items on the fitted embedding, which does not change.

        The position of an item does not depend on the other rows of X. An item that is equal to a
        fitted item gets the position of the fitted item.

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
            X has another number of columns than the fitted features, or contains NaN or infinity;
            or the estimator was fitted without features.
        NotFittedError
            The estimator is not fitted.
        """
        if is_scikit_learn_loaded():  # `set_output` may have been called
            return as_estimator(self).transform(X)  # type: ignore[no-any-return]  # no types
        return self._transform(X)

    def _transform(self, X: Any) -> NDArray[np.float32]:
        return self.place(X)[0]

    def place(self, X: Any) -> tuple[NDArray[np.float32], Neighbors]:
        """Place new items as `transform` does, and return their neighbors too.

        Parameters
        ----------
        X : array-like or sparse matrix, shape (m, d)
            As in `transform`.

        Returns
        -------
        positions : ndarray of float32, shape (m, n_components)
        neighbors : Neighbors
            As `nearest` returns.

        Raises
        ------
        InputError, NotFittedError
            As in `transform`.
        """
        neighbors, rounding = self._search(X)
        n_threads = count_threads(self.n_jobs)
        p = conditional_probabilities(neighbors, self._perplexities, n_threads=n_threads)
        Y = self.embedding_
        potential = make_potential(Y, n_threads=n_threads)
        positions = place(neighbors.indices, p, Y, potential=potential)
        same = neighbors.distances[:, 0] <= rounding
        positions[same] = Y[neighbors.indices[same, 0]]
        return positions, self._in_metric(neighbors)

    def nearest(self, X: Any) -> Neighbors:
        """Find the nearest fitted items of new items.

        Parameters
        ----------
        X : array-like or sparse matrix, shape (m, d)
            As in `transform`.

        Returns
        -------
        Neighbors
            Shape (m, k), nearest first; distances as in `neighbors_distances_`.

        Raises
        ------
        InputError, NotFittedError
            As in `transform`.
        """
        neighbors, _ = self._search(X)
        return self._in_metric(neighbors)

    @cached_property
    def affinities_(self) -> csr_array:
        """P, float32, shape (n, n).

        P is computed from the neighbors on first use, unless the caller of `fit` gave P.
        """
        neighbors = out_of_metric(
            Neighbors(self.neighbors_indices_, self.neighbors_distances_), self._metric
        )
        return joint_probabilities(
            neighbors, self._perplexities, n_threads=count_threads(self.n_jobs)
        )

    @cached_property
    def _index(self) -> NeighborIndex | None:
        """The search index for new items, built on first use; None if there are no features."""
        if self._points is None:
            return None
        return NeighborIndex(
            self._points,
            self.neighbors_indices_.shape[1],
            metric=self._metric,
            seed=self._seed,
            n_jobs=count_threads(self.n_jobs),
            recall_goal=FIT_RECALL_GOAL,
        )

    @property
    def _metric(self) -> str:
        return canonical_metric(self.metric, known=(*METRICS, "precomputed"))

    def __getstate__(self) -> Any:
        if self._can_place:
            self._index  # noqa: B018 - built here once, rather than in each copy
        return self.__dict__

    @property
    def _can_place(self) -> bool:
        return "neighbors_indices_" in self.__dict__ and (
            self._points is not None or self._metric == "precomputed"
        )

    def _forget(self) -> None:
        """Delete the attributes of an earlier fit."""
        for name in _SET_BY_FIT:
            self.__dict__.pop(name, None)

    def _keep(self, stages: Stages) -> None:
        """Keep what `transform` needs, the recall, and the variance of the components."""
        self._reduction, self._points, self._seed = stages.reduction, stages.points, stages.seed
        self.neighbors_recall_ = stages.recall
        self.pca_explained_variance_ratio_ = (
            math.nan if stages.reduction is None else stages.reduction.explained_variance
        )
        if stages.index is not None:
            self._index = stages.index

    def _keep_neighbors(self, request: FitRequest, stages: Stages) -> None:
        """Keep the neighbors, with their distances in `metric`."""
        neighbors = request.neighbors or self._in_metric(stages.neighbors)
        self.neighbors_indices_ = neighbors.indices
        self.neighbors_distances_ = neighbors.distances
        if (neighbors.indices[:, -1] < 0).any():  # the graph of the caller has fewer neighbors
            self.n_neighbors_ = int((neighbors.indices >= 0).any(axis=0).sum())

    @property
    def _n_features_out(self) -> int:
        """Number of names that `get_feature_names_out` returns; scikit-learn's protocol."""
        return int(self.embedding_.shape[1])

    def _search(self, X: Any) -> tuple[Neighbors, NDArray[np.float64]]:
        """Return the neighbors of each row at the scale of the search, and its rounding error."""
        if "embedding_" not in self.__dict__:
            from sklearn.utils.validation import check_is_fitted

            check_is_fitted(self, "embedding_")
        if not self._can_place:
            raise InputError(
                "transform needs the features of the fitted items; this estimator was fitted on "
                "affinities, or on neighbors without X. Fit it with X, or with X and neighbors."
            )
        X = self._validated(X, reset=False)
        k = self.neighbors_indices_.shape[1]
        if self._index is None or self._reduction is None:
            check_distances(X, n_points=len(self.embedding_))
            return neighbors_of_distances(X, k, leave_out_self=False), np.zeros(X.shape[0])
        points = self._reduction.apply(X, alone=True)
        neighbors = self._index.search(points, k, n_jobs=count_threads(self.n_jobs))
        return neighbors, _FLOAT32_ROUNDING * np.linalg.norm(points, axis=1)

    def _in_metric(self, neighbors: Neighbors) -> Neighbors:
        """Convert the distances of the search to distances in `metric`."""
        if self._reduction is None:  # precomputed distances
            return neighbors
        distances = in_metric(neighbors.distances, self._metric, self._reduction.scale)
        return Neighbors(neighbors.indices, distances)

    def _validated(self, X: Any, *, reset: bool) -> Any:
        """Return X as an array or canonical CSR; raise scikit-learn's errors as InputError."""
        X = as_numpy("X", X)
        if is_plain_matrix(X):
            if reset:
                self.n_features_in_ = X.shape[1]
                self.__dict__.pop("feature_names_in_", None)
                return np.asarray(X)
            if X.shape[1] == self.n_features_in_ and "feature_names_in_" not in self.__dict__:
                return np.asarray(X)
        from sklearn.utils.validation import validate_data

        try:
            return canonical(
                validate_data(self, X, accept_sparse="csr", ensure_all_finite=False, reset=reset)
            )
        except ValueError as error:
            remedy = "one row of numbers per item" if reset else "the same columns as to fit"
            # scikit-learn joins two sentences without a space: "bytes/strings.Convert"
            reason = re.sub(r"\.(?=[A-Z])", ". ", str(error).rstrip().rstrip("."))
            raise InputError(f"{reason}. Pass {remedy}.") from error
