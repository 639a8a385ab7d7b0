"""Features and labels that were made elsewhere: .npy and .txt files -> arrays."""

from __future__ import annotations

import io
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from featscape.errors import InputError
from featscape.files.npy import PICKLED, map_npy
from featscape.files.regular import open_regular
from featscape.printable_names import printable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

_REMEDY = "Write the one array with numpy.save(file, array, allow_pickle=False)."
_MOST_TIMES_MEDIAN = 1 << 24  # float32 has 24 bits: a sum with such a value loses the others
_MOST_ROWS_SHOWN = 5
_ROWS_AT_ONCE = 65_536  # bounds the memory that a look through a large file takes


def read_features(file: Path) -> NDArray[Any]:
    """Open an (n, d) array of numbers without reading it into memory.

    Parameters
    ----------
    file : Path
        As ``numpy.save`` writes it, integer or floating, n at least 2. Nothing in it is ever
        unpickled.

    Returns
    -------
    ndarray, shape (n, d)
        Memory-mapped, read only, in the file's own dtype.

    Raises
    ------
    InputError
        If there is no such file, it is not an .npy file of numbers, has another shape, holds a
        value that is not finite as float32, or has rows that are so much larger than the median
        row that float32 loses the differences between the others.
    """
    features = _load(file)
    if features.ndim != 2:
        raise InputError(
            f"the features in {printable(file)} must have two dimensions, a row an item; "
            f"got shape {features.shape}. Save them as an (n, d) array."
        )
    n_items, n_features = features.shape
    if n_items < 2 or n_features < 1:
        raise InputError(
            f"the features in {printable(file)} must have at least 2 rows and 1 column; "
            f"got {n_items} x {n_features}. Check what was saved."
        )
    if features.dtype.kind not in "fiu":
        raise InputError(
            f"the features in {printable(file)} must be real numbers; "
            f"got dtype {features.dtype}. Convert them, for example with astype('float32')."
        )
    _check_values(features, file)
    return features


def read_labels(file: Path, *, n_items: int) -> tuple[str, ...]:
    """Read one label an item.

    Parameters
    ----------
    file : Path
        A one-dimensional .npy array of integers or strings, or text in UTF-8, one label a line.
    n_items : int
        How many there must be.

    Raises
    ------
    InputError
        If the file cannot be read as such, or holds another number of labels.
    """
    if file.suffix == ".npy":
        array = _load(file)
        if array.ndim != 1 or array.dtype.kind not in "iuU":
            raise InputError(
                f"the labels in {printable(file)} must be one-dimensional integers or strings; "
                f"got shape {array.shape}, dtype {array.dtype}. Save an (n,) array."
            )
        _check_unicode(array, file)
        labels = tuple(str(label) for label in array)
    else:
        labels = tuple(_read_text(file).removesuffix("\n").split("\n"))
    if len(labels) != n_items:
        raise InputError(
            f"the labels must be as many as the features' {n_items} rows; {printable(file)} has "
            f"{len(labels)}. Give one label for each row, in the same order."
        )
    return labels


def _check_unicode(labels: NDArray[Any], file: Path) -> None:
    """Raise unless NumPy's 4-byte characters are all of Unicode: CPython refuses others."""
    if labels.dtype.kind != "U" or labels.nbytes == 0:
        return
    characters = np.ascontiguousarray(labels).view(labels.dtype.byteorder + "u4")
    if characters.max() > sys.maxunicode:
        raise InputError(
            f"the labels in {printable(file)} must be text; a character is number "
            f"{characters.max():,}, beyond Unicode. The file is damaged: save it again."
        )


def _load(file: Path) -> NDArray[Any]:
    with _refusals(file):
        with open_regular(file) as stream:
            start = stream.read(6)
        _check_kind(start, file)
        try:
            with open_regular(file) as stream:
                return map_npy(stream)
        except InputError as error:
            raise InputError(
                f"{printable(file)} must be an .npy file of plain numbers or strings: "
                f"{str(error).rstrip('.')}. {_REMEDY}"
            ) from error


@contextmanager
def _refusals(file: Path) -> Iterator[None]:
    """Turn each OSError of a file into an InputError."""
    try:
        yield
    except FileNotFoundError:
        raise InputError(f"there is no file {printable(file)}. Check the path.") from None
    except OSError as error:
        raise InputError(f"{printable(file)} cannot be read: {error.strerror}.") from error


def _check_kind(start: bytes, file: Path) -> None:
    """Raise unless a file's first bytes are those of an .npy file."""
    if start == b"\x93NUMPY":
        return
    kind = ""
    if start.startswith(b"PK"):
        kind = "; it is an .npz archive"
    elif start.startswith(b"\x80"):  # pickle's protocols from 2 on
        kind = f"; {PICKLED}"
    raise InputError(f"{printable(file)} is not an .npy file{kind}. {_REMEDY}")


def _check_values(features: NDArray[Any], file: Path) -> None:
    """Raise unless float32, the type of the computation, can hold the values beside one another."""
    magnitudes = np.zeros(len(features), dtype=np.float32)  # of the largest value in each row
    for start in range(0, len(features), _ROWS_AT_ONCE):
        with np.errstate(over="ignore"):  # a value too large becomes infinite, and is counted
            rows = np.asarray(features[start : start + _ROWS_AT_ONCE], dtype=np.float32)
        magnitudes[start : start + len(rows)] = np.abs(rows).max(axis=1)
    bad = np.flatnonzero(~np.isfinite(magnitudes))
    if len(bad):
        raise InputError(
            f"the features in {printable(file)} must be finite; {len(bad)} of {len(features)} rows "
            f"hold NaN, infinity or more than float32 can, the first of them row {bad[0]}. "
            "Remove or repair those rows."
        )
    present = magnitudes[magnitudes > 0]
    median = float(np.median(present)) if len(present) else 0.0
    bad = np.flatnonzero(magnitudes > _MOST_TIMES_MEDIAN * median)
    if len(bad):
        shown = ", ".join(map(str, bad[:_MOST_ROWS_SHOWN]))
        more = f" and {len(bad) - _MOST_ROWS_SHOWN} more" if len(bad) > _MOST_ROWS_SHOWN else ""
        raise InputError(
            f"the features in {printable(file)} must be of comparable size: the values of "
            f"{'row' if len(bad) == 1 else 'rows'} {shown}{more} reach "
            f"{magnitudes[bad].max():.3g}, more than 2**24 times the {median:.3g} of the median "
            "row, and float32 loses the differences between all other rows. Remove or rescale "
            f"{'that row' if len(bad) == 1 else 'those rows'}."
        )


def _read_text(file: Path) -> str:
    try:
        # with or without a byte-order mark
        with (
            _refusals(file),
            open_regular(file) as stream,
            io.TextIOWrapper(stream, "utf-8-sig") as text,
        ):
            return text.read()
    except UnicodeDecodeError as error:
        raise InputError(
            f"the labels in {printable(file)} must be text in UTF-8, one a line: {error.reason} "
            f"at byte {error.start}. Convert the file, or save the labels as .npy."
        ) from error
