"""Run one implementation of t-SNE, in its own process and environment.

`tsne_cpu.py` runs ``python tsne_peer.py NAME X.npy FOLDER --threads 2``. The script writes the
embedding and a JSON file with the times to FOLDER. The script imports meshtsne only if NAME is
meshtsne.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))  # shared: machine.py

from machine import peak_memory_bytes, timed

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Stages = dict[str, float]
    Implementation = Callable[..., "Outcome"]

PERPLEXITY = 30
# The usual numbers of iterations; `--scale` multiplies the late ones.
EARLY_ITERATIONS, LATE_ITERATIONS = 250, 500
SEED = 10

# scikit-learn's Barnes-Hut t-SNE counts 1,000 iterations as its default, early ones included.
SKLEARN_ITERATIONS = 1_000

# openTSNE with few iterations. Of 12 combinations of learning rate (1, 2, 4, 8) x n / exaggeration
# and late momentum (.8, .9, .95), these reach the lowest KL divergence for 5,000 points.
TUNED_PHASES = ((100, 12.0, 0.8), (110, 1.0, 0.95), (50, 1.0, 0.8))  # n, exaggeration, momentum
TUNED_RATE = 4.0

# tsne-h2pack's default search is exact below this number of points, and PyNNDescent above, which
# takes most of a minute to compile. tsne-h2pack's manual recommends FAISS for many points.
H2PACK_EXACT_BELOW = 10_000


class Outcome(NamedTuple):
    """The result of an implementation; the KL divergence is the one it reports, from its own P."""

    embedding: NDArray[Any]
    n_iter: int
    kl_divergence: float


def meshtsne(
    X: NDArray[np.float32],
    stages_s: Stages,
    *,
    n_threads: int,
    scale: float,
    n_dimensions: int,
    new: NDArray[np.float32] | None,
) -> Outcome:
    from meshtsne import TSNE
    from meshtsne.descent.schedule import count_iterations

    usual = count_iterations("standard", None, n_points=len(X), n_components=n_dimensions)
    tsne = TSNE(
        n_dimensions,
        perplexity=_perplexity(X),
        max_iter=round(scale * usual),
        device="cpu",
        random_state=SEED,
        n_jobs=n_threads,
    )
    tsne.fit(X)
    stages_s |= tsne.timings_
    if new is not None:
        with timed(stages_s, "transform"):
            tsne.transform(new)
    return Outcome(tsne.embedding_, tsne.n_iter_, tsne.kl_divergence_)


def sklearn(X: NDArray[np.float32], stages_s: Stages, *, n_threads: int, scale: float) -> Outcome:
    from sklearn.manifold import TSNE

    class Timed(TSNE):  # type: ignore[misc]  # scikit-learn has no types
        """Measures the time of the descent, which is one private method."""

        def _tsne(self, *args: Any, **kwargs: Any) -> Any:
            with timed(stages_s, "descent"):
                return super()._tsne(*args, **kwargs)

    tsne = Timed(
        perplexity=_perplexity(X),
        max_iter=EARLY_ITERATIONS + round(scale * (SKLEARN_ITERATIONS - EARLY_ITERATIONS)),
        random_state=SEED,
        n_jobs=n_threads,
    )
    with timed(stages_s, "whole"):
        embedding = tsne.fit_transform(X)
    stages_s["neighbors and affinities"] = stages_s.pop("whole") - stages_s["descent"]
    return Outcome(embedding, tsne.n_iter_ + 1, tsne.kl_divergence_)  # n_iter_ counts from 0


def intelex(X: NDArray[np.float32], stages_s: Stages, *, n_threads: int, scale: float) -> Outcome:
    from sklearnex import patch_sklearn

    patch_sklearn(verbose=False)
    from sklearn.manifold import TSNE

    tsne = TSNE(
        perplexity=_perplexity(X),
        max_iter=EARLY_ITERATIONS + round(scale * (SKLEARN_ITERATIONS - EARLY_ITERATIONS)),
        random_state=SEED,
        n_jobs=n_threads,
    )
    with timed(stages_s, "whole"):
        embedding = tsne.fit_transform(X)
    return Outcome(embedding, tsne.n_iter_ + 1, tsne.kl_divergence_)


def _opentsne_affinities(X: NDArray[np.float32], stages_s: Stages, *, n_threads: int) -> Any:
    """Return openTSNE's P, with the times of the search and of P measured separately."""
    from openTSNE.affinity import PerplexityBasedNN, get_knn_index

    options = {"metric": "euclidean", "n_jobs": n_threads, "random_state": SEED}
    with timed(stages_s, "neighbors"):
        index = get_knn_index(X, "auto", k=3 * _perplexity(X), **options)
        neighbors = index.build()
    index.build = lambda: neighbors  # else the affinities would search again
    with timed(stages_s, "affinities"):
        return PerplexityBasedNN(knn_index=index, perplexity=_perplexity(X), n_jobs=n_threads)


def opentsne(X: NDArray[np.float32], stages_s: Stages, *, n_threads: int, scale: float) -> Outcome:
    from openTSNE import TSNE

    tsne = TSNE(
        perplexity=_perplexity(X),
        early_exaggeration_iter=EARLY_ITERATIONS,
        n_iter=round(scale * LATE_ITERATIONS),
        n_jobs=n_threads,
        random_state=SEED,
    )
    P = _opentsne_affinities(X, stages_s, n_threads=n_threads)
    with timed(stages_s, "descent"):
        embedding = tsne.fit(X, affinities=P)
    return Outcome(embedding, EARLY_ITERATIONS + tsne.n_iter, embedding.kl_divergence)


def opentsne_tuned(
    X: NDArray[np.float32], stages_s: Stages, *, n_threads: int, scale: float
) -> Outcome:
    from openTSNE import TSNEEmbedding, initialization

    P = _opentsne_affinities(X, stages_s, n_threads=n_threads)
    n_iter = 0
    with timed(stages_s, "descent"):
        start = initialization.pca(X, random_state=SEED)
        embedding = TSNEEmbedding(start, P, n_jobs=n_threads, random_state=SEED)
        for n, exaggeration, momentum in TUNED_PHASES:
            n_phase = n if exaggeration > 1 else round(scale * n)
            embedding = embedding.optimize(
                n_phase,
                exaggeration=exaggeration,
                momentum=momentum,
                learning_rate=TUNED_RATE * len(X) / exaggeration,
            )
            n_iter += n_phase
    return Outcome(embedding, n_iter, embedding.kl_divergence)


def h2pack(X: NDArray[np.float32], stages_s: Stages, *, n_threads: int, scale: float) -> Outcome:
    from tsne_h2pack import TSNE

    tsne = TSNE(
        perplexity=_perplexity(X),
        max_iter=EARLY_ITERATIONS + round(scale * LATE_ITERATIONS),
        knn_method="exact" if len(X) < H2PACK_EXACT_BELOW else "faiss",
        random_state=SEED,
        n_jobs=n_threads,
    )
    with timed(stages_s, "whole"):
        embedding = tsne.fit_transform(X)
    stages_s["neighbors"] = tsne.knn_time_
    stages_s["affinities and descent"] = stages_s.pop("whole") - tsne.knn_time_
    return Outcome(embedding, tsne.n_iter_, tsne.kl_divergence_)


def manifolds(X: NDArray[np.float32], stages_s: Stages, *, n_threads: int, scale: float) -> Outcome:
    import manifolds_rs

    manifolds_rs.set_num_threads(n_threads)
    n_iter = EARLY_ITERATIONS + round(scale * LATE_ITERATIONS)
    tsne = manifolds_rs.TSNE(
        perplexity=float(_perplexity(X)),
        n_epochs=n_iter,
        approx="fft",  # its manual recommends this repulsion for many points
        seed=SEED,
    )
    with timed(stages_s, "whole"):
        embedding = tsne.fit_transform(X)
    return Outcome(embedding, n_iter, float("nan"))


def scranpy(X: NDArray[np.float32], stages_s: Stages, *, n_threads: int, scale: float) -> Outcome:
    import scranpy

    n_iter = EARLY_ITERATIONS + round(scale * LATE_ITERATIONS)
    with timed(stages_s, "whole"):
        embedding = scranpy.run_tsne(
            X.T,
            perplexity=_perplexity(X),
            max_iterations=n_iter,
            seed=SEED,
            num_threads=n_threads,
        )
    return Outcome(embedding, n_iter, float("nan"))


def sgtsnepi(X: NDArray[np.float32], stages_s: Stages, *, n_threads: int, scale: float) -> Outcome:
    """Lay out openTSNE's P; sgtsnepi has no search and takes any graph."""
    from sgtsnepi import sgtsnepi as lay_out

    P = _opentsne_affinities(X, stages_s, n_threads=n_threads).P
    n_iter = EARLY_ITERATIONS + round(scale * LATE_ITERATIONS)
    with timed(stages_s, "descent"):
        embedding = lay_out(P, max_iter=n_iter, early_exag=EARLY_ITERATIONS, silent=True)
    return Outcome(embedding.T, n_iter, float("nan"))


IMPLEMENTATIONS: dict[str, Implementation] = {
    "meshtsne": meshtsne,
    "sklearn": sklearn,
    "intelex": intelex,
    "opentsne": opentsne,
    "opentsne_tuned": opentsne_tuned,
    "h2pack": h2pack,
    "manifolds": manifolds,
    "scranpy": scranpy,
    "sgtsnepi": sgtsnepi,
}
PACKAGES = {
    "meshtsne": "meshtsne",
    "sklearn": "scikit-learn",
    "intelex": "scikit-learn-intelex",
    "opentsne": "openTSNE",
    "opentsne_tuned": "openTSNE",
    "h2pack": "tsne-h2pack",
    "manifolds": "manifolds-rs",
    "scranpy": "scranpy",
    "sgtsnepi": "sgtsnepi",
}


def _perplexity(X: NDArray[np.float32]) -> int:
    """Return 30, or less for the few points of the warm-up."""
    return min(PERPLEXITY, (len(X) - 1) // 4)


def check_threads(n_threads: int) -> None:
    """Exit if a loaded thread pool has more than `n_threads` threads.

    Fewer threads are allowed: tsne-h2pack includes a BLAS without threads.
    """
    from threadpoolctl import threadpool_info

    wide = [pool for pool in threadpool_info() if pool["num_threads"] > n_threads]
    if wide:
        raise SystemExit(f"thread pools must have at most {n_threads} threads; got {wide}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=IMPLEMENTATIONS)
    parser.add_argument("points", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument(
        "--dimensions", type=int, default=2, help="of the embedding (meshtsne only)"
    )
    parser.add_argument("--scale", type=float, default=1.0, help="factor of the late iterations")
    parser.add_argument("--new", type=Path, help="points to place on the embedding (meshtsne only)")
    arguments = parser.parse_args()

    X = np.load(arguments.points, mmap_mode="r" if arguments.name == "meshtsne" else None)
    options = {"n_threads": arguments.threads, "scale": arguments.scale}
    warm_options = dict(options)
    if arguments.name == "meshtsne":
        options["n_dimensions"] = warm_options["n_dimensions"] = arguments.dimensions
        options["new"] = None if arguments.new is None else np.load(arguments.new)
        warm_options["new"] = None if arguments.new is None else X[:2]
    implementation = IMPLEMENTATIONS[arguments.name]

    began = perf_counter()
    implementation(X[:100], {}, **warm_options)  # imports, and costs of a first call
    import_s = perf_counter() - began
    check_threads(arguments.threads)

    stages_s: Stages = {}
    busy_before_s, began = _processor_time_s(), perf_counter()
    outcome = implementation(X, stages_s, **options)
    total_s = perf_counter() - began
    busy_s = _processor_time_s() - busy_before_s

    np.save(arguments.folder / "embedding.npy", np.asarray(outcome.embedding, np.float32))
    record = {
        "version": version(PACKAGES[arguments.name]),
        "import_s": import_s,
        "total_s": total_s - stages_s.get("transform", 0.0),
        "stages_s": stages_s,
        "n_iter": int(outcome.n_iter),
        "kl_divergence": float(outcome.kl_divergence),
        "busy_cores": busy_s / total_s,
        "peak_memory_bytes": peak_memory_bytes(),
    }
    (arguments.folder / "record.json").write_text(json.dumps(record))


def _processor_time_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
