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
EARLY_ITERATIONS, LATE_ITERATIONS = 250, 500
SEED = 10

# scikit-learn's Barnes-Hut t-SNE counts 1,000 iterations as its default, early ones included.
SKLEARN_ITERATIONS = 1_000

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
    n_dimensions: int,
    new: NDArray[np.float32] | None,
) -> Outcome:
    from meshtsne import TSNE

    tsne = TSNE(
        n_dimensions,
        perplexity=_perplexity(X),
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


def sklearn(X: NDArray[np.float32], stages_s: Stages, *, n_threads: int) -> Outcome:
    from sklearn.manifold import TSNE

    class Timed(TSNE):  # type: ignore[misc]  # scikit-learn has no types
        """Measures the time of the descent, which is one private method."""

        def _tsne(self, *args: Any, **kwargs: Any) -> Any:
            with timed(stages_s, "descent"):
                return super()._tsne(*args, **kwargs)

    tsne = Timed(
        perplexity=_perplexity(X), max_iter=SKLEARN_ITERATIONS, random_state=SEED, n_jobs=n_threads
    )
    with timed(stages_s, "whole"):
        embedding = tsne.fit_transform(X)
    stages_s["neighbors and affinities"] = stages_s.pop("whole") - stages_s["descent"]
    return Outcome(embedding, tsne.n_iter_ + 1, tsne.kl_divergence_)  # n_iter_ counts from 0


def opentsne(X: NDArray[np.float32], stages_s: Stages, *, n_threads: int) -> Outcome:
    from openTSNE import TSNE
    from openTSNE.affinity import PerplexityBasedNN, get_knn_index

    tsne = TSNE(
        perplexity=_perplexity(X),
        early_exaggeration_iter=EARLY_ITERATIONS,
        n_iter=LATE_ITERATIONS,
        n_jobs=n_threads,
        random_state=SEED,
    )
    options = {"metric": tsne.metric, "n_jobs": n_threads, "random_state": SEED}
    with timed(stages_s, "neighbors"):
        index = get_knn_index(X, "auto", k=3 * _perplexity(X), **options)
        neighbors = index.build()
    index.build = lambda: neighbors  # else the affinities would search again
    with timed(stages_s, "affinities"):
        P = PerplexityBasedNN(knn_index=index, perplexity=_perplexity(X), n_jobs=n_threads)
    with timed(stages_s, "descent"):
        embedding = tsne.fit(X, affinities=P)
    return Outcome(embedding, EARLY_ITERATIONS + LATE_ITERATIONS, embedding.kl_divergence)


def h2pack(X: NDArray[np.float32], stages_s: Stages, *, n_threads: int) -> Outcome:
    from tsne_h2pack import TSNE

    tsne = TSNE(
        perplexity=_perplexity(X),
        max_iter=EARLY_ITERATIONS + LATE_ITERATIONS,
        knn_method="exact" if len(X) < H2PACK_EXACT_BELOW else "faiss",
        random_state=SEED,
        n_jobs=n_threads,
    )
    with timed(stages_s, "whole"):
        embedding = tsne.fit_transform(X)
    stages_s["neighbors"] = tsne.knn_time_
    stages_s["affinities and descent"] = stages_s.pop("whole") - tsne.knn_time_
    return Outcome(embedding, tsne.n_iter_, tsne.kl_divergence_)


IMPLEMENTATIONS: dict[str, Implementation] = {
    "meshtsne": meshtsne,
    "sklearn": sklearn,
    "opentsne": opentsne,
    "h2pack": h2pack,
}
PACKAGES = {
    "meshtsne": "meshtsne",
    "sklearn": "scikit-learn",
    "opentsne": "openTSNE",
    "h2pack": "tsne-h2pack",
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
    parser.add_argument("--new", type=Path, help="points to place on the embedding (meshtsne only)")
    arguments = parser.parse_args()

    X = np.load(arguments.points)
    options = {"n_threads": arguments.threads}
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
