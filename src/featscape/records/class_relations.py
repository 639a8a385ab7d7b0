"""How near the classes of a map are to each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False, kw_only=True)
class ClassRelations:
    """The class matrix and the tree of m classes, in the order of the leaves of the tree.

    Attributes
    ----------
    names : tuple of str
    colors : tuple of str
        "#rrggbb", one per class.
    counts : ndarray of intp, shape (m,)
        Number of items of each class.
    shares : ndarray of float64, shape (m, m)
        For the items of class i, the share of their nearest neighbors that have class j. A row
        sums to less than 1 if the map has more classes.
    merges : ndarray of float64, shape (m - 1, 3)
        The branches of the tree: the numbers of two parts, and the distance at which the parts
        join. The classes are the parts 0 to m - 1, and branch k is the part m + k. Empty if the map
        has fewer than three classes.
    support : ndarray of float64, shape (m - 1,)
        The share of the bootstrap samples that have each branch; NaN if the share is below 80 % or
        unknown. Empty if `merges` is.
    n_items : int
        Number of items of the map.
    n_classes : int
        Number of classes of the map; more than m if classes are left out.
    n_neighbors : int
        Number of neighbors of each item.
    """

    names: tuple[str, ...]
    colors: tuple[str, ...]
    counts: NDArray[np.intp]
    shares: NDArray[np.float64]
    merges: NDArray[np.float64]
    support: NDArray[np.float64]
    n_items: int
    n_classes: int
    n_neighbors: int
