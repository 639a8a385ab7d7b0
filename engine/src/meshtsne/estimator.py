"""TSNE, the scikit-learn estimator: the front door of the engine."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

from meshtsne import initial
from meshtsne.descent import descend, plan_phases
from meshtsne.device import describe_device, resolve_device
from meshtsne.fitted import FittedMap
from meshtsne.parameters import (
    METRICS,
    canonical_metric,
    check_neighbors,
    check_parameters,
    count_neighbors,
    count_threads,
    random_generator,
)
from meshtsne.request import Request
from meshtsne.stages import HostStages, open_stages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from meshtsne.descent import Gradient
    from meshtsne.records import Neighbors
    from meshtsne.stages import Stages


_FOUND_BY_FIT = (
    "embedding_",
    "kl_divergence_",
    "n_iter_",
    "learning_rate_",
    "affinities_",
    "neighbors_indices_",
    "neighbors_distances_",
    "neighbors_recall_",
    "device_",
    "_reduction",
    "_points",
    "_seed",
    "_index",
)


def _ignore(_n_iter: int) -> None:
    """Take no notice of a progress."""


class TSNE(FittedMap):
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
        "auto" is n / exaggeration in each phase (Belkina et al. 2019), but at least 50, or n / 10
        where that is less. The gradient includes its factor 4, as scikit-learn's does.
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
    device : str, default="auto"
        "cpu", "cuda" or "cuda:N". "auto" takes an NVIDIA GPU for 100,000 items and more where there
        is one with room for them, and for what it does: two dimensions, the euclidean, cosine and
        correlation metrics, up to 2,048 neighbors, the method "grid".
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
    device_ : str
        Where it ran: "cpu", or the GPU with its name.
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
        Seconds for "pca", "index", "neighbors", "affinities", "initial" and "descent". On a GPU
        "index" is part of "neighbors".

    Examples
    --------
    >>> from meshtsne import TSNE
    >>> positions = TSNE(random_state=10).fit_transform(features)  # doctest: +SKIP
    """

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

    def fit(self, X: Any, y: Any = None, *, on_advance: Callable[[int], object] = _ignore) -> Self:
        """Embed X.

        Parameters
        ----------
        X : array-like or sparse matrix of numbers, shape (n, d)
            Any numeric type, also memory-mapped: it is read in blocks. With
            ``metric="precomputed"`` distances, shape (n, n).
        y : ignored
        on_advance : callable, optional
            For a progress bar: called with 0 as the descent begins, then with the number of
            iterations just done, at most 50. Unlike for `callback`, the KL divergence is not
            computed.

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
        self._fit(X, on_advance)
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
        X, request = self._begin(X)
        n = X.shape[0]
        check_neighbors(neighbors, shape=(n, request.n_neighbors))
        self.embedding_ = initial.array_start(embedding, shape=(n, self.n_components))
        self.neighbors_indices_ = neighbors.indices
        self.neighbors_distances_ = neighbors.distances
        stages = HostStages(request)
        self._arrange(X, stages)
        self._keep(stages)
        return self

    def find_device(self, shape: tuple[int, int]) -> str:
        """Return where `fit` of features of this shape would run: "cpu", or a GPU with its name.

        Parameters
        ----------
        shape : tuple of int
            (n, d).

        Raises
        ------
        InputError, DeviceError
            As `fit` would, of the parameters, before any work.
        """
        check_parameters(self)
        device = resolve_device(self.device, self._request(shape[0]), shape=shape)
        return describe_device(device)

    def _begin(self, X: Any) -> tuple[Any, Request]:
        """Check the parameters against X; return X as an array, and what to make of it."""
        check_parameters(self)
        X = self._validated(X, reset=True)
        request = self._request(X.shape[0])
        for name in _FOUND_BY_FIT:  # an earlier one's
            self.__dict__.pop(name, None)
        self._perplexities = request.perplexities
        self.timings_ = {}
        return X, request

    def _request(self, n_items: int) -> Request:
        k, perplexities = count_neighbors(
            self.perplexity, n_items=n_items, n_neighbors=self.n_neighbors
        )
        return Request(
            n_neighbors=k,
            perplexities=perplexities,
            metric=canonical_metric(self.metric, known=(*METRICS, "precomputed")),
            n_pca=self.n_pca,
            n_components=self.n_components,
            init=self.init,
            method=self.method,
            generator=random_generator(self.random_state),
            n_threads=count_threads(self.n_jobs),
        )

    def _fit(self, X: Any, on_advance: Callable[[int], object] = _ignore) -> None:
        X, request = self._begin(X)
        n = X.shape[0]
        if not isinstance(self.init, str):
            initial.array_start(self.init, shape=(n, self.n_components))
        device = resolve_device(self.device, request, shape=X.shape)
        stages = open_stages(request, device)
        self.device_ = describe_device(device)
        phases = plan_phases(
            n,
            max_iter=self.max_iter,
            early_exaggeration_iter=self.early_exaggeration_iter,
            early_exaggeration=self.early_exaggeration,
            late_exaggeration=self.late_exaggeration,
            learning_rate=self.learning_rate,
        )
        self.learning_rate_ = phases[-1].learning_rate
        with stages.guard():
            gradient = self._prepare(X, stages)
            with self._timed("descent"):
                outcome = descend(
                    gradient,
                    phases,
                    tolerance=self.tolerance,
                    callback=self._watch(),
                    callback_every=self.callback_every,
                    on_advance=on_advance,
                )
                embedding = gradient.embedding()
            # what a GPU still copies is waited for, and may fail
            self._keep(stages)
            neighbors = stages.neighbors
        self.neighbors_indices_ = neighbors.indices
        self.neighbors_distances_ = self._in_metric(neighbors).distances
        self.embedding_ = embedding
        self.kl_divergence_ = outcome.kl_divergence
        self.n_iter_ = outcome.n_iter
        if outcome.stopped_by == "interrupt":
            raise KeyboardInterrupt

    def _prepare(self, X: Any, stages: Stages) -> Gradient:
        """Run the stages up to the descent."""
        self._arrange(X, stages)
        with self._timed("neighbors"):
            stages.find_neighbors()
        with self._timed("affinities"):
            P = stages.join()
            if P is not None:
                self.affinities_ = P
        with self._timed("initial"):
            return stages.gradient(stages.first_positions())

    def _arrange(self, X: Any, stages: Stages) -> None:
        """Reduce the features, and arrange them for the search."""
        with self._timed("pca"):
            stages.reduce(X)
        with self._timed("index"):
            stages.build_index()

    def _keep(self, stages: Stages) -> None:
        """Keep what new items are placed by, and how well the neighbors were found."""
        self._reduction, self._points, self._seed = stages.reduction, stages.points, stages.seed
        self.neighbors_recall_ = stages.recall
        if stages.index is not None:
            self._index = stages.index

    def _watch(self) -> Callable[[int, float, NDArray[np.float32]], object] | None:
        """Return the caller's callback, with a printed line before it where `verbose` asks."""
        if self.verbose < 2:
            return self.callback

        def report(iteration: int, kl_divergence: float, embedding: NDArray[np.float32]) -> object:
            self._say(f"iteration {iteration}: KL divergence {kl_divergence:.4f}")
            return self.callback and self.callback(iteration, kl_divergence, embedding)

        return report

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
