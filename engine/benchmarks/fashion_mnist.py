"""Fashion-MNIST (70,000 labeled images of 28 x 28 pixels) in 50 dimensions, and copies."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

FOLDER = Path(__file__).parents[2] / "data" / "fashion-mnist"
SEED = 10
N_DIMENSIONS = 50
_SIDE = 28
_COPIES_AT_ONCE = 1_000


def _read(name: str, header_bytes: int) -> NDArray[np.uint8]:
    path = FOLDER / name
    if not path.exists():
        raise SystemExit(f"Fashion-MNIST must be in {FOLDER}; {name} is missing. Run: make data")
    return np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8, offset=header_bytes)


@dataclass(frozen=True, eq=False)
class FashionMNIST:
    """The images in a seeded random order, so that the first n are a fair sample.

    Attributes
    ----------
    images : ndarray of uint8, shape (70000, 28, 28)
    labels : ndarray of uint8, shape (70000,)
    mean, axes : ndarrays of float32, shapes (784,) and (784, 50)
        The principal components of all images, in pixel values from 0 to 1.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    mean: NDArray[np.float32]
    axes: NDArray[np.float32]

    @classmethod
    def load(cls) -> FashionMNIST:
        """Read the files and compute the principal axes."""
        parts = ("train", "t10k")
        images = np.concatenate([_read(f"{part}-images-idx3-ubyte.gz", 16) for part in parts])
        labels = np.concatenate([_read(f"{part}-labels-idx1-ubyte.gz", 8) for part in parts])
        order = np.random.default_rng(SEED).permutation(len(labels))
        images = images.reshape(-1, _SIDE, _SIDE)[order]
        pixels = images.reshape(len(images), -1).astype(np.float32) / 255
        mean = pixels.mean(axis=0, dtype=np.float64).astype(np.float32)
        pixels -= mean
        axes = np.linalg.eigh(pixels.T @ pixels)[1][:, ::-1][:, :N_DIMENSIONS]
        return cls(images, labels[order], mean, np.ascontiguousarray(axes, np.float32))

    def project(self, pixels: NDArray[Any]) -> NDArray[np.float32]:
        """Return pixels of 0 to 255, shape (n, 28, 28), in 50 dimensions, shape (n, 50)."""
        flat = pixels.reshape(len(pixels), -1).astype(np.float32) / 255
        return np.asarray((flat - self.mean) @ self.axes, dtype=np.float32)

    def points(self, n: int) -> NDArray[np.float32]:
        """Return the first n images in 50 dimensions, shape (n, 50); from 70,000 on, copies."""
        return np.concatenate(list(self._point_blocks(n)))

    def write_points(self, n: int, path: Path) -> None:
        """Write `points(n)` to a .npy file; only one block is in memory at a time."""
        shape = (n, N_DIMENSIONS)
        array = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
        start = 0
        for rows in self._point_blocks(n):
            array[start : start + len(rows)] = rows
            start += len(rows)
        array.flush()

    def _point_blocks(self, n: int) -> Iterator[NDArray[np.float32]]:
        n_images = min(n, len(self.images))
        yield self.project(self.images[:n_images])
        for copies in self._copies(n - n_images, seed=SEED):
            yield self.project(copies)

    def new_points(self, n: int) -> NDArray[np.float32]:
        """Return n copies that `points` does not contain, in 50 dimensions, shape (n, 50)."""
        return np.concatenate([self.project(copies) for copies in self._copies(n, seed=SEED + 1)])

    def _copies(self, n: int, *, seed: int) -> Iterator[NDArray[np.float32]]:
        """Yield blocks of n new images: interpolated within a class, shifted, with noise.

        A copy is a mixture of an image and at most the same share of another image of the class,
        shifted by at most one pixel on each axis, plus normal noise with a standard deviation of
        2 % of the range.
        """
        random = np.random.default_rng(seed)
        members = [np.flatnonzero(self.labels == label) for label in range(10)]
        padded = np.pad(self.images, ((0, 0), (1, 1), (1, 1)))
        for start in range(0, n, _COPIES_AT_ONCE):
            size = min(_COPIES_AT_ONCE, n - start)
            ones = random.integers(len(self.labels), size=size)
            others = np.array([random.choice(members[label]) for label in self.labels[ones]])
            way = random.uniform(0, 0.5, size=(size, 1, 1)).astype(np.float32)
            mixed = (1 - way) * padded[ones] + way * padded[others]
            down, right = random.integers(3, size=2)
            moved = mixed[:, down : down + _SIDE, right : right + _SIDE]
            noise = random.normal(scale=0.02 * 255, size=moved.shape).astype(np.float32)
            yield np.clip(moved + noise, 0, 255)
