"""Find simple properties of the images that predict a label: shortcuts for a classifier.

For each property, the images with the lowest and with the highest values, at most a quarter of the
images, and the images with each value of a category are compared with each class. The statistic of
such a cell is the standardized residual of the hypergeometric distribution. It is compared with the
maximum over all cells of all properties under permuted labels, so a dataset in which no property
depends on the labels has a cell in at most one of twenty cases.

A property that orders the neighbors is a finding of another kind. Its assortativity is compared
with the assortativity of permuted values, with a correction for the number of properties, so a
dataset in which no property depends on the neighbors has such a finding in at most one of twenty
cases as well.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from featscape.findings.records import DetectorResult, Evidence, Shortcut
from featscape.findings.shortcuts.properties import collect_properties
from featscape.findings.spaces import average_ranks
from featscape.findings.wording import too_few_items
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
_FALSE_ALARMS = 0.05  # share of datasets without shortcuts that have a cell; the same for orders
_LEAST_EXPECTED = 2  # images in a cell; the residual of rarer cells is not normal
_MOST_ITEMS = 100_000  # more are sampled
_MOST_CELLS = 3  # of one property
_N_SHOWN = 50  # images of a cell
_N_NEAR = 10  # neighbors for the assortativity
_STRONG_ASSORTATIVITY = 0.5
_MOST_EDGES = 10_000  # pairs of neighbors that permuted values are compared on
_METHOD = (
    "The score is the standardized hypergeometric residual of the number of images of the class "
    "with the property, and exceeds 95 % of the maxima under permuted labels."
)
_ASSORTATIVITY_METHOD = (
    "The score is the assortativity on the graph of the {n_near} nearest neighbors: 1 if neighbors "
    "have equal values, 0 as for random pairs. The score is higher than under {n_permutations:,} "
    "permutations of the values."
)


class _TableCell(NamedTuple):
    residual: float
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
    random_state: int = 0,
) -> DetectorResult[Shortcut]:
    """Find properties other than the content that predict a label, the strongest first.

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
    random_state : int
        Seed of the permutations and of the sample of more than 100,000 items.

    Returns
    -------
    DetectorResult of Shortcut
        Cells of properties and classes first, then properties that order the neighbors.
    """
    n_items = len(neighbors)
    if n_items < LEAST_ITEMS:
        return DetectorResult(reason=too_few_items(n_items, LEAST_ITEMS))
    labels = None if classes is None else [classes.names[code] for code in classes.codes]
    properties = collect_properties(
        survey, sizes_px=sizes_px, paths=paths, labels=labels, splits=splits, columns=columns
    )
    assortativity = {one.name: measure_assortativity(one, neighbors) for one in properties}
    found: list[Shortcut] = []
    reason = None
    if classes is None or classes.is_named.sum() < 2:
        reason = "Without two or more classes, no property can predict a label."
    else:
        for one, cell in _find_cells(properties, classes, random_state):
            found.append(_describe(one, cell, classes, assortativity[one.name]))
    # p = 1 / (1 + number of permutations), at most .05 / number of properties (Bonferroni)
    n_permutations = math.ceil(len(properties) / _FALSE_ALARMS)
    random = np.random.default_rng(random_state)
    method = _ASSORTATIVITY_METHOD.format(
        n_near=min(_N_NEAR, neighbors.shape[1]), n_permutations=n_permutations
    )
    found += [
        _describe_order(one.name, assortativity[one.name], method)
        for one in sorted(properties, key=lambda one: -assortativity[one.name])
        if assortativity[one.name] >= _STRONG_ASSORTATIVITY
        and _exceeds_chance(one, neighbors, n_permutations, random)
    ]
    return DetectorResult(tuple(found), reason)


def measure_assortativity(one: Property, neighbors: NDArray[np.int32]) -> float:
    """Return how similar a property is among neighbors: 1 if equal, 0 as for random pairs.

    For numbers, the correlation of the ranks across the edges of the graph; for categories,
    Newman's assortativity coefficient of equal values ("Mixing patterns in networks", 2003).

    Parameters
    ----------
    one : Property
        Of n items.
    neighbors : ndarray of int32, shape (n, k)
        The nearest items, nearest first; 10 of them are compared.
    """
    first, second = _edges(one, neighbors)
    return _assortativity(_comparable(one), first, second, is_category=one.levels is not None)


def _edges(one: Property, neighbors: NDArray[np.int32]) -> tuple[Codes, Codes]:
    """Return the two items of each pair of neighbors with known values, (p,) and (p,)."""
    near = neighbors[:, :_N_NEAR]
    known = one.known
    is_used = known[:, None] & known[near]
    first = np.broadcast_to(np.arange(len(near))[:, None], near.shape)[is_used]
    return first, near[is_used].astype(np.intp)


def _comparable(one: Property) -> NDArray[Any]:
    """Return the codes of a category, or the ranks of numbers, (n,)."""
    if one.levels is not None:
        return one.values
    ranks = np.zeros(len(one.values))
    ranks[one.known] = average_ranks(one.values[one.known])
    return ranks


def _assortativity(
    values: NDArray[Any], first: Codes, second: Codes, *, is_category: bool
) -> float:
    a, b = values[first], values[second]
    if is_category:
        shares = np.bincount(a) / max(len(a), 1)
        by_chance = float((shares**2).sum())
        equal = float(np.mean(a == b)) if len(a) else 0.0
        return (equal - by_chance) / (1 - by_chance) if by_chance < 1 else 0.0
    if len(a) == 0 or a.std() == 0 or b.std() == 0:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def _exceeds_chance(
    one: Property, neighbors: NDArray[np.int32], n_permutations: int, random: np.random.Generator
) -> bool:
    """Return whether the assortativity exceeds that of each permutation of the values.

    At most 10,000 random edges are compared, and the values of their items are permuted.
    """
    edges = np.stack(_edges(one, neighbors))  # (2, p)
    edges = edges[:, random.permutation(edges.shape[1])[:_MOST_EDGES]]
    items, indices = np.unique(edges, return_inverse=True)
    first, second = indices.reshape(edges.shape)
    values = _comparable(one)[items]
    is_category = one.levels is not None
    observed = _assortativity(values, first, second, is_category=is_category)
    return all(
        _assortativity(random.permutation(values), first, second, is_category=is_category)
        < observed
        for _ in range(n_permutations)
    )


def _find_cells(
    properties: Sequence[Property], classes: Classes, random_state: int
) -> Iterator[tuple[Property, _TableCell]]:
    """Yield the cells above the null distribution, the largest residual first."""
    random = np.random.default_rng(random_state)
    n_classes = len(classes.names)
    labeled = np.flatnonzero(classes.label_codes >= 0)
    used = np.sort(random.permutation(labeled)[:_MOST_ITEMS])
    codes = classes.codes[used].astype(np.intp)
    all_binned = [_BinnedProperty(one, used) for one in properties]
    all_binned = [binned for binned in all_binned if binned.n_bins > 1]
    if not all_binned:
        return
    maxima = np.zeros(_N_PERMUTATIONS)
    for trial in range(_N_PERMUTATIONS):
        permuted = random.permutation(codes)
        maxima[trial] = max(binned.residuals(permuted, n_classes).max() for binned in all_binned)
    limit = np.quantile(maxima, 1 - _FALSE_ALARMS, method="higher")
    cells = [
        (binned.of, cell)
        for binned in all_binned
        for cell in binned.largest(codes, n_classes, limit)
    ]
    yield from sorted(cells, key=lambda found: -found[1].residual)


class _BinnedProperty:
    """The bins of a property, and the residuals of classes in its tails or categories."""

    def __init__(self, one: Property, used: Codes) -> None:
        self.of = one
        values, known = one.values[used], one.known[used]
        self._known = np.flatnonzero(known)
        values = values[known]
        self._edges = np.zeros(0)
        self._bins = values
        if one.levels is None and len(values):
            self._edges = np.unique(np.quantile(values, _CUTS, method="higher"))
            self._bins = np.digitize(values, self._edges)
        self.n_bins = 0
        if len(values):
            self._numbers, self._bins = np.unique(self._bins, return_inverse=True)
            self.n_bins = len(self._numbers)

    def residuals(self, codes: Codes, n_classes: int) -> NDArray[np.float64]:
        """Return the residuals, (groups, classes): upper, then lower tails; or categories.

        The residual of a cell is (observed - expected) / deviation, with mean and variance of the
        hypergeometric distribution: Haberman (1973), "The analysis of residuals in cross-classified
        tables", Biometrics 29(1):205-220.
        """
        mixed = self._bins * n_classes + codes[self._known]
        counts = np.bincount(mixed, minlength=self.n_bins * n_classes)
        observed = counts.reshape(self.n_bins, n_classes)
        class_sizes = observed.sum(axis=0)
        if self.of.levels is None:
            rising = np.cumsum(observed, axis=0)[:-1]
            observed = np.concatenate([class_sizes - rising, rising])
        n_items = len(self._known)
        sizes = observed.sum(axis=1)[:, None]
        is_large = np.zeros(sizes.shape, dtype=bool)
        if self.of.levels is None:
            is_large = sizes > _LARGEST_TAIL * n_items + 1
            # the most extreme tail is compared even if ties make it large
            is_large[[self.n_bins - 2, self.n_bins - 1]] = False
        expected = sizes * class_sizes / n_items
        variance = expected * (1 - class_sizes / n_items) * (n_items - sizes) / max(n_items - 1, 1)
        residuals = (observed - expected) / np.sqrt(np.maximum(variance, 1e-9))
        is_used = (expected >= _LEAST_EXPECTED) & (variance > 0) & ~is_large
        return np.where(is_used, residuals, 0.0)

    def largest(self, codes: Codes, n_classes: int, limit: float) -> list[_TableCell]:
        """Return the cells above a limit, at most one for each class and direction."""
        residuals = self.residuals(codes, n_classes)
        cells: list[_TableCell] = []
        seen = set()
        for flat_index in np.argsort(-residuals, axis=None, kind="stable").tolist():
            group, label = divmod(flat_index, n_classes)
            if residuals[group, label] <= limit or len(cells) == _MOST_CELLS:
                break
            is_high = group < self.n_bins - 1
            key = (label, is_high if self.of.levels is None else group)
            if key not in seen:
                seen.add(key)
                members, level = self._members(group)
                residual = float(residuals[group, label])
                cells.append(_TableCell(residual, label, is_high, members, level))
        return cells

    def _members(self, group: int) -> tuple[NDArray[np.bool_], str | None]:
        """Return which of all items are in a group, and the value of a category."""
        values, known = self.of.values, self.of.known
        if self.of.levels is not None:
            code = self._numbers[group]
            return known & (values == code), self.of.levels[code]
        edge = self._edges[self._numbers[group % (self.n_bins - 1) + 1] - 1]
        is_high = known & (np.where(known, values, edge) >= edge)
        return (is_high if group < self.n_bins - 1 else known & ~is_high), None


def _describe(one: Property, cell: _TableCell, classes: Classes, assortativity: float) -> Shortcut:
    label = classes.names[cell.label]
    in_class = classes.codes == cell.label
    is_labeled = classes.label_codes >= 0
    known, members = one.known & is_labeled, cell.members & is_labeled
    share = float(in_class[members].mean())
    expected = float(in_class[known].mean())
    part = percent(members.sum() / known.sum())
    images = "images" if is_labeled.all() else "labeled images"
    if cell.level is not None:
        group = f"the {images} with {printable(one.name)} {printable(cell.level)}"
    elif one.tails is not None:
        group = f"the {part} {one.tails[cell.is_high]} {images}"
    else:
        group = (
            f"the {part} of {images} with the {'highest' if cell.is_high else 'lowest'} "
            f"{printable(one.name)}"
        )
    items = np.flatnonzero(cell.members & in_class)
    if one.levels is None:
        order = np.argsort(one.values[items], kind="stable")
        items = items[order[::-1] if cell.is_high else order]
    shown = tuple(items[:_N_SHOWN].tolist())
    return Shortcut(
        property_name=one.name,
        label=label,
        items=shown,
        assortativity=assortativity,
        text=(
            f"Of {group}, {percent(share)} have the label {printable(label)}; {percent(expected)} "
            "are expected."
        ),
        evidence=Evidence(items=shown, neighbors=(), score=cell.residual, method=_METHOD),
    )


def _describe_order(name: str, assortativity: float, method: str) -> Shortcut:
    return Shortcut(
        property_name=name,
        label="",
        assortativity=assortativity,
        text=(
            f"Images that the network finds similar also have a similar {printable(name)}: the "
            f"correlation between neighbors is {assortativity:.2f} (1 if equal, 0 for random "
            "pairs)."
        ),
        evidence=Evidence(items=(), neighbors=(), score=assortativity, method=method),
    )
