"""Write files of blocks, each with a table of the blocks' offsets, of arrays, and of word lists."""

from __future__ import annotations

import json
from array import array
from itertools import pairwise
from typing import TYPE_CHECKING, Self

import numpy as np

from featscape.bundle.contract import ArrayFile, Blocks
from featscape.mapfolder.staging import writing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Any

    from numpy.typing import NDArray


class BlockWriter:
    """Writes ``NAME.bin`` block by block, and ``NAME-blocks.bin`` at the end.

    Use the writer as a context manager. The table is written only if no exception occurred.

    Parameters
    ----------
    folder : Path
    name : str
    block_items : int
        Number of items per block.
    """

    def __init__(self, folder: Path, name: str, *, block_items: int) -> None:
        self._folder = folder
        self._name = name
        self._block_items = block_items
        self._starts = array("d", [0])
        with writing():
            self._data = (folder / f"{name}.bin").open("xb")

    def append(self, block: bytes) -> None:
        """Write the next block."""
        with writing():
            self._data.write(block)
        self._starts.append(self._starts[-1] + len(block))

    def describe(self, *, n_items: int) -> Blocks:
        """Return the manifest's entry for the file, with the first `n_items` items of the map."""
        starts = describe_array(f"{self._name}-blocks.bin", np.array(self._starts))
        return Blocks(
            file=f"{self._name}.bin", starts=starts, block_items=self._block_items, n_items=n_items
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with writing():
            self._data.close()
        if error_type is None:
            write_array(self._folder, f"{self._name}-blocks.bin", np.array(self._starts))


def pack(images: Sequence[bytes]) -> bytes:
    """Return a block: offsets from the start of the block, uint32 (count + 1,), then the images."""
    offsets = np.zeros(len(images) + 1, dtype="<u4")
    np.cumsum([len(image) for image in images], out=offsets[1:])
    return b"".join([(offsets + offsets.nbytes).astype("<u4").tobytes(), *images])


def unpack(block: bytes) -> list[bytes]:
    """Return the images of a block that `pack` made."""
    count = int(np.frombuffer(block, dtype="<u4", count=1)[0]) // 4
    offsets = np.frombuffer(block, dtype="<u4", count=count).tolist()
    return [block[a:b] for a, b in pairwise(offsets)]


def write_array(folder: Path, file: str, values: NDArray[Any]) -> ArrayFile:
    """Write an array as little-endian numbers in C order.

    Parameters
    ----------
    folder : Path
    file : str
        The name of the file.
    values : ndarray of float32, float64, int8, uint16 or uint32, any shape

    Returns
    -------
    ArrayFile
        The manifest's entry.
    """
    described = describe_array(file, values)
    with writing(), (folder / file).open("xb") as stream:
        stream.write(np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<")).data)
    return described


def write_numbers_of_words(folder: Path, file: str, numbers: Mapping[str, Sequence[int]]) -> int:
    """Write the numbers of each word as JSON, and return the size of the file in bytes."""
    lists = {word: list(each) for word, each in numbers.items()}
    content = json.dumps(lists, separators=(",", ":")).encode()
    with writing():
        (folder / file).write_bytes(content)
    return len(content)


def describe_array(file: str, values: NDArray[Any]) -> ArrayFile:
    """Return the manifest's entry for an array.

    Parameters
    ----------
    file : str
        The name of the file.
    values : ndarray of float32, float64, uint16 or uint32, any shape
    """
    return ArrayFile(file=file, dtype=values.dtype.name, shape=list(values.shape))  # type: ignore[arg-type]
