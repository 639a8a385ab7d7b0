"""Read features and labels that another program computed: .npy and text files -> arrays."""

from __future__ import annotations

import io
import math
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from featscape.errors import InputError
from featscape.files.npy import PICKLED, map_npy
from featscape.files.regular import map_stream, open_regular
from featscape.printable_names import list_first, printable

if TYPE_CHECKING:
    import mmap
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

_REMEDY = "Write one array with numpy.save(file, array, allow_pickle=False)."
_MAX_TIMES_MEDIAN = 1 << 24  # float32 has 24 bits: adding a larger value rounds the others to 0
_ROUNDING = 1e-6  # relative; networks round differently in batches of different sizes
_MAX_ROWS_SHOWN = 5
# the remedy for rows that cannot be used
REPAIR_ROWS = (
    "Repair these rows, or remove these rows from the features, the images and the tables."
)
_N_PROBED = 256  # bytes, with the name of the first member of an archive
_COMPARED_AT_ONCE = 1_024  # rows; the first rows usually differ
_ROWS_AT_ONCE = 65_536  # limits the memory for checking a large file


def has_equal_rows(features: NDArray[np.float32]) -> bool:
    """Return whether all rows are equal apart from the rounding errors of each column.

    Parameters
    ----------
    features : ndarray of float32, shape (n, d)
    """
    first = features[0]
    limits = _ROUNDING * np.abs(first)
    starts = range(0, len(features), _COMPARED_AT_ONCE)
    blocks = (features[start : start + _COMPARED_AT_ONCE] for start in starts)
    return all((np.abs(block - first) <= limits).all() for block in blocks)


def read_features(file: Path) -> NDArray[Any]:
    """Open an (n, d) array of numbers without reading it into memory.

    Parameters
    ----------
    file : Path
        Written by ``numpy.save``, integers or floats, n at least 2. Pickled content is refused.

    Returns
    -------
    ndarray, shape (n, d)
        Memory-mapped and read-only, with the dtype of the file.

    Raises
    ------
    InputError
        If the file does not exist, is not an .npy file of numbers, has another shape, contains a
        value that is not finite as float32 or exceeds `largest_feature`, or contains rows so much
        larger than the median row that float32 loses the differences between the other rows.
    """
    features = _load(file)
    check_features(features, f"the features in {printable(file)}")
    return features


def check_features(features: NDArray[Any], name: str = "the features") -> None:
    """Raise InputError unless an array can be the features of a map: see `read_features`.

    Parameters
    ----------
    features : ndarray, shape (n, d)
    name : str
        The subject of the messages.
    """
    if features.ndim != 2:
        raise InputError(
            f"{name} must have two dimensions, one row per item; got shape {features.shape}. "
            "Give an (n, d) array."
        )
    n_items, n_features = features.shape
    if n_items < 2 or n_features < 1:
        raise InputError(
            f"{name} must have at least 2 rows and 1 column; got {n_items} x {n_features}. Check "
            "the array."
        )
    if features.dtype.kind not in "fiu":
        raise InputError(
            f"{name} must be real numbers; got dtype {features.dtype}. Convert them, for example "
            "with astype('float32')."
        )
    _check_values(features, name)


def read_labels(file: Path, *, n_items: int) -> tuple[str, ...]:
    """Read one label per item.

    Parameters
    ----------
    file : Path
        A one-dimensional .npy array of integers or strings, or text in UTF-8, one label per line.
    n_items : int
        Required number of labels.

    Returns
    -------
    tuple of str

    Raises
    ------
    InputError
        If the file cannot be read, or contains another number of labels.
    """
    if file.suffix == ".npy":
        array = _load(file)
        if array.ndim != 1 or array.dtype.kind not in "iuU":
            raise InputError(
                f"the labels in {printable(file)} must be one-dimensional integers or strings; "
                f"got shape {array.shape}, dtype {array.dtype}. Save an (n,) array."
            )
        _check_n_labels(len(array), n_items, file)
        _check_unicode(array, file)
        labels = tuple(str(label) for label in array)
    else:
        labels = tuple(_read_text(file).removesuffix("\n").split("\n"))
        _check_n_labels(len(labels), n_items, file)
    return labels


def map_file(file: Path) -> mmap.mmap | bytes:
    """Map a regular file into memory; raises InputError."""
    with refusals(file), open_regular(file) as stream:
        return map_stream(stream)


def _check_n_labels(n_labels: int, n_items: int, file: Path) -> None:
    """Raise InputError unless there is one label per item."""
    if n_labels != n_items:
        hint = "Give one label per row, in the same order."
        if n_labels == n_items + 1:
            hint += " If the first line is a header, remove the line or name the file .csv."
        raise InputError(
            f"there must be {n_items} labels, one for each row of the features; {printable(file)} "
            f"has {n_labels}. {hint}"
        )


def _check_unicode(labels: NDArray[Any], file: Path) -> None:
    """Raise InputError unless all characters, of 4 bytes each, are valid in Unicode."""
    if labels.dtype.kind != "U" or labels.nbytes == 0:
        return
    characters = np.ascontiguousarray(labels).view(labels.dtype.byteorder + "u4")
    if characters.max() > sys.maxunicode:
        raise InputError(
            f"the labels in {printable(file)} must be text; a character has the number "
            f"{characters.max():,}, which is not in Unicode. The file is damaged: save it again."
        )


def _load(file: Path) -> NDArray[Any]:
    with refusals(file):
        with open_regular(file) as stream:
            start = stream.read(_N_PROBED)
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
def refusals(file: Path) -> Iterator[None]:
    """Translate each OSError for a file to an InputError.

    Parameters
    ----------
    file : Path
        The subject of the messages.
    """
    try:
        yield
    except FileNotFoundError:
        raise InputError(f"there is no file {printable(file)}. Check the path.") from None
    except OSError as error:
        raise InputError(
            f"{printable(file)} cannot be read: {error.strerror}. Check the file."
        ) from error


def _check_kind(start: bytes, file: Path) -> None:
    """Raise InputError unless the first bytes of a file are those of an .npy file."""
    if start.startswith(b"\x93NUMPY"):
        return
    what = ""
    if start.startswith(b"PK"):
        is_torch = b"data.pkl" in start  # the name of the first member
        what = f"; it is {'a PyTorch file' if is_torch else 'an .npz archive'}"
    elif start.startswith(b"\x80"):  # the protocols of pickle from 2 on
        what = f"; {PICKLED}"
    raise InputError(f"{printable(file)} is not an .npy file{what}. {_REMEDY}")


def name_rows(rows: Sequence[int] | NDArray[np.integer[Any]]) -> str:
    """Return the numbers of the first rows, for example "row 7" or "rows 2, 7"."""
    listed = list_first([str(row) for row in rows], n_shown=_MAX_ROWS_SHOWN)
    return f"row {listed}" if len(rows) == 1 else f"rows {listed}"


def largest_feature(n_features: int) -> float:
    """Return the largest absolute value of a feature whose squared distances are finite in float32.

    The squared distance of two rows of n features of at most this value is at most 4 n times its
    square.
    """
    return math.sqrt(float(np.finfo(np.float32).max) / (4 * n_features))


def _check_values(features: NDArray[Any], name: str) -> None:
    """Raise InputError unless the values and their squares are of usable size in float32."""
    magnitudes = np.zeros(len(features), dtype=np.float32)  # largest absolute value of each row
    for start in range(0, len(features), _ROWS_AT_ONCE):
        with np.errstate(over="ignore"):  # too large values become infinite, and are reported
            rows = np.asarray(features[start : start + _ROWS_AT_ONCE], dtype=np.float32)
        magnitudes[start : start + len(rows)] = np.abs(rows).max(axis=1)
    bad = np.flatnonzero(~np.isfinite(magnitudes))
    if len(bad):
        raise InputError(
            f"{name} must be finite; {len(bad)} of {len(features)} rows contain NaN, infinity or "
            f"values beyond float32: {name_rows(bad)}. {REPAIR_ROWS}"
        )
    limit = largest_feature(features.shape[1])
    if magnitudes.max() > limit:
        row = int(magnitudes.argmax())
        raise InputError(
            f"{name} must have values of at most {limit:.3g}, because float32 cannot contain the "
            f"squared distances of larger values; row {row} reaches {magnitudes[row]:.3g}. Divide "
            "all features by one number, for example their largest absolute value."
        )
    present = magnitudes[magnitudes > 0]
    median = float(np.median(present)) if len(present) else 0.0
    bad = np.flatnonzero(magnitudes > _MAX_TIMES_MEDIAN * median)
    if len(bad):
        raise InputError(
            f"{name} must be of comparable size: the values of {name_rows(bad)} reach "
            f"{magnitudes[bad].max():.3g}, more than 2**24 times the {median:.3g} of the median "
            "row, and float32 loses the differences between all other rows. Remove or rescale "
            f"{'that row' if len(bad) == 1 else 'those rows'}."
        )


def _read_text(file: Path) -> str:
    try:
        # with or without a byte-order mark
        with (
            refusals(file),
            open_regular(file) as stream,
            io.TextIOWrapper(stream, "utf-8-sig") as text,
        ):
            return text.read()
    except UnicodeDecodeError as error:
        raise InputError(
            f"the labels in {printable(file)} must be text in UTF-8, one label per line: "
            f"{error.reason} at byte {error.start}. Convert the file, or save the labels as .npy."
        ) from error
