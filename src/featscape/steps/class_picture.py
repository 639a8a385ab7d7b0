"""Draw the matrix and the tree of the classes of a finished map."""

from __future__ import annotations

from typing import TYPE_CHECKING, overload

from featscape.defaults import MOST_CLASSES
from featscape.errors import InputError
from featscape.findings.wording import noun_of
from featscape.pictures import (
    check_axes,
    check_classes_file,
    draw_relations,
    draw_relations_in_axes,
)
from featscape.steps.findings import open_findings, relate_map

if TYPE_CHECKING:
    import os

    from matplotlib.axes import Axes
    from PIL import Image

    from featscape.mapfolder.read import Map


@overload
def draw_classes(
    made: Map,
    *,
    most_classes: int = MOST_CLASSES,
    size_px: int = 1600,
    title: str | None = None,
    caption: str | None = None,
    dark: bool = False,
    path: str | os.PathLike[str] | None = None,
    ax: None = None,
) -> Image.Image: ...


@overload
def draw_classes(
    made: Map,
    *,
    most_classes: int = MOST_CLASSES,
    dark: bool = False,
    ax: Axes,
) -> None: ...


def draw_classes(
    made: Map,
    *,
    most_classes: int = MOST_CLASSES,
    size_px: int = 1600,
    title: str | None = None,
    caption: str | None = None,
    dark: bool = False,
    path: str | os.PathLike[str] | None = None,
    ax: Axes | None = None,
) -> Image.Image | None:
    """Draw which classes are close, as a matrix and a tree, like classes.png of the map.

    The number of a cell is the percentage of the 10 nearest neighbors of t-SNE, of the images of
    the row, that have the class of the column. A cell with a larger number has a stronger shade.
    The tree joins the closest classes first. Thick branches are in at least 80 % of the bootstrap
    samples; their number is this percentage.

    Parameters
    ----------
    made : Map
        The result of `make_map` or `open_map`, with at least two classes. The findings of a map
        that was made without findings are computed.
    most_classes : int
        At least 2. Of a map with more classes, the classes that are close to another class are
        drawn.
    size_px : int
        The longer side of the picture. The picture of a few classes is smaller.
    title : str, optional
        Written above the matrix.
    caption : str, optional
        Written below the explanation of the matrix.
    dark : bool
        Draw on a dark background.
    path : path, optional
        Also write the picture to this file: .svg and .pdf with text as text, .png, or another
        format of Pillow. An image has 300 pixels per inch.
    ax : matplotlib.axes.Axes, optional
        Draw in these axes and return None: the matrix and the tree without their explanation. The
        limits become those of the picture. The names have at least 6 points, or 90 % of the height
        of a row if this is less. Not with `title`, `caption` or `path`; `size_px` has no effect.

    Returns
    -------
    PIL.Image.Image or None
        RGB; None with `ax`.

    Raises
    ------
    InputError
        If the map has less than two classes, if `most_classes` is less than 2, if `size_px` is too
        small or too large, if the suffix of `path` is unknown or its folder does not exist, or if
        `ax` is another object, such as an array of axes.

    Examples
    --------
    >>> from featscape import draw_classes, open_map
    >>> picture = draw_classes(open_map("photos-map"), title="Photographs", path="classes.pdf")
    >>> max(picture.size) <= 1600
    True
    """
    if ax is not None:
        check_axes(ax, title, caption, path)
    else:
        check_classes_file(size_px, path)
    if most_classes < 2:
        raise InputError(
            f"most_classes must be at least 2; got {most_classes}. Choose a larger number."
        )
    relations = relate_map(made, open_findings(made), most_classes=most_classes)
    if relations is None:
        raise InputError(
            f"draw_classes needs a map with at least two classes; got {made!r}. "
            "Pass a map of labeled images."
        )
    if ax is not None:
        draw_relations_in_axes(ax, relations, dark=dark)
        return None
    return draw_relations(
        relations,
        size_px=size_px,
        title=title,
        caption=caption,
        dark=dark,
        path=path,
        noun=noun_of(made.paths),
    )
