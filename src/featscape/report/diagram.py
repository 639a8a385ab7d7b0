"""Lay out the class matrix and the tree of the classes, in pixels of an SVG image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from unicodedata import east_asian_width

import numpy as np

from featscape.graphemes import shorten_end
from featscape.number_text import plural
from featscape.records.class_relations import LEAST_SHARE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from featscape.records.class_relations import ClassRelations

_TREE_PX = 110
# The names of the rows are horizontal, those of the columns are turned by 60 degrees.
_NAME_PX, _TOP_PX = 14, 18  # beside the names of the rows, and above those of the columns
_LETTER_PX = 7.7  # mean width of a small letter; the widths are those of a wide sans-serif font
_OTHER_PX = 10.8  # a capital letter, a digit or a sign
_WIDE_PX = 13.0  # W, @ and letters of East Asia
_RISE, _ASIDE = 0.87, 0.5  # sine and cosine of the turn
_CELL_PX = {12: 34, 20: 26}  # side of a cell, for up to this number of classes
_SMALL_CELL_PX = 18
_MOST_NUMBERS = 20  # classes in a matrix with numbers
_MARGIN_PX = 6
_MOST_LETTERS = 20


@dataclass(frozen=True)
class Cell:
    """A cell of the matrix: the position of its corner, its shade from 0 to 1 and its texts."""

    x: float
    y: float
    shade: float
    is_own: bool  # row and column are the same class
    number: str
    title: str


@dataclass(frozen=True)
class Row:
    """A class: the position of its row and column, its color and its names."""

    y: float
    x: float
    color: str
    name: str
    full_name: str


@dataclass(frozen=True)
class Branch:
    """A branch of the tree: the line through (x1, y1), (x, y1), (x, y2) and (x2, y2)."""

    x: float
    x1: float
    y1: float
    x2: float
    y2: float
    is_supported: bool


@dataclass(frozen=True)
class Diagram:
    """The class matrix and the tree."""

    width: float
    height: float
    cell: float
    name_x: float
    cells: tuple[Cell, ...]
    rows: tuple[Row, ...]
    branches: tuple[Branch, ...]


def lay_out(relations: ClassRelations, *, noun: str) -> Diagram:
    """Return the class matrix and the tree; `noun` is what an item is called."""
    n = len(relations.names)
    cell = next((px for most, px in _CELL_PX.items() if n <= most), _SMALL_CELL_PX)
    tree_px = _TREE_PX if len(relations.merges) else 0
    longest = max(_width_px(_shortened(name)) for name in relations.names)
    left = tree_px + _NAME_PX + longest + 3 * _MARGIN_PX
    top = _TOP_PX + _RISE * longest
    middles = [top + cell * (i + 0.5) for i in range(n)]
    rows = tuple(
        Row(
            y=middles[i],
            x=left + cell * (i + 0.5),
            color=relations.colors[i],
            name=_shortened(name),
            full_name=f"{name}: {plural(relations.counts[i], noun)}",
        )
        for i, name in enumerate(relations.names)
    )
    return Diagram(
        width=max(
            left + cell * n,
            *(row.x + _WIDE_PX + _ASIDE * _width_px(row.name) for row in rows),
        )
        + _MARGIN_PX,
        height=top + cell * n + _MARGIN_PX,
        cell=cell,
        name_x=tree_px + 2 * _MARGIN_PX,
        cells=tuple(_cells(relations, left=left, top=top, cell=cell)),
        rows=rows,
        branches=tuple(_branches(relations, middles)),
    )


def _cells(relations: ClassRelations, *, left: float, top: float, cell: float) -> list[Cell]:
    shares, shades = relations.shares, relations.shades()
    shown = np.argwhere(shares >= LEAST_SHARE)
    names = [_shortened(name) for name in relations.names]
    with_numbers = len(names) <= _MOST_NUMBERS
    return [
        Cell(
            x=left + cell * float(j),
            y=top + cell * float(i),
            shade=round(float(shades[i, j]), 2),
            is_own=bool(i == j),
            number=f"{100 * shares[i, j]:.0f}" if with_numbers else "",
            title=f"{names[i]}, neighbors of class {names[j]}: {100 * shares[i, j]:.1f} %",
        )
        for i, j in shown
    ]


def _branches(relations: ClassRelations, middles: Sequence[float]) -> list[Branch]:
    """Return the branches; the root is at the left."""
    heights = relations.merges[:, 2] if len(relations.merges) else np.zeros(0)
    span = max(float(heights.max(initial=0)), 1e-9)
    x: list[float] = [_TREE_PX + _MARGIN_PX] * len(middles)
    y = list(middles)
    branches = []
    for (one, other, height), support in zip(relations.merges, relations.support, strict=True):
        a, b = int(one), int(other)
        at = _MARGIN_PX + _TREE_PX * (1 - 0.95 * float(height) / span)
        branches.append(
            Branch(
                x=round(at, 1),
                x1=x[a],
                y1=y[a],
                x2=x[b],
                y2=y[b],
                is_supported=bool(np.isfinite(support)),
            )
        )
        x.append(round(at, 1))
        y.append((y[a] + y[b]) / 2)
    return branches


def _width_px(name: str) -> float:
    """Return an upper estimate of the width of a name; the font of the reader is not known."""
    n_wide = sum(letter in "W@" or east_asian_width(letter) in {"W", "F"} for letter in name)
    n_small = sum(letter.islower() or letter == " " for letter in name)
    return _WIDE_PX * n_wide + _LETTER_PX * n_small + _OTHER_PX * (len(name) - n_wide - n_small)


def _shortened(name: str) -> str:
    return shorten_end(name, _MOST_LETTERS)
