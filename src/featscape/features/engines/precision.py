"""Choose the numeric precision, and measure its cost on the user's own images."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from featscape.errors import InputError
from featscape.features.engines.base import BF16, FP32, INT8, PRECISIONS
from featscape.features.zoo.fingerprint import card_key
from featscape.records import Inference

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from featscape.features.engines.base import Engine
    from featscape.records import ModelCard

AUTO = "auto"
MIN_COSINE, MIN_RECALL = 0.998, 0.95  # the conditions of auto for bf16
N_NEIGHBORS = 10

# The sample is a twelfth of the work for 500 images, and less for more images. 21 is the smallest
# sample with a recall; on photographs its mean recall, .98, equals that of 24 images, with a
# standard deviation of .010 instead of .008.
_SAMPLE_SHARE = 24
_SAMPLE_MIN, _SAMPLE_MAX = 2 * N_NEIGHBORS + 1, 128
_SAMPLE_INT8 = 128  # calibration needs more images than a comparison

# bf16 halves the time of the network, and trying bf16 takes one to four seconds. Auto tries bf16 if
# all images of a run need this number of multiply-adds. The limit is not a measured time, because
# the choice, and with it the features, would depend on the load of the machine. In ResNet101, 193
# images need this number; in fp32 they take 7 s on two cores of a Zen 5, and 13 s on two of a Zen
# 4. Other networks, from MobileNetV3 to VGG16 and ViT-B/16, take 7 to 17 s on the Zen 5.
AUTO_MIN_MULTIPLY_ADDS = 1.5e12
# An H100 needs at least 3 s: the peak of its data sheet is 67 TFLOPS in fp32.
AUTO_MIN_MULTIPLY_ADDS_CUDA = 1e14


@dataclass(frozen=True)
class Distance:
    """The difference between features and the features in fp32.

    Attributes
    ----------
    cosine : float
        Cosine similarity of the two features of an image, the mean over the images.
    recall : float or None
        Share of an image's 10 nearest neighbors (cosine) in fp32 that are found, the mean over the
        images; None for fewer than 21 images.
    n_images : int
    """

    cosine: float
    recall: float | None
    n_images: int

    def suffices(self) -> bool:
        """Return whether auto accepts the precision."""
        return self.cosine >= MIN_COSINE and (self.recall or 0.0) >= MIN_RECALL

    def __str__(self) -> str:
        recall = "" if self.recall is None else f", recall of the 10 nearest {self.recall:.3f}"
        return (
            f"on the first {self.n_images} images mean cosine {self.cosine:.4f} with the features "
            f"in {FP32}{recall}"
        )


def check_precision(precision: str) -> None:
    """Raise InputError unless `precision` is a valid option."""
    if precision not in (AUTO, *PRECISIONS):
        raise InputError(
            f"precision must be auto, {', '.join(PRECISIONS[:-1])} or {PRECISIONS[-1]}; "
            f"got {precision!r}. Choose one of these with --precision (precision=)."
        )


def auto_min_images(engine: Engine, probe: NDArray[np.uint8], *, device: str) -> int:
    """Return the smallest number of images for which auto tries bf16.

    The number depends on the network and on the kind of device, but not on the device's speed.

    Parameters
    ----------
    engine : Engine
        In fp32.
    probe : ndarray of uint8, shape (size, size, 3)
        Any prepared image.
    device : str
        For example "cpu" or "cuda:1".

    Returns
    -------
    int
        0 if auto never tries bf16, because the engine does not support bf16.
    """
    if BF16 not in engine.precisions:
        return 0
    is_cuda = device.startswith("cuda")
    enough = AUTO_MIN_MULTIPLY_ADDS_CUDA if is_cuda else AUTO_MIN_MULTIPLY_ADDS
    return max(_SAMPLE_MIN, math.ceil(enough / max(1, engine.count_multiply_adds(probe))))


def is_reused(choice: Inference | None, *, n_then: int, n_now: int) -> bool:
    """Return whether a run of `n_now` images reuses the precision of an earlier run of `n_then`.

    This must be a choice of `auto` on at least half as many images. The choice, and with it the
    features, therefore stay the same while a folder of images grows.
    """
    return choice is not None and choice.asked == AUTO and 2 * n_then >= n_now


def sample_size(precision: str, n_images: int, *, min_images: int) -> int:
    """Return the number of images that are needed to choose the precision.

    Parameters
    ----------
    precision : str
    n_images : int
    min_images : int
        From `auto_min_images`; ignored for another precision than auto.
    """
    if precision == FP32:
        return 0
    if precision == INT8:
        return min(n_images, _SAMPLE_INT8)
    if precision == AUTO and not 0 < min_images <= n_images:
        return 0
    return min(n_images, max(_SAMPLE_MIN, min(n_images // _SAMPLE_SHARE, _SAMPLE_MAX)))


@dataclass(frozen=True, eq=False)
class PrecisionChoice:
    """The chosen precision of a network.

    Attributes
    ----------
    engine : Engine
        In the chosen precision.
    inference : Inference
    precision : str
        For the model card: for int8, the key of the calibration is included.
    values : ndarray of float32, shape (n, d), or None
        The features of the sample; None if no sample was used.
    """

    engine: Engine
    inference: Inference
    precision: str
    values: NDArray[np.float32] | None


def choose_precision(
    engine: Engine,
    precision: str,
    sample: Sequence[NDArray[np.uint8]],
    *,
    card: ModelCard,
    min_images: int = 0,
) -> PrecisionChoice:
    """Choose the precision of a network, and measure its cost.

    Parameters
    ----------
    engine : Engine
        In fp32.
    precision : str
        "auto", or one of an engine's precisions.
    sample : sequence of ndarray of uint8, each of shape (size, size, 3)
        Prepared images; if empty, auto chooses fp32.
    card : ModelCard
        Card of the network, for the key of a calibration.
    min_images : int
        From `auto_min_images`, for the reason; ignored for another precision than auto.

    Raises
    ------
    InputError
        If the engine does not support the precision.
    MissingExtra, ModelError
        If the network cannot be calibrated for int8.
    """
    if precision == FP32:
        return _make_choice(engine, precision, "requested")
    if precision == AUTO and BF16 not in engine.precisions:
        return _make_choice(engine, precision, "no faster precision on this processor")
    if not sample:
        reason = f"{BF16} is tried for {min_images:,} images of this network or more"
        return _make_choice(engine, precision, reason)
    key = _name_sample(card, sample)
    other = engine.at(
        BF16 if precision == AUTO else precision,
        sample=sample,
        key=key,
        fingerprint=card.fingerprint,
    )
    exact, values = engine.run(sample), other.run(sample)
    distance = measure(exact, values)
    if precision != AUTO:
        reason = f"requested; {distance}"
        return _make_choice(other, precision, reason, distance, values=values, key=key)
    reason = f"{distance}; required are at least {MIN_COSINE} and {MIN_RECALL}"
    if distance.suffices():
        return _make_choice(other, precision, reason, distance, values=values)
    reason = f"{BF16} differs too much: {reason}"
    return _make_choice(engine, precision, reason, distance, values=exact)


def _make_choice(
    engine: Engine,
    asked: str,
    reason: str,
    distance: Distance | None = None,
    *,
    values: NDArray[np.float32] | None = None,
    key: str = "",
) -> PrecisionChoice:
    inference = Inference(
        engine=engine.name,
        precision=engine.precision,
        asked=asked,
        reason=reason,
        cosine=None if distance is None else distance.cosine,
        recall=None if distance is None else distance.recall,
        n_checked=0 if distance is None else distance.n_images,
    )
    named = f"{INT8}-{key}" if engine.precision == INT8 else engine.precision
    return PrecisionChoice(engine, inference, named, values)


def measure(exact: NDArray[np.float32], other: NDArray[np.float32]) -> Distance:
    """Compare features of n images with the exact features of the same images.

    Parameters
    ----------
    exact : ndarray of float32, shape (n, d)
    other : ndarray of float32, shape (n, d)

    Returns
    -------
    Distance
    """
    one, two = (_unit_rows(values) for values in (exact, other))
    cosine = float((one * two).sum(axis=1).mean())
    recall = None
    if len(one) > 2 * N_NEIGHBORS:
        pairs = zip(_nearest(one), _nearest(two), strict=True)
        recall = float(np.mean([len(np.intersect1d(a, b)) / N_NEIGHBORS for a, b in pairs]))
    return Distance(cosine=cosine, recall=recall, n_images=len(one))


def _unit_rows(values: NDArray[np.float32]) -> NDArray[np.float64]:
    rows = values.astype(np.float64)
    lengths: NDArray[np.float64] = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.maximum(lengths, np.finfo(np.float64).tiny)


def _nearest(rows: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the nearest neighbors of each row by cosine similarity, shape (n, 10)."""
    cosines = rows @ rows.T
    np.fill_diagonal(cosines, -np.inf)
    return np.argsort(-cosines, axis=1, kind="stable")[:, :N_NEIGHBORS]


def _name_sample(card: ModelCard, sample: Sequence[NDArray[np.uint8]]) -> str:
    """Return a key for a calibration, which depends on the network and the sample."""
    digest = hashlib.sha256(card_key(card).encode())
    for pixels in sample:
        digest.update(pixels.tobytes())
    return digest.hexdigest()[:16]
