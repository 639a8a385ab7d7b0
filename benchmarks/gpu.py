"""t-SNE on an NVIDIA GPU: checked first, then timed, in one command under 8 minutes.

    PYTHONPATH=src python benchmarks/gpu.py

It needs PyTorch for CUDA, Triton and SciPy, nothing compiled. Fashion-MNIST is read from data/
where `make data` has put it; otherwise the points are drawn at random, which is said, and the KL
divergences are then others.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path
from statistics import median

import numpy as np
import torch
import triton

from featscape.errors import DeviceError
from featscape.tsne.cuda import fit_on_device
from featscape.tsne.cuda.affinities import conditional_probabilities, joint_probabilities
from featscape.tsne.cuda.field import Field
from featscape.tsne.cuda.gradient import CudaGradient
from featscape.tsne.cuda.neighbors import DeviceNeighbors, find_neighbors
from featscape.tsne.descent import Phase

PERPLEXITY = 30
K = 90
N_PROBES = 400


def phases(n: int) -> list[Phase]:
    return [Phase(250, 12.0, 0.5, n / 12), Phase(500, 1.0, 0.8, float(n))]


def load_points(device: torch.device) -> tuple[torch.Tensor, torch.Tensor, str]:
    """Return 70,000 points in 50 dimensions, their classes, and what they are."""
    sys.path.insert(0, str(Path(__file__).parent))
    import fashion_mnist

    if not (fashion_mnist.FOLDER / "train-images-idx3-ubyte.gz").exists():
        generator = torch.Generator(device).manual_seed(0)
        labels = torch.randint(10, (70_000,), generator=generator, device=device)
        shapes = torch.randn(10, 8, 50, generator=generator, device=device)
        inner = torch.randn(70_000, 8, generator=generator, device=device)
        centers = 3 * torch.randn(10, 50, generator=generator, device=device)
        points = centers[labels] + torch.einsum("nd,ndc->nc", inner, shapes[labels])
        return points, labels, "random clusters (no Fashion-MNIST in data/)"
    data = fashion_mnist.FashionMNIST.load()
    pixels = torch.from_numpy(data.images.reshape(-1, 784)).to(device).float() / 255
    axes, mean = (torch.from_numpy(array).to(device) for array in (data.axes, data.mean))
    labels = torch.from_numpy(data.labels).to(device).long()
    return ((pixels - mean) @ axes).contiguous(), labels, "Fashion-MNIST, PCA to 50 dimensions"


def multiply(points: torch.Tensor, labels: torch.Tensor, n: int) -> torch.Tensor:
    """Return n points between two of a class, with some noise."""
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
    """Return the relative error of the repulsion on some points."""
    field = Field(len(Y), Y.device)
    low, high = Y.amin(0).tolist(), Y.amax(0).tolist()
    field.place((low[0], low[1]), (high[0], high[1]), 1.05)
    field.begin()
    field.evaluate(Y.contiguous().view(torch.int64))
    rows = torch.arange(0, len(Y), max(1, len(Y) // N_PROBES), device=Y.device)
    expected = exact_rows(Y, rows)
    return float((field.repulsion.T[rows] - expected).norm() / expected.norm())


def true_recall(X: torch.Tensor, found: DeviceNeighbors) -> float:
    """Return the share of the exact neighbors (float64) that were found, on 300 points."""
    rank = torch.empty_like(found.order)
    rank[found.order] = torch.arange(len(X), device=X.device)
    rows = torch.arange(0, len(X), max(1, len(X) // 300), device=X.device)[:300]
    hits = 0
    X = X.double()
    norms = X.square().sum(1)
    for row in rows.tolist():
        distances = norms[row] + norms - 2 * X @ X[row]
        distances[row] = torch.inf
        true = distances.topk(K, largest=False).indices
        hits += int(torch.isin(found.order[found.indices[rank[row]].long()], true).sum())
    return hits / (K * len(rows))


def check(X: torch.Tensor) -> None:
    """Hold every stage to the exact sums; stop with what is wrong."""
    few = X[:10_000].contiguous()
    found = find_neighbors(few, K)
    recall = true_recall(few, found)
    P = joint_probabilities(
        found.indices, conditional_probabilities(found.squared_distances, PERPLEXITY)
    )
    total = float(P.values.double().sum())
    fits = [
        fit_on_device(few, perplexity=PERPLEXITY, n_neighbors=K, phases=phases(len(few)))
        for _ in range(2)
    ]
    same = np.array_equal(fits[0].embedding, fits[1].embedding)
    Y = torch.from_numpy(fits[0].embedding).to(X.device)
    errors = {scale: force_error(Y * scale) for scale in (1.0, 0.3, 0.05)}
    print(f"check at 10,000 points: recall of the exact search {recall:.4f}, sum of P {total:.6f}")
    print(f"  force error at scales of the map: {errors}; two fits the same bits: {same}")
    if recall < 0.999 or abs(total - 1) > 1e-4 or max(errors.values()) > 0.03 or not same:
        raise SystemExit("the checks failed; no figures")


def row(X: torch.Tensor, repeats: int, *, with_exact_p: bool) -> None:
    """Fit `repeats` times after a first one that compiles, and print a row of the table."""
    n = len(X)
    fits = []
    for _ in range(repeats + 1):
        torch.cuda.reset_peak_memory_stats()
        fits.append(fit_on_device(X, perplexity=PERPLEXITY, n_neighbors=K, phases=phases(n)))
    totals = [sum(fit.seconds.values()) for fit in fits]
    timed = fits[1:] or fits
    stages = {name: median(fit.seconds[name] for fit in timed) for name in timed[0].seconds}
    exact = ""
    if with_exact_p:
        found = find_neighbors(X, K, exact=True)
        conditional = conditional_probabilities(found.squared_distances, PERPLEXITY)
        gradient = CudaGradient(joint_probabilities(found.indices, conditional), fits[-1].embedding)
        exact = f"{gradient.kl_divergence():.3f}"
    print(
        f"| {n:,} | {totals[0]:.2f} | {median(totals[1:] or totals):.3f} "
        f"({min(totals[1:] or totals):.3f} to {max(totals[1:] or totals):.3f}) | "
        + " | ".join(f"{seconds:.3f}" for seconds in stages.values())
        + f" | {fits[-1].recall:.3f} | {fits[-1].outcome.kl_divergence:.3f} | {exact} | "
        f"{torch.cuda.max_memory_allocated() / 1e9:.1f} |",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--most", type=int, default=10_000_000, help="points of the largest fit")
    arguments = parser.parse_args()
    if not torch.cuda.is_available():
        raise SystemExit("this benchmark needs an NVIDIA GPU and a PyTorch built for CUDA")
    device = torch.device("cuda")
    query = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
    card = subprocess.run(query, capture_output=True, text=True, check=True).stdout.strip()
    print(
        f"{card}; torch {torch.__version__}, CUDA {torch.version.cuda}, Triton {triton.__version__}"
    )
    X, labels, what = load_points(device)
    print(f"{what}; perplexity {PERPLEXITY}, {K} neighbors, 750 iterations\n")
    check(X)
    print(
        "\n| points | first fit s | total s | neighbors s | affinities s | descent s | recall | KL "
        "| KL under exact P | peak GB |\n|---|---|---|---|---|---|---|---|---|---|"
    )
    row(X, 5, with_exact_p=True)
    row(multiply(X, labels, 1_000_000), 3, with_exact_p=False)
    torch.cuda.empty_cache()
    try:
        row(multiply(X, labels, arguments.most), 0, with_exact_p=False)
    except DeviceError as error:
        print(f"\n{arguments.most:,} points do not fit: {error}")


if __name__ == "__main__":
    main()
