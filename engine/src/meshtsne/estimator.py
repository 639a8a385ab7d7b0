"""The estimator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Self

from meshtsne.descent import initial
from meshtsne.descent.loop import descend
from meshtsne.descent.schedule import LEAST_SETTLED, count_iterations, plan_phases
from meshtsne.fit.device import describe_device, resolve_device
from meshtsne.fit.log import FitLog
from meshtsne.fit.parameters import (
    check_early_iterations,
    check_neighbors,
    check_parameters,
    usual_neighbors,
)
from meshtsne.fit.request import check_inputs, make_request
from meshtsne.fit.stages import HostStages, arrange, open_stages, prepare
from meshtsne.fitted import FittedMap
from meshtsne.scikit_learn import as_estimator, is_scikit_learn_loaded

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    from meshtsne.checks import HasArray, Init, Method, Metric, Quality
    from meshtsne.fit.request import FitRequest
    from meshtsne.records import Neighbors


def _ignore(_n_iter: int) -> None:
    """Do nothing."""


class TSNE(FittedMap):
    """t-distributed stochastic neighbor embedding (van der Maaten & Hinton 2008).

    Parameters
    ----------
    n_components : int, default=2
        Number of dimensions of the embedding: 1, 2 or 3.
    perplexity : float or sequence of float, default=30.0
        Effective number of neighbors of each item, less than the number of items. A sequence keeps
        structure at several scales: P is the mean over the perplexities.
    early_exaggeration : float, default=12.0
        Factor of the attraction in the first phase, in which the clusters form.
    early_exaggeration_iter : int, optional
        Number of iterations before the late exaggeration, less than the number of iterations. The
        exaggeration decreases in three steps. None is 90 (60 from 5,000 items on), or half of
        `max_iter` if that is less.
    late_exaggeration : float, default=1.0
        Factor of the attraction in the later iterations. From 1 to 4 the result changes from t-SNE
        to an embedding like that of UMAP: denser clusters with more space between the clusters, and
        more of the continuous structure (Böhm, Berens & Kobak 2022).
    learning_rate : float or "auto", default="auto"
        "auto" is n / exaggeration (Belkina et al. 2019), but at least min(50, n / 10), and is
        divided by `late_exaggeration`. The gradient includes the factor 4, as in scikit-learn.
    quality : {"draft", "standard", "best"}, default="standard"
        Number of iterations if `max_iter` is None: 180, 320 or 1,000 (180, 230 or 1,000 from
        5,000 items on); in three dimensions 225, 400 or 1,250 (144, 184 or 1,250). "best"
        decreases the KL divergence by 3 % at 8,000 items, 6 % at 70,000, and less for fewer.
    max_iter : int, optional
        Total number of iterations, also of those with early exaggeration. None depends on
        `quality`.
    tolerance : float, optional
        Stop early, for example at 1e-3. The iterations after the early exaggeration have four
        phases with different momentum; a phase ends when the KL divergence has decreased by less
        than this share within 50 iterations. No phase is skipped, because the points come to rest
        in the last phase. None runs all iterations.
    metric : str, default="euclidean"
        "euclidean" (also "l2"), "cosine", "correlation", "manhattan" (also "l1" and "cityblock"),
        "chebyshev", or "precomputed": X is then a symmetric distance matrix of shape (n, n) with
        zeros on the diagonal, or a sparse graph of neighbors with their distances, and `init` must
        be "random", "spectral" or an array, as in scikit-learn. In a graph, most items need at
        least as many neighbors as the perplexity; three times as many are recommended.
    init : {"pca", "random", "spectral"} or array-like of shape (n, n_components), default="pca"
        Initial positions. The named initializations have a standard deviation of 1e-4. An array
        keeps its scale, so that a fit can continue a finished embedding. "pca" needs features: it
        is an error with ``metric="precomputed"`` or without X.
    n_pca : int or None, default=50
        Number of principal components that wider features are reduced to before the search (only
        for the metrics "euclidean", "cosine" and "correlation"). None keeps all features. Sparse X
        is not centered: its components are singular vectors (truncated SVD), so that the result
        differs from that of the same dense X unless `n_pca` is None.
    n_neighbors : int, optional
        Number of neighbors of each item in P, at least the largest perplexity. The default is three
        times the largest perplexity, or all n - 1 other items if there are fewer; `n_neighbors_` is
        the number used. With as many neighbors as the perplexity, all neighbors have the same
        weight.
    method : {"auto", "direct", "grid"}, default="auto"
        "direct" sums the forces over all pairs, as "exact" of scikit-learn. "grid" interpolates the
        forces. "auto" chooses the faster method, and replaces "barnes_hut".
    device : str, default="auto"
        "cpu", or "cuda" or "cuda:N" for an NVIDIA GPU. "auto" is the CPU: the GPU code has not been
        measured on a GPU yet. The GPU supports two dimensions, the metrics "euclidean", "cosine"
        and "correlation", up to 2,048 neighbors, and the method "grid".
    random_state : int, RandomState or None, default=None
        Seed of all random numbers. With an integer, two fits give the same bits for any `n_jobs`.
        The seed determines the initial positions only with init="random", and slightly with
        "spectral"; pass init="random" to compare seeds. With init="pca" it has no effect on fewer
        than 12,000 items with up to 256 features; above, it changes the search for neighbors, or
        the rounding of the principal components.
    n_jobs : int, optional
        Number of threads, at most 256. None and -1 use all cores.
    verbose : int, default=0
        1 prints one line per stage, 2 also prints the KL divergence every `callback_every`
        iterations.
    callback : callable, optional
        Called as ``callback(iteration, kl_divergence, embedding)``. A true result stops the
        descent.
    callback_every : int, default=50
        Number of iterations between two calls of `callback`.

    Attributes
    ----------
    embedding_ : ndarray of float32, shape (n, n_components)
    kl_divergence_ : float
        KL(P || Q) of the embedding, in nats, with an error of about 0.0003, or 0.01 if all points
        are far from one another. The function `kl_divergence` is exact up to 5,000 items.
    n_iter_ : int
    n_neighbors_ : int
        Number of neighbors of each item in P; in a precomputed graph, the largest number. Not set
        if `fit` was given affinities.
    device_ : str
        "cpu", or the GPU and its name.
    learning_rate_ : float
        Learning rate of the last phase.
    n_features_in_ : int
        Not set if X is None.
    feature_names_in_ : ndarray of str
        Set only if X has named columns.
    neighbors_indices_ : ndarray of int32, shape (n, k)
        Nearest first, without the item itself; -1 marks a missing neighbor of a precomputed graph.
        Not set if `fit` was given affinities.
    neighbors_distances_ : ndarray of float32, shape (n, k)
        In `metric`, between the (reduced) features; infinite where the index is -1. Not set if
        `fit` was given affinities.
    neighbors_recall_ : float
        Share of the true neighbors among the (reduced) features that the search found, measured on
        a sample; 1.0 for an exact search, NaN if `fit` was given neighbors or affinities. The
        neighbors among features that were reduced to `n_pca` components may differ from those among
        all features.
    pca_explained_variance_ratio_ : float
        Share of the variance of X in the `n_pca` principal components; of the scaled rows with the
        metrics cosine and correlation. 1.0 if X is not reduced, NaN without features.
    affinities_ : csr_array of float32, shape (n, n)
        P: symmetric, sum 1.
    timings_ : dict of str to float
        Seconds of the stages "pca", "index", "neighbors", "affinities", "initial" and "descent".
        On a GPU, "neighbors" includes "index".

    Examples
    --------
    >>> from meshtsne import TSNE
    >>> from sklearn.datasets import load_iris
    >>> X = load_iris().data
    >>> TSNE(random_state=0).fit_transform(X).shape
    (150, 2)

    The caller can replace each stage. Neighbors of another search:

    >>> from sklearn.neighbors import NearestNeighbors
    >>> search = NearestNeighbors(n_neighbors=90, metric="minkowski", p=3).fit(X)
    >>> distances, indices = search.kneighbors()
    >>> TSNE(random_state=0).fit_transform(X, neighbors=(indices, distances)).shape
    (150, 2)

    Affinities of another kernel:

    >>> from scipy.sparse import csr_array
    >>> from sklearn.neighbors import kneighbors_graph
    >>> C = csr_array(kneighbors_graph(X, 15))  # 1 for each of the 15 nearest neighbors
    >>> P = (C + C.T) / (C + C.T).sum()
    >>> TSNE(init="spectral", random_state=0).fit(affinities=P).embedding_.shape
    (150, 2)

    Initial positions, here those of a finished embedding at a lower perplexity:

    >>> first = TSNE(perplexity=10, random_state=0).fit_transform(X)
    >>> tsne = TSNE(init=first, early_exaggeration_iter=0, max_iter=100, random_state=0)
    >>> tsne.fit_transform(X).shape
    (150, 2)
    """

    timings_: dict[str, float]

    def __init__(
        self,
        n_components: int = 2,
        *,
        perplexity: float | Sequence[float] = 30.0,
        early_exaggeration: float = 12.0,
        early_exaggeration_iter: int | None = None,
        late_exaggeration: float = 1.0,
        learning_rate: float | Literal["auto"] = "auto",
        quality: Quality = "standard",
        max_iter: int | None = None,
        tolerance: float | None = None,
        metric: Metric | Literal["precomputed"] = "euclidean",
        init: Init | HasArray | Sequence[Sequence[float]] = "pca",
        n_pca: int | None = 50,
        n_neighbors: int | None = None,
        method: Method = "auto",
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
        self.quality = quality
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

    def fit(
        self,
        X: Any = None,
        y: Any = None,
        *,
        neighbors: Neighbors | tuple[ArrayLike, ArrayLike] | None = None,
        affinities: Any = None,
        on_advance: Callable[[int], object] | None = None,
    ) -> Self:
        """Embed X.

        Parameters
        ----------
        X : array-like or sparse matrix of numbers, shape (n, d), optional
            Any numeric type, also memory-mapped: the rows are read in blocks. With
            ``metric="precomputed"`` distances, shape (n, n). Repeated entries of a sparse matrix
            are added, as in ``X.toarray()``. None is allowed with `neighbors` or `affinities`;
            `init` then cannot be "pca", and `transform` is not available.
        y : None
            Ignored.
        neighbors : Neighbors or tuple (indices, distances), each of shape (n, k), optional
            The nearest neighbors of each item, which replace the search: nearest first, each item
            once, without the item itself, -1 for a missing neighbor; distances in `metric`. At
            least half of the items need as many neighbors as the perplexity; three times as many
            are recommended. `n_neighbors` has no effect.
        affinities : sparse matrix, shape (n, n), optional
            P, which replaces the search and the conditional probabilities: symmetric, not negative,
            0 on the diagonal, sum 1. Repeated entries are added. `perplexity`, `n_neighbors` and
            `metric` have no effect on P, and `transform` is not available.
        on_advance : callable, optional
            For a progress bar. Called with 0 when the descent begins, then with the number of
            iterations since the last call, at most 50. In contrast to `callback`, the KL divergence
            is not computed.

        Returns
        -------
        TSNE
            The estimator.

        Raises
        ------
        InputError
            A parameter or an array is invalid.
        DivergenceError
            More than 5 % of the points moved by more than 1 in the last iteration, or the
            embedding became too large or is not finite: `learning_rate` or `early_exaggeration` is
            too high for X, or the array `init` is too wide. The movement in the last iteration is
            checked only if `learning_rate` is a number, and after at least 100 iterations. The
            largest extent is 20,000, or n if that is more; with a grid of more than 8,000 items
            about 6,500 in two dimensions.
        DeviceError
            The GPU is missing, fails its check, or has too little memory.
        KeyboardInterrupt
            Ctrl-C. During the descent, the attributes then hold the embedding so far.
        """
        del y
        self._fit(X, neighbors=neighbors, affinities=affinities, on_advance=on_advance)
        return self

    def fit_transform(
        self,
        X: Any = None,
        y: Any = None,
        *,
        neighbors: Neighbors | tuple[ArrayLike, ArrayLike] | None = None,
        affinities: Any = None,
        on_advance: Callable[[int], object] | None = None,
    ) -> NDArray[np.float32]:
        """Embed X and return the positions; the parameters and errors are those of `fit`.

        Returns
        -------
        ndarray of float32, shape (n, n_components)
        """
        if is_scikit_learn_loaded():  # `set_output` may have been called
            estimator = as_estimator(self)
            return estimator.fit_transform(  # type: ignore[no-any-return]  # no types
                X, y, neighbors=neighbors, affinities=affinities, on_advance=on_advance
            )
        return self._fit_transform(
            X, y, neighbors=neighbors, affinities=affinities, on_advance=on_advance
        )

    def _fit_transform(
        self,
        X: Any = None,
        y: Any = None,
        *,
        neighbors: Neighbors | tuple[ArrayLike, ArrayLike] | None = None,
        affinities: Any = None,
        on_advance: Callable[[int], object] | None = None,
    ) -> NDArray[np.float32]:
        del y
        self._fit(X, neighbors=neighbors, affinities=affinities, on_advance=on_advance)
        return self.embedding_

    def restore(self, X: Any, embedding: NDArray[np.float32], neighbors: Neighbors) -> Self:
        """Restore a stored embedding that `fit` made with these parameters, for `transform`.

        Parameters
        ----------
        X : array-like, shape (n, d)
            The fitted features.
        embedding : ndarray of float32, shape (n, n_components)
            `embedding_` of the fit.
        neighbors : Neighbors
            `neighbors_indices_` and `neighbors_distances_` of the fit, each of shape (n, k).

        Returns
        -------
        TSNE
            The estimator, without the attributes that only a descent sets.

        Raises
        ------
        InputError
            A parameter is invalid, or the arrays do not have the same number of rows.
        """
        X, request = self._begin(X)
        n = X.shape[0]
        check_neighbors(neighbors, shape=(n, request.n_neighbors))
        self.embedding_ = initial.array_start(embedding, shape=(n, self.n_components))
        self.neighbors_indices_ = neighbors.indices
        self.neighbors_distances_ = neighbors.distances
        stages = HostStages(request)
        log = FitLog(self.verbose)
        self.timings_ = log.timings
        arrange(stages, X, log)
        self._keep(stages)
        return self

    def find_device(self, n_samples: int) -> str:
        """Return the device that `fit` would use for a number of items.

        Parameters
        ----------
        n_samples : int

        Returns
        -------
        str
            "cpu", or a GPU and its name.

        Raises
        ------
        InputError, DeviceError
            As `fit` would raise for the parameters, before any work.
        """
        self.count_iterations(n_samples)  # checks the parameters
        device = resolve_device(self.device, make_request(self, n_samples), n_items=n_samples)
        return describe_device(device)

    def count_iterations(self, n_samples: int) -> int:
        """Return the number of iterations of `fit`, unless the tolerance or a callback stops it.

        Parameters
        ----------
        n_samples : int
            Number of rows of X.

        Raises
        ------
        InputError
            A parameter is invalid.
        """
        check_parameters(self)
        n_iter = count_iterations(
            self.quality, self.max_iter, n_points=n_samples, n_components=self.n_components
        )
        check_early_iterations(self.early_exaggeration_iter, n_iter)
        return n_iter

    def _begin(
        self, X: Any, *, neighbors: Any = None, affinities: Any = None
    ) -> tuple[Any, FitRequest]:
        """Check the parameters and arrays; return X as an array, and the request."""
        check_parameters(self)
        check_inputs(self, X, neighbors=neighbors, affinities=affinities)
        if X is not None:
            X = self._validated(X, reset=True)
        n_items = None if X is None else X.shape[0]
        request = make_request(self, n_items, neighbors=neighbors, affinities=affinities)
        if X is None:
            self.__dict__.pop("n_features_in_", None)
            self.__dict__.pop("feature_names_in_", None)
        self._forget()
        self._perplexities = request.perplexities
        return X, request

    def _fit(
        self,
        X: Any,
        *,
        neighbors: Any,
        affinities: Any,
        on_advance: Callable[[int], object] | None,
    ) -> None:
        X, request = self._begin(X, neighbors=neighbors, affinities=affinities)
        log = FitLog(self.verbose)
        self.timings_ = log.timings
        n = request.n_items
        n_iter = self.count_iterations(n)
        if request.affinities is None:
            self.n_neighbors_ = request.n_neighbors
            usual = usual_neighbors(request.perplexities)
            if request.n_neighbors < usual:
                log.report(
                    f"{request.n_neighbors} neighbors per item, fewer than 3 x perplexity = {usual}"
                )
        device = resolve_device(self.device, request, n_items=n)
        stages = open_stages(request, device)
        self.device_ = describe_device(device)
        phases = plan_phases(
            n,
            n_iter=n_iter,
            early_exaggeration_iter=self.early_exaggeration_iter,
            early_exaggeration=self.early_exaggeration,
            late_exaggeration=self.late_exaggeration,
            learning_rate=self.learning_rate,
        )
        self.learning_rate_ = phases[-1].learning_rate
        with stages.guard():
            gradient = prepare(stages, X, log)
            with log.timed("descent"):
                outcome = descend(
                    gradient,
                    phases,
                    tolerance=self.tolerance,
                    callback=log.watch(self.callback),
                    callback_every=self.callback_every,
                    on_advance=on_advance or _ignore,
                    # in fewer iterations, points still move at any learning rate
                    check_convergence=self.learning_rate != "auto" and n_iter >= LEAST_SETTLED,
                )
                embedding = gradient.embedding()
            del gradient  # P takes 5 GB for ten million points
            self._keep(stages)  # waits for copies from a GPU, which may fail
            if request.affinities is None:
                self._keep_neighbors(request, stages)
            else:
                self.affinities_ = request.affinities
        self.embedding_ = embedding
        self.kl_divergence_ = outcome.kl_divergence
        self.n_iter_ = outcome.n_iter
        if outcome.stopped_by == "interrupt":
            raise KeyboardInterrupt
