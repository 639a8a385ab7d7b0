"""How near the classes of a map are to each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEAST_SHARE = 0.005  # a smaller share is "0 %"
LEAST_SHADED = 5  # items of a class; a few neighbors of few items can be frequent by chance
_LEAST_DARK = 2.0  # lift of the darkest shade: a smaller lift is hardly more than chance


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

    def lift(self) -> NDArray[np.float64]:
        """Return the shares of the neighbors in other classes, compared with chance, (m, m).

        The diagonal, shares that are shown as 0 %, and the rows and columns of classes with fewer
        than 5 items are 0.
        """
        across = np.maximum(1 - np.diag(self.shares), 1e-9)[:, None]
        by_chance = self.counts / np.maximum(self.n_items - self.counts[:, None], 1)
        lift = np.where(self.shares < LEAST_SHARE, 0, self.shares / across / by_chance)
        np.fill_diagonal(lift, 0)
        is_large = self.counts >= LEAST_SHADED
        lift *= np.outer(is_large, is_large)
        return np.asarray(lift)

    def shades(self) -> NDArray[np.float64]:
        """Return the strength of the shade of each cell of the matrix, from 0 to 1, (m, m).

        The strength is the logarithm of the lift, divided by the largest, or by that of a lift of
        2 if no lift is larger. Neighbors that are rarer than by chance have no shade.
        """
        logs = np.log(np.maximum(self.lift(), 1))
        return np.asarray(logs / max(float(logs.max()), np.log(_LEAST_DARK)))

    def describe_shades(self) -> str:
        """Return what the darkest shade of the matrix means, in one sentence."""
        lift = float(self.lift().max(initial=1.0))
        largest = f"{lift:,.0f}" if lift >= 10 else f"{lift:.1f}"
        text = f"Shade, of neighbors in other classes: up to {largest} times as many as by chance"
        if (self.counts >= LEAST_SHADED).all():
            return f"{text}."
        return f"{text}; none for classes with fewer than {LEAST_SHADED} items."
