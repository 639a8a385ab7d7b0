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
from featscape.pictures.legend.on_page import NO_LEGEND, PageLegend, plan_legend
from featscape.pictures.legend.rows import TEXT_SCALES
from featscape.pictures.text import PlacedText, format_text, one_line
from featscape.pictures.theme import LIGHT, Theme

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from featscape.labels.classes import Classes
    from featscape.pictures.legend.color_bar import ColorBar, PlacedBar

MIN_SIZE_PX, MAX_SIZE_PX = 200, 20_000
MIN_THUMBNAIL_PX = 8
_LEAST_TEXT_PX = 8.0
_SIDE_GAP = 2.5  # between the map and the legend, in units of the text


@dataclass(frozen=True)
class Page:
    """The layout of a page, in pixels.

    Attributes
    ----------
    width_px, height_px : int
        Size of the picture. The longer side is the requested size.
    text_px : float
        All texts and gaps are proportional to this size.
    map_left, map_top, map_width, map_height : int
        Position and size of the map.
    title : str or None
    legend : PageLegend
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
    legend: PageLegend
    theme: Theme
    bar: PlacedBar | None = None

    def with_legend_of(self, classes: Classes, codes: NDArray[np.intp]) -> Page:
        """Return the page with a legend of only these classes."""
        return replace(self, legend=self.legend.of(classes, codes))

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
        texts += self.legend.texts(*self._legend_corner, theme)
        return texts if self.bar is None else [*texts, *self.bar.texts]

    def disks(self) -> list[tuple[float, float, str]]:
        """Return the left edge, the middle and the color of each disk in the legend."""
        return self.legend.disks(*self._legend_corner)

    def finish(self, picture: Image.Image, *, caption: str | None = None) -> Image.Image:
        """Return the page with `picture` as its map. The picture must have the size of the map."""
        page = Image.new("RGB", (self.width_px, self.height_px), self.theme.background)
        page.paste(picture, (self.map_left, self.map_top))
        disk = _disk(max(round(self.legend.disk_px), 1))
        for x, y, color in self.disks():
            page.paste(color, (round(x), round(y - disk.height / 2)), disk)
        draw = ImageDraw.Draw(page)
        if self.bar is not None:
            self.bar.draw(page)
        for one in self.texts(caption=caption):
            draw.text((one.x, one.y), one.line.text, one.color, one.line.font, anchor=one.anchor)
        return page

    @property
    def _legend_corner(self) -> tuple[float, float]:
        """The left edge of the legend, and the middle of its first row."""
        left = self.map_left + self.map_width + _SIDE_GAP * self.text_px
        return left, self.map_top + (self.map_height - self.legend.height_px) / 2


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
            "Choose another size, or a larger size_px (--size)."
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
    codes: NDArray[np.intp] | None = None,
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
    codes : ndarray of intp, optional
        The classes of the legend; by default all classes.
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
    text_px = max(size_px / 72, _LEAST_TEXT_PX)
    margin = round(2 * text_px)
    top = round(4 * text_px) if title is not None else margin
    room = size_px - 2 * margin, size_px - top - margin
    legend = NO_LEGEND
    if classes is not None:
        gap = round(_SIDE_GAP * text_px)
        codes = np.arange(len(classes.names)) if codes is None else codes
        sizes = dict.fromkeys(max(scale * text_px, _LEAST_TEXT_PX) for scale in TEXT_SCALES)
        legend = plan_legend(
            classes, codes, heading, sizes, room=(room[0] - gap, room[1]), aspect=aspect
        )
    side = round(_SIDE_GAP * text_px + legend.width_px) if legend.rows else 0
    bar = None if make_bar is None else make_bar(text_px)
    if bar is not None:
        side = round(_SIDE_GAP * text_px) + bar.width_px

    scale = min((room[0] - side) / aspect, room[1])
    width, height = round(scale * aspect), round(scale)
    below_top = max(height, round(legend.needed_px))
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
        theme=theme,
        bar=placed,
    )


def _disk(diameter_px: int) -> Image.Image:
    """Return the mask of a disk with a smooth edge."""
    large = Image.new("L", (8 * diameter_px, 8 * diameter_px))
    ImageDraw.Draw(large).ellipse((0, 0, large.width - 1, large.height - 1), fill=255)
    return large.resize((diameter_px, diameter_px), Image.Resampling.BOX)
