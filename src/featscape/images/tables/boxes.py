"""Recognize tables of boxes, which have several rows per image, and refer to the guide."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from featscape.mapfolder import SOURCE_PREFIX
from featscape.number_text import plural
from featscape.records.skipped import BOXES, DUPLICATE_PATH, NESTED, column_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from featscape.records import ImageSet

GUIDE = 'crop the boxes first, see "Map boxes of images" in the documentation'

# usual names of the columns of a box, in lower case
_ONE_COLUMN = ("bbox", "bboxes", "box", "boxes", "bounding_box")
_FOUR_COLUMNS = (
    ("x", "y", "w", "h"),
    ("x", "y", "width", "height"),
    ("left", "top", "width", "height"),
    ("left", "top", "right", "bottom"),
    ("xmin", "ymin", "xmax", "ymax"),
    ("x_min", "y_min", "x_max", "y_max"),
    ("x1", "y1", "x2", "y2"),
    ("x0", "y0", "x1", "y1"),
    ("bbox_x", "bbox_y", "bbox_w", "bbox_h"),
    ("bbox_x", "bbox_y", "bbox_width", "bbox_height"),
)


def describe_boxes(images: ImageSet) -> Iterator[str]:
    """Yield one line if the rows of the table seem to be boxes, with the guide to map boxes."""
    n_repeated = sum(one.reason.startswith(DUPLICATE_PATH) for one in images.skipped)
    columns = find_boxes(images)
    if columns:
        reason = f"the table has boxes ({', '.join(columns)})"
    elif n_repeated > len(images):
        repeat = "repeats" if n_repeated == 1 else "repeat"
        reason = f"{plural(n_repeated, 'row')} {repeat} the image of an earlier row, as boxes do"
    else:
        return
    yield f"{reason}: the map shows whole images; for a map of boxes, {GUIDE}"


def nested_reason(nested: object) -> str:
    """Return why a column of nested values is left out, from its type or one of its values.

    Parameters
    ----------
    nested : object
        A type of Arrow, a feature of Hugging Face or a value: the text of a mapping has the names
        of the fields, each before a colon.
    """
    text = "" if isinstance(nested, bytes) else str(nested).lower()
    fields = re.findall(r"(\w+)['\"]?:", text)
    return BOXES if _find_names(set(fields)) else NESTED


def find_boxes(images: ImageSet) -> tuple[str, ...]:
    """Return the names of the columns that seem to be the box of each row; () if there are none."""
    nested = [one for one in images.skipped if one.reason.startswith(NESTED)]
    names = {name.removeprefix(SOURCE_PREFIX).lower() for name in images.columns}
    names |= {column_of(one).lower() for one in nested}
    with_boxes = sorted({column_of(one) for one in nested if one.reason == BOXES})
    return _find_names(names) or tuple(with_boxes)


def _find_names(names: set[str]) -> tuple[str, ...]:
    """Return the names, in lower case, that are the usual names of the columns of a box."""
    for candidate in (*((name,) for name in _ONE_COLUMN), *_FOUR_COLUMNS):
        if names.issuperset(candidate):
            return candidate
    return ()
