"""Choose the values that are written beside a color scale, and their texts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from featscape.labels.scaling import Scaling

_LEAST_DISTANCE = 0.18  # between two ticks; at most five ticks fit
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_S = 86_400
# A number of this size gives all numbers of a scale commas; years have none.
_MANY_DIGITS = 10_000
_LARGE, _SMALL = 1e7, 1e-4  # a number beyond gives all numbers of a scale exponents


class Tick(NamedTuple):
    """A value of a scale: its position, 0 at the first and 1 at the last color, and its text."""

    share: float
    text: str


def choose_ticks(scaling: Scaling, *, are_dates: bool, are_whole: bool) -> tuple[Tick, ...]:
    """Return one to five ticks at round values, ascending.

    An end beyond which there are values has a tick with "≤" or "≥". A scale of one value has one
    tick. All numbers have the same notation.

    Parameters
    ----------
    scaling : Scaling
    are_dates : bool
        The values are seconds since 1970-01-01 00:00 UTC.
    are_whole : bool
        The values are whole numbers.
    """
    ends = [scaling.first, scaling.last]
    if scaling.first == scaling.last:
        one = [scaling.first]
        texts = _date_texts(one, coarsest="D") if are_dates else _texts(one, _Notation.of(one))
        return (Tick(0.5, texts[0]),)
    low, high = (_rounded(end, ends, are_dates=are_dates) for end in ends)
    first = _Place(0.0, low, "≤ " if scaling.has_lower else "")
    last = _Place(1.0, high, "≥ " if scaling.has_higher else "")
    at_ends = [first] * scaling.has_lower + [last] * scaling.has_higher
    values = _round_values(scaling, are_dates=are_dates, are_whole=are_whole)
    values = values[(values >= scaling.first) & (values <= scaling.last)]
    between: list[_Place] = []
    for place in map(_Place, scaling.shares(values).tolist(), values.tolist()):
        others = (*at_ends, *between)
        if all(abs(place.share - other.share) >= _LEAST_DISTANCE for other in others):
            between.append(place)
    if len(at_ends) + len(between) < 2:
        at_ends, between = [first, last], []
    return tuple(sorted(_ticks(at_ends, between, are_dates=are_dates, alike=scaling.unit is None)))


class _Place(NamedTuple):
    """A value beside a scale, without its text; `sign` is "≤ ", "≥ " or empty."""

    share: float
    value: float
    sign: str = ""


def _ticks(
    at_ends: list[_Place], between: list[_Place], *, are_dates: bool, alike: bool
) -> list[Tick]:
    """Return the ticks, all numbers in one notation; those `between` have equal decimals."""
    groups = [[place.value for place in places] for places in (at_ends, between)]
    if are_dates:
        texts = [text for values in groups for text in _date_texts(values)]
    else:
        notation = _Notation.of(groups[0] + groups[1])
        texts = _texts(groups[0], notation) + _texts(groups[1], notation, alike=alike)
    places = zip((*at_ends, *between), texts, strict=True)
    return [Tick(place.share, place.sign + text) for place, text in places]


def _round_values(scaling: Scaling, *, are_dates: bool, are_whole: bool) -> NDArray[np.float64]:
    """Return values with short texts, the preferred values first."""
    import matplotlib.dates
    from matplotlib.ticker import MaxNLocator

    if are_dates:
        untyped: Any = matplotlib.dates
        ends = [_EPOCH + timedelta(seconds=end) for end in (scaling.first, scaling.last)]
        found = untyped.AutoDateLocator(tz=UTC, minticks=2, maxticks=5).tick_values(*ends)
        return np.array([round(untyped.num2date(one, tz=UTC).timestamp(), 6) for one in found])
    if scaling.unit is None:
        locator = MaxNLocator(nbins=4, steps=[1, 2, 2.5, 5, 10], integer=are_whole)
        return np.asarray(locator.tick_values(scaling.first, scaling.last), dtype=np.float64)
    largest = max(abs(scaling.first), abs(scaling.last))
    powers = 10.0 ** (np.floor(np.log10(largest)) - np.arange(12))
    sizes = np.concatenate([powers, 5 * powers, 2 * powers])
    return np.concatenate([[0.0], sizes, -sizes])


def _rounded(end: float, ends: list[float], *, are_dates: bool) -> float:
    """Return an end of a range with three digits of the range, or as a date without a time."""
    span = ends[1] - ends[0]
    if are_dates:
        return end // _DAY_S * _DAY_S if span > 10 * _DAY_S else end // 1
    return round(end, 2 - int(np.floor(np.log10(span)))) + 0.0  # not -0.0


class _Notation(NamedTuple):
    """How all numbers of a scale are written."""

    has_exponents: bool
    has_commas: bool

    @classmethod
    def of(cls, values: list[float]) -> _Notation:
        """Return the notation that one of the values needs."""
        sizes = [abs(value) for value in values if value]
        return cls(
            has_exponents=any(size >= _LARGE or size < _SMALL for size in sizes),
            has_commas=any(size >= _MANY_DIGITS for size in sizes),
        )


def _texts(values: list[float], notation: _Notation, *, alike: bool = True) -> list[str]:
    """Return numbers as text, with equal decimals if `alike`."""
    shared = max((_decimals(value) for value in values), default=0) if alike else None
    decimals = [_decimals(value) if shared is None else shared for value in values]
    return [_number_text(*one, notation) for one in zip(values, decimals, strict=True)]


def _decimals(value: float) -> int:
    """Return the number of decimals of a number that is rounded to six digits."""
    mantissa, exponent = f"{value:.5e}".split("e")
    return max(len(mantissa.strip("-0").replace(".", "")) - 1 - int(exponent), 0)


def _number_text(value: float, n_decimals: int, notation: _Notation) -> str:
    if notation.has_exponents and not value:
        text = "0"
    elif notation.has_exponents:
        mantissa, exponent = f"{value:.2e}".split("e")
        text = f"{float(mantissa):g}e{int(exponent)}"
    else:
        text = f"{value:{',' if notation.has_commas else ''}.{n_decimals}f}"
    return text.replace("-", "\u2212")


def _date_texts(seconds: list[float], *, coarsest: str = "Y") -> list[str]:
    """Return dates in ISO 8601, all without the parts that no date needs, such as 2026-05."""
    dates = np.round(np.array(seconds) * 1e6).astype(np.int64).astype("datetime64[us]")
    units = ("Y", "M", "D", "m", "s", "ms", "us")
    exact = [unit for unit in units if (dates.astype(f"datetime64[{unit}]") == dates).all()]
    unit = next(unit for unit in exact if units.index(unit) >= units.index(coarsest))
    texts = [str(date) for date in dates.astype(f"datetime64[{unit}]")]
    return [text.replace("T", " ") for text in texts]
