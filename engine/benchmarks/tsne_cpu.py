"""t-SNE on the CPU: meshtsne, scikit-learn, openTSNE and five other libraries.

    python engine/benchmarks/tsne_cpu.py              500, 10,000 and 70,000 points, all libraries
    python engine/benchmarks/tsne_cpu.py --sizes 500 --peers meshtsne sklearn
    python engine/benchmarks/tsne_cpu.py --sizes --growth 1000000 --transform --force-error
    python engine/benchmarks/tsne_cpu.py --sizes --growth 1000000 10000000 --keep-points points

Each run is a process (`tsne_peer.py`). A warm-up with 100 points measures imports and first-call
costs separately. All embeddings are compared with the exact neighbors and with the P of the exact
neighbors. The tables are Markdown, for RESULTS.md.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))  # shared: machine.py

from fashion_mnist import SEED, FashionMNIST
from machine import check_quiet, describe, environment, table
from tsne_peer import IMPLEMENTATIONS, PERPLEXITY
from tsne_report import (
    Record,
    comparison_table,
    curve_table,
    growth_table,
    middle,
    write_pictures,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from scipy.sparse import csr_array

HERE = Path(__file__).parent
PEERS_ENVIRONMENT = HERE.parents[1] / ".venv-bench"
PICTURES = HERE.parents[1] / "docs" / "pictures"
SHORT_S = 10.0
TOO_SLOW = {"sklearn": 30_000}  # number of points from which --slow is required
# Further factors of the late iterations, for the lines of KL divergence against time
SCALES = {
    "meshtsne": (0.5, 0.75, 2.0, 4.0),
    "opentsne": (0.3, 2.0),
    "opentsne_tuned": (0.3, 2.0),
    "h2pack": (0.3, 2.0),
}
FULL_SIZE, N_NEW = 70_000, 10_000
N_PROBES = 400
PROBED_ITERATIONS = (10, 40, 60, 80, 100, 130, 160, 200, 230)


@dataclass(frozen=True, eq=False)
class Judge:
    """The exact neighbors in the features, and their P, for the quality of the embeddings."""

    P: csr_array
    near: NDArray[np.int32]  # (n, 90)
    labels: NDArray[np.uint8]
    n_threads: int

    @classmethod
    def of(cls, X: NDArray[np.float32], labels: NDArray[np.uint8], *, n_threads: int) -> Judge:
        """Compare all pairs, and compute P at perplexity 30."""
        from sklearn.neighbors import NearestNeighbors

        from meshtsne.affinities import joint_probabilities
        from meshtsne.records import Neighbors

        search = NearestNeighbors(
            n_neighbors=3 * PERPLEXITY, algorithm="brute", n_jobs=n_threads
        ).fit(X)
        exact, indices = search.kneighbors()  # without the items themselves
        near, distances = indices.astype(np.int32), exact.astype(np.float32)
        P = joint_probabilities(Neighbors(near, distances), [PERPLEXITY], n_threads=n_threads)
        return cls(P, near, labels, n_threads)

    def judge(self, Y: NDArray[np.float32]) -> Record:
        """Return KL divergence, recall of 10 neighbors, and accuracy of their majority."""
        from scipy.spatial import cKDTree

        from meshtsne.forces.direct import DirectGradient

        indices = cKDTree(Y).query(Y, 11, workers=self.n_threads)[1]
        on_map = indices[_others(indices)].reshape(len(Y), 10)
        both = np.sort(np.hstack([self.near[:, :10], on_map]), axis=1)
        votes = np.apply_along_axis(np.bincount, 1, self.labels[on_map], minlength=10)
        return {
            "kl": DirectGradient(self.P, Y, n_jobs=self.n_threads).kl_divergence(),
            "recall": (both[:, 1:] == both[:, :-1]).sum() / (10 * len(Y)),
            "accuracy": (votes.argmax(axis=1) == self.labels).mean(),
        }


def _others(indices: NDArray[Any]) -> NDArray[np.bool_]:
    """Mark all but one per row: not the row's own index, or not the last one if it is missing."""
    own = indices == np.arange(len(indices))[:, None]
    own[~own.any(axis=1), -1] = True
    others: NDArray[np.bool_] = ~own
    return others


def prepare_peers() -> None:
    """Create the environment of the other libraries, or update it to requirements.txt."""
    python = PEERS_ENVIRONMENT / "bin" / "python"
    if not python.exists():
        venv.create(PEERS_ENVIRONMENT, with_pip=True)
    install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]
    subprocess.run([python, *install, HERE / "requirements.txt"], check=True)


def run(
    name: str,
    points: Path,
    *,
    n_threads: int,
    scale: float = 1.0,
    n_dimensions: int = 2,
    new: Path | None = None,
) -> Record:
    """Embed the points in a subprocess; the record contains the embedding."""
    own = name == "meshtsne"
    python = Path(sys.executable) if own else PEERS_ENVIRONMENT / "bin" / "python"
    with TemporaryDirectory(prefix="meshtsne-bench-") as folder:
        command: list[str | Path] = [python, HERE / "tsne_peer.py", name, points, folder]
        command += ["--threads", str(n_threads), "--dimensions", str(n_dimensions)]
        command += ["--scale", str(scale)]
        if new is not None:
            command += ["--new", new]
        subprocess.run(command, check=True, env=environment(n_threads), stdout=subprocess.DEVNULL)
        record: Record = json.loads(Path(folder, "record.json").read_text())
        record["name"] = name
        record["embedding"] = np.load(Path(folder, "embedding.npy"))
    stages = ", ".join(f"{stage} {time_s:.2f}" for stage, time_s in record["stages_s"].items())
    print(f"  {name}: {record['total_s']:.2f} s ({stages})", file=sys.stderr, flush=True)
    return record


def compare(
    names: Sequence[str], points: Path, judge: Judge, *, repeats: int, n_threads: int
) -> dict[str, list[Record]]:
    """Run each implementation in alternating order, short runs `repeats` times."""
    records: dict[str, list[Record]] = {name: [] for name in names}
    for repeat in range(repeats):
        for name in names if repeat % 2 == 0 else reversed(names):
            if repeat > 0 and records[name][0]["total_s"] >= SHORT_S:
                continue
            records[name].append(judged(run(name, points, n_threads=n_threads), judge))
    return records


def judged(record: Record, judge: Judge) -> Record:
    """Return the record with the quality of its embedding instead of the embedding."""
    embedding = record.pop("embedding")
    if not np.isfinite(embedding).all() or embedding.shape != (len(judge.near), 2):
        raise SystemExit(
            f"{record['name']} must return a finite position for each point; it did not."
        )
    return record | judge.judge(embedding)


def curves(
    records: dict[str, list[Record]], points: Path, judge: Judge, *, n_threads: int
) -> dict[str, list[Record]]:
    """Add runs with fewer and with more iterations to the first record of each implementation."""
    lines = {}
    for name, runs in records.items():
        more = [
            judged(run(name, points, n_threads=n_threads, scale=scale), judge)
            for scale in SCALES.get(name, ())
        ]
        lines[name] = sorted([runs[0], *more], key=lambda one: one["n_iter"])
    return lines


def force_error_table(X: NDArray[np.float32], *, n_threads: int, n_dimensions: int) -> str:
    """Hold the grid's repulsion to the exact float64 sum at some iterations of one run."""
    from meshtsne import TSNE
    from meshtsne.forces.direct import DirectGradient
    from meshtsne.forces.grid import GridGradient

    maps: dict[int, NDArray[np.float32]] = {}

    def keep(iteration: int, _kl_divergence: float, embedding: NDArray[np.float32]) -> None:
        if iteration in PROBED_ITERATIONS:
            maps[iteration] = embedding

    tsne = TSNE(
        n_dimensions,
        perplexity=PERPLEXITY,
        method="grid",
        device="cpu",
        random_state=SEED,
        n_jobs=n_threads,
        callback=keep,
        callback_every=10,
    ).fit(X)
    probes = np.sort(np.random.default_rng(SEED).permutation(len(X))[:N_PROBES])
    rows = []
    for iteration, Y in maps.items():
        _, F, Z = GridGradient(tsne.affinities_, Y, n_jobs=n_threads).forces()
        exact_Z = DirectGradient(tsne.affinities_, Y, n_jobs=n_threads).forces()[2]
        exact_F = exact_repulsion(Y, probes)
        # The exact forces sum to zero. A non-zero sum of the grid's forces only shifts the map.
        error = F[probes] - F.mean(axis=0, dtype=np.float64) - exact_F
        share = np.sqrt((error**2).sum() / (exact_F**2).sum())
        span = np.ptp(Y, axis=0).max()
        rows.append([str(iteration), f"{span:.3g}", f"{share:.3%}", f"{abs(Z / exact_Z - 1):.1e}"])
    header = ["after iteration", "span of the map", "error of the force", "error of Z"]
    return table(header, rows)


def exact_repulsion(Y: NDArray[np.float32], probes: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return F_i = sum_j w_ij^2 (y_i - y_j) for the probes, summed in float64."""
    F = np.empty((len(probes), Y.shape[1]))
    for row, probe in enumerate(probes):
        difference = Y[probe].astype(np.float64) - Y
        w = 1 / (1 + (difference**2).sum(axis=1))
        F[row] = w**2 @ difference
    return F


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="*", default=[500, 10_000, FULL_SIZE])
    parser.add_argument(
        "--peers", nargs="+", choices=IMPLEMENTATIONS, default=list(IMPLEMENTATIONS)
    )
    parser.add_argument("--repeats", type=int, default=5, help="of runs under 10 s")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--slow", action="store_true", help="scikit-learn at 70,000 points too")
    parser.add_argument("--growth", type=int, nargs="+", default=[], help="sizes above 70,000")
    parser.add_argument(
        "--keep-points",
        type=Path,
        help="folder for the points of --growth, which later runs read: ten million take 2 GB, "
        "and ten minutes to make",
    )
    parser.add_argument("--transform", action="store_true", help="10,000 new points on 70,000")
    parser.add_argument("--force-error", action="store_true", help="the grid's error, at 70,000")
    parser.add_argument("--dimensions", type=int, default=2, choices=[2, 3], help="for those three")
    parser.add_argument(
        "--curves", action="store_true", help="quality against time, at the largest of --sizes"
    )
    parser.add_argument(
        "--pictures", type=Path, nargs="?", const=PICTURES, help="folder for PNG files of the lines"
    )
    parser.add_argument("--noisy", action="store_true", help="measure on a busy machine")
    return parser.parse_args()


def race(arguments: argparse.Namespace, points: Path, judge: Judge) -> dict[str, list[Record]]:
    """Run the chosen implementations on the points, print their table, and return the records."""
    n = len(judge.near)
    names = [name for name in arguments.peers if arguments.slow or n < TOO_SLOW.get(name, n + 1)]
    options = {"repeats": arguments.repeats, "n_threads": arguments.threads}
    records = compare(names, points, judge, **options)
    print(f"\n{n:,} points\n\n{comparison_table(records)}", flush=True)
    return records


def grow(
    arguments: argparse.Namespace, data: FashionMNIST, folder: Path
) -> list[tuple[float, float]]:
    """Run meshtsne at 70,000 points and at the sizes of --growth; return (n, seconds) of those."""
    points, new = folder / "points.npy", folder / "new.npy"
    own = {"n_threads": arguments.threads, "n_dimensions": arguments.dimensions}
    np.save(points, data.points(FULL_SIZE))
    np.save(new, data.new_points(N_NEW))
    records = {FULL_SIZE: run("meshtsne", points, new=new if arguments.transform else None, **own)}
    if arguments.transform:
        placing_s = records[FULL_SIZE]["stages_s"].pop("transform")
        print(f"\n{N_NEW:,} new points on the map of {FULL_SIZE:,}: {placing_s:.2f} s\n")
    for n in arguments.growth:
        copies = (arguments.keep_points or folder) / f"points-{n}.npy"
        if not copies.exists():
            unfinished = copies.with_suffix(".part")
            data.write_points(n, unfinished)
            unfinished.rename(copies)
        records[n] = run("meshtsne", copies, **own)
    if arguments.growth:
        print(f"\n{growth_table(records)}", flush=True)
    return [(n, records[n]["total_s"]) for n in arguments.growth]


def main() -> None:
    arguments = parse()
    n_threads = arguments.threads
    own = {"n_threads": n_threads, "n_dimensions": arguments.dimensions}
    check_quiet(noisy=arguments.noisy, n_threads=n_threads)
    if arguments.sizes and set(arguments.peers) != {"meshtsne"}:
        prepare_peers()
    print(describe(["meshtsne", "numpy", "scipy", "scikit-learn"], n_threads=n_threads), flush=True)
    data = FashionMNIST.load()
    times_s: dict[str, list[tuple[float, float]]] = {}
    lines: dict[str, list[Record]] = {}
    with TemporaryDirectory(prefix="meshtsne-bench-") as folder:
        points = Path(folder, "points.npy")
        for n in arguments.sizes:
            X = data.points(n)
            np.save(points, X)
            judge = Judge.of(X, data.labels[:n], n_threads=n_threads)
            records = race(arguments, points, judge)
            for name, runs in records.items():
                times_s.setdefault(name, []).append((n, middle(runs, "total_s")))
            if arguments.curves and n == max(arguments.sizes):
                lines = curves(records, points, judge, n_threads=n_threads)
                print(
                    f"\n{n:,} points, several numbers of iterations\n\n{curve_table(lines)}",
                    flush=True,
                )
        if arguments.growth or arguments.transform:
            times_s.setdefault("meshtsne", []).extend(grow(arguments, data, Path(folder)))
    if arguments.force_error:
        print(f"\n{force_error_table(data.points(FULL_SIZE), **own)}", flush=True)
    if arguments.pictures:
        write_pictures(times_s, lines, arguments.pictures)


if __name__ == "__main__":
    main()
