"""Check and time t-SNE on an NVIDIA GPU.

    python engine/benchmarks/tsne_gpu.py

The script reads Fashion-MNIST from data/ if `make data` has put it there. Otherwise it draws random
points and reports this; the KL divergences then differ. With --interpret the script runs a few
points through Triton's interpreter on the CPU, and the figures have no meaning.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from statistics import median
from unittest import mock

INTERPRETED = "--interpret" in sys.argv
if INTERPRETED:
    os.environ["TRITON_INTERPRET"] = "1"  # read once, when Triton is imported

import numpy as np  # noqa: E402
import torch  # noqa: E402
import triton  # noqa: E402

from meshtsne import TSNE  # noqa: E402
from meshtsne.cuda import CudaGradient  # noqa: E402
from meshtsne.cuda.affinities import (  # noqa: E402
    conditional_probabilities,
    joint_probabilities,
)
from meshtsne.cuda.check import measure  # noqa: E402
from meshtsne.cuda.neighbors import find_neighbors  # noqa: E402
from meshtsne.cuda.repulsion import RepulsionGrid  # noqa: E402
from meshtsne.errors import DeviceError  # noqa: E402

DEVICE = "cpu:0" if INTERPRETED else "cuda"
PERPLEXITY, K = (3, 9) if INTERPRETED else (30, 90)
MAX_ITER = 3 if INTERPRETED else None  # None is the default
N_POINTS = 48 if INTERPRETED else 70_000
N_PROBES = 400
STAGES = ("pca", "neighbors", "affinities", "initial", "descent")


def load_points(device: torch.device) -> tuple[torch.Tensor, torch.Tensor, str]:
    """Return points in 50 dimensions, their classes, and a description."""
    sys.path.insert(0, str(Path(__file__).parent))
    import fashion_mnist

    if INTERPRETED or not (fashion_mnist.FOLDER / "train-images-idx3-ubyte.gz").exists():
        generator = torch.Generator(device).manual_seed(0)
        labels = torch.randint(10, (N_POINTS,), generator=generator, device=device)
        shapes = torch.randn(10, 8, 50, generator=generator, device=device)
        inner = torch.randn(N_POINTS, 8, generator=generator, device=device)
        centers = 3 * torch.randn(10, 50, generator=generator, device=device)
        points = centers[labels] + torch.einsum("nd,ndc->nc", inner, shapes[labels])
        return points, labels, "random clusters"
    data = fashion_mnist.FashionMNIST.load()
    pixels = torch.from_numpy(data.images.reshape(-1, 784)).to(device).float() / 255
    axes, mean = (torch.from_numpy(array).to(device) for array in (data.axes, data.mean))
    labels = torch.from_numpy(data.labels).to(device).long()
    return ((pixels - mean) @ axes).contiguous(), labels, "Fashion-MNIST, PCA to 50 dimensions"


def multiply(points: torch.Tensor, labels: torch.Tensor, n: int) -> torch.Tensor:
    """Return n points between two points of a class, plus noise."""
    generator = torch.Generator(points.device).manual_seed(0)
    by_class = torch.argsort(labels, stable=True)
    at = torch.randint(len(points), (n,), generator=generator, device=points.device)
    step = torch.randint(-50, 51, (n,), generator=generator, device=points.device)
    one, other = by_class[at], by_class[(at + step).clamp(0, len(points) - 1)]
    share = 0.3 * torch.rand(n, 1, generator=generator, device=points.device)
    result = torch.randn(n, points.shape[1], generator=generator, device=points.device)
    result *= 0.05 * points.std(0)
    for first in range(0, n, 1_000_000):
        part = slice(first, first + 1_000_000)
        result[part] += points[one[part]] * (1 - share[part]) + points[other[part]] * share[part]
    return result


def exact_rows(Y: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """Return F of the rows by the exact sum over all points, float64."""
    forces = []
    for first in range(0, len(rows), 20):
        difference = Y[rows[first : first + 20]].double()[:, None] - Y.double()[None]
        q = 1 / (1 + difference.square().sum(2))
        forces.append((q.square()[..., None] * difference).sum(1))
    return torch.cat(forces)


def force_error(Y: torch.Tensor) -> float:
    """Return the relative error of the repulsion on a sample of points."""
    grid = RepulsionGrid(len(Y), Y.device)
    low, high = Y.amin(0).tolist(), Y.amax(0).tolist()
    grid.cover((low[0], low[1]), (high[0], high[1]), 1.05)
    grid.begin()
    grid.evaluate(Y.contiguous().view(torch.int64))
    rows = torch.arange(0, len(Y), max(1, len(Y) // N_PROBES), device=Y.device)
    expected = exact_rows(Y, rows)
    return float((grid.repulsion.T[rows] - expected).norm() / expected.norm())


def fit(X: np.ndarray, *, max_iter: int | None = MAX_ITER) -> TSNE:
    """Fit X on the device."""
    to_device = mock.patch("meshtsne.estimator.resolve_device", return_value=DEVICE)
    # the 300 points of the check take half a minute in the interpreter; `check` compares fewer
    without_check = mock.patch("meshtsne.cuda.fit.check_device")
    with to_device, without_check if INTERPRETED else nullcontext():
        return TSNE(perplexity=PERPLEXITY, max_iter=max_iter, random_state=0).fit(X)


def check(X: np.ndarray) -> None:
    """Compare each stage with the exact sums; exit if a difference exceeds its limit."""
    print("| checked against the exact t-SNE | differs by | at most |\n|---|---|---|")
    failed = False
    for what, share, limit in measure(DEVICE, 64 if INTERPRETED else 1_000):
        print(f"| {what} | {share:.1e} | {limit:g} |")
        failed |= not share <= limit
    few = X[:10_000]
    fits = [fit(few) for _ in range(2)]
    same = np.array_equal(fits[0].embedding_, fits[1].embedding_)
    print(f"| two fits of {len(few):,} points | {'nothing' if same else 'some bits'} | nothing |")
    recall = fits[0].neighbors_recall_
    print(f"| neighbors of {len(few):,} points, recall | {recall:.4f} | at least .999 |")
    Y = torch.from_numpy(fits[0].embedding_).to(DEVICE)
    spread = float(Y.std())
    for scale in (spread, spread / 3, spread / 20, 1e-4):
        error = force_error(Y * (scale / spread))
        print(f"| repulsion in a map of standard deviation {scale:.2g} | {error:.1e} | 0.03 |")
        failed |= not error <= 0.03
    if failed or not same or recall < 0.999:
        raise SystemExit("the checks failed; no figures")


def kl_under_exact_neighbors(X: np.ndarray, embedding: np.ndarray) -> float:
    """Return the KL divergence of an embedding from the P of exact neighbors."""
    points = torch.from_numpy(X).to(DEVICE)
    found = find_neighbors(points, K, exact=True)
    conditional = conditional_probabilities(found.squared_distances, PERPLEXITY)
    P = joint_probabilities(found.indices, conditional)
    return CudaGradient(P, embedding, names=found.order, device=DEVICE).kl_divergence()


def row(X: np.ndarray, repeats: int, *, with_exact_p: bool) -> None:
    """Fit `repeats` times after a first fit that compiles; print a row of the table."""
    fits, totals = [], []
    for _ in range(repeats + 1):
        if not INTERPRETED:
            torch.cuda.reset_peak_memory_stats()
        began = time.perf_counter()
        fits.append(fit(X))
        totals.append(time.perf_counter() - began)
    last, timed = fits[-1], fits[1:] or fits
    stages = [median(one.timings_[name] for one in timed) for name in STAGES]
    exact = f"{kl_under_exact_neighbors(X, last.embedding_):.3f}" if with_exact_p else ""
    again = totals[1:] or totals
    peak = 0 if INTERPRETED else torch.cuda.max_memory_allocated()
    print(
        f"| {len(X):,} | {totals[0]:.2f} | {median(again):.3f} ({min(again):.3f} to "
        f"{max(again):.3f}) | "
        + " | ".join(f"{seconds:.3f}" for seconds in stages)
        + f" | {last.neighbors_recall_:.3f} | {last.kl_divergence_:.3f} | {exact} | "
        f"{peak / 1e9:.1f} |",
        flush=True,
    )


def describe_machine() -> str:
    versions = f"torch {torch.__version__}, Triton {triton.__version__}"
    if INTERPRETED:
        return f"Triton's interpreter on the CPU; {versions}"
    query = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
    card = subprocess.run(query, capture_output=True, text=True, check=True).stdout.strip()
    return f"{card}; CUDA {torch.version.cuda}, {versions}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--most", type=int, default=10_000_000, help="points of the largest fit")
    parser.add_argument("--interpret", action="store_true", help="a few points, without a GPU")
    arguments = parser.parse_args()
    if not INTERPRETED and not torch.cuda.is_available():
        raise SystemExit("this benchmark needs an NVIDIA GPU and a PyTorch built for CUDA")
    print(describe_machine())
    measure_tsne(arguments.most)


def measure_tsne(most: int) -> None:
    """Print the checks and the table; `most` is the number of points of the largest fit."""
    points, labels, what = load_points(torch.device(DEVICE))
    X = points.cpu().numpy()
    n_iter = TSNE(max_iter=MAX_ITER).count_iterations(len(X))
    print(f"{what}; perplexity {PERPLEXITY}, {K} neighbors, {n_iter} iterations\n")
    check(X)
    print(
        "\n| points | first fit s | total s | "
        + " | ".join(f"{name} s" for name in STAGES)
        + " | recall | KL | KL under exact P | peak GB |\n"
        + "|---" * (len(STAGES) + 7)
        + "|"
    )
    row(X, 0 if INTERPRETED else 5, with_exact_p=True)
    if INTERPRETED:
        return
    row(multiply(points, labels, 1_000_000).cpu().numpy(), 3, with_exact_p=False)
    largest = multiply(points, labels, most).cpu().numpy()
    del points
    torch.cuda.empty_cache()
    try:
        row(largest, 0, with_exact_p=False)
    except DeviceError as error:
        print(f"\n{most:,} points do not fit: {error}")


if __name__ == "__main__":
    main()
