"""The order of the items in the bundle: random levels, each along a Hilbert curve."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

FIRST_LEVEL = 256  # items; each further level has as many items as all earlier levels together
CURVE_BITS = 16  # bits per axis: 65,536 steps


def order_items(
    positions: NDArray[np.float32], *, seed: int
) -> tuple[NDArray[np.intp], tuple[int, ...]]:
    """Return the items in the order of the bundle, and the ends of the levels.

    Parameters
    ----------
    positions : ndarray of float32, shape (n, 2) or (n, 3)
        At least one item.
    seed : int
        Seed of the random assignment of items to levels.

    Returns
    -------
    order : ndarray of intp, shape (n,)
        Rows of `positions`.
    level_ends : tuple of int
        The first ``level_ends[i]`` items of the order are a random sample; the last end is n.
    """
    n_items = len(positions)
    ends = [FIRST_LEVEL]
    while ends[-1] < n_items:
        ends.append(2 * ends[-1])
    ends[-1] = n_items
    order = np.random.default_rng(seed).permutation(n_items)
    codes = hilbert_codes(_steps(positions))
    for start, end in zip([0, *ends[:-1]], ends, strict=True):
        level = order[start:end]
        order[start:end] = level[np.argsort(codes[level], kind="stable")]
    return order, tuple(ends)


def hilbert_codes(steps: NDArray[np.integer[Any]], *, bits: int = CURVE_BITS) -> NDArray[np.uint64]:
    """Return the position of each cell of a square or cube along a Hilbert curve.

    Source: Skilling (2004), "Programming the Hilbert curve", AIP Conference Proceedings 707.

    Parameters
    ----------
    steps : ndarray of integers, shape (n, d)
        Coordinates of the cells, from 0 to 2**bits - 1.
    bits : int
        Bits per coordinate; ``bits * d`` must be at most 64.

    Returns
    -------
    ndarray of uint64, shape (n,)
        Cells with consecutive numbers share a side.
    """
    axes = [np.ascontiguousarray(axis, dtype=np.uint64) for axis in steps.T]
    zero = np.uint64(0)
    for bit in range(bits - 1, 0, -1):
        one, below = np.uint64(1 << bit), np.uint64((1 << bit) - 1)
        for axis in range(len(axes)):
            is_set = (axes[axis] & one) != 0
            swapped = np.where(is_set, zero, (axes[0] ^ axes[axis]) & below)
            axes[0] = np.where(is_set, axes[0] ^ below, axes[0] ^ swapped)
            axes[axis] = axes[axis] ^ swapped
    for axis in range(1, len(axes)):  # Gray encoding
        axes[axis] = axes[axis] ^ axes[axis - 1]
    flips = np.zeros_like(axes[0])
    for bit in range(bits - 1, 0, -1):
        is_set = (axes[-1] & np.uint64(1 << bit)) != 0
        flips = np.where(is_set, flips ^ np.uint64((1 << bit) - 1), flips)
    codes = np.zeros_like(flips)
    for bit in range(bits - 1, -1, -1):
        for axis_steps in axes:
            codes = (codes << np.uint64(1)) | (
                ((axis_steps ^ flips) >> np.uint64(bit)) & np.uint64(1)
            )
    return codes


def _steps(positions: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return the cell of each item in a square or cube around the map, shape (n, d)."""
    points = positions.astype(np.float64)
    low = points.min(axis=0)
    span = float((points.max(axis=0) - low).max()) or 1.0
    steps: NDArray[np.int64] = ((points - low) / span * (2**CURVE_BITS - 1)).astype(np.int64)
    return steps
