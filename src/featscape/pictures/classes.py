"""Draw how near the classes are to each other: a matrix of their neighbors, and their tree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageColor, ImageDraw

from featscape.labels.colors import lighten
from featscape.pictures.page import check_sizes
from featscape.pictures.text import format_distinct, format_text, one_line
from featscape.pictures.theme import DARK, LIGHT
from featscape.records.class_relations import LEAST_SHARE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from featscape.pictures.text import FormattedText
    from featscape.pictures.theme import Theme
    from featscape.records.class_relations import ClassRelations

# Lengths in units of the text, which is 1/72 of the size as on other pictures
_MARGIN = 2.0
_TREE = 11.0
_WIDEST_NAME = 13.0
_LARGEST_CELL = 5.0
_SMALLEST_WITH_NUMBER = 1.7  # side of a cell
_SHADES = {False: "#0a5cd6", True: "#6ea8ff"}  # of the largest share, on a light and a dark page
_OWN_SHADE = 0.25  # of the ink, for cells of the class itself


def draw_classes(
    relations: ClassRelations,
    *,
    size_px: int = 1600,
    title: str | None = None,
    caption: str | None = None,
    dark: bool = False,
) -> Image.Image:
    """Draw the matrix and the tree of at least two classes.

    The number of a cell is the percentage of the neighbors, and a cell with a larger number has a
    stronger shade. The tree marks the branches that most bootstrap samples have, with their
    percentage.

    Parameters
    ----------
    relations : ClassRelations
        The names of up to about 60 classes are legible in 1,600 pixels.
    size_px : int
        The longer side of the picture. The picture of a few classes is smaller.
    title : str, optional
        Written above the matrix.
    caption : str, optional
        Written below the matrix.
    dark : bool
        Draw on a dark background.

    Returns
    -------
    PIL.Image.Image
        RGB.

    Raises
    ------
    InputError
        If `size_px` is too small or too large.
    """
    check_sizes(size_px)
    theme = DARK if dark else LIGHT
    layout = _plan(relations, size_px, has_title=title is not None)
    text_px = layout.text_px
    notes = _notes(relations, has_numbers=layout.has_numbers)
    notes = [*notes, one_line(caption)] if caption is not None else notes
    height = layout.top + layout.cell_px * len(relations.names) + (2 + 1.5 * len(notes)) * text_px
    page = Image.new("RGB", (layout.width_px, round(height)), theme.background)
    draw = ImageDraw.Draw(page)
    room = layout.width_px - 2 * _MARGIN * text_px
    left = _MARGIN * text_px
    if title is not None:
        line = format_text(one_line(title), 1.5 * text_px, bold=True).within(room)
        draw.text((left, 2.2 * text_px), line.text, theme.ink, line.font, anchor="lm")
    _draw_cells(draw, relations, layout, theme)
    _draw_names(page, relations, layout, theme)
    _draw_tree(draw, relations, layout, theme)
    for i, note in enumerate(notes):
        line = format_text(note, 0.85 * text_px).within(room)
        y = height - (1.2 + 1.5 * (len(notes) - 1 - i)) * text_px
        draw.text((left, y), line.text, theme.pale_ink, line.font, anchor="lm")
    return page


@dataclass(frozen=True)
class _Layout:
    """Lengths in pixels. `left` and `top` are the corner of the matrix."""

    text_px: float
    cell_px: float
    left: float
    top: float
    width_px: int
    name_px: float  # size of the names
    names: tuple[FormattedText, ...]  # of the classes, shortened

    @property
    def has_numbers(self) -> bool:
        """Whether the cells are large enough for numbers."""
        return self.cell_px >= _SMALLEST_WITH_NUMBER * self.text_px

    def name_starts(self) -> list[float]:
        """Return the left end of the name of each row."""
        return [self.left - 1.6 * self.text_px - name.width_px for name in self.names]

    def middles(self) -> NDArray[np.float64]:
        """Return the middle of each row, measured from the edge of the matrix, (m,)."""
        return np.asarray(self.cell_px * (np.arange(len(self.names)) + 0.5))


def _plan(relations: ClassRelations, size_px: int, *, has_title: bool) -> _Layout:
    n_classes = len(relations.names)
    text_px = max(size_px / 72, 8.0)
    tree_px = _TREE * text_px if len(relations.merges) else 0.0
    above = (4 if has_title else 2) * text_px
    whole = [one_line(name) for name in relations.names]
    widest = max(format_text(name, text_px).width_px for name in whole)
    names_px = min(widest, _WIDEST_NAME * text_px)
    beside = tree_px + names_px + (2 * _MARGIN + 2.6) * text_px
    below = above + names_px + 8 * text_px
    cell_px = min((size_px - max(beside, below)) / n_classes, _LARGEST_CELL * text_px)
    cell_px = max(float(np.floor(cell_px)), 1.0)
    name_px = min(text_px, 0.9 * cell_px)
    names = format_distinct(whole, name_px, width_px=names_px)
    name_room = max(name.width_px for name in names)
    left = round(beside - _MARGIN * text_px - names_px + name_room)
    # the notes below the matrix need some width
    width = max(left + cell_px * n_classes + _MARGIN * text_px, 44 * text_px)
    return _Layout(
        text_px=text_px,
        cell_px=cell_px,
        left=left,
        top=round(above + name_room + text_px),
        width_px=round(min(width, size_px)),
        name_px=name_px,
        names=tuple(names),
    )


def _notes(relations: ClassRelations, *, has_numbers: bool) -> list[str]:
    n_shown, near = len(relations.names), relations.n_neighbors
    unit = ", in percent" if has_numbers else ""
    notes = [
        f"Row: class of an image. Column: class of its {near} nearest neighbors{unit}.",
        relations.describe_shades(),
    ]
    if np.isfinite(relations.support).any():
        notes.append(
            "Thick branches are in at least 80 % of the trees of random samples (bootstrap)."
        )
    if relations.n_classes > n_shown:
        notes.append(f"The {n_shown} closest of {relations.n_classes:,} classes.")
    return notes


def _draw_cells(
    draw: ImageDraw.ImageDraw, relations: ClassRelations, layout: _Layout, theme: Theme
) -> None:
    cell = layout.cell_px
    gap = 1 if cell >= 6 else 0
    strengths = relations.shades().tolist()
    faint = _blend(theme.background, theme.ink, 0.04)
    for i, j in np.ndindex(relations.shares.shape):
        x, y = layout.left + cell * j, layout.top + cell * i
        share = float(relations.shares[i, j])
        strength = strengths[i][j]
        color = _blend(faint, _SHADES[theme.is_dark], strength)
        if i == j:
            color = _blend(theme.background, theme.ink, _OWN_SHADE)
        draw.rectangle((x, y, x + cell - 1 - gap, y + cell - 1 - gap), fill=color)
        if layout.has_numbers and share >= LEAST_SHARE:
            number = format_text(f"{100 * share:.0f}", min(layout.text_px, 0.5 * cell))
            ink = theme.ink if strength <= 0.5 else theme.background
            middle = (x + (cell - gap) / 2, y + (cell - gap) / 2)
            draw.text(middle, number.text, ink, number.font, anchor="mm")


def _draw_names(
    page: Image.Image, relations: ClassRelations, layout: _Layout, theme: Theme
) -> None:
    """Write the names of the rows beside the matrix, and of the columns above it, upward."""
    draw = ImageDraw.Draw(page)
    half = 0.36 * layout.name_px
    rows = zip(layout.names, layout.name_starts(), relations.colors, layout.middles(), strict=True)
    for name, start, color, middle in rows:
        shade = lighten(color) if theme.is_dark else color
        x, y = layout.left - 0.8 * layout.text_px, layout.top + middle
        draw.ellipse((x - half, y - half, x + half, y + half), fill=shade)
        draw.text((start, y), name.text, theme.ink, name.font, anchor="lm")
        mask = Image.new("L", (round(name.width_px) + 2, round(1.5 * layout.name_px)))
        ImageDraw.Draw(mask).text((0, mask.height / 2), name.text, 255, name.font, anchor="lm")
        upright = mask.transpose(Image.Transpose.ROTATE_90)
        corner = (
            round(layout.left + middle - upright.width / 2),
            round(layout.top - 0.5 * layout.text_px - upright.height),
        )
        page.paste(theme.ink, corner, upright)


def _draw_tree(
    draw: ImageDraw.ImageDraw, relations: ClassRelations, layout: _Layout, theme: Theme
) -> None:
    """Draw the branches from the left margin to the names, with their support."""
    if not len(relations.merges):
        return
    start = _MARGIN * layout.text_px
    length = (_TREE - 1) * layout.text_px
    highest = max(float(relations.merges[:, 2].max()), 1e-9)
    x = [name - 0.5 * layout.text_px for name in layout.name_starts()]
    y = (layout.top + layout.middles()).tolist()
    pale = _blend(theme.background, theme.ink, 0.35)
    thick = max(round(layout.text_px / 8), 2)
    numbers = []
    for (one, other, height), support in zip(relations.merges, relations.support, strict=True):
        a, b = int(one), int(other)
        at = start + length * (0.95 - 0.95 * float(height) / highest)
        is_known = bool(np.isfinite(support))
        line = [(x[a], y[a]), (at, y[a]), (at, y[b]), (x[b], y[b])]
        draw.line(line, theme.ink if is_known else pale, thick if is_known else 1)
        x.append(at)
        y.append((y[a] + y[b]) / 2)
        if is_known:
            numbers.append((at, y[-1], f"{100 * float(support):.0f}"))
    size_px = min(0.75 * layout.text_px, 0.9 * layout.cell_px)
    for at, middle, text in numbers:
        number = format_text(text, size_px)
        corner = (at - 0.25 * layout.text_px, middle - 0.15 * layout.text_px)
        draw.text(corner, number.text, theme.ink, number.font, anchor="rb")


def _blend(low: str, high: str, share: float) -> str:
    """Return the color between two colors, as "#rrggbb"."""
    pairs = zip(ImageColor.getrgb(low)[:3], ImageColor.getrgb(high)[:3], strict=True)
    return "#" + "".join(f"{round(a + share * (b - a)):02x}" for a, b in pairs)
