"""Lay out the color bar of numbers or dates: name, colors, ticks, and gray for missing values."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image, ImageColor, ImageDraw

from featscape.pictures.points import Line
from featscape.pictures.text import PlacedText, format_text, one_line

if TYPE_CHECKING:
    from featscape.labels.value_scale import ValueScale
    from featscape.pictures.text import FormattedText
    from featscape.pictures.theme import Theme

# Sizes in units of the text of the legend.
_THICKNESS, _TICK, _GAP = 0.8, 0.25, 0.3
_TICK_SIZE = 0.85  # of the text of the ticks
_ROW = 1.65  # the name above the bar, and the row of the missing values below
_TALLEST, _SHORTEST = 18.0, 6.0  # of the colors
_WIDEST_NAME = 12.0


class Strip(NamedTuple):
    """Colors in a box: left, top, right and bottom in pixels; the picture has one pixel a color."""

    box: tuple[int, int, int, int]
    colors: Image.Image


@dataclass(frozen=True)
class PlacedBar:
    """The parts of a color bar, in pixels of the picture."""

    strips: tuple[Strip, ...]
    ticks: tuple[Line, ...]
    texts: tuple[PlacedText, ...]

    def draw(self, picture: Image.Image) -> None:
        """Draw the colors and the ticks into a picture, without the texts."""
        draw = ImageDraw.Draw(picture)
        for (left, top, right, bottom), colors in self.strips:
            picture.paste(
                colors.resize((right - left, bottom - top), Image.Resampling.NEAREST), (left, top)
            )
        for tick in self.ticks:
            draw.line(tick.ends, tick.color, round(tick.width_px))


@dataclass(frozen=True, eq=False)
class ColorBar:
    """A vertical color bar, the largest value at the top.

    Attributes
    ----------
    scale : ValueScale
    name : str or None
        Written above the bar.
    theme : Theme
    text_px : float
        Size of the text of the legend.
    """

    scale: ValueScale
    name: str | None
    theme: Theme
    text_px: float

    @property
    def width_px(self) -> int:
        """The width of the bar with its texts."""
        beside = [text.width_px for text in self._tick_texts]
        beside += [self._missing.width_px] if self._missing else []
        name = [self._name.width_px] if self._name else []
        return round(max([self._text_left + max(beside), *name]))

    @property
    def least_height_px(self) -> int:
        """The height that the bar needs."""
        return round(_SHORTEST * self.text_px + self._rows_px)

    def place(self, left: float, top: float, height_px: float) -> PlacedBar:
        """Return the bar in the middle of a column of the picture.

        Parameters
        ----------
        left, top : float
            The upper left corner of the column, in pixels.
        height_px : float
            The height of the column. The bar has a largest and a smallest height.
        """
        length = min(height_px - self._rows_px, _TALLEST * self.text_px)
        length = max(length, _SHORTEST * self.text_px)
        above = _ROW * self.text_px if self._name else 0.0
        start = round(top + (height_px - self._rows_px - length) / 2 + above)
        end = round(start + length)
        right = round(left + _THICKNESS * self.text_px)
        text_left = left + self._text_left
        ink, pale = self.theme.ink, self.theme.pale_ink
        strips = [Strip((round(left), start, right, end), _picture(self.scale.colors[-2::-1]))]
        texts, ticks = [], []
        if self._name:
            middle = start - (_ROW - 0.5) * self.text_px
            texts.append(PlacedText(left, middle, self._name, ink))
        for tick, text in zip(self.scale.ticks, self._tick_texts, strict=True):
            y = end - tick.share * (end - start)
            ends = (right, y, right + _TICK * self.text_px, y)
            ticks.append(Line(ends, pale, max(0.06 * self.text_px, 1.0)))
            texts.append(PlacedText(text_left, y, text, pale))
        if self._missing:
            middle = end + (_ROW - 0.5) * self.text_px
            half = _THICKNESS * self.text_px / 2
            box = (round(left), round(middle - half), right, round(middle + half))
            strips.append(Strip(box, _picture(self.scale.colors[-1:])))
            texts.append(PlacedText(text_left, middle, self._missing, pale))
        return PlacedBar(tuple(strips), tuple(ticks), tuple(texts))

    @property
    def _text_left(self) -> float:
        """The distance of the texts beside the bar from its left edge."""
        return (_THICKNESS + _TICK + _GAP) * self.text_px

    @property
    def _rows_px(self) -> float:
        """The height of the rows above and below the colors."""
        n_rows = (self._name is not None) + (self._missing is not None)
        return _ROW * self.text_px * n_rows + self.text_px  # half a text beyond each end

    @cached_property
    def _name(self) -> FormattedText | None:
        if self.name is None:
            return None
        name = format_text(one_line(self.name), self.text_px, family=self.theme.family)
        return name.within(_WIDEST_NAME * self.text_px)

    @cached_property
    def _missing(self) -> FormattedText | None:
        if not self.scale.is_missing.any():
            return None
        return format_text("no value", _TICK_SIZE * self.text_px, family=self.theme.family)

    @cached_property
    def _tick_texts(self) -> list[FormattedText]:
        size_px = _TICK_SIZE * self.text_px
        family = self.theme.family
        return [format_text(tick.text, size_px, family=family) for tick in self.scale.ticks]


def _picture(colors: tuple[str, ...]) -> Image.Image:
    """Return a picture of one column, a color a row, the first color at the top."""
    levels = [ImageColor.getrgb(color)[:3] for color in colors]
    return Image.fromarray(np.array(levels, dtype=np.uint8)[:, None])
