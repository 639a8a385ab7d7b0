"""Collect the properties of images other than their content."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np

from featscape.labels.animals10 import ENGLISH_NAMES
from featscape.labels.classes import NO_SPLIT, may_be_classes
from featscape.records.images import as_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from featscape.findings.pixels.survey import Survey

# The words for images with a low and a high value; without them "the lowest NAME" is written.
_MEASURED = {
    "brightness": ("brightness", ("darkest", "brightest")),
    "red_blue": (
        "color cast, cold to warm",
        ("coldest (cyan to blue)", "warmest (yellow to red)"),
    ),
    "green_magenta": ("color cast, magenta to green", ("most magenta", "greenest")),
    "saturation": ("saturation", ("least colorful", "most colorful")),
    "white": ("share of white", ("least white", "whitest")),
}
_OF_PIXELS = "lowest-resolution", "highest-resolution"  # images of few and of many pixels


@dataclass(frozen=True, eq=False)
class Property:
    """One property of n images.

    Attributes
    ----------
    name : str
    values : ndarray, shape (n,)
        Numbers with NaN for missing values, or codes with -1 for missing values.
    levels : tuple of str or None
        The value of each code; None for numbers.
    tails : tuple of str or None
        Words for images with a low and with a high number.
    numbers : Property or None
        The numbers, if the values are the codes of whole numbers.
    """

    name: str
    values: NDArray[Any]
    levels: tuple[str, ...] | None = None
    tails: tuple[str, str] | None = None
    numbers: Property | None = None

    @property
    def views(self) -> tuple[Property, ...]:
        """The property itself and, for a category of whole numbers, the numbers."""
        return (self,) if self.numbers is None else (self, self.numbers)

    @property
    def known(self) -> NDArray[np.bool_]:
        """Whether each image has a value, ndarray of bool, shape (n,)."""
        if self.levels is None:
            finite: NDArray[np.bool_] = np.isfinite(self.values)
            return finite
        return self.values >= 0

    def value_names(self, code: int, labels: Iterable[str]) -> bool:
        """Return whether a value names one of the labels, as a tag does; a number names none.

        Whole numbers may be the names of classes by chance, such as store 3 of images of digits.
        """
        if self.levels is None or self.numbers is not None:
            return False
        return any(names_label(self.levels[code], label) for label in labels)


def collect_properties(
    survey: Survey | None,
    *,
    sizes_px: NDArray[np.int32] | None = None,
    paths: Sequence[str] | None = None,
    splits: Sequence[str] | None = None,
    columns: Mapping[str, NDArray[Any]] | None = None,
) -> tuple[Property, ...]:
    """Return the properties that differ between the images.

    Identifiers, which differ for all images, are left out, and so are the folders if another
    category, such as the camera, divides the images in the same way: that category has a name.

    Parameters
    ----------
    survey : Survey or None
        Measures of shape (n,) of n images.
    sizes_px : ndarray of int32, shape (n, 2), optional
        Width and height of the originals.
    paths, splits : sequence of str, length n, optional
        A split is missing if it is `NO_SPLIT`.
    columns : mapping of str to ndarray of shape (n,), optional
        Numbers, bool, datetime64, or objects that are str, bool or None.
    """
    collected = _collect(survey, sizes_px=sizes_px, paths=paths, splits=splits, columns=columns)
    different = [one for one in collected if _differs(one)]
    return tuple(one for one in different if not _is_redundant_folder(one, different))


def _collect(
    survey: Survey | None,
    *,
    sizes_px: NDArray[np.int32] | None,
    paths: Sequence[str] | None,
    splits: Sequence[str] | None,
    columns: Mapping[str, NDArray[Any]] | None,
) -> Iterator[Property]:
    if survey is not None:
        for measure, (name, tails) in _MEASURED.items():
            yield Property(name, survey.measures[measure], tails=tails)
    if sizes_px is not None:
        sides = np.log(np.maximum(sizes_px, 1).astype(np.float64))
        yield Property("size", np.exp(sides.mean(axis=1)), tails=_OF_PIXELS)
        aspect = np.exp(sides[:, 0] - sides[:, 1])
        yield Property("aspect ratio", aspect, tails=("tallest", "widest"))
    if paths is not None:
        files = [PurePosixPath(path) for path in paths]
        yield _category("file type", [file.suffix.lower() for file in files])
        yield _category("folder", [str(file.parent) for file in files])
    if splits is not None:
        yield _category("split", [None if one == NO_SPLIT else one for one in splits])
    for name, values in (columns or {}).items():
        if values.dtype.kind in "iuf":
            yield _number(name, values)
        elif values.dtype.kind == "M":
            days = values.astype("datetime64[us]").astype(np.int64) / 86_400e6
            days[np.isnat(values)] = np.nan
            yield Property(name, days, tails=("earliest", "latest"))
        else:
            yield _category(name, [None if one is None else as_text(one) for one in values])


def _number(name: str, values: NDArray[Any]) -> Property:
    """Return a column of numbers; as a category if the numbers are whole and may be classes.

    The whole numbers of a table may be a quantity, such as a year, or codes, such as of a store.
    """
    numbers = Property(name, values.astype(np.float64))
    known = numbers.known
    different, codes_of = np.unique(values[known], return_inverse=True)
    if (different % 1 != 0).any() or not may_be_classes(len(different), len(codes_of)):
        return numbers
    codes = np.full(len(values), -1, dtype=np.intp)
    codes[known] = codes_of
    levels = tuple(str(int(one)) for one in different)
    return Property(name, codes, levels=levels, numbers=numbers)


def _category(name: str, values: Sequence[str | None]) -> Property:
    levels = tuple(sorted({one for one in values if one is not None}))
    codes = {level: code for code, level in enumerate(levels)}
    codes_of = [-1 if one is None else codes[one] for one in values]
    return Property(name, np.array(codes_of, dtype=np.intp), levels=levels)


def _differs(one: Property) -> bool:
    known = one.values[one.known]
    n_different = len(np.unique(known))
    is_whole = one.levels is not None or bool((known == np.floor(known)).all())
    is_identifier = is_whole and n_different == len(known)
    return n_different > 1 and not is_identifier


def _is_redundant_folder(one: Property, others: Sequence[Property]) -> bool:
    """Return whether a property is the folders, and another category divides the images equally."""
    return one.name == "folder" and any(
        _divides_equally(one, other) for other in others if other.name != "folder"
    )


def _divides_equally(one: Property, other: Property) -> bool:
    if one.levels is None or other.levels is None or not np.array_equal(one.known, other.known):
        return False
    pairs = set(zip(one.values[one.known].tolist(), other.values[one.known].tolist(), strict=True))
    return len(pairs) == len({first for first, _ in pairs}) == len({second for _, second in pairs})


def names_label(text: str, label: str) -> bool:
    """Return whether a text names a label: the parts of one are among the parts of the other.

    The parts are separated by commas, semicolons, slashes or vertical bars: "airplane, bird" names
    the labels "bird" and "Airplane, bird, sky", and "water" does not name "water bird". The Italian
    folders of Animals10 name the English labels.
    """
    first, second = _parts(text), _parts(label)
    return bool(first and second) and (first <= second or second <= first)


def _parts(text: str) -> set[str]:
    parts = {part.strip() for part in re.split(r"[,;/|]", text.casefold())} - {""}
    return {ENGLISH_NAMES.get(part, part) for part in parts}
