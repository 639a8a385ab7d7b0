"""Write the names of the classes on the map, without overlap."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

import numpy as np
from PIL import ImageDraw

from featscape.errors import InputError
from featscape.labels.name_anchors import NameAnchor, find_name_anchors
from featscape.pictures.page import plan_page
from featscape.pictures.placement import Coverage, NameBox, best_position
from featscape.pictures.points import Line
from featscape.pictures.text import format_distinct, format_text, one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray
    from PIL import Image

    from featscape.labels.classes import Classes
    from featscape.pictures.legend.color_bar import ColorBar
    from featscape.pictures.page import Page
    from featscape.pictures.placement import Arrangement
    from featscape.pictures.text import FormattedText
    from featscape.pictures.theme import Theme

# Sizes of the names in units of the text of the legend, and the size of a name in units of the side
# of the square that has the cluster's share of the area of the map.
SMALLEST, LARGEST = 0.85, 1.8
_SIZE_PER_SIDE = 0.1
_WIDEST = 12.0  # a name is shortened to this width, about 24 letters, in units of its size
# Names may cover the first share of the map anywhere, and the second share if they touch at most
# the last share of the items: more names would hide the items.
_MOST_AMONG_ITEMS, _MOST_COVERED, _MOST_TOUCHED = 0.1, 0.3, 0.25
_MOST_MISSES = 20  # in a row: then the map is full, and the search ends
_WRAPPED = 8.0  # a name of several words that is wider than this becomes two lines
_LEADER = 0.06  # width of the leader, in units of the size
# Of the cost of a position, see `placement`: half of the size costs half of this.
_COST_OF_SMALLER_SIZE = 0.4
_SHARE_OF_ITEM_NAME = 0.04  # a name at an item has the size of a class with this share of the items


class NameSizes(NamedTuple):
    """The sizes of a map and of the names on the map.

    Attributes
    ----------
    box : tuple of int
        Width and height of the map in pixels.
    text_px : float
        Size of the text of the legend.
    largest : float
        The largest size of a name, in units of `text_px`.
    family : tuple of str or None
        The font: see `format_text`.
    """

    box: tuple[int, int]
    text_px: float
    largest: float = LARGEST
    family: tuple[str, ...] | None = None


class _HasNames(Protocol):
    """A layout of a map."""

    @property
    def names(self) -> list[NameBox]: ...


_WithNames = TypeVar("_WithNames", bound=_HasNames)


@dataclass(frozen=True, eq=False)
class PlannedMap:
    """A page with the items and the names."""

    page: Page
    arrangement: Arrangement
    names: list[NameBox]


def plan_map(
    arrange: Callable[[Page], Arrangement],
    *,
    size_px: int,
    aspect: float,
    title: str | None,
    classes: Classes | None,
    theme: Theme,
    names: bool,
    legend: bool,
    item_names: ItemNames | None,
    make_bar: Callable[[float], ColorBar] | None = None,
) -> PlannedMap:
    """Return a page whose legend lists the classes without a name on the map.

    Parameters
    ----------
    arrange : callable
        Arranges the items on a page.
    size_px, aspect, title, classes, theme
        See `plan_page`.
    names : bool
        Write the names on the map; otherwise, the legend lists all classes.
    legend : bool
        Whether there is a legend.
    item_names : ItemNames, optional
        The names on a map without classes.
    make_bar : callable, optional
        Makes the color bar of a map without classes: see `plan_page`.
    """
    plan = partial(plan_page, size_px, aspect=aspect, title=title, theme=theme, make_bar=make_bar)
    if classes is None or not names:
        page = plan(classes=classes if legend else None)
        arrangement = arrange(page)
        at_items: list[NameBox] = []
        if classes is None and names and item_names is not None:
            at_items = item_names.lay_out(arrangement, _sizes_on(page))
        return PlannedMap(page, arrangement, at_items)

    def lay_out(listed: NDArray[np.intp]) -> PlannedMap:
        if len(listed):
            page = plan(classes=classes, codes=listed, heading="other classes")
        else:
            page = plan(classes=None)
        arrangement = arrange(page)
        return PlannedMap(page, arrangement, lay_out_names(arrangement, classes, _sizes_on(page)))

    if not legend:
        return lay_out(np.arange(0))
    planned, listed = name_or_list(lay_out, classes)
    if not len(listed):
        return planned
    unnamed = unnamed_classes(planned.names, classes)
    return replace(planned, page=planned.page.with_legend_of(classes, unnamed))


def _sizes_on(page: Page) -> NameSizes:
    return NameSizes((page.map_width, page.map_height), page.text_px)


def name_or_list(
    lay_out: Callable[[NDArray[np.intp]], _WithNames], classes: Classes
) -> tuple[_WithNames, NDArray[np.intp]]:
    """Return a layout in which each class has a name on the map or is in the legend.

    The legend takes room from the map, so that fewer names may fit, and the legend grows.

    Parameters
    ----------
    lay_out : callable
        Returns the layout beside a legend of these classes.
    classes : Classes

    Returns
    -------
    layout : object
        From `lay_out`.
    listed : ndarray of intp
        The classes of its legend, ascending; some of them may have got a name, too.
    """
    listed = np.arange(0)
    while True:
        layout = lay_out(listed)
        missing = np.setdiff1d(unnamed_classes(layout.names, classes), listed)
        if not len(missing):
            return layout, listed
        listed = np.union1d(listed, missing)


def lay_out_names(arrangement: Arrangement, classes: Classes, sizes: NameSizes) -> list[NameBox]:
    """Return the names that fit on a map, the main anchors of the largest classes first.

    The names cover at most a tenth of the map, or three tenths if they touch at most a quarter of
    the items. Further names of a class are added only until all names cover a tenth.

    The size of a name depends on the number of items in its cluster. Of the positions that overlap
    no earlier name, the name has the position that covers few items, is near the densest spot, and
    is nearer to an item of its class than to other items. A name that covers many items at all
    positions is smaller; a name without a position is omitted. A leader connects a name with its
    class if the name is far from the class or nearer to an item of another class.

    Parameters
    ----------
    arrangement : Arrangement
    classes : Classes
        The classes of all items.
    sizes : NameSizes
    """
    codes = classes.label_codes[arrangement.items]
    anchors = find_name_anchors(arrangement.centers, codes)

    def items_of(anchor: NameAnchor) -> NDArray[np.bool_]:
        return np.asarray(codes == anchor.name_id)

    named = sorted({anchor.name_id for anchor in anchors})
    texts = dict(zip(named, (classes.names[code] for code in named), strict=True))
    return _lay_out(anchors, texts, arrangement, items_of, sizes)


@dataclass(frozen=True, eq=False)
class ItemNames:
    """Names at the positions of some items, for a map without classes.

    Attributes
    ----------
    names : mapping of int to str
        The name at each item, the most important name first.
    xy : ndarray of float64, shape (n, 2)
        The positions of all items.
    """

    names: Mapping[int, str]
    xy: NDArray[np.float64]

    def lay_out(self, arrangement: Arrangement, sizes: NameSizes) -> list[NameBox]:
        """Return the names that fit: see `lay_out_names`.

        The name of an item that is not drawn is at the nearest drawn item.

        Parameters
        ----------
        arrangement : Arrangement
        sizes : NameSizes
        """
        drawn = self.xy[arrangement.items]
        n_items = max(round(_SHARE_OF_ITEM_NAME * len(drawn)), 1)
        anchors = [
            NameAnchor(int(np.hypot(*(drawn - self.xy[item]).T).argmin()), index, n_items)
            for index, item in enumerate(self.names)
        ]
        texts = dict(enumerate(self.names.values()))

        def items_of(anchor: NameAnchor) -> NDArray[np.bool_]:
            distances = np.hypot(*(drawn - drawn[anchor.item]).T)
            return np.asarray(distances <= np.partition(distances, n_items - 1)[n_items - 1])

        return _lay_out(anchors, texts, arrangement, items_of, sizes)


def check_item_names(
    item_names: Mapping[int, str] | None, xy: NDArray[np.float64]
) -> ItemNames | None:
    """Return the names at items of a map; raises InputError if an item does not exist.

    Parameters
    ----------
    item_names : mapping of int to str, or None
    xy : ndarray of float64, shape (n, 2)
        The positions of all items.
    """
    for item in item_names or ():
        if not 0 <= item < len(xy):
            raise InputError(
                f"an item of item_names must be from 0 to {len(xy) - 1:,}; got {item}. "
                "Pass indices of the positions."
            )
    return None if item_names is None else ItemNames(item_names, xy)


def _lay_out(
    anchors: Sequence[NameAnchor],
    names_of: Mapping[int, str],
    arrangement: Arrangement,
    items_of: Callable[[NameAnchor], NDArray[np.bool_]],
    sizes: NameSizes,
) -> list[NameBox]:
    """Return the names that fit; the item of an anchor is an index into the arrangement.

    `items_of` returns which items a name may be beside.
    """
    box, text_px, largest, family = sizes
    points = arrangement.centers
    whole = [one_line(name) for name in names_of.values()]
    formatted = format_distinct(whole, text_px, width_px=_WIDEST * text_px, family=family)
    texts = dict(zip(names_of, formatted, strict=True))
    coverage = Coverage(arrangement, box, cell_px=max(text_px / 6, 1.0))
    side_px = float(np.sqrt(box[0] * box[1]))
    names: list[NameBox] = []
    budget = _Budget(arrangement, box)
    n_misses = 0
    for anchor in anchors:
        if n_misses == _MOST_MISSES:
            break
        size = _SIZE_PER_SIDE * side_px * np.sqrt(anchor.n_items / len(points))
        smallest = SMALLEST * text_px
        wanted = float(np.clip(size, smallest, largest * text_px))
        x, y = points[anchor.item]
        boxes = [
            NameBox(_wrap(texts[anchor.name_id].text, size, family), x, y, anchor.name_id, size)
            for size in dict.fromkeys((wanted, float(np.sqrt(wanted * smallest)), smallest))
        ]
        fitting = [name for name in boxes if budget.has_area(name)]
        if not fitting:
            continue
        own = coverage.only(items_of(anchor))
        found = [
            (cost + _COST_OF_SMALLER_SIZE * (1 - name.size_px / wanted), name)
            for centered in fitting
            for cost, name in best_position(centered, names, coverage, own, anchor.n_items)
            if budget.has_room(name)
        ]
        n_misses = 0 if found else n_misses + 1
        if found:
            _, name = min(found, key=lambda one: one[0])
            names.append(name)
            budget.spend(name)
    return names


class _Budget:
    """Counts what names cover. The first name may have any size."""

    def __init__(self, arrangement: Arrangement, box: tuple[int, int]) -> None:
        self._arrangement = arrangement
        self._area_px = box[0] * box[1]
        self._covered_px = 0.0
        self._n_touched = 0
        self._named: set[int] = set()

    def has_area(self, name: NameBox) -> bool:
        """Return whether a name fits at some position."""
        most = _MOST_AMONG_ITEMS if name.name_id in self._named else _MOST_COVERED
        return not self._named or self._covered_px + name.area_px <= most * self._area_px

    def has_room(self, name: NameBox) -> bool:
        """Return whether a name may have its position."""
        if self._covered_px + name.area_px <= _MOST_AMONG_ITEMS * self._area_px or not self._named:
            return True
        most = _MOST_TOUCHED * len(self._arrangement.items)
        return self._n_touched + self._count_touched(name) <= most

    def spend(self, name: NameBox) -> None:
        """Add a name."""
        self._covered_px += name.area_px
        self._n_touched += self._count_touched(name)
        self._named.add(name.name_id)

    def _count_touched(self, name: NameBox) -> int:
        """Return the number of items that a name touches."""
        items = self._arrangement
        reach = np.array([name.half_width_px, name.half_height_px]) + items.side_px / 2
        return int((np.abs(items.centers - (name.x, name.y)) < reach).all(axis=1).sum())


def draw_names(
    picture: Image.Image, names: list[NameBox], classes: Classes | None, theme: Theme
) -> None:
    """Write names on the picture of a map: see `name_color`."""
    draw = ImageDraw.Draw(picture)
    for name in reversed(names):  # the most important name on top
        color = name_color(name, classes, theme)
        for line, middle in zip(name.lines, name.line_middles, strict=True):
            draw.text(
                (name.x, middle),
                line.text,
                color,
                line.font,
                anchor="mm",
                stroke_width=name.halo_px,
                stroke_fill=theme.background,
            )


def leaders(names: list[NameBox], classes: Classes | None, theme: Theme) -> list[Line]:
    """Return the lines from names to items, to be drawn below the items."""
    return [
        Line(name.leader, name_color(name, classes, theme), max(_LEADER * name.size_px, 1.0))
        for name in names
        if name.leader is not None
    ]


def name_color(name: NameBox, classes: Classes | None, theme: Theme) -> str:
    """Return a shade of the color of the class; the color of the text on a map without classes."""
    return theme.ink if classes is None else theme.name_color(classes.colors[name.name_id])


def unnamed_classes(names: list[NameBox], classes: Classes) -> NDArray[np.intp]:
    """Return the codes of the classes without a name on the map, ascending, shape (k,)."""
    named = [name.name_id for name in names]
    return np.setdiff1d(np.arange(len(classes.names)), named)


def _wrap(text: str, size_px: float, family: tuple[str, ...] | None) -> tuple[FormattedText, ...]:
    """Return the text, in two lines if it is long and has several words."""
    write = partial(format_text, size_px=size_px, bold=True, family=family)
    whole = write(text)
    spaces = [i for i, character in enumerate(text) if character == " "]
    if not spaces or whole.width_px <= _WRAPPED * size_px:
        return (whole,)
    middle = min(spaces, key=lambda i: abs(i - len(text) / 2))
    halves = text[:middle], text[middle + 1 :]
    return tuple(map(write, halves))
