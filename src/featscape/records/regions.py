"""Records of the named regions of a map, and of the terms that name regions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST_REGIONS = 3_000  # of a map


@dataclass(frozen=True)
class Region:
    """A dense region of a map, with a name.

    Attributes
    ----------
    level : int
        0 for the largest regions, which the whole map shows. Each level has smaller regions.
    parent : int or None
        The smallest region of an earlier level that contains the region: an index into the regions.
    name : str
        Distinct among the names that the page shows together, if a second word distinguishes the
        region: "clothing, jersey".
    words : tuple of (str, float)
        The terms that are frequent inside the region and rare outside, with the share of the items
        inside that have the term, from 0 to 1. The words of the name come first.
    n_items : int
    anchor : int
        The item at whose position the name is written: the item with the name that is closest to
        the densest spot.
    representative : int
        The item with the name that is most similar to the other items with the name.
    """

    level: int
    parent: int | None
    name: str
    words: tuple[tuple[str, float], ...]
    n_items: int
    anchor: int
    representative: int


@dataclass(frozen=True, eq=False)
class Terms:
    """Terms of one kind that describe n items, through codes that several items share.

    Attributes
    ----------
    kind : {"label", "word", "column"}
    names : tuple of str
        The t terms.
    codes : ndarray of integers, shape (n, k)
        The codes of each item, from 0 to c - 1; negative for none.
    weights : ndarray of float32, shape (n, k)
        How much each code counts, from 0 to 1. The weights of an item add up to 1 at most.
    members : ndarray of float32, shape (c, t)
        1 if a code has a term, otherwise 0.
    """

    kind: Literal["label", "word", "column"]
    names: tuple[str, ...]
    codes: NDArray[np.integer[Any]]
    weights: NDArray[np.float32]
    members: NDArray[np.float32]
