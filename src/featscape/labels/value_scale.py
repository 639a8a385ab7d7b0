"""Color numbers and dates by a perceptually uniform scale, as the page does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from featscape.errors import InputError
from featscape.labels.colors import NO_LABEL_COLOR
from featscape.labels.scaling import choose_scaling
from featscape.labels.ticks import choose_ticks
from featscape.labels.values import read_values

if TYPE_CHECKING:
    from collections.abc import Iterable

    from matplotlib.colors import Colormap
    from numpy.typing import NDArray

    from featscape.labels.ticks import Tick

N_COLORS = 128
# The part of viridis by theme: the colors close to the background are left out.
_ON_LIGHT, _ON_DARK = (0.0, 0.9), (0.14, 1.0)
_GRAY_ON_DARK = "#757a85"  # of the page


@dataclass(frozen=True, eq=False)
class ValueScale:
    """The colors of n numbers or dates.

    Attributes
    ----------
    codes : ndarray of intp, shape (n,)
        The color of each item, an index into `colors`.
    colors : tuple of str
        "#rrggbb": `N_COLORS` from the smallest to the largest value, and last the gray of the items
        without a value.
    ticks : tuple of Tick
        Some values of the scale, ascending.
    """

    codes: NDArray[np.intp]
    colors: tuple[str, ...]
    ticks: tuple[Tick, ...]

    @property
    def is_missing(self) -> NDArray[np.bool_]:
        """Which items have no value, shape (n,)."""
        return np.asarray(self.codes == N_COLORS)


def scale_values(
    values: Iterable[object], n_items: int, *, is_dark: bool, cmap: str | Colormap | None = None
) -> ValueScale:
    """Return the colors of numbers or dates.

    The scale is linear, or logarithmic if the numbers are so skewed that most of them would have
    nearly the same color. Both scales accept zero and negative numbers. The scale of dates is
    linear. If a few values are far below all others, the values below the 2nd percentile have one
    color, and likewise the values above the 98th percentile.

    Parameters
    ----------
    values : sequence of numbers or dates, length n_items
        See `read_values`, also for the errors.
    n_items : int
    is_dark : bool
        Choose colors for a dark background.
    cmap : str or matplotlib.colors.Colormap, optional
        Use all colors of this map, instead of a part of viridis.
    """
    numbers, are_dates = read_values(values, n_items)
    is_present = ~np.isnan(numbers)
    present = numbers[is_present]
    scaling = choose_scaling(present, linear=are_dates)
    codes = np.full(n_items, N_COLORS, dtype=np.intp)
    steps = (scaling.shares(present) * N_COLORS).astype(np.intp)
    codes[is_present] = np.minimum(steps, N_COLORS - 1)
    are_whole = bool((present == np.round(present)).all())
    ticks = choose_ticks(scaling, are_dates=are_dates, are_whole=are_whole)
    return ValueScale(codes, _colors(cmap, is_dark=is_dark), ticks)


def _colors(cmap: str | Colormap | None, *, is_dark: bool) -> tuple[str, ...]:
    """Return the colors of a scale, and a gray."""
    from matplotlib import colormaps
    from matplotlib.colors import Colormap, to_hex

    part = (_ON_DARK if is_dark else _ON_LIGHT) if cmap is None else (0.0, 1.0)
    gray = _GRAY_ON_DARK if is_dark else NO_LABEL_COLOR
    chosen = "viridis" if cmap is None else cmap
    if not isinstance(chosen, Colormap):
        if not isinstance(chosen, str) or chosen not in colormaps:
            raise InputError(
                f"cmap must be a colormap of matplotlib; got {cmap!r}. "
                "Choose a name in matplotlib.colormaps."
            )
        chosen = colormaps[chosen]
    return (*map(to_hex, chosen(np.linspace(*part, N_COLORS))), gray)
