"""How near the classes of a map are to each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEAST_SHARE = 0.005  # a smaller share is "0 %"


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
    n_classes: int
    n_neighbors: int

    def shades(self) -> NDArray[np.float64]:
        """Return the strength of the shade of each cell of the matrix, from 0 to 1, (m, m).

        The strength is proportional to the share of the neighbors, and 1 for the largest share in
        another class. The diagonal and shares that are shown as 0 % have no shade.
        """
        strengths = np.where(self.shares < LEAST_SHARE, 0.0, self.shares)
        np.fill_diagonal(strengths, 0)
        return np.asarray(strengths / max(float(strengths.max()), LEAST_SHARE))

    def describe_shades(self) -> str:
        """Return what the shades of the matrix mean, in one sentence."""
        shares = self.shares - np.diag(np.diag(self.shares))
        largest = f"{100 * shares.max(initial=0):.0f} %"
        return f"A stronger color is a larger share, up to {largest}; gray: the class itself."
