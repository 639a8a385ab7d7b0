"""Project positions of one, two or three dimensions onto a plane."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from featscape.collection import as_array
from featscape.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, eq=False)
class Plane:
    """Points on a plane, without a scale.

    Attributes
    ----------
    xy : ndarray of float64, shape (n, 2)
        Both axes in the same unit, y upward.
    depth : ndarray of float64, shape (n,), or None
        Height above the plane for positions of three dimensions; larger is nearer to the viewer.
    """

    xy: NDArray[np.float64]
    depth: NDArray[np.float64] | None = None

    @property
    def aspect(self) -> float:
        """Ratio of width to height of the points, limited to between 1/2 and 2."""
        width, height = np.ptp(self.xy, axis=0)
        if width == 0 and height == 0:
            return 1.0
        return float(np.clip(width / height, 0.5, 2.0)) if height > 0 else 2.0


def project_to_plane(positions: ArrayLike) -> Plane:
    """Return `positions` as points on a plane.

    One dimension becomes a strip: x is the position, and y spreads the points in proportion to
    their density (a sina plot, Sidiropoulos et al. 2018, with a fixed sequence instead of random
    numbers). Two dimensions are unchanged. Three dimensions are projected onto their first two
    principal axes, without perspective.

    Parameters
    ----------
    positions : array_like of numbers, shape (n, 1), (n, 2) or (n, 3)
        Finite numbers.

    Raises
    ------
    InputError
        If the shape is invalid, the array is empty, or a value is not a finite number.
    """
    points = _finite_points(positions)
    # Scale to [-1, 1], so that no difference and no square overflows.
    points = points / (np.abs(points).max() or 1.0)
    points = points - points.mean(axis=0)
    if points.shape[1] == 1:
        return Plane(_spread_in_strip(points[:, 0]))
    if points.shape[1] == 3:
        return _project_to_principal_axes(points)
    return Plane(points)


def fit_to_box(
    xy: NDArray[np.float64], *, width_px: float, height_px: float, margin_px: float
) -> NDArray[np.float64]:
    """Scale points to fill a box, with the same scale on both axes.

    Parameters
    ----------
    xy : ndarray of float64, shape (n, 2)
        y upward.
    width_px, height_px : float
        Size of the box.
    margin_px : float
        Empty margin on every side.

    Returns
    -------
    ndarray of float64, shape (n, 2)
        In pixels, y downward. The bounding box of the points is centered. Identical points are at
        the center.
    """
    room = np.maximum(np.array([width_px, height_px]) - 2 * margin_px, 0.0)
    low, high = xy.min(axis=0), xy.max(axis=0)
    span = high - low
    extended = span > 0
    scale = (room[extended] / span[extended]).min() if extended.any() else 0.0
    center = np.array([width_px, height_px]) / 2
    fitted: NDArray[np.float64] = center + (xy - (low + high) / 2) * scale * np.array([1, -1])
    return fitted


def _finite_points(positions: ArrayLike) -> NDArray[np.float64]:
    array = as_array(positions, "positions")
    if array.ndim != 2 or array.shape[1] not in (1, 2, 3):
        raise InputError(
            f"positions must have shape (n, 1), (n, 2) or (n, 3); got {array.shape}. "
            "Pass one row per item."
        )
    if len(array) == 0:
        raise InputError("positions must contain at least 1 item; got 0. Pass at least one item.")
    if array.dtype.kind not in "fiu":
        raise InputError(
            f"positions must be real numbers; got dtype {array.dtype}. Convert them to float32."
        )
    points = array.astype(np.float64)
    broken = np.flatnonzero(~np.isfinite(points).all(axis=1))
    if len(broken):
        raise InputError(
            f"positions must be finite; got NaN or infinity in {len(broken):,} of {len(points):,} "
            f"items, the first at row {broken[0]}. Remove these items."
        )
    return points


def _spread_in_strip(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return points of shape (n, 2) in a strip whose width at x is proportional to the density."""
    span = np.ptp(x)
    if span == 0:
        return np.column_stack([x, np.zeros_like(x)])
    n_bins = int(np.clip(4 * np.sqrt(len(x)), 16, 256))
    counts, edges = np.histogram(x, bins=n_bins)
    kernel = np.hanning(max(n_bins // 8, 3) + 2)
    density = np.convolve(counts, kernel / kernel.sum(), mode="same")
    local = np.interp(x, (edges[:-1] + edges[1:]) / 2, density) / density.max()
    # Multiples of the golden ratio spread neighboring points evenly across the strip.
    spread = np.empty_like(x)
    spread[np.argsort(x, kind="stable")] = (np.arange(len(x)) * 0.6180339887498949) % 1.0 - 0.5
    return np.column_stack([x, spread * local * span / 3])


def _project_to_principal_axes(points: NDArray[np.float64]) -> Plane:
    _, _, axes = np.linalg.svd(points, full_matrices=False)
    if len(axes) < 3:  # fewer than three points have fewer than three axes
        axes = np.linalg.qr(np.vstack([axes, np.eye(3)]).T)[0].T
    # The sign of an axis is arbitrary: make its largest component positive on every machine.
    largest = axes[np.arange(3), np.abs(axes).argmax(axis=1)]
    turned = points @ (axes * np.sign(largest)[:, None]).T
    return Plane(np.ascontiguousarray(turned[:, :2]), depth=turned[:, 2])
