"""Assign a color to every class, equal in every picture."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

NO_LABEL = "(no label)"  # the label of an item without a label, where other items have labels
NO_LABEL_COLOR = "#999ca3"  # the gray of the page for items without a value

# The result of a search for the largest minimum CIEDE2000 distance between any two colors, with
# normal vision and with each kind of dichromacy (Machado et al. 2009), among colors with enough
# contrast to white. The tests measure the distances and the contrast. Consecutive colors differ
# most, for maps of few classes.
TEN_COLORS = (
    "#0a5cd6",  # blue
    "#f7a224",  # orange
    "#237752",  # green
    "#e7436d",  # rose
    "#b6aaff",  # lavender
    "#8a3819",  # brown
    "#2acaa0",  # mint
    "#6d4177",  # plum
    "#3097b3",  # cyan
    "#7c7d0f",  # olive
)
# On a dark background, the OKLab lightness of a color moves a quarter of the way to this value.
_LIGHTNESS_ON_DARK, _KEPT = 0.8, 0.75
_N_STEPS = 16  # of the colors of positions, along each axis


def natural_key(name: str) -> tuple[tuple[int, str, int, str], ...]:
    """Return a sort key that sorts "class10" after "class9" and ignores case."""
    parts = re.split(r"([0-9]+)", name)
    # Compare numbers by their number of digits, then digit by digit, so that any length works.
    key = [
        (len(part.lstrip("0")), part.lstrip("0"), len(part), "") if i % 2 else (0, "", 0, part)
        for i, part in enumerate(parts)
    ]
    folded = [(a, b, c, text.casefold()) for a, b, c, text in key]
    return (*folded, *key)


def class_colors(names: Iterable[str]) -> dict[str, str]:
    """Return a color for each class.

    The color of a class depends only on its rank among the classes. All pictures of the same
    classes have the same colors, and a new class at the end does not change the other colors.

    Parameters
    ----------
    names : iterable of str
        Names of the classes in any order, with or without repetitions.

    Returns
    -------
    dict of str to str
        "#rrggbb" by class, in natural order ("class9" before "class10"). A color-blind person can
        distinguish the first ten colors. Each further color is as far as possible from all colors
        before it; colors repeat after more than a thousand classes. `NO_LABEL` is first and gray.
    """
    present = set(names)
    gray = {NO_LABEL: NO_LABEL_COLOR} if NO_LABEL in present else {}
    ordered = sorted(present - {NO_LABEL}, key=natural_key)
    if len(ordered) <= len(TEN_COLORS):
        return gray | dict(zip(ordered, TEN_COLORS, strict=False))
    candidates, lab = _candidates()
    colors = [*TEN_COLORS]
    distances = np.full(len(candidates), np.inf)  # of each candidate to the nearest color in use
    for color in TEN_COLORS:
        distances = np.minimum(distances, _squared_distances(lab, _oklab_of(color)))
    while len(colors) < min(len(ordered), len(TEN_COLORS) + len(candidates)):
        farthest = int(distances.argmax())
        colors.append(candidates[farthest])
        distances = np.minimum(distances, _squared_distances(lab, lab[farthest]))
        distances[farthest] = -1.0  # in use
    return gray | {name: colors[rank % len(colors)] for rank, name in enumerate(ordered)}


def lighten(color: str) -> str:
    """Return the color of a class on a dark background, as the page shows it.

    Parameters
    ----------
    color : str
        "#rrggbb", a color for a white background.
    """
    lightness, *chroma = _oklab_of(color)
    lighter = _KEPT * lightness + (1 - _KEPT) * _LIGHTNESS_ON_DARK
    return _hex_of(np.array([[lighter, *chroma]]))[0]


def position_colors(xy: NDArray[np.float64]) -> tuple[NDArray[np.intp], tuple[str, ...]]:
    """Return a color for each position: neighbors have similar colors, distant regions differ.

    The hue depends on the direction from the middle, and the chroma grows with the distance.

    Parameters
    ----------
    xy : ndarray of float64, shape (n, 2)

    Returns
    -------
    ndarray of intp, shape (n,)
        Indices of the colors.
    tuple of str
        256 colors, "#rrggbb".
    """
    span = np.ptp(xy, axis=0)
    share = (xy - xy.min(axis=0)) / np.where(span > 0, span, 1.0)
    column, row = np.minimum((share * _N_STEPS).astype(np.intp), _N_STEPS - 1).T
    step = (np.arange(_N_STEPS) + 0.5) / _N_STEPS * 2 - 1
    y, x = np.meshgrid(step, step, indexing="ij")
    chroma = 0.07 + 0.09 * np.minimum(np.hypot(x, y), 1.0)
    angle = np.arctan2(y, x) + 0.5
    lab = np.stack([np.full_like(x, 0.66), chroma * np.cos(angle), chroma * np.sin(angle)], axis=-1)
    return row * _N_STEPS + column, tuple(_hex_of(lab.reshape(-1, 3)))


@cache
def _candidates() -> tuple[list[str], NDArray[np.float64]]:
    """Return the candidates for further colors, and their OKLab coordinates, shape (n, 3).

    The candidates form a ring in OKLCH with medium lightness, for contrast to white, and medium
    chroma.
    """
    lightness, chroma, hue = np.meshgrid(
        np.arange(0.44, 0.83, 0.03),
        np.arange(0.09, 0.21, 0.02),
        np.arange(0, 360, 6),
        indexing="ij",
    )
    angle = np.radians(hue)
    lab = np.stack([lightness, chroma * np.cos(angle), chroma * np.sin(angle)], axis=-1)
    lab = lab.reshape(-1, 3)
    linear = _oklab_to_linear(lab)
    lab, linear = (a[((linear >= 0) & (linear <= 1)).all(axis=1)] for a in (lab, linear))
    return _hex_of(lab), lab


def _squared_distances(lab: NDArray[np.float64], one: NDArray[np.float64]) -> NDArray[np.float64]:
    # Differences in lightness are less visible in small areas (as in glasbey palettes).
    weights = np.array([0.7, 1.0, 1.0])
    distances: NDArray[np.float64] = (((lab - one) ** 2) * weights).sum(axis=1)
    return distances


# OKLab: Ottosson (2020), "A perceptual color space for image processing".
_LMS_FROM_LINEAR = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_OKLAB_FROM_ROOTS = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def _oklab_of(color: str) -> NDArray[np.float64]:
    srgb = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    # The inverse transfer function of sRGB: IEC 61966-2-1.
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    lab: NDArray[np.float64] = _OKLAB_FROM_ROOTS @ np.cbrt(_LMS_FROM_LINEAR @ linear)
    return lab


def _hex_of(lab: NDArray[np.float64]) -> list[str]:
    """Return OKLab colors, shape (n, 3), as "#rrggbb"; values that sRGB lacks are clipped."""
    linear = np.clip(_oklab_to_linear(lab), 0.0, 1.0)
    # The transfer function of sRGB: IEC 61966-2-1.
    srgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    levels = np.round(srgb * 255).astype(int)
    return [f"#{r:02x}{g:02x}{b:02x}" for r, g, b in levels]


def _oklab_to_linear(lab: NDArray[np.float64]) -> NDArray[np.float64]:
    roots = lab @ np.linalg.inv(_OKLAB_FROM_ROOTS).T
    linear: NDArray[np.float64] = roots**3 @ np.linalg.inv(_LMS_FROM_LINEAR).T
    return linear
