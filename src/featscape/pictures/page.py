"""Plan and draw the page of a picture: title, map, legend and caption."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw
from PIL.Image import registered_extensions

from featscape.errors import InputError
from featscape.number_text import with_article
from featscape.pictures.legend.rows import MAX_LEGEND_ROWS, LegendRow, legend_columns, legend_rows
from featscape.pictures.text import PlacedText, format_distinct, format_text, one_line
from featscape.pictures.theme import LIGHT, Theme

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from featscape.labels.classes import Classes
    from featscape.pictures.legend.color_bar import ColorBar, PlacedBar

MIN_SIZE_PX, MAX_SIZE_PX = 200, 20_000
MIN_THUMBNAIL_PX = 8
_SIDE_GAP = 2.5  # between the map and the legend, in units of the text


@dataclass(frozen=True)
class Page:
    """The layout of a page, in pixels.

    Attributes
    ----------
    width_px, height_px : int
        Size of the picture. The longer side is the requested size.
    text_px : float
        Size of the text of the legend. All other texts and gaps are proportional to this size.
    map_left, map_top, map_width, map_height : int
        Position and size of the map.
    title : str or None
    legend : tuple of LegendRow
    name_width_px, count_width_px : float
        Widths of the columns of the legend.
    theme : Theme
    bar : PlacedBar or None
        The color bar in place of a legend.
    """

    width_px: int
    height_px: int
    text_px: float
    map_left: int
    map_top: int
    map_width: int
    map_height: int
    title: str | None
    legend: tuple[LegendRow, ...]
    name_width_px: float
    count_width_px: float
    theme: Theme
    bar: PlacedBar | None = None

    def with_legend_of(self, classes: Classes, codes: NDArray[np.intp]) -> Page:
        """Return the page with a legend of only these classes."""
        heading = [row for row in self.legend[:1] if row.color is None]
        n_rows = max(len(self.legend) - len(heading), 1)
        return replace(self, legend=(*heading, *legend_rows(classes, codes, n_rows)))

    def texts(self, *, caption: str | None) -> list[PlacedText]:
        """Return the title, the caption, and the texts of the legend or of the color bar."""
        theme, size_px = self.theme, self.text_px
        room = self.width_px - 2 * self.map_left
        texts = []
        if self.title is not None:
            title = format_text(self.title, 1.5 * size_px, bold=True).within(room)
            texts.append(PlacedText(self.map_left, 2.2 * size_px, title, theme.ink))
        if caption is not None:
            small = format_text(one_line(caption), 0.85 * size_px).within(room)
            texts.append(PlacedText(self.map_left, self.height_px - size_px, small, theme.pale_ink))
        names = format_distinct(
            [row.name for row in self.legend], size_px, width_px=self.name_width_px
        )
        for (x, y), row, name in zip(self._legend_positions(), self.legend, names, strict=True):
            if row.color is None:
                texts.append(PlacedText(x, y, format_text(row.name, size_px), theme.pale_ink))
                continue
            left = x + 1.4 * size_px
            right = left + self.name_width_px + size_px + self.count_width_px
            count = format_text(row.count, 0.85 * size_px)
            texts.append(PlacedText(left, y, name, theme.ink))
            texts.append(PlacedText(right, y, count, theme.pale_ink, anchor="rm"))
        return texts if self.bar is None else [*texts, *self.bar.texts]

    @property
    def disk_px(self) -> float:
        """Diameter of the disks in the legend."""
        return 0.86 * self.text_px

    def disks(self) -> list[tuple[float, float, str]]:
        """Return the left edge, the middle and the color of each disk in the legend."""
        rows = zip(self._legend_positions(), self.legend, strict=True)
        return [(x, y, row.color) for (x, y), row in rows if row.color is not None]

    def finish(self, picture: Image.Image, *, caption: str | None = None) -> Image.Image:
        """Return the page with `picture` as its map. The picture must have the size of the map."""
        page = Image.new("RGB", (self.width_px, self.height_px), self.theme.background)
        page.paste(picture, (self.map_left, self.map_top))
        disk = _disk(round(self.disk_px))
        for x, y, color in self.disks():
            page.paste(color, (round(x), round(y - disk.height / 2)), disk)
        draw = ImageDraw.Draw(page)
        if self.bar is not None:
            self.bar.draw(page)
        for one in self.texts(caption=caption):
            draw.text((one.x, one.y), one.line.text, one.color, one.line.font, anchor=one.anchor)
        return page

    def _legend_positions(self) -> list[tuple[float, float]]:
        """Return the left edge and the middle of each row of the legend."""
        step = _row_step(self.text_px)
        left = self.map_left + self.map_width + _SIDE_GAP * self.text_px
        top = self.map_top + (self.map_height - step * (len(self.legend) - 1)) / 2
        return [(left, top + step * i) for i in range(len(self.legend))]


def check_sizes(size_px: int, thumbnail_px: int | None = None) -> None:
    """Check the sizes of a picture before the features are computed.

    Parameters
    ----------
    size_px : int
        The longer side of the picture.
    thumbnail_px : int, optional
        The longer side of each image in a mosaic.

    Raises
    ------
    InputError
        If the picture or the thumbnails are too small to be legible, if the picture is too large
        for the memory, or if the thumbnails are too large for the picture.
    """
    if not MIN_SIZE_PX <= size_px <= MAX_SIZE_PX:
        raise InputError(
            f"size_px (--size) must be between {MIN_SIZE_PX} and {MAX_SIZE_PX:,}; got {size_px:,}. "
            "Choose another size; it is the longer side of the picture in pixels."
        )
    if thumbnail_px is not None and not MIN_THUMBNAIL_PX <= thumbnail_px <= size_px // 6:
        raise InputError(
            f"thumbnail_px (--thumbnail) must be between {MIN_THUMBNAIL_PX} and a sixth of the "
            f"picture = {size_px // 6}; got {thumbnail_px}. "
            "Choose another size, or a larger size_px."
        )


def check_path(path: str | os.PathLike[str], *, vector: tuple[str, ...] = ()) -> Path:
    """Return the path of a picture to write.

    Raises InputError if `path` is an object such as a file, if the folder does not exist, or if the
    suffix is neither one of `vector` nor that of a format of Pillow.
    """
    if not isinstance(path, str | os.PathLike):
        raise InputError(
            f"path must be the path of a file; got {with_article(type(path).__name__)}. Save the "
            'returned picture, such as picture.save(file, "png"), or draw in ax and use savefig.'
        )
    path = Path(path)
    if not path.parent.is_dir():
        raise InputError(
            f"the folder of path must exist; got {str(path)!r}, but there is no folder "
            f"{str(path.parent)!r}. Make the folder first."
        )
    suffix = path.suffix.lower()
    if suffix not in vector and suffix not in registered_extensions():
        raise InputError(
            f"path must end with {', '.join((*vector, '.png'))} or another suffix of an image; "
            f"got {suffix!r}. Choose another name."
        )
    return path


def plan_page(
    size_px: int,
    *,
    aspect: float,
    title: str | None,
    classes: Classes | None,
    heading: str | None = None,
    theme: Theme = LIGHT,
    make_bar: Callable[[float], ColorBar] | None = None,
) -> Page:
    """Return the page with the largest possible map of a given shape.

    Parameters
    ----------
    size_px : int
        The longer side of the finished picture.
    aspect : float
        Ratio of width to height of the map.
    title : str or None
        Shortened to the width of the page.
    classes : Classes or None
        The rows of the legend; None for a page without a legend.
    heading : str or None
        The heading of the legend.
    theme : Theme
    make_bar : callable, optional
        Makes the color bar for a size of the text.

    Raises
    ------
    InputError
        If `size_px` is too small or too large.
    """
    check_sizes(size_px)
    text_px = max(size_px / 72, 8.0)
    margin = round(2 * text_px)
    top = round(4 * text_px) if title is not None else margin
    n_rows = min(MAX_LEGEND_ROWS, int((size_px - top - margin) / _row_step(text_px)))
    legend: tuple[LegendRow, ...] = ()
    if classes is not None:
        top_rows = () if heading is None else (LegendRow(heading),)
        all_codes = np.arange(len(classes.names))
        legend = (*top_rows, *legend_rows(classes, all_codes, n_rows - len(top_rows)))
    name_width, count_width = legend_columns(legend, text_px, size_px / 5)
    side = round(4.9 * text_px + name_width + count_width) if legend else 0
    bar = None if make_bar is None else make_bar(text_px)
    if bar is not None:
        side = round(_SIDE_GAP * text_px) + bar.width_px

    room = size_px - 2 * margin - side, size_px - top - margin
    scale = min(room[0] / aspect, room[1])
    width, height = round(scale * aspect), round(scale)
    below_top = max(height, round(_row_step(text_px) * len(legend)))
    placed = None
    if bar is not None:
        below_top = max(below_top, bar.least_height_px)
        placed = bar.place(margin + width + _SIDE_GAP * text_px, top, below_top)
    return Page(
        width_px=width + 2 * margin + side,
        height_px=below_top + top + margin,
        text_px=text_px,
        map_left=margin,
        map_top=top + (below_top - height) // 2,
        map_width=width,
        map_height=height,
        title=None if title is None else one_line(title),
        legend=legend,
        name_width_px=name_width,
        count_width_px=count_width,
        theme=theme,
        bar=placed,
    )


def _row_step(text_px: float) -> float:
    return 1.65 * text_px


def _disk(diameter_px: int) -> Image.Image:
    """Return the mask of a disk with a smooth edge."""
    large = Image.new("L", (8 * diameter_px, 8 * diameter_px))
    ImageDraw.Draw(large).ellipse((0, 0, large.width - 1, large.height - 1), fill=255)
    return large.resize((diameter_px, diameter_px), Image.Resampling.BOX)
