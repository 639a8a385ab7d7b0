"""Check the features of an NVIDIA GPU, and measure the throughput from JPEG files to features.

    python benchmarks/gpu_features.py

The script generates the JPEG files and the network's weights. With --interpret it runs a few images
through PyTorch on the CPU, and the figures have no meaning.
"""

from __future__ import annotations

import argparse
import io
import subprocess
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image

from featscape.features import extract, load_network
from featscape.features.engines import compiling
from featscape.features.engines.gpu_resize import make_batch
from featscape.features.engines.precision import measure
from featscape.features.engines.torch import TorchEngine, _tf32_disabled
from featscape.features.extraction.prefetch import read_ahead
from featscape.features.loading import build_network
from featscape.images import decode_plain, find_images
from featscape.progress import SilentProgress, Task
from machine import table

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

    from featscape.features import Network
    from featscape.records import ImageSet

N_CLASSES, N_DISTINCT, N_CHECKED = 10, 200, 64
SHORTEST_PX, LONGEST_PX = 225, 350
MIN_COSINE = {"fp32": 0.999, "bf16": 0.99}  # with fp32 on the CPU, the mean over the images


class Remarks(SilentProgress):
    """Keep the remark of the progress line, which names the stage that limits the throughput."""

    remark: Any = staticmethod(str)

    def task(self, task: Task) -> Any:
        """Start a step and keep its remark."""
        self.remark = task.remark or self.remark
        return super().task(task)


def write_files(folder: Path, n_files: int) -> None:
    """Write JPEG files of about 300 px and 14 kB.

    The files repeat some pictures with different comments, because the features of equal files
    would be computed once.
    """
    random = np.random.default_rng(0)
    pictures = [_draw(random) for _ in range(min(n_files, N_DISTINCT))]
    for name in range(N_CLASSES):
        (folder / f"{name}").mkdir()
    for i in range(n_files):
        picture = pictures[i % len(pictures)]
        comment = b"\xff\xfe\x00\x0a%08d" % i
        (folder / f"{i % N_CLASSES}" / f"{i:06}.jpg").write_bytes(
            picture[:2] + comment + picture[2:]
        )


def _draw(random: np.random.Generator) -> bytes:
    width, height = (int(side) for side in random.integers(SHORTEST_PX, LONGEST_PX, size=2))
    coarse = Image.fromarray(random.integers(0, 256, (7, 9, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC)).astype(int)
    values = np.clip(smooth + random.integers(-18, 19, smooth.shape), 0, 255).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(values).save(stream, "JPEG", quality=70)
    return stream.getvalue()


def open_networks(folder: Path, weights: Path, *, interpreted: bool) -> tuple[Network, Network]:
    """Return the network in fp32 on the CPU, and on the GPU or, interpreted, on the CPU again."""
    name = "resnet18" if interpreted else "resnet101"
    if interpreted:
        from torchvision import models

        torch.manual_seed(0)
        torch.save(models.get_model(name, weights=None).state_dict(), weights)
    else:
        from whole_job import write_random_weights

        write_random_weights(weights, folder)
    here = build_network(name, weights=weights, device="cpu").choose_precision(())[0]
    if not interpreted:
        return here, load_network(name, weights=weights, device="cuda", precision="fp32")
    seen = here.preprocessing
    engine = TorchEngine(
        here.module,  # type: ignore[arg-type]
        device=torch.device(here.device),
        mean=seen.mean,
        std=seen.std,
        geometry=seen.resizing,
    )
    return here, replace(here, engine=engine, resizing=seen.resizing)


def read_prepared(images: ImageSet, network: Network, n_images: int) -> list[np.ndarray]:
    """Return the first images, prepared for the network."""
    decoded = [images.decode(images.read(i), at_least_px=network.min_px) for i in range(n_images)]
    return [network.prepare(one.image) for one in decoded]


def check(networks: dict[str, Network], here: Network, images: ImageSet) -> None:
    """Compare the features of each network with those of the CPU; exit if they differ."""
    n_images = min(N_CHECKED, len(images))
    expected = here.run(read_prepared(images, here, n_images))
    rows, failed = [], False
    for name, network in networks.items():
        distance = measure(expected, network.run(read_prepared(images, network, n_images)))
        least = MIN_COSINE[network.card.precision]
        recall = "" if distance.recall is None else f"{distance.recall:.3f}"
        rows.append([name, f"{distance.cosine:.5f}", f"{least}", recall])
        failed |= not distance.cosine >= least
    header = [
        f"{n_images} images, against fp32 on the CPU",
        "mean cosine",
        "at least",
        "recall",
    ]
    print(table(header, rows), flush=True)
    if failed:
        raise SystemExit("the features differ from those of the CPU, so nothing is measured")


def rate(run: Callable[[], object], n_images: int, repeats: int) -> str:
    """Return the median and the range of images per second, without the first run."""
    rates = []
    for _ in range(repeats + 1):
        began = perf_counter()
        run()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        rates.append(n_images / (perf_counter() - began))
    counted = rates[1:]
    return f"{median(counted):,.0f} ({min(counted):,.0f} to {max(counted):,.0f})"


def drain(items: Generator[Any, None, None]) -> None:
    with closing(items):
        for _ in items:
            pass


def stages(
    networks: dict[str, Network], images: ImageSet, *, repeats: int, n_batches: int
) -> Iterator[list[str]]:
    """Yield the throughput of each stage, and then of all stages together."""
    network = next(iter(networks.values()))
    size, n_threads = network.batch_size, network.n_workers
    contents = [images.read(i) for i in range(len(images))]

    def decode(index: int) -> object:
        return decode_plain(contents[index], at_least_px=network.min_px)

    def read(index: int) -> object:
        return decode_plain(images.read(index), at_least_px=network.min_px)

    for name, task in (("decoding", decode), ("reading and decoding", read)):
        threads = {"n_workers": n_threads, "n_ahead": 2 * size}
        run = lambda task=task, threads=threads: drain(read_ahead(task, len(images), **threads))  # noqa: E731
        yield [f"{name}, {n_threads} threads", rate(run, len(images), repeats)]
    batch = read_prepared(images, network, min(size, len(images)))
    resizing = network.resizing
    assert resizing is not None
    device = network.engine._device  # type: ignore[attr-defined]  # noqa: SLF001
    copy = lambda: make_batch(batch, resizing, device)  # noqa: E731
    with torch.inference_mode():
        yield ["copying to the GPU and resizing", rate(copy, len(batch), n_batches)]
    for name, one in networks.items():
        engine: Any = one.engine
        shape = (len(batch), 3, *[resizing.crop_px] * 2)
        values = torch.rand(shape, device=device, dtype=engine._dtype)  # noqa: SLF001
        values = values.to(memory_format=torch.channels_last)
        module = engine._module_for(len(batch))  # noqa: SLF001
        with torch.inference_mode(), _tf32_disabled():
            alone = rate(lambda m=module, v=values: m(v), len(batch), n_batches)  # type: ignore[misc]
        yield [f"network alone, {name}", alone]
        together = rate(lambda one=one: one.run(batch), len(batch), n_batches)  # type: ignore[misc]
        yield [f"copying, resizing and network, batch by batch, {name}", together]
    for name, one in networks.items():
        said = Remarks()
        whole = rate(
            lambda one=one, said=said: extract(images, model=one, progress=said),  # type: ignore[misc]
            len(images),
            repeats,
        )
        yield [
            f"**files to features**, {name}",
            f"{whole}; {said.remark() or 'too short'}",
        ]


def precisions(
    network: Network, sample: Sequence[np.ndarray], *, interpreted: bool
) -> dict[str, Network]:
    """Return the network in bf16 and fp32, and compiled in bf16; print the time to compile."""
    half = network if interpreted else network.at_precision("bf16")
    began = perf_counter()
    compiled = half.compiled(sample)
    print(f"compiling for batches of {len(sample)} took {perf_counter() - began:.1f} s\n")
    assert compiled.inference is not None
    networks = {half.card.precision: half, "fp32": network}
    if compiled.inference.fallback:
        print(f"not compiled: {compiled.inference.fallback}\n")
        return networks
    return {f"{half.card.precision}, compiled": compiled, **networks}


def measure_features(*, interpreted: bool) -> None:
    """Print the checks and the table."""
    n_files, repeats, n_batches = (6, 1, 1) if interpreted else (24_576, 3, 30)
    if interpreted:
        compiling._BACKEND = "eager"  # noqa: SLF001 - generating code for the CPU takes minutes
    with TemporaryDirectory(prefix="featscape-bench-") as temporary:
        folder = Path(temporary, "files")
        folder.mkdir()
        write_files(folder, n_files)
        images = find_images(folder)
        n_bytes = np.mean([len(images.read(i)) for i in range(min(n_files, N_DISTINCT))])
        weights = Path(temporary, "weights.pth")
        here, there = open_networks(folder, weights, interpreted=interpreted)
        print(
            f"\n{there.card.name} with random weights, {n_files:,} JPEG files of "
            f"{n_bytes / 1e3:.1f} kB, batches of {there.batch_size}, {there.n_concurrent} at once\n"
        )
        sample = read_prepared(images, there, min(there.batch_size, n_files))
        networks = precisions(there, sample, interpreted=interpreted)
        check(networks, here, images)
        rows = list(stages(networks, images, repeats=repeats, n_batches=n_batches))
        print(table(["stage", "images per second"], rows), flush=True)


def describe_machine() -> str:
    """Return the GPU, its driver, and the versions of CUDA and PyTorch."""
    if not torch.cuda.is_available():
        return f"no GPU; torch {torch.__version__}"
    query = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
    card = subprocess.run(query, capture_output=True, text=True, check=True).stdout.strip()
    return f"{card}; CUDA {torch.version.cuda}, torch {torch.__version__}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--interpret", action="store_true", help="run a few images without a GPU")
    interpreted = parser.parse_args().interpret
    if not interpreted and not torch.cuda.is_available():
        raise SystemExit(
            "this benchmark needs an NVIDIA GPU and a PyTorch built for CUDA. Pass --interpret to "
            "try the script out on the CPU."
        )
    print(describe_machine())
    measure_features(interpreted=interpreted)


if __name__ == "__main__":
    main()
