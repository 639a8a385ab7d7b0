"""Find images with technical faults: dark, blurred, tiny and so on."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from featscape.findings.records import DetectorResult, Evidence, QualityProblem
from featscape.findings.wording import join_names, name_item
from featscape.number_text import percent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from featscape.findings.pixels.survey import Survey

    Floats = NDArray[np.float32]

# A fault of more images than this is a property of the dataset, and not listed for each image.
_MOST_COMMON = 0.2
_FLAT = 0.03  # standard deviation of the gray levels, as a share of the lightest
_TINY_PX = 33  # geometric mean of the sides; icons and the images of CIFAR have sides of 32
_TINY_SHARE = 0.25  # of the usual side
_ASPECT = 3.0  # times as wide or as tall as usual
_FEW_GRAY = 0.05  # share of the images: gray images are a fault only if almost all have colors
_GRAY_SATURATION = 0.01  # of gray images; JPEG compression adds less
_DARK = 0.2  # share of white: 99 % of the pixels of a dark image are below
# Shares of white: 80 % of the pixels of an overexposed image are above the first, 98 % above the
# second. A bright sky behind a dark object is above the first only.
_OVEREXPOSED, _NO_DARK_PIXELS = 0.78, 0.4
_LEAST_BLUR, _LEAST_NOISE = 0.5, 0.08  # lower values are no fault in any dataset
_LEAST_LIGHTEST = 0.05  # of the contrast, against division by the lightest level of a black image
_OUTLYING = 2.0  # interquartile ranges above the third quartile; Tukey's outer fence is at 3
_METHOD = (
    "Measured on the thumbnail, and on the width and height of the original. The score is the "
    "distance of the worst fault from its limit, in multiples of the spread among the images."
)


class Fault(NamedTuple):
    """One kind of fault.

    Attributes
    ----------
    name : str
    values : ndarray of float32, shape (n,)
        Higher is worse; NaN if the fault cannot be judged.
    limit : float
        Images with higher values have the fault.
    """

    name: str
    values: Floats
    limit: float


def find_quality_problems(
    survey: Survey | None,
    *,
    sizes_px: NDArray[np.int32] | None = None,
    paths: Sequence[str] | None = None,
) -> DetectorResult[QualityProblem]:
    """Find images with technical faults, the worst first.

    Parameters
    ----------
    survey : Survey or None
        The thumbnails of n images; None for a map without images.
    sizes_px : ndarray of int32, shape (n, 2), optional
        Width and height of the originals.
    paths : sequence of str, optional
    """
    if survey is None:
        return DetectorResult(reason="The map has no images.")
    faults = list(measure_faults(survey, sizes_px))
    common = []
    n_images = len(survey.grays)
    score = np.zeros(n_images, dtype=np.float32)
    kinds: list[list[str]] = [[] for _ in range(n_images)]
    for fault in faults:
        has_fault = fault.values > fault.limit
        if has_fault.mean() > _MOST_COMMON:
            common.append(f"{percent(has_fault.mean())} of the images are {fault.name}")
            continue
        excess = (fault.values - fault.limit) / max(_spread(fault.values), 1e-3)
        score = np.where(has_fault, np.maximum(score, excess), score)
        for item in np.flatnonzero(has_fault):
            kinds[item].append(fault.name)
    faulty = np.flatnonzero([len(found) for found in kinds])
    faulty = faulty[np.argsort(-score[faulty], kind="stable")]
    reason = None
    if common:
        reason = f"{'; '.join(common)}. Such common properties are not listed for each image."
    return DetectorResult(
        tuple(_describe(int(item), kinds[item], float(score[item]), paths) for item in faulty),
        reason,
    )


def measure_faults(survey: Survey, sizes_px: NDArray[np.int32] | None) -> Iterator[Fault]:
    """Yield each kind of fault with its value for each image.

    Blur and noise are compared with the other images, because a dataset of X-rays or of textures
    has its own usual detail; the other limits are absolute.

    Parameters
    ----------
    survey : Survey
        Measures of shape (n,) of n images.
    sizes_px : ndarray of int32, shape (n, 2), or None
        Width and height of the originals; None if they are unknown.

    Yields
    ------
    Fault
        With values of shape (n,).
    """
    measures = survey.measures
    yield Fault("dark", -measures["lightest"], -_DARK)
    lightness = np.minimum(measures["dark"] - _OVEREXPOSED, measures["darkest"] - _NO_DARK_PIXELS)
    yield Fault("overexposed", lightness, 0)
    # dark images have little contrast because they are dark
    lightest = np.maximum(measures["lightest"], _LEAST_LIGHTEST).astype(np.float32)
    contrast = measures["contrast"] / lightest
    is_flat = contrast < _FLAT
    blur = np.where(is_flat, np.float32(np.nan), measures["blur"])
    yield Fault("blurred", blur, max(_upper_fence(blur), _LEAST_BLUR))
    yield Fault("flat", -contrast, -_FLAT)
    yield Fault("noisy", measures["noise"], max(_upper_fence(measures["noise"]), _LEAST_NOISE))
    if sizes_px is not None:
        log_sides = np.log(np.maximum(sizes_px, 1).astype(np.float32))
        size = log_sides.mean(axis=1)
        limit = min(np.log(_TINY_PX), np.median(size) + np.log(_TINY_SHARE))
        yield Fault("tiny", -size, -float(limit))
        aspect = log_sides[:, 0] - log_sides[:, 1]
        yield Fault("of unusual shape", np.abs(aspect - np.median(aspect)), float(np.log(_ASPECT)))
    is_colored = measures["saturation"] > 2 * _GRAY_SATURATION
    if is_colored.mean() >= 1 - _FEW_GRAY:
        yield Fault("gray", -measures["saturation"], -_GRAY_SATURATION)


def _upper_fence(values: Floats) -> float:
    """Return the limit of outliers by the interquartile range; infinite without values."""
    known = values[np.isfinite(values)]
    if not len(known):
        return np.inf
    lower, upper = np.quantile(known, (0.25, 0.75))
    return float(upper + _OUTLYING * (upper - lower))


def _spread(values: Floats) -> float:
    known = values[np.isfinite(values)]
    lower, upper = np.quantile(known, (0.25, 0.75)) if len(known) else (0, 0)
    return float(upper - lower)


def _describe(
    item: int, kinds: list[str], score: float, paths: Sequence[str] | None
) -> QualityProblem:
    return QualityProblem(
        item=item,
        kinds=tuple(kinds),
        text=f"{name_item(item, paths)} is {join_names(kinds)}.",
        evidence=Evidence(items=(item,), neighbors=(), score=score, method=_METHOD),
    )
