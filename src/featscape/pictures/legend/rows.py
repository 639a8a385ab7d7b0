"""The rows of a legend: the classes with their colors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from featscape.pictures.text import format_text, one_line

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from featscape.labels.classes import Classes

MAX_LEGEND_ROWS = 30  # the colors of more rows cannot be distinguished


@dataclass(frozen=True)
class LegendRow:
    """A row of the legend. A row without a color is a remark."""

    name: str
    count: str = ""
    color: str | None = None


def legend_rows(classes: Classes, codes: NDArray[np.intp], n_rows: int) -> tuple[LegendRow, ...]:
    """Return one row per class, or the largest classes and a row with the number of others.

    Parameters
    ----------
    classes : Classes
    codes : ndarray of intp, shape (k,)
        The classes of the legend.
    n_rows : int
        The largest number of rows.
    """
    shown = codes
    if len(shown) > n_rows:
        largest = np.argsort(-classes.counts[codes], kind="stable")[: n_rows - 1]
        shown = np.sort(codes[largest])
    rows = [
        LegendRow(one_line(classes.names[i]), f"{classes.counts[i]:,}", classes.colors[i])
        for i in shown
    ]
    n_more = len(codes) - len(shown)
    if n_more:
        rows.append(LegendRow(f"and {n_more:,} more classes"))
    return tuple(rows)


def legend_columns(
    legend: tuple[LegendRow, ...], text_px: float, widest_px: float
) -> tuple[float, float]:
    """Return the widths of the names, at most `widest_px`, and of the counts."""
    if not legend:
        return 0.0, 0.0
    names = max(format_text(row.name, text_px).width_px for row in legend)
    counts = max(format_text(row.count, 0.85 * text_px).width_px for row in legend)
    return min(names, widest_px), counts
