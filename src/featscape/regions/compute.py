"""Find and name the regions of a map."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from featscape.labels.name_anchors import MAX_NAMED_CLASSES, find_name_anchors
from featscape.records.regions import Region
from featscape.regions.clusters import find_clusters
from featscape.regions.distinction import distinguish
from featscape.regions.naming import choose_name, count_shares, weigh_name
from featscape.regions.representatives import MOST_COMPARED, find_medoid

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from featscape.records.regions import Terms

    Shares = list[NDArray[np.float64]]  # of a region, for each kind of terms

_CORE = 0.2  # of the items of a region: the items that are closest to its densest spot
_LEAST_IN_CORE = 0.5  # share of the name among the items of the core, of its share in the region


def find_regions(
    positions: NDArray[np.floating[Any]],
    *,
    features: NDArray[np.floating[Any]],
    terms: Sequence[Terms],
    random_state: int,
) -> tuple[Region, ...]:
    """Return the regions of a map that have a name, those of the first level first.

    Parameters
    ----------
    positions : ndarray of numbers, shape (n, 2) or (n, 3)
        Finite.
    features : ndarray of numbers, shape (n, d)
        May be memory-mapped.
    terms : sequence of Terms
        Terms of the n items, the most important kind first.
    random_state : int
        Seed of the samples of large maps and large regions.

    Returns
    -------
    tuple of Region
        By level; in a level, the largest region first. Empty for a map without clusters or terms.
    """
    if not terms:
        return ()
    whole = np.zeros(len(positions), np.intp)
    overall = [count_shares(one, whole, 1)[0] for one in terms]
    regions: list[Region] = []
    shares_of: list[Shares] = []
    region_of = np.full(len(positions), -1)  # the smallest region that contains the item
    for level, codes in enumerate(find_clusters(positions, random_state=random_state)):
        around = _Around(overall, regions, shares_of, region_of)
        named = list(_name_clusters(codes, terms, around))[:MAX_NAMED_CLASSES]
        spots = _densest_spots(positions, codes, [one.code for one in named])
        for one in named:
            with_name = _find_items_with_name(positions, one, spots[one.code], terms)
            if not len(with_name):
                continue
            rng = np.random.default_rng([random_state, len(regions)])
            region = Region(
                # the largest named region at its position is shown a level earlier
                level=level if one.parent is not None else max(level - 1, 0),
                parent=one.parent,
                name=one.words[0][0],
                words=tuple(one.words),
                n_items=len(one.items),
                anchor=int(with_name[0]),
                representative=find_medoid(features, _sample(with_name, rng)),
            )
            region_of[one.items] = len(regions)
            regions.append(region)
            shares_of.append(one.shares)
    named_apart = distinguish(regions, shares_of, positions=positions, terms=terms, overall=overall)
    return _sorted(named_apart)


@dataclass(frozen=True, eq=False)
class _Around:
    """The whole map and the regions of the earlier levels, for the names of a level.

    Attributes
    ----------
    overall : list of ndarray
        The shares in the whole map.
    regions : sequence of Region
        Of the earlier levels.
    shares_of : sequence of list of ndarray
        The shares in each of the regions.
    region_of : ndarray of intp, shape (n,)
        The smallest region that contains the item; -1 for none.
    """

    overall: Shares
    regions: Sequence[Region]
    shares_of: Sequence[Shares]
    region_of: NDArray[np.intp]

    def shares(self, region: int | None) -> Shares:
        """Return the shares in a region, or in the whole map."""
        return self.overall if region is None else self.shares_of[region]


@dataclass(frozen=True, eq=False)
class _NamedCluster:
    """A cluster of a level with its name; `parent` is an index into the regions."""

    code: int
    items: NDArray[np.intp]
    parent: int | None
    words: list[tuple[str, float]]
    shares: Shares


def _name_clusters(
    codes: NDArray[np.intp], terms: Sequence[Terms], map_around: _Around
) -> Iterator[_NamedCluster]:
    """Yield the clusters of a level that have a name and are no region of an earlier level."""
    shares = [count_shares(one, codes, int(codes.max()) + 1) for one in terms]
    for code, items in _by_size(codes):
        # the same for all items, because clusters are nested
        inner = int(map_around.region_of[items[0]])
        parent = inner if inner >= 0 else None
        if parent is not None and len(items) == map_around.regions[parent].n_items:
            continue
        inside = [one[code] for one in shares]
        around = map_around.shares(parent)
        words = choose_name(
            terms,
            list(zip(inside, around, map_around.overall, strict=True)),
            taken=list(_names_around(map_around.regions, parent)),
        )
        if words:
            yield _NamedCluster(code, items, parent, words, inside)


def _sorted(regions: Sequence[Region]) -> tuple[Region, ...]:
    """Return the regions by level and size."""
    order = sorted(range(len(regions)), key=lambda i: (regions[i].level, -regions[i].n_items))
    rank = {old: new for new, old in enumerate(order)}
    return tuple(
        replace(one, parent=None if one.parent is None else rank[one.parent])
        for one in (regions[i] for i in order)
    )


def _by_size(codes: NDArray[np.intp]) -> Iterator[tuple[int, NDArray[np.intp]]]:
    """Yield each cluster and its items, the largest cluster first."""
    order = np.argsort(codes, kind="stable")
    found, starts, counts = np.unique(codes[order], return_index=True, return_counts=True)
    for at in np.lexsort((found, -counts)):
        if found[at] >= 0:
            yield int(found[at]), order[starts[at] : starts[at] + counts[at]]


def _names_around(regions: Sequence[Region], index: int | None) -> Iterator[str]:
    """Yield the names of a region and of all regions that contain the region."""
    while index is not None:
        yield regions[index].name
        index = regions[index].parent


def _densest_spots(
    positions: NDArray[np.floating[Any]], codes: NDArray[np.intp], named: Sequence[int]
) -> dict[int, int]:
    """Return the item in the densest spot of each of the named clusters."""
    shown = np.where(np.isin(codes, named), codes, -1)
    spots: dict[int, int] = {}
    for anchor in find_name_anchors(positions, shown):
        spots.setdefault(anchor.name_id, anchor.item)
    return spots


def _find_items_with_name(
    positions: NDArray[np.floating[Any]], one: _NamedCluster, spot: int, terms: Sequence[Terms]
) -> NDArray[np.intp]:
    """Return the items of a cluster to which its name applies, those closest to a spot first.

    The name applies to an item whose weight is at least the mean weight of the cluster.

    Returns
    -------
    ndarray of intp, shape (m,)
        Empty if the name is rare around the spot: the name describes another part of the cluster.
    """
    distances = np.linalg.norm(positions[one.items] - positions[spot], axis=1)
    closest = np.argsort(distances, kind="stable")
    items = one.items[closest]
    weights = weigh_name(terms, one.words, items)
    core = weights[: max(1, round(_CORE * len(items)))]
    if core.mean() < _LEAST_IN_CORE * weights.mean():
        return items[:0]
    with_name: NDArray[np.intp] = items[weights >= weights.mean() * (1 - 1e-9)]  # rounding
    return with_name


def _sample(items: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.intp]:
    """Return at most `MOST_COMPARED` items, ascending."""
    return np.sort(rng.permutation(items)[:MOST_COMPARED])
