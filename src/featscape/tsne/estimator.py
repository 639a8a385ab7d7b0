"""TSNE, the scikit-learn estimator: the front door of the engine."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from featscape.errors import InputError
from featscape.records import Neighbors
from featscape.tsne import initial
from featscape.tsne.affinities import conditional_probabilities, joint_probabilities
from featscape.tsne.descent import descend, plan_phases
from featscape.tsne.device import choose_gradient, resolve_device
from featscape.tsne.neighbors import NeighborIndex, in_metric
from featscape.tsne.parameters import (
    canonical_metric,
    check_neighbors,
    check_parameters,
    count_neighbors,
    count_threads,
    random_generator,
)
from featscape.tsne.precomputed import check_distances, neighbors_of_distances
from featscape.tsne.reduction import fit_reduction
from featscape.tsne.transform import make_field, place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

# Two reductions of one row differ by no more than this share of its length.
_FLOAT32_ROUNDING = 2e-6


# scikit-learn has no types: its classes are Any to mypy
class TSNE(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """t-distributed stochastic neighbour embedding (van der Maaten & Hinton 2008).

    Parameters
    ----------
    n_components : int, default=2
        Dimensions of the map: 1, 2 or 3.
    perplexity : float or sequence of float, default=30.0
        About how many neighbours each item attends to; below (n - 1)/3. Several numbers preserve
        structure at several scales: P is then the mean over them.
    early_exaggeration : float, default=12.0
        Factor on the attraction in the first phase, in which the clusters form.
    early_exaggeration_iter : int, default=250
        Length of that phase.
    late_exaggeration : float, default=1.0
        Factor on the attraction afterwards; above 1 the clusters stand tighter and further apart.
    learning_rate : float or "auto", default="auto"
        "auto" is n / exaggeration in each phase, but at least 50 (Belkina et al. 2019). The
        gradient includes its factor 4, as scikit-learn's does.
    max_iter : int, default=750
        Iterations in both phases together.
    tolerance : float, optional
        End when the KL divergence has fallen by less than this share over 50 iterations; None
        does all iterations.
    metric : str, default="euclidean"
        "euclidean", "cosine", "correlation", "manhattan", "chebyshev", or "precomputed": X is then
        a distance matrix, shape (n, n), or a sparse graph of neighbours with distances.
    init : {"pca", "random", "spectral"} or array of shape (n, n_components), default="pca"
        First positions. The named ones are scaled to a standard deviation of 1e-4; an array keeps
        its own scale, so that a finished map can be carried on.
    n_pca : int or None, default=50
        Wider features are reduced to so many principal components before the search (euclidean,
        cosine and correlation only); None never does.
    n_neighbors : int, optional
        Neighbours of each item in P; by default three times the largest perplexity.
    method : {"auto", "direct", "grid"}, default="auto"
        "direct" sums the forces over all pairs, "grid" interpolates them; "auto" takes the faster.
    device : {"auto", "cpu", "cuda"}, default="auto"
        "cuda" runs the descent on an NVIDIA GPU, in two dimensions; "auto" is the CPU.
    random_state : int, RandomState or None, default=None
        Seeds whatever is random. With an integer two runs agree to the bit, whatever `n_jobs` is.
    n_jobs : int, optional
        Threads, 256 at most; None and -1 are all cores.
    verbose : int, default=0
        1 prints a line a stage, 2 also the KL divergence, as often as `callback_every` says.
    callback : callable, optional
        ``callback(iteration, kl_divergence, embedding)``; a true result ends the descent.
    callback_every : int, default=50
        Iterations between two calls, and two printed lines.

    Attributes
    ----------
    embedding_ : ndarray of float32, shape (n, n_components)
    kl_divergence_ : float
        KL(P || Q) at the end, in nats.
    n_iter_ : int
    learning_rate_ : float
        Of the last phase.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Only where X has named columns.
    neighbors_indices_ : ndarray of int32, shape (n, k)
        Nearest first, the item itself left out; -1 where a precomputed graph has fewer.
    neighbors_distances_ : ndarray of float32, shape (n, k)
        In `metric`, between the (reduced) features; infinite where the index is -1.
    neighbors_recall_ : float
        Share of the true neighbours that the search found, on a sample; 1.0 where it is exact.
    affinities_ : csr_array of float32, shape (n, n)
        P: symmetric, summing to 1.
    timings_ : dict of str to float
        Seconds for "pca", "index", "neighbors", "affinities", "initial" and "descent".

    Examples
    --------
    >>> from featscape import TSNE
    >>> positions = TSNE(random_state=10).fit_transform(features)  # doctest: +SKIP
    """

    # The fitted features' index and the way to them; None where the caller gave distances.
    _index: Any
    _reduction: Any
    timings_: dict[str, float]

    def __init__(
        self,
        n_components: int = 2,
        *,
        perplexity: float | Sequence[float] = 30.0,
        early_exaggeration: float = 12.0,
        early_exaggeration_iter: int = 250,
        late_exaggeration: float = 1.0,
        learning_rate: float | str = "auto",
        max_iter: int = 750,
        tolerance: float | None = None,
        metric: str = "euclidean",
        init: Any = "pca",
        n_pca: int | None = 50,
        n_neighbors: int | None = None,
        method: str = "auto",
        device: str = "auto",
        random_state: int | np.random.RandomState | None = None,
        n_jobs: int | None = None,
        verbose: int = 0,
        callback: Callable[[int, float, NDArray[np.float32]], object] | None = None,
        callback_every: int = 50,
    ) -> None:
        self.n_components = n_components
        self.perplexity = perplexity
        self.early_exaggeration = early_exaggeration
        self.early_exaggeration_iter = early_exaggeration_iter
        self.late_exaggeration = late_exaggeration
        self.learning_rate = learning_rate
        self.max_iter = max_iter
        self.tolerance = tolerance
        self.metric = metric
        self.init = init
        self.n_pca = n_pca
        self.n_neighbors = n_neighbors
        self.method = method
        self.device = device
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.callback = callback
        self.callback_every = callback_every

    def fit(self, X: Any, y: Any = None) -> Self:
        """Embed X.

        Parameters
        ----------
        X : array-like or sparse matrix of numbers, shape (n, d)
            Any numeric type, also memory-mapped: it is read in blocks. With
            ``metric="precomputed"`` distances, shape (n, n).
        y : ignored

        Returns
        -------
        TSNE
            Itself.

        Raises
        ------
        InputError
            A parameter or X cannot be worked with.
        KeyboardInterrupt
            Ctrl-C; during the descent the attributes hold the embedding so far.
        """
        del y
        self._fit(X)
        return self

    def fit_transform(self, X: Any, y: Any = None) -> NDArray[np.float32]:
        """Embed X and return the positions, shape (n, n_components); see `fit`."""
        del y
        self._fit(X)
        return self.embedding_

    def restore(self, X: Any, embedding: NDArray[np.float32], neighbors: Neighbors) -> Self:
        """Take over a map that `fit` made with these parameters, so that `transform` works on it.

        Parameters
        ----------
        X : array-like, shape (n, d)
            What was fitted.
        embedding : ndarray of float32, shape (n, n_components)
            Its `embedding_`.
        neighbors : Neighbors
            Its `neighbors_indices_` and `neighbors_distances_`, each (n, k).

        Returns
        -------
        TSNE
            Itself, fitted but for what only a descent can tell.

        Raises
        ------
        InputError
            A parameter cannot be worked with, or the arrays do not belong together.
        """
        X, k, n_threads = self._begin(X)
        n = X.shape[0]
        check_neighbors(neighbors, shape=(n, k))
        self.embedding_ = initial.array_start(embedding, shape=(n, self.n_components))
        self.neighbors_indices_ = neighbors.indices
        self.neighbors_distances_ = neighbors.distances
        self._arrange(X, k, generator=random_generator(self.random_state), n_threads=n_threads)
        return self

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

    def _begin(self, X: Any) -> tuple[Any, int, int]:
        """Check the parameters against X; return X as an array, its k, and the threads to use."""
        check_parameters(self)
        n_threads = count_threads(self.n_jobs)
        X = self._validated(X, reset=True)
        k, self._perplexities = count_neighbors(
            self.perplexity, n_items=X.shape[0], n_neighbors=self.n_neighbors
        )
        self.timings_ = {}
        return X, k, n_threads

    def _fit(self, X: Any) -> None:
        X, k, n_threads = self._begin(X)
        n = X.shape[0]
        if not isinstance(self.init, str):
            initial.array_start(self.init, shape=(n, self.n_components))
        resolve_device(self.device, n_components=self.n_components, method=self.method)
        generator = random_generator(self.random_state)
        neighbors = self._find_neighbors(X, k, generator=generator, n_threads=n_threads)
        with self._timed("affinities"):
            P = joint_probabilities(neighbors, self._perplexities, n_threads=n_threads)
        with self._timed("initial"):
            start = initial.first_positions(
                self.init, P, self.n_components, index=self._index, generator=generator
            )
        phases = plan_phases(
            n,
            max_iter=self.max_iter,
            early_exaggeration_iter=self.early_exaggeration_iter,
            early_exaggeration=self.early_exaggeration,
            late_exaggeration=self.late_exaggeration,
            learning_rate=self.learning_rate,
        )
        self.learning_rate_ = phases[-1].learning_rate
        with self._timed("descent"):
            gradient = choose_gradient(
                P, start, method=self.method, device=self.device, n_threads=n_threads
            )
            outcome = descend(
                gradient,
                phases,
                tolerance=self.tolerance,
                callback=self._watch(),
                callback_every=self.callback_every,
            )
        self.affinities_ = P
        self.embedding_ = gradient.embedding()
        self.kl_divergence_ = outcome.kl_divergence
        self.n_iter_ = outcome.n_iter
        if outcome.stopped_by == "interrupt":
            raise KeyboardInterrupt

    def _find_neighbors(
        self, X: Any, k: int, *, generator: np.random.RandomState, n_threads: int
    ) -> Neighbors:
        """Set the neighbours' attributes and return them, at the search's own scale."""
        if self.metric == "precomputed":
            with self._timed("neighbors"):
                check_distances(X)
                given = neighbors_of_distances(X, k, leave_out_self=True)
            self._index = self._reduction = None
            self.neighbors_recall_ = 1.0
            self.neighbors_indices_ = given.indices
            self.neighbors_distances_ = given.distances
            return given
        self._arrange(X, k, generator=generator, n_threads=n_threads)
        with self._timed("neighbors"):
            neighbors: Neighbors = self._index.graph(k, n_jobs=n_threads)
        self.neighbors_indices_ = neighbors.indices
        self.neighbors_distances_ = self._in_metric(neighbors).distances
        return neighbors

    def _search(self, X: Any) -> tuple[Neighbors, NDArray[np.float64]]:
        """Find each new row's neighbours, at the search's own scale, and its rounding error."""
        check_is_fitted(self, "embedding_")
        X = self._validated(X, reset=False)
        k = self.neighbors_indices_.shape[1]
        if self._index is None:
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

    def _arrange(self, X: Any, k: int, *, generator: np.random.RandomState, n_threads: int) -> None:
        """Reduce the features and build the index that finds k neighbours among them."""
        metric = canonical_metric(self.metric)
        with self._timed("pca"):
            self._reduction = fit_reduction(
                X, n_components=self.n_pca, metric=metric, generator=generator
            )
            points = self._reduction.apply(X)
        with self._timed("index"):
            seed = int(generator.randint(2**31 - 1))
            self._index = NeighborIndex(points, k, metric=metric, seed=seed, n_jobs=n_threads)
        self.neighbors_recall_ = self._index.recall

    def _watch(self) -> Callable[[int, float, NDArray[np.float32]], object] | None:
        """Return the caller's callback, with a printed line before it where `verbose` asks."""
        if self.verbose < 2:
            return self.callback

        def report(iteration: int, kl_divergence: float, embedding: NDArray[np.float32]) -> object:
            self._say(f"iteration {iteration}: KL divergence {kl_divergence:.4f}")
            return self.callback and self.callback(iteration, kl_divergence, embedding)

        return report

    def _validated(self, X: Any, *, reset: bool) -> Any:
        """Return X as an array or CSR matrix; scikit-learn's complaints become InputError."""
        try:
            return validate_data(self, X, accept_sparse="csr", ensure_all_finite=False, reset=reset)
        except ValueError as error:
            raise InputError(str(error)) from error

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.timings_[stage] = time.perf_counter() - began
        self._say(f"{stage}: {self.timings_[stage]:.2f} s")

    def _say(self, line: str) -> None:
        if self.verbose:
            sys.stdout.write(f"[TSNE] {line}\n")

    @property
    def _n_features_out(self) -> int:
        """How many names `get_feature_names_out` makes; scikit-learn's protocol."""
        return int(self.embedding_.shape[1])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.pairwise = self.metric == "precomputed"
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags
