"""Find simple properties of the images that predict a label: shortcuts for a classifier.

For each property, the images with the lowest and with the highest values, at most a quarter of the
images, and the images with each value of a category are compared with each class. Whole numbers are
compared in both ways. The statistic of such a cell is the standardized number of images of the
class. It is compared with the maximum over all cells of all properties under permuted labels, so a
dataset in which no property depends on the labels has a cell in at most one of twenty cases. The
same limit gives a range of the share of the class in each cell, which holds for all cells together.
The cells are ordered by the lower end of the range, so that a cell of few images, whose share is
uncertain, is not first by chance. A group of copies with one label counts as one image: a series of
images of one scene has one brightness, one hour and one label.

A property that orders the neighbors is a finding of another kind: see `orders`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from featscape.findings.records import DetectorResult, Evidence, Shortcut
from featscape.findings.shortcuts.label_columns import find_near_labels, is_label
from featscape.findings.shortcuts.orders import find_orders, measure_assortativity
from featscape.findings.shortcuts.properties import collect_properties, names_label
from featscape.findings.wording import noun_of, too_few_items
from featscape.number_text import percent
from featscape.printable_names import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from numpy.typing import NDArray

    from featscape.findings.pixels.survey import Survey
    from featscape.findings.shortcuts.properties import Property
    from featscape.labels.classes import Classes

    Codes = NDArray[np.intp]

LEAST_ITEMS = 50
_CUTS = (0.02, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98)
_LARGEST_TAIL = 0.25  # share of the images in a tail; half of the images show no extreme
_N_PERMUTATIONS = 200
_FALSE_ALARMS = 0.05  # share of datasets without shortcuts that have a cell
_LEAST_EXPECTED = 2  # images in a cell; the statistic of rarer cells is not normal
_RARE = -1  # the bin of the values of a category that are not compared
_MOST_ITEMS = 100_000  # more are sampled
_MOST_CELLS = 5  # of one property
_N_SHOWN = 50  # images of a cell
_COPIES = "A group of duplicates with one label counts as one {noun}."
_METHOD = (
    "The range is that of the share among other {noun}s of the same source. The range is computed "
    "so that it holds for all properties, classes and limits together, in 95 % of datasets. The "
    "score is the odds of the label at the lower end of the range, divided by the odds that are "
    "expected."
)


class _TableCell(NamedTuple):
    odds_ratio: float  # of the lower end of the range and the expected share
    low: float  # the range of the share of the class
    high: float
    label: int
    is_high: bool
    members: NDArray[np.bool_]
    level: str | None


def find_shortcuts(
    survey: Survey | None,
    classes: Classes | None,
    *,
    neighbors: NDArray[np.int32],
    sizes_px: NDArray[np.int32] | None = None,
    paths: Sequence[str] | None = None,
    splits: Sequence[str] | None = None,
    columns: Mapping[str, NDArray[Any]] | None = None,
    originals: NDArray[np.intp] | None = None,
    is_checked: NDArray[np.bool_] | None = None,
    random_state: int,
) -> DetectorResult[Shortcut]:
    """Find simple properties that predict a label, the most certain effect first.

    Parameters
    ----------
    survey : Survey or None
        The thumbnails of n images; None for a map without images.
    classes : Classes or None
        The labels of the items; None without labels.
    neighbors : ndarray of int32, shape (n, k)
        The nearest items in feature space, nearest first.
    sizes_px : ndarray of int32, shape (n, 2), optional
    paths, splits : sequence of str, optional
    columns : mapping of str to ndarray, optional
        Further values of each item: numbers, or objects that are str or None.
    originals : ndarray of intp, shape (n,), optional
        The first item of each item's group of copies, see `find_originals`. Other items of a group
        are not counted in the cells.
    is_checked : ndarray of bool, shape (n,), optional
        Items whose label a person has checked. They are not compared with columns that may be the
        label of the source.
    random_state : int
        Seed of the permutations and of the sample of more than 100,000 items.

    Returns
    -------
    DetectorResult of Shortcut
        Columns that equal the label in all rows or except in few first, then cells of properties
        and classes, then properties and values that order the neighbors.
    """
    n_items = len(neighbors)
    if n_items < LEAST_ITEMS:
        return DetectorResult(reason=too_few_items(n_items, LEAST_ITEMS))
    properties = collect_properties(
        survey, sizes_px=sizes_px, paths=paths, splits=splits, columns=columns
    )
    noun = noun_of(paths)
    found: list[Shortcut] = []
    if classes is not None:
        labels = [classes.names[code] for code in classes.codes]
        is_checked = np.zeros(n_items, dtype=bool) if is_checked is None else is_checked
        near_labels = find_near_labels(
            properties, classes, neighbors, is_checked=is_checked, paths=paths
        )
        found += filter(None, near_labels.values())
        properties = tuple(
            one
            for one in properties
            if one.name not in near_labels and not is_label(one, labels, is_checked)
        )
    assortativity = {one.name: measure_assortativity(one, neighbors) for one in properties}
    reason = None
    if classes is None or classes.is_named.sum() < 2:
        reason = "Without two or more classes, no property can predict a label."
    else:
        is_counted = classes.label_codes >= 0
        if originals is not None:
            is_counted &= originals == np.arange(n_items)
        for one, cell in _find_cells(
            properties, classes, is_counted=is_counted, random_state=random_state
        ):
            if _exceeds_as_printed(cell.low, _expected_share(one, cell, classes, is_counted)):
                found.append(
                    _describe(
                        one,
                        cell,
                        classes,
                        is_counted=is_counted,
                        assortativity=assortativity[one.name],
                        noun=noun,
                    )
                )
    found += find_orders(
        properties,
        neighbors,
        assortativity=assortativity,
        labels=() if classes is None else classes.names,
        noun=noun,
        random_state=random_state,
    )
    return DetectorResult(tuple(found), reason)


def _find_cells(
    properties: Sequence[Property],
    classes: Classes,
    *,
    is_counted: NDArray[np.bool_],
    random_state: int,
) -> Iterator[tuple[Property, _TableCell]]:
    """Yield the cells above the null distribution, the largest odds ratio first."""
    random = np.random.default_rng(random_state)
    n_classes = len(classes.names)
    used = np.sort(random.permutation(np.flatnonzero(is_counted))[:_MOST_ITEMS])
    codes = classes.codes[used].astype(np.intp)
    largest_class = int(np.bincount(codes).max()) if len(codes) else 0
    by_property = [
        [_BinnedProperty(view, used, largest_class) for view in one.views] for one in properties
    ]
    by_property = [[view for view in views if view.n_bins > 1] for views in by_property]
    all_binned = [view for views in by_property for view in views]
    if not all_binned:
        return
    maxima = np.zeros(_N_PERMUTATIONS)
    for trial in range(_N_PERMUTATIONS):
        permuted = random.permutation(codes)
        maxima[trial] = max(
            binned.compare(permuted, n_classes).statistics.max() for binned in all_binned
        )
    limit = np.quantile(maxima, 1 - _FALSE_ALARMS, method="higher")
    cells: list[tuple[Property, _TableCell]] = []
    for views in by_property:
        cells += _clearest(
            [
                (view.of, cell)
                for view in views
                for cell in view.largest(codes, classes.names, limit)
            ]
        )
    yield from sorted(cells, key=_negative_ratio)


def _negative_ratio(found: tuple[Property, _TableCell]) -> float:
    return -found[1].odds_ratio


def _clearest(cells: list[tuple[Property, _TableCell]]) -> list[tuple[Property, _TableCell]]:
    """Return the largest cells of a property; those of a class are of one view of the property.

    The tails of whole numbers contain values that may be cells, too.
    """
    view_of: dict[int, Property] = {}
    kept = [
        (view, cell)
        for view, cell in sorted(cells, key=_negative_ratio)
        if view_of.setdefault(cell.label, view) is view
    ]
    return kept[:_MOST_CELLS]


class _Cells(NamedTuple):
    """The m cells of a property that contain an image: groups of images and classes, each (m,).

    The expected share of a class is its share of all images with a known value.
    """

    groups: Codes
    labels: Codes
    statistics: NDArray[np.float64]  # 0 for cells that are not compared
    shares: NDArray[np.float64]
    sizes: Codes  # images of the groups
    expected: NDArray[np.float64]


class _BinnedProperty:
    """The bins of a property, and the classes in its tails or categories."""

    def __init__(self, one: Property, used: Codes, largest_class: int) -> None:
        self.of = one
        values, known = one.values[used], one.known[used]
        self._known = np.flatnonzero(known)
        values = values[known]
        self._edges = np.zeros(0)
        self._bins = values
        if one.levels is None and len(values):
            self._edges = np.unique(np.quantile(values, _CUTS, method="higher"))
            self._bins = np.digitize(values, self._edges)
        elif len(values):
            # values of too few images for any class are one bin, which is not compared
            sizes = np.bincount(values)[values]
            is_rare = sizes * largest_class < _LEAST_EXPECTED * len(values)
            self._bins = np.where(is_rare, _RARE, values)
        self.n_bins = 0
        if len(values):
            self._numbers, self._bins = np.unique(self._bins, return_inverse=True)
            self.n_bins = len(self._numbers)

    def compare(self, codes: Codes, n_classes: int) -> _Cells:
        """Return the cells of the upper, then the lower tails; or of the categories.

        The statistic is (observed - expected) / deviation, with the deviation of a binomial
        distribution: the score statistic of Wilson (1927), "Probable inference, the law of
        succession, and statistical inference", JASA 22(158):209-212. Cells without an image are
        left out, because their statistic is negative: of 5,000 values and 100 classes, most are.
        """
        n_items = len(self._known)
        codes = codes[self._known]
        class_sizes = np.bincount(codes, minlength=n_classes)
        sizes = np.bincount(self._bins, minlength=self.n_bins)
        if self.of.levels is None:
            groups, labels, observed = self._count_tails(codes, class_sizes)
            rising = np.cumsum(sizes)[:-1]
            sizes = np.concatenate([n_items - rising, rising])
            is_left_out = sizes > _LARGEST_TAIL * n_items + 1
            # the most extreme tail is compared even if ties make it large
            is_left_out[[self.n_bins - 2, self.n_bins - 1]] = False
        else:
            cells, observed = np.unique(self._bins * n_classes + codes, return_counts=True)
            groups, labels = np.divmod(cells, n_classes)
            is_left_out = self._numbers == _RARE
        sizes, expected = sizes[groups], class_sizes[labels] / n_items
        variance = sizes * expected * (1 - expected)
        statistics = (observed - sizes * expected) / np.sqrt(np.maximum(variance, 1e-9))
        is_used = sizes * expected >= _LEAST_EXPECTED
        is_used &= (variance > 0) & ~is_left_out[groups]
        statistics = np.where(is_used, statistics, 0.0)
        return _Cells(groups, labels, statistics, observed / sizes, sizes, expected)

    def _count_tails(self, codes: Codes, class_sizes: Codes) -> tuple[Codes, Codes, Codes]:
        """Return the tail, the class and the number of images of each cell, (m,) each."""
        n_classes = len(class_sizes)
        counts = np.bincount(self._bins * n_classes + codes, minlength=self.n_bins * n_classes)
        rising = np.cumsum(counts.reshape(self.n_bins, n_classes), axis=0)[:-1]
        observed = np.concatenate([class_sizes - rising, rising])
        groups, labels = np.nonzero(observed)
        return groups, labels, observed[groups, labels]

    def largest(self, codes: Codes, names: Sequence[str], limit: float) -> list[_TableCell]:
        """Return the cells above a limit, at most one for each class and direction."""
        compared = self.compare(codes, len(names))
        listed = np.flatnonzero(compared.statistics > limit)
        groups, labels = compared.groups[listed], compared.labels[listed]
        expected = compared.expected[listed]
        low, high = _wilson_range(compared.shares[listed], compared.sizes[listed], limit)
        odds_ratios = low / (1 - low) / (expected / (1 - expected))
        cells: list[_TableCell] = []
        seen = set()
        for at in np.argsort(-odds_ratios, kind="stable").tolist():
            group, label = int(groups[at]), int(labels[at])
            is_high = group < self.n_bins - 1
            key = (label, is_high if self.of.levels is None else group)
            if key in seen or self._names(group, names[label]):
                continue
            seen.add(key)
            members, level = self._members(group)
            bounds = float(low[at]), float(high[at])
            ratio = float(odds_ratios[at])
            cells.append(_TableCell(ratio, *bounds, label, is_high, members, level))
            if len(cells) == _MOST_CELLS:
                break
        return cells

    def _names(self, group: int, label: str) -> bool:
        """Return whether the property or its value names a label, such as a tag."""
        if names_label(self.of.name, label):
            return True
        return self.of.levels is not None and self.of.value_names(self._numbers[group], [label])

    def _members(self, group: int) -> tuple[NDArray[np.bool_], str | None]:
        """Return which of all items are in a group, and the value of a category."""
        values, known = self.of.values, self.of.known
        if self.of.levels is not None:
            code = self._numbers[group]
            return known & (values == code), self.of.levels[code]
        edge = self._edges[self._numbers[group % (self.n_bins - 1) + 1] - 1]
        is_high = known & (np.where(known, values, edge) >= edge)
        return (is_high if group < self.n_bins - 1 else known & ~is_high), None


def _wilson_range(
    shares: NDArray[np.float64], sizes: NDArray[np.intp], limit: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the shares whose statistic is the limit: Wilson's confidence interval, (m,) each."""
    spread = limit**2 / sizes
    middle = (shares + spread / 2) / (1 + spread)
    half = np.sqrt(shares * (1 - shares) * spread + spread**2 / 4) / (1 + spread)
    return middle - half, middle + half


def _exceeds_as_printed(low: float, expected: float) -> bool:
    """Return whether a range of shares is above the expected share, both in whole percent.

    A range that touches the expected share as printed shows no effect.
    """
    return round(100 * low) > round(100 * expected)


def _expected_share(
    one: Property, cell: _TableCell, classes: Classes, is_counted: NDArray[np.bool_]
) -> float:
    """Return the share of the class of a cell among all counted images with a known value."""
    return float((classes.codes == cell.label)[one.known & is_counted].mean())


def _describe(
    one: Property,
    cell: _TableCell,
    classes: Classes,
    *,
    is_counted: NDArray[np.bool_],
    assortativity: float,
    noun: str,
) -> Shortcut:
    label = classes.names[cell.label]
    in_class = classes.codes == cell.label
    is_labeled = classes.label_codes >= 0
    known, members = one.known & is_counted, cell.members & is_counted
    share = float(in_class[members].mean())
    expected = _expected_share(one, cell, classes, is_counted)
    part = percent(members.sum() / known.sum())
    items_text = f"{noun}s" if is_labeled.all() else f"labeled {noun}s"
    if cell.level is not None:
        group = f"the {items_text} with {printable(one.name)} {printable(cell.level)}"
    elif one.tails is not None:
        group = f"the {part} {one.tails[cell.is_high]} {items_text}"
    else:
        group = (
            f"the {part} of {items_text} with the {'highest' if cell.is_high else 'lowest'} "
            f"{printable(one.name)}"
        )
    items = np.flatnonzero(cell.members & in_class)
    if one.levels is None:
        order = np.argsort(one.values[items], kind="stable")
        items = items[order[::-1] if cell.is_high else order]
    shown = tuple(items[:_N_SHOWN].tolist())
    method = _METHOD.format(noun=noun)
    if is_counted.sum() < is_labeled.sum():
        method = f"{method} {_COPIES.format(noun=noun)}"
    return Shortcut(
        property_name=one.name,
        kind="label",
        label=label,
        items=shown,
        assortativity=assortativity,
        share=share,
        share_low=cell.low,
        share_high=cell.high,
        share_expected=expected,
        text=(
            f"Of {group}, {percent(share)} ({100 * cell.low:.0f} to {percent(cell.high)}) have the "
            f"label {printable(label)}; {percent(expected)} are expected."
        ),
        evidence=Evidence(items=shown, neighbors=(), score=cell.odds_ratio, method=method),
    )
