"""Draw how near the classes are to each other: a matrix of their neighbors, and their tree."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import ImageColor

from featscape.labels.colors import lighten
from featscape.pictures.axes import LAYOUT_DPI, SMALLEST_NAME_PT, measure_axes
from featscape.pictures.page import check_path, check_sizes
from featscape.pictures.points import DPI, Line, add_lines, render
from featscape.pictures.text import format_distinct, format_text, one_line
from featscape.pictures.theme import choose_theme
from featscape.pictures.vector import VECTOR_SUFFIXES, add_text, save_vector
from featscape.records.class_relations import LEAST_SHARE

if TYPE_CHECKING:
    import os
    from pathlib import Path

    from numpy.typing import NDArray
    from PIL import Image

    from featscape.pictures.text import FormattedText
    from featscape.pictures.theme import Theme
    from featscape.records.class_relations import ClassRelations

_TEXTS_PER_SIDE = 72  # sizes of the text per side of the picture, as on other pictures
# Lengths in units of the text
_MARGIN = 2.0
_TREE = 11.0
_WIDEST_NAME = 13.0
_LARGEST_CELL = 5.0
_SMALLEST_WITH_NUMBER = 2.0  # side of a cell; a number has at most half of the side
_BESIDE_NAMES = 2.6  # the gaps and the disk between the tree and the matrix
# Largest share of the side of the picture, for small axes
_TREE_SHARE, _NAME_SHARE = 0.2, 0.3
_SHADES = {False: "#0a5cd6", True: "#6ea8ff"}  # of the largest share, on a light and a dark page
_OWN_SHADE = 0.25  # of the ink, for cells of the class itself
_FILE_DPI = 300  # of image files, as of the map made of images


def draw_relations(
    relations: ClassRelations,
    *,
    size_px: int = 1600,
    title: str | None = None,
    caption: str | None = None,
    dark: bool = False,
    path: str | os.PathLike[str] | None = None,
    noun: str = "image",
) -> Image.Image:
    """Draw the matrix and the tree of at least two classes.

    The number of a cell is the percentage of the neighbors, and a cell with a larger number has a
    stronger shade. The tree marks the branches that most bootstrap samples have, with their
    percentage.

    Parameters
    ----------
    relations : ClassRelations
        The names of up to about 60 classes are legible in 1,600 pixels.
    size_px, title, caption, dark, path
        See `featscape.draw_classes`.
    noun : str
        What an item is called in the explanation of the matrix.

    Returns
    -------
    PIL.Image.Image
        RGB.

    Raises
    ------
    InputError
        If `size_px` is too small or too large, or if the suffix of `path` is unknown or its folder
        does not exist.
    """
    theme = choose_theme(dark=dark, in_axes=False)
    target = check_classes_file(size_px, path)
    figure = _draw_page(relations, size_px, title=title, caption=caption, theme=theme, noun=noun)
    picture = render(figure)
    if target is not None and target.suffix.lower() in VECTOR_SUFFIXES:
        save_vector(figure, target)
    elif target is not None:
        picture.save(target, dpi=(_FILE_DPI, _FILE_DPI))
    return picture


def check_classes_file(size_px: int, path: str | os.PathLike[str] | None) -> Path | None:
    """Check the size and the path of a picture before the relations are computed.

    Parameters
    ----------
    size_px, path
        As in `draw_relations`.

    Returns
    -------
    Path or None
        The path of the file.

    Raises
    ------
    InputError
        As in `draw_relations`.
    """
    check_sizes(size_px)
    return None if path is None else check_path(path, vector=tuple(VECTOR_SUFFIXES))


def _draw_page(
    relations: ClassRelations,
    size_px: int,
    *,
    title: str | None,
    caption: str | None,
    theme: Theme,
    noun: str,
) -> Any:
    """Return a figure of matplotlib with the matrix, the tree, the title and the notes."""
    from matplotlib.figure import Figure

    text_px = max(size_px / _TEXTS_PER_SIDE, 8.0)
    margin = _MARGIN * text_px
    above = (2 if title is None else 4) * text_px
    notes_px = 7 * text_px  # at most; the cells depend neither on the caption nor on the notes
    layout = _plan(relations, (size_px - 2 * margin, size_px - above - notes_px), text_px, theme)
    notes = _notes(relations, has_numbers=layout.has_numbers, noun=noun)
    notes = [*notes, one_line(caption)] if caption is not None else notes
    height = round(above + layout.height + (2 + 1.5 * len(notes)) * text_px)
    # the notes below the matrix need some width
    width = round(min(max(layout.width + 2 * margin, 44 * text_px), size_px))

    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor=theme.background)
    axes: Any = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    _draw(axes, relations, layout, theme, dpi=DPI)
    axes.set(
        xlim=(-round(margin), width - round(margin)), ylim=(height - round(above), -round(above))
    )
    room = width - 2 * margin
    if title is not None:
        line = format_text(one_line(title), 1.5 * text_px, bold=True).within(room)
        add_text(axes, (0, 2.2 * text_px - above), line, theme.ink, side="left", dpi=DPI)
    for i, note in enumerate(notes):
        line = format_text(note, 0.85 * text_px).within(room)
        y = height - above - (1.2 + 1.5 * (len(notes) - 1 - i)) * text_px
        add_text(axes, (0, y), line, theme.pale_ink, side="left", dpi=DPI)
    return figure


def draw_relations_in_axes(axes: Any, relations: ClassRelations, *, dark: bool) -> None:
    """Draw the matrix and the tree in the middle of axes, without notes.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    relations : ClassRelations
    dark : bool
        Draw on a dark background.
    """
    theme = choose_theme(dark=dark, in_axes=True)
    axes.set(xticks=[], yticks=[], facecolor=theme.background)
    axes.spines[:].set_visible(False)
    room = measure_axes(axes)
    text_px = max(min(room) / _TEXTS_PER_SIDE, SMALLEST_NAME_PT * LAYOUT_DPI / 72)
    layout = _plan(relations, room, text_px, theme)
    _draw(axes, relations, layout, theme, dpi=LAYOUT_DPI)
    left, top = (layout.width - room[0]) / 2, (layout.height - room[1]) / 2
    axes.set(xlim=(left, left + room[0]), ylim=(top + room[1], top))


@dataclass(frozen=True)
class _Layout:
    """Lengths in pixels, from the end of the tree and of the longest name above the matrix.

    `left` and `top` are the corner of the matrix.
    """

    text_px: float
    cell_px: float
    left: float
    top: float
    tree_px: float
    name_px: float  # size of the names
    names: tuple[FormattedText, ...]  # of the classes, shortened

    @property
    def width(self) -> float:
        """The width of the tree, the names and the matrix."""
        return self.left + self.cell_px * len(self.names)

    @property
    def height(self) -> float:
        """The height of the names and the matrix."""
        return self.top + self.cell_px * len(self.names)

    @property
    def has_numbers(self) -> bool:
        """Whether the cells are large enough for numbers."""
        return self.cell_px >= _SMALLEST_WITH_NUMBER * self.text_px

    def middles(self) -> NDArray[np.float64]:
        """Return the middle of each row, measured from the edge of the matrix, (m,)."""
        return np.asarray(self.cell_px * (np.arange(len(self.names)) + 0.5))


def _plan(
    relations: ClassRelations, room: tuple[float, float], text_px: float, theme: Theme
) -> _Layout:
    """Return the layout in a room of this width and height, in pixels."""
    n_classes = len(relations.names)
    tree_px = min(_TREE * text_px, _TREE_SHARE * room[0]) if len(relations.merges) else 0.0
    whole = [one_line(name) for name in relations.names]
    widest = max(format_text(name, text_px, family=theme.family).width_px for name in whole)
    names_px = min(widest, _WIDEST_NAME * text_px, _NAME_SHARE * min(room))
    beside = tree_px + names_px + _BESIDE_NAMES * text_px
    above = names_px + text_px
    cell_px = min((room[0] - beside) / n_classes, (room[1] - above) / n_classes)
    cell_px = max(float(np.floor(min(cell_px, _LARGEST_CELL * text_px))), 1.0)
    name_px = min(text_px, 0.9 * cell_px)
    names = format_distinct(whole, name_px, width_px=names_px, family=theme.family)
    name_room = max(name.width_px for name in names)
    return _Layout(
        text_px=text_px,
        cell_px=cell_px,
        left=round(beside - names_px + name_room),
        top=round(name_room + text_px),
        tree_px=tree_px,
        name_px=name_px,
        names=tuple(names),
    )


def _notes(relations: ClassRelations, *, has_numbers: bool, noun: str) -> list[str]:
    n_shown, near = len(relations.names), relations.n_neighbors
    unit = ", in percent" if has_numbers else ""
    notes = [
        f"Row: class of an {noun}. Column: class of its {near} nearest neighbors{unit}.",
        relations.describe_shades(),
    ]
    if np.isfinite(relations.support).any():
        notes.append(
            "Thick branches are in at least 80 % of the trees of random samples (bootstrap)."
        )
    if relations.n_classes > n_shown:
        notes.append(f"The {n_shown} closest of {relations.n_classes:,} classes.")
    return notes


def _draw(
    axes: Any, relations: ClassRelations, layout: _Layout, theme: Theme, *, dpi: float
) -> None:
    """Draw the matrix, the names and the tree; the coordinates of the data are pixels."""
    _draw_cells(axes, relations, layout, theme, dpi=dpi)
    _draw_names(axes, relations, layout, theme, dpi=dpi)
    _draw_tree(axes, relations, layout, theme, dpi=dpi)


def _draw_cells(
    axes: Any, relations: ClassRelations, layout: _Layout, theme: Theme, *, dpi: float
) -> None:
    cell = layout.cell_px
    strengths = relations.shades()
    faint = _blend(theme.background, theme.ink, 0.04)
    colors = [
        [_blend(faint, _SHADES[theme.is_dark], strength) for strength in row]
        for row in strengths.tolist()
    ]
    for i in range(len(colors)):
        colors[i][i] = _blend(theme.background, theme.ink, _OWN_SHADE)
    edges = cell * np.arange(len(colors) + 1)
    axes.pcolormesh(
        layout.left + edges,
        layout.top + edges,
        np.array([[ImageColor.getrgb(color) for color in row] for row in colors], np.uint8),
        edgecolors=theme.background if cell >= 6 else "face",
        linewidth=0.04 * layout.text_px * 72 / dpi,
    )
    if not layout.has_numbers:
        return
    for i, j in np.argwhere(relations.shares >= LEAST_SHARE):
        share = float(relations.shares[i, j])
        number = format_text(
            f"{100 * share:.0f}", min(layout.text_px, 0.5 * cell), family=theme.family
        )
        ink = theme.ink if strengths[i, j] <= 0.5 else theme.background
        middle = layout.left + cell * (j + 0.5), layout.top + cell * (i + 0.5)
        add_text(axes, middle, number, ink, side="center", dpi=dpi)


def _draw_names(
    axes: Any, relations: ClassRelations, layout: _Layout, theme: Theme, *, dpi: float
) -> None:
    """Write the names of the rows beside the matrix, and of the columns above it, upward."""
    shades = [lighten(color) if theme.is_dark else color for color in relations.colors]
    left, top, middles = layout.left, layout.top, layout.middles()
    axes.scatter(
        np.full(len(middles), left - 0.8 * layout.text_px),
        top + middles,
        s=(0.72 * layout.name_px * 72 / dpi) ** 2,
        c=shades,
        linewidths=0,
    )
    for name, middle in zip(layout.names, middles.tolist(), strict=True):
        beside = left - 1.6 * layout.text_px, top + middle
        above = left + middle, top - 0.5 * layout.text_px
        add_text(axes, beside, name, theme.ink, side="right", dpi=dpi)
        add_text(axes, above, name, theme.ink, side="left", dpi=dpi, upward=True)


def _draw_tree(
    axes: Any, relations: ClassRelations, layout: _Layout, theme: Theme, *, dpi: float
) -> None:
    """Draw the branches from the left edge to the names, with their support."""
    if not len(relations.merges):
        return
    length = layout.tree_px - layout.text_px
    highest = max(float(relations.merges[:, 2].max()), 1e-9)
    x = [layout.left - 2.1 * layout.text_px - name.width_px for name in layout.names]
    y = (layout.top + layout.middles()).tolist()
    pale = _blend(theme.background, theme.ink, 0.35)
    for (one, other, height), support in zip(relations.merges, relations.support, strict=True):
        a, b = int(one), int(other)
        at = length * (0.95 - 0.95 * float(height) / highest)
        is_known = bool(np.isfinite(support))
        color = theme.ink if is_known else pale
        width = layout.text_px / (8 if is_known else 20)
        corners = [(x[a], y[a]), (at, y[a]), (at, y[b]), (x[b], y[b])]
        lines = [Line((*c, *d), color, width) for c, d in pairwise(corners)]
        add_lines(axes, lines, dpi=dpi)
        x.append(at)
        y.append((y[a] + y[b]) / 2)
        if is_known:
            number = format_text(f"{100 * float(support):.0f}", layout.name_px, family=theme.family)
            corner = (
                at - 0.25 * layout.text_px,
                y[-1] - 0.15 * layout.text_px - 0.5 * layout.name_px,
            )
            add_text(axes, corner, number, theme.ink, side="right", dpi=dpi)


def _blend(low: str, high: str, share: float) -> str:
    """Return the color between two colors, as "#rrggbb"."""
    pairs = zip(ImageColor.getrgb(low)[:3], ImageColor.getrgb(high)[:3], strict=True)
    return "#" + "".join(f"{round(a + share * (b - a)):02x}" for a, b in pairs)
