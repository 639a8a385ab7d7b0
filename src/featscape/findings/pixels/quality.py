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
_LEAST_BLUR, _LEAST_NOISE = 0.5, 0.042  # lower values are no fault in any dataset
# The median blur of strongly blurred images. In a dataset of sharp and soft images, the limit of
# outliers can be higher, so that no image is listed. The limit is then the blur of an image without
# a sharp edge.
_STRONG_BLUR, _WITHOUT_EDGES = 0.95, 0.85
_LEAST_LIGHTEST = 0.05  # of the contrast, against division by the lightest level of a black image
_OUTLYING = 2.0  # interquartile ranges above the third quartile; Tukey's outer fence is at 3
_METHOD = (
    "Measured on the thumbnail, and on the width and height of the original. The score is the "
    "severity of the worst fault: 0 at the limit of the fault, and 1 at the worst possible value, "
    "such as a single color or black. Images that are only gray have the score 0."
)


class Fault(NamedTuple):
    """One kind of fault.

    Attributes
    ----------
    name : str
    values : ndarray of float32, shape (n,)
        Higher is worse; NaN if the fault cannot be judged. The worst value is 0 if the limit is
        negative, and infinite otherwise.
    limit : float
        Images with higher values have the fault.
    """

    name: str
    values: Floats
    limit: float

    def severity(self) -> Floats:
        """Return 0 at the limit and without the fault, and 1 at the worst value, shape (n,).

        The scale has no unit, so that the severities of different faults can be compared.
        """
        severity = np.zeros(len(self.values), dtype=np.float32)
        has_fault = self.values > self.limit
        values = self.values[has_fault]
        if self.name != "gray":  # an image without colors shows everything else
            severity[has_fault] = 1 - (
                values / self.limit if self.limit < 0 else self.limit / values
            )
        return severity


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
        score = np.maximum(score, fault.severity())
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
    darkness = np.maximum(
        (1 - measures["dark"]) / (1 - _OVEREXPOSED),
        (1 - measures["darkest"]) / (1 - _NO_DARK_PIXELS),
    )
    yield Fault("overexposed", -darkness, -1)
    # dark images have little contrast because they are dark
    lightest = np.maximum(measures["lightest"], _LEAST_LIGHTEST).astype(np.float32)
    contrast = measures["contrast"] / lightest
    is_flat = contrast < _FLAT
    blur = np.where(is_flat, np.float32(np.nan), measures["blur"])
    fence = max(_upper_fence(blur), _LEAST_BLUR)
    yield Fault("blurred", blur - 1, (fence if fence < _STRONG_BLUR else _WITHOUT_EDGES) - 1)
    yield Fault("flat", -contrast, -_FLAT)
    yield Fault("noisy", measures["noise"], max(_upper_fence(measures["noise"]), _LEAST_NOISE))
    if sizes_px is not None:
        sides = np.maximum(sizes_px, 1).astype(np.float32)
        size = np.sqrt(sides.prod(axis=1))
        yield Fault("tiny", -size, -min(_TINY_PX, float(np.median(size)) * _TINY_SHARE))
        aspect = sides[:, 0] / sides[:, 1]
        aspect /= np.median(aspect)
        yield Fault("of unusual shape", np.maximum(aspect, 1 / aspect), _ASPECT)
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


def _describe(
    item: int, kinds: list[str], score: float, paths: Sequence[str] | None
) -> QualityProblem:
    verb = "may be" if kinds == ["noisy"] else "is"  # a fine pattern looks like noise
    return QualityProblem(
        item=item,
        kinds=tuple(kinds),
        text=f"{name_item(item, paths)} {verb} {join_names(kinds)}.",
        evidence=Evidence(items=(item,), neighbors=(), score=score, method=_METHOD),
    )
