"""Distinguish regions of the same name by a second word."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from featscape.regions.naming import N_WORDS, rank_terms

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from featscape.records.regions import Region, Terms

    Shares = list[NDArray[np.float64]]  # of a region, for each kind of terms

_LEAST_SHARE = 0.1  # of the second word


def distinguish(
    regions: Sequence[Region],
    shares_of: Sequence[Shares],
    *,
    positions: NDArray[np.floating[Any]],
    terms: Sequence[Terms],
    overall: Shares,
) -> list[Region]:
    """Return the regions, with a second word in the names that the page would show twice.

    The second word is typical of a region compared with the other region of the same name. The
    smaller region gets a second word, or the larger one if no word is typical of the smaller one.
    If no word is typical of either, both keep the name.

    Parameters
    ----------
    regions : sequence of Region
        By level; in a level, the largest region first. The first word is the name.
    shares_of : sequence of list of ndarray
        The shares of the terms in each region.
    positions : ndarray of numbers, shape (n, 2) or (n, 3)
        Of the items.
    terms : sequence of Terms
    overall : list of ndarray
        The shares of the terms in the map.
    """
    known = _Shares(list(terms), list(shares_of), overall)
    named = list(regions)
    extent = float(np.ptp(positions, axis=0).max())
    for index in range(len(named)):
        near = _in_view(named, index, positions, extent)
        same = [other for other in near if named[other].words[0][0] == named[index].words[0][0]]
        if not same:
            continue
        taken = {named[other].name for other in near}
        renamed = _with_second_word(named[index], taken, known.distinctions(named, index, same))
        named[index] = renamed or named[index]
        for other in same if renamed is None else ():
            if named[other].name == named[index].name:
                further = known.distinctions(named, other, [index])
                named[other] = _with_second_word(named[other], taken, further) or named[other]
    return named


@dataclass(frozen=True, eq=False)
class _Shares:
    """The shares of the terms in each region, and in the map."""

    terms: list[Terms]
    of: list[Shares]
    overall: Shares

    def distinctions(
        self, regions: Sequence[Region], index: int, others: Sequence[int]
    ) -> Iterator[tuple[str, float]]:
        """Yield the words that distinguish a region from others, the most typical word first.

        Labels do not distinguish, because the map shows the labels anyway. The hypernyms of the
        name do not, because all of the regions have the hypernyms.
        """
        region = regions[index]
        around = self.overall if region.parent is None else self.of[region.parent]
        for kind, one in enumerate(self.terms):
            if one.kind == "label":
                continue
            inside = self.of[index][kind]
            elsewhere = np.max([around[kind], *(self.of[each][kind] for each in others)], axis=0)
            scores = rank_terms(inside, elsewhere, self.overall[kind])
            scores[inside < _LEAST_SHARE] = 0
            name = region.words[0][0]
            if name in one.names:
                below = one.members[:, [one.names.index(name)]]
                scores[(one.members >= below).all(axis=0)] = 0
            for term in np.argsort(-scores, kind="stable"):
                if scores[term] > 0:
                    yield one.names[term], round(min(float(inside[term]), 1.0), 4)


def _with_second_word(
    region: Region, taken: set[str], further: Iterator[tuple[str, float]]
) -> Region | None:
    """Return a region with the first of further words that makes its name distinct."""
    first, *others = region.words
    for word, share in further:
        name = f"{first[0]}, {word}"
        if name not in taken:
            rest = [each for each in others if each[0] != word]
            return replace(region, name=name, words=(first, (word, share), *rest)[:N_WORDS])
    return None


def _in_view(
    regions: Sequence[Region], index: int, positions: NDArray[np.floating[Any]], extent: float
) -> list[int]:
    """Return the earlier regions whose names the page can show together with that of a region.

    The map is enlarged 2 ** level times when a name of a level appears.
    """
    levels = np.array([region.level for region in regions[: index + 1]])
    anchors = positions[[region.anchor for region in regions[: index + 1]]]
    gaps = np.abs(anchors[:-1] - anchors[-1]).max(axis=1)
    reach = extent / 2.0 ** np.maximum(levels[:-1], levels[-1])
    return [int(other) for other in np.flatnonzero(gaps <= reach)]
