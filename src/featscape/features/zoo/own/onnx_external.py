"""Find the files that contain the tensors of an ONNX file.

An ONNX file is a protocol buffer. A tensor may refer to another file, with any name, that contains
its values. OpenVINO reads these files but does not list them. This module parses only the messages
that can contain a tensor.
"""

from __future__ import annotations

import mmap
from typing import TYPE_CHECKING

from featscape.errors import ModelError
from featscape.files.regular import open_regular
from featscape.printable_names import printable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# For each message: the numbers of the fields that may contain tensors, and the type of each field
# (onnx.proto3 of ONNX 1.16).
_FIELDS = {
    "model": {7: "graph", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse tensor"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {
        **dict.fromkeys((5, 10), "tensor"),
        **dict.fromkeys((6, 11), "graph"),
        **dict.fromkeys((22, 23), "sparse tensor"),
    },
    "sparse tensor": {1: "tensor", 2: "tensor"},
    "tensor": {13: "entry"},
}
_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5  # the encodings of a field


def find_external(path: Path) -> list[Path]:
    """Return the files that contain tensors of an ONNX file, sorted.

    Raises
    ------
    ModelError
        If one of these files is missing, is not a regular file, or is outside the folder of the
        ONNX file.
    RuntimeError
        If the ONNX file is damaged.
    OSError
        If the ONNX file cannot be read.
    """
    folder = path.resolve().parent
    files = set()
    for location in _read_locations(path):
        file = folder / location
        if not file.resolve().is_relative_to(folder):
            raise ModelError(
                f"the tensors of an ONNX file must be in its folder; {printable(path)} refers to "
                f"{printable(location)}. Export the network again, with all files in one folder."
            )
        try:
            open_regular(file).close()
        except (OSError, ValueError) as error:
            raise ModelError(
                f"the tensors of {printable(path)} are in {printable(location)}, which cannot be "
                f"read: {getattr(error, 'strerror', None) or error}. Put the file into the folder "
                "of the ONNX file."
            ) from error
        files.add(file)
    return sorted(files)


def _read_locations(path: Path) -> set[str]:
    with open_regular(path) as file:
        try:
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except ValueError as error:
            raise RuntimeError("the file is empty") from error
        with content, memoryview(content) as view:
            return set(_walk(view))


def _walk(content: memoryview) -> Iterator[str]:
    """Yield the location of each tensor in another file."""
    waiting = [("model", 0, len(content))]
    while waiting:
        message, start, end = waiting.pop()
        if message == "entry":
            fields = {
                number: content[a:b].tobytes() for number, a, b in _split(content, start, end)
            }
            if fields.get(1) == b"location":
                yield fields.get(2, b"").decode(errors="surrogateescape")
            continue
        for number, a, b in _split(content, start, end):
            inner = _FIELDS[message].get(number)
            if inner is not None:
                waiting.append((inner, a, b))


def _split(content: memoryview, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield the number, start and end of each field of variable length in a message."""
    while start < end:
        tag, start = _read_varint(content, start, end)
        encoding = tag & 7
        if encoding == _VARINT:
            _, start = _read_varint(content, start, end)
        elif encoding in (_EIGHT_BYTES, _FOUR_BYTES):
            start += 8 if encoding == _EIGHT_BYTES else 4
        elif encoding == _LENGTH:
            length, start = _read_varint(content, start, end)
            if length > end - start:
                raise RuntimeError("the file is truncated")
            yield tag >> 3, start, start + length
            start += length
        else:
            raise RuntimeError("the file is damaged")


def _read_varint(content: memoryview, start: int, end: int) -> tuple[int, int]:
    """Return an integer that is encoded with seven bits per byte, and the offset after it."""
    value = 0
    for offset in range(start, min(start + 10, end)):
        byte = content[offset]
        value |= (byte & 127) << 7 * (offset - start)
        if byte < 128:
            return value, offset + 1
    raise RuntimeError("the file is damaged")
