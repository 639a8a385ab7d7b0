"""Measure the throughput from files to features, by engine and precision.

    python benchmarks/features.py                           500 images, both networks, 2 threads
    python benchmarks/features.py --model efficientnet_lite0 --repeats 5
    python benchmarks/features.py --images 64 --noisy       to try the script out

The features of each engine and precision are first compared with those of the tutorial's loop. The
script measures decoding and preparation on one thread, the network on all threads, and then all
stages together. The table is Markdown, for RESULTS.md.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from machine import check_quiet, describe, table
from photographs import write_photographs
from whole_job import write_random_weights

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from featscape.features import Network
    from featscape.records import ImageSet

SEED = 10
PACKAGES = ("featscape", "openvino", "torch", "torchvision", "pillow", "numpy")
MODELS = ("resnet101", "efficientnet_lite0")
MIN_COSINE = {"fp32": 0.999, "bf16": 0.99, "int8": 0.9}  # the mean over the images
# The goals for whole runs on two cores of a Zen 4, in images per second
GOALS = {
    ("resnet101", "OpenVINO", "fp32"): 13.4,
    ("resnet101", "OpenVINO", "bf16"): 25,
    ("efficientnet_lite0", "OpenVINO", "fp32"): 160,
    ("efficientnet_lite0", "OpenVINO", "bf16"): 250,
}


@dataclass
class Rates:
    """Images per second of one engine and precision, one number per repetition."""

    engine: str
    precision: str
    cosine: float
    recall: float | None
    network: list[float] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)
    with_thumbnails: list[float] = field(default_factory=list)


def clock(run: Callable[[], object], n_images: int) -> float:
    """Return images per second."""
    began = perf_counter()
    run()
    return n_images / (perf_counter() - began)


def run_tutorial(model: str, folder: Path, weights: Path | None) -> tuple[np.ndarray, float]:
    """Return the features of the tutorial's loop, (n, d), sorted by path, and its throughput."""
    from torchvision import transforms

    from tutorial_way import FolderPerClass, build_network, extract_features

    dataset = FolderPerClass(folder)
    if model == "resnet101":
        assert weights is not None
        network = build_network(weights)
    else:
        network, mean, std = build_lite0()
        # the preprocessing of this network, with the steps of the tutorial
        dataset.transform.transforms[0] = transforms.Resize(
            256, transforms.InterpolationMode.BICUBIC
        )
        dataset.transform.transforms[-1] = transforms.Normalize(mean, std)
    features: list[Any] = []
    rate = clock(lambda: features.append(extract_features(dataset, network)[0]), len(dataset))
    order = np.argsort([path.relative_to(folder).as_posix() for path in dataset.paths])
    return features[0][order], rate


def build_lite0() -> tuple[Any, Sequence[float], Sequence[float]]:
    import timm
    import torch

    from featscape.features.zoo.libraries.lite0 import _find_weights
    from featscape.progress import SilentProgress

    network: Any = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    state = torch.load(_find_weights(SilentProgress()), weights_only=True)
    network.load_state_dict(dict(zip(network.state_dict(), state.values(), strict=True)))
    network.reset_classifier(0)
    return network.eval(), (0.5,) * 3, (0.5,) * 3


def open_networks(model: str, weights: Path | None, pixels: list[np.ndarray]) -> list[Network]:
    """Return the network on each engine and in each precision of this machine."""
    import torch

    from featscape.features.engines.torch import TorchEngine
    from featscape.features.loading import build_network

    network = build_network(model, weights=weights, device="cpu")
    geometry = network.preprocessing
    assert network.module is not None
    torch_engine = TorchEngine(
        network.module,
        device=torch.device(network.device),
        mean=geometry.mean,
        std=geometry.std,
    )
    found = []
    for engine in (torch_engine, network.engine):
        for precision in engine.precisions:
            asked = replace(network, engine=engine, requested=precision)
            found.append(asked.choose_precision(pixels)[0])
    return found


def measure_stages(network: Network, images: ImageSet) -> tuple[float, float, list[np.ndarray]]:
    """Return the rates of decoding and of preparation on one thread, and the prepared images."""
    contents = [images.read(i) for i in range(len(images))]
    decoded: list[Any] = []
    pixels: list[np.ndarray] = []

    def decode(content: bytes) -> Any:
        assert images.decode_plain is not None
        plain = images.decode_plain(content, at_least_px=network.min_px)
        if plain is not None:
            return plain
        return images.decode(content, at_least_px=network.min_px).image

    decoding = clock(lambda: decoded.extend(map(decode, contents)), len(images))
    preparing = clock(lambda: pixels.extend(map(network.prepare, decoded)), len(images))
    return decoding, preparing, pixels


def measure(
    network: Network, images: ImageSet, pixels: list[np.ndarray], expected: np.ndarray, repeats: int
) -> Rates:
    from featscape.features import ExtractOptions, NetworkRequest, extract, run_extraction
    from featscape.features.engines.precision import measure as compare
    from featscape.images import ThumbnailPacker

    assert network.inference is not None
    features = extract(images, model=network)
    order = np.argsort(features.images.paths)
    distance = compare(expected, features.values[order])
    precision = network.inference.precision
    if not distance.cosine >= MIN_COSINE[precision]:
        raise SystemExit(
            f"the features of {network.inference.engine} in {precision} must have a mean cosine "
            f"similarity of at least {MIN_COSINE[precision]} with those of the tutorial; got "
            f"{distance.cosine:.4f}."
        )
    size = network.batch_size
    batches = [pixels[i : i + size] for i in range(0, len(pixels), size)]

    def with_thumbnails() -> None:
        with TemporaryDirectory() as folder, ThumbnailPacker(Path(folder) / "small") as pack:
            run_extraction(images, NetworkRequest(network), ExtractOptions(thumbnails=pack))

    rates = Rates(network.inference.engine, precision, distance.cosine, distance.recall)
    for _ in range(repeats):
        rates.network.append(clock(lambda: [network.run(batch) for batch in batches], len(pixels)))
        rates.whole.append(clock(lambda: extract(images, model=network), len(images)))
        rates.with_thumbnails.append(clock(with_thumbnails, len(images)))
    return rates


def report(model: str, folder: Path, weights: Path | None, repeats: int) -> None:
    from featscape import find_images
    from featscape.features import load_network

    expected, tutorial = run_tutorial(model, folder, weights)
    images = find_images(folder)
    first = load_network(model, weights=weights, device="cpu")
    decoding, preparing, pixels = measure_stages(first, images)
    rows = [["the tutorial's loop", "fp32", "", f"{tutorial:.1f}", "", "", "1.00", "", ""]]
    for network in open_networks(model, weights, pixels):
        rates = measure(network, images, pixels, expected, repeats)
        whole, bare = median(rates.whole), median(rates.network)
        goal = GOALS.get((model, rates.engine.split()[0], rates.precision))
        rows.append(
            [
                rates.engine,
                rates.precision,
                f"{bare:.1f}",
                f"{whole:.1f}" + ("" if goal is None else f" (goal {goal:g})"),
                f"{median(rates.with_thumbnails):.1f}",
                f"{whole / bare:.2f}",
                f"{whole / tutorial:.2f}",
                f"{rates.cosine:.4f}",
                "" if rates.recall is None else f"{rates.recall:.3f}",
            ]
        )
    header = ["engine", "precision", "network alone", "files to features", "with thumbnails"]
    header += ["/ network alone", "/ tutorial", "mean cosine", "recall of 10"]
    print(
        f"\n**{model}**, {len(images)} images; all rates in images/s. One thread decodes "
        f"{decoding:,.0f} images/s and prepares {preparing:,.0f} images/s.\n\n"
        f"{table(header, rows)}",
        flush=True,
    )


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", choices=MODELS, action="append", help="by default both")
    parser.add_argument("--images", type=int, default=500, help="number of images")
    parser.add_argument("--weights", type=Path, help="torchvision's file for ResNet101")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--noisy", action="store_true", help="allow a busy machine")
    return parser.parse_args()


def main() -> None:
    arguments = parse()
    check_quiet(noisy=arguments.noisy, n_threads=arguments.threads)
    # limits OpenVINO, PyTorch and the decoding threads
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: arguments.threads])
    import torch

    torch.set_num_threads(arguments.threads)
    print(describe(PACKAGES, n_threads=arguments.threads), flush=True)
    with TemporaryDirectory(prefix="featscape-bench-") as temporary:
        folder = Path(temporary, "photographs")
        write_photographs(folder, arguments.images, seed=SEED)
        for model in arguments.model or MODELS:
            weights = arguments.weights if model == "resnet101" else None
            if model == "resnet101" and weights is None:
                weights = Path(temporary, "resnet101-random.pth")
                write_random_weights(weights, folder)
            report(model, folder, weights, arguments.repeats)


if __name__ == "__main__":
    main()
