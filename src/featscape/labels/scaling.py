"""Choose how numbers are placed on a color scale: linearly or by their logarithm."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# As on the page (scale.ts): a median below this share of the range makes the scale logarithmic.
_SKEWED = 0.125
# The scale ends at such a quantile if the values beyond it would take more of the scale than the
# values between the two.
_TYPICAL = (0.02, 0.98)


@dataclass(frozen=True)
class Scaling:
    """A linear or logarithmic scale.

    Attributes
    ----------
    first, last : float
        The values at the ends. Values beyond an end are placed at this end.
    has_lower, has_higher : bool
        Whether there are values below `first`, and above `last`.
    origin : float
        The smallest value.
    unit : float or None
        Position = log(1 + (value - origin) / unit); None for a linear scale.
    """

    first: float
    last: float
    has_lower: bool
    has_higher: bool
    origin: float
    unit: float | None

    def shares(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the positions of values: 0 at the first end, 1 at the last end."""
        start, end = self._positions(np.array([self.first, self.last]))
        shares: NDArray[np.float64] = (self._positions(values) - start) / (end - start or 1.0)
        return np.clip(shares, 0.0, 1.0)

    def _positions(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        from_origin = values - self.origin
        return from_origin if self.unit is None else np.log1p(from_origin / self.unit)


def choose_scaling(values: NDArray[np.float64], *, linear: bool) -> Scaling:
    """Return a scale on which most of the values can be distinguished.

    Parameters
    ----------
    values : ndarray of float64, shape (n,)
        At least one number; no NaN.
    linear : bool
        Never choose a logarithmic scale.
    """
    ordered = np.sort(values)
    low, high = float(ordered[0]), float(ordered[-1])
    unit = None if linear else _unit_of_logarithm(ordered)
    whole = Scaling(low, high, has_lower=False, has_higher=False, origin=low, unit=unit)
    typical = np.quantile(ordered, _TYPICAL, method="nearest")
    at_low, at_high = whole.shares(typical)
    room = at_high - at_low
    if room == 0:  # nearly all values are equal
        return whole
    has_lower, has_higher = bool(at_low > room), bool(1 - at_high > room)
    return replace(
        whole,
        first=float(typical[0]) if has_lower else low,
        last=float(typical[1]) if has_higher else high,
        has_lower=has_lower,
        has_higher=has_higher,
    )


def _unit_of_logarithm(ordered: NDArray[np.float64]) -> float | None:
    """Return the unit of a logarithmic scale; None if the numbers are not skewed."""
    distances = [ordered[int(part * len(ordered))] - ordered[0] for part in (0.05, 0.25, 0.5)]
    if distances[-1] > _SKEWED * (ordered[-1] - ordered[0]):
        return None
    return next((float(distance) for distance in distances if distance > 0), None)
