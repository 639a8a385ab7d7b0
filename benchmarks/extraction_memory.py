"""Measure the peak memory of extraction by the number of images.

The images are generated: small JPEG files with different bytes. The network takes almost no time:
its 2,048 features are the product of the image's mean color and a fixed matrix. One process per
size extracts the features as `featscape map` does, into a file and with shards, and then reduces
the features to 50 principal components, as t-SNE does. The peak memory is the resident memory with
and without mapped files.
"""

from __future__ import annotations

import argparse
import io
import json
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Self

import numpy as np
from PIL import Image

from machine import describe, peak_memory_bytes, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

N_FEATURES = 2048
SIZE_PX = 32
PACKAGES = ("featscape", "numpy", "pillow")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[50_000, 100_000, 200_000])
    parser.add_argument("--folder", type=Path, help="folder of the features, 25 kB per image")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one is not None:
        print(json.dumps(measure(arguments.one, arguments.folder)))
        return
    print(describe(PACKAGES, n_threads=2), end="\n\n")
    rows = []
    for n_images in (1_000, *arguments.sizes):
        with TemporaryDirectory(dir=arguments.folder) as folder:
            command = [sys.executable, __file__, "--one", str(n_images), "--folder", folder]
            found = subprocess.run(command, check=True, stdout=subprocess.PIPE)
        rows.append(json.loads(found.stdout))
        print(rows[-1], file=sys.stderr)
    print(memory_table(rows))


def memory_table(rows: list[dict[str, float]]) -> str:
    columns = {
        "list of images": "listed",
        "peak, extraction": "extracted",
        "without files": "extracted_own",
        "peak, reduction": "reduced",
        "without files ": "reduced_own",
    }
    lines = []
    for row, before in zip(rows, [None, *rows], strict=False):
        grown = ""
        if before is not None:
            grown = f"{(row['reduced'] - before['reduced']) / (row['n'] - before['n']):,.0f}"
        lines.append(
            [
                f"{row['n']:,}",
                f"{row['n'] * N_FEATURES * 4 / 1e6:,.0f} MB",
                *(f"{row[name] / 1e6:,.0f} MB" for name in columns.values()),
                grown,
            ]
        )
    header = ["images", "features", *columns, "bytes per further image"]
    return table(header, lines)


def measure(n_images: int, folder: Path) -> dict[str, float]:
    from featscape.features import ExtractOptions, NetworkRequest, run_extraction
    from featscape.images import ThumbnailPacker, decode_bytes
    from featscape.records import ImageSet
    from meshtsne.reduction import fit_reduction

    images = ImageSet(
        source="generated",
        paths=tuple(f"class-{i % 100:02}/image-{i:07}.jpg" for i in range(n_images)),
        contents=Generated(),
        decode=decode_bytes,
        labels=tuple(f"class-{i % 100:02}" for i in range(n_images)),
    )
    listed = peak_memory_bytes()
    with Watch() as watch:
        with ThumbnailPacker(folder / "thumbnails") as pack:
            options = ExtractOptions(
                file=folder / "features.npy", thumbnails=pack, work=folder / "work"
            )
            features = run_extraction(images, NetworkRequest(Cheap()), options)
        extracted, extracted_own = peak_memory_bytes(), watch.own_bytes
        shutil.rmtree(folder / "work")
        reduction = fit_reduction(
            features.values,
            n_components=50,
            metric="euclidean",
            generator=np.random.RandomState(0),
            n_threads=1,
        )
        reduced = reduction.apply(features.values)
    assert reduced.shape == (n_images, 50)
    return {
        "n": n_images,
        "listed": listed,
        "extracted": extracted,
        "extracted_own": extracted_own,
        "reduced": peak_memory_bytes(),
        "reduced_own": watch.own_bytes,
    }


class Watch:
    """Sample the memory without mapped files, ten times per second."""

    def __enter__(self) -> Self:
        self.own_bytes = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ended.wait(0.1):
            for line in Path("/proc/self/status").read_text().splitlines():
                if line.startswith("RssAnon:"):
                    self.own_bytes = max(self.own_bytes, 1024 * int(line.split()[1]))


class Generated:
    """JPEG files that are generated when they are read; no two files are equal."""

    def read(self, path: str) -> bytes:
        """Return the file with the number in `path`."""
        number = int(path[-11:-4])
        color = tuple(np.random.default_rng(number).integers(0, 256, 3).tolist())
        file = io.BytesIO()
        Image.new("RGB", (SIZE_PX, SIZE_PX), color).save(file, "JPEG")
        return file.getvalue() + number.to_bytes(
            4, "little"
        )  # decoders ignore bytes after the image


class Cheap:
    """A network that consists of one small matrix product."""

    batch_size = 64
    n_workers = 2
    n_concurrent = 1
    min_px = 0
    takes_pixels = False

    def __init__(self) -> None:
        from featscape.records import ModelCard

        self.card = ModelCard("cheap", "product", "none", "0" * 64, "none", N_FEATURES)
        self._matrix = np.random.default_rng(0).normal(size=(3, N_FEATURES)).astype(np.float32)

    def prepare(self, image: Image.Image | NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the mean color."""
        assert isinstance(image, Image.Image)
        return np.asarray(image.resize((1, 1)))

    def run(self, pixels: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Return (b, 2048) numbers."""
        values: NDArray[np.float32] = np.stack(pixels).reshape(-1, 3).astype("f4") @ self._matrix
        return values


if __name__ == "__main__":
    main()
