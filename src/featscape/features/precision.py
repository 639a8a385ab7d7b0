"""How few digits the network may compute with: each choice is measured on the user's own images."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from featscape.errors import InputError
from featscape.features.engine import BF16, FP32, INT8, PRECISIONS
from featscape.features.fingerprint import describe_change
from featscape.features.known import card_key
from featscape.mapfolder.read import read_run
from featscape.printable_names import printable
from featscape.records import Inference, ModelCard

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from featscape.features.engine import Engine

AUTO = "auto"
LEAST_COSINE, LEAST_RECALL = 0.998, 0.95  # what auto asks of bf16
N_NEIGHBORS = 10

# In fp32 an image costs twice what it does in bf16: the sample is a twelfth of a run of 500 images,
# and little of a large one. The least is the fewest of which recall is told; on photographs its
# mean is that of 24, .98, its spread .010 instead of .008. Below AUTO_LEAST auto asks nothing.
_SAMPLE_SHARE = 24
_SAMPLE_LEAST, _SAMPLE_MOST = 2 * N_NEIGHBORS + 1, 128
AUTO_LEAST = 256
_SAMPLE_INT8 = 128  # calibration wants as many as it can get


@dataclass(frozen=True)
class Distance:
    """How far features lie from those in fp32.

    Attributes
    ----------
    cosine : float
        Between an image's two rows, the mean over the images.
    recall : float or None
        How many of an image's 10 nearest (cosine) are among its 10 nearest in fp32, the mean; None
        where there are not twice as many images to choose from.
    n_images : int
    """

    cosine: float
    recall: float | None
    n_images: int

    def suffices(self) -> bool:
        """Whether auto may take it."""
        return self.cosine >= LEAST_COSINE and (self.recall or 0.0) >= LEAST_RECALL

    def __str__(self) -> str:
        recall = "" if self.recall is None else f", recall of the 10 nearest {self.recall:.3f}"
        return (
            f"on the first {self.n_images} images mean cosine {self.cosine:.4f} with the features "
            f"in {FP32}{recall}"
        )


def check_precision(precision: str) -> None:
    """Raise InputError unless `precision` is one that can be asked for."""
    if precision not in (AUTO, *PRECISIONS):
        raise InputError(
            f"precision must be auto, {', '.join(PRECISIONS[:-1])} or {PRECISIONS[-1]}; "
            f"got {precision!r}."
        )


def sample_size(precision: str, n_images: int, *, engine: Engine) -> int:
    """Return how many of a run's first images are looked at to settle its precision."""
    if precision == FP32:
        return 0
    if precision == AUTO and (n_images < AUTO_LEAST or BF16 not in engine.precisions):
        return 0
    if precision == INT8:
        return min(n_images, _SAMPLE_INT8)
    return min(n_images, max(_SAMPLE_LEAST, min(n_images // _SAMPLE_SHARE, _SAMPLE_MOST)))


def find_choice(maps: Iterable[Path], card: ModelCard, *, n_images: int) -> Inference | None:
    """Return how `auto` had the same network run for a finished map of half the images or more.

    So its choice, and with it the features, stay as a folder grows.
    """
    cards = [replace(card.of_layer(layer), precision="") for layer in card.layers]
    wanted = {card_key(one): one for one in cards}
    for folder in maps:
        try:
            run = read_run(folder)
            model, inference = ModelCard(**run["model"] or {}), Inference(**run["inference"] or {})
            n_then = run["counts"]["items"]
        except (TypeError, ValueError, LookupError):  # another version's, or of no network
            continue
        now = wanted.get(card_key(replace(model, precision="")))
        if (
            now is not None
            and inference.asked == AUTO
            and 2 * n_then >= n_images
            and not describe_change(model, now)
        ):
            return replace(inference, reason=f"as for the features in {printable(folder)}")
    return None


@dataclass(frozen=True, eq=False)
class Settled:
    """What a network runs in from now on.

    Attributes
    ----------
    engine : Engine
    inference : Inference
    precision : str
        For the card: with the name of the calibration, if there is one.
    values : ndarray of float32, shape (n, d), or None
        The features of the n images that it was settled on; None where none were looked at.
    """

    engine: Engine
    inference: Inference
    precision: str
    values: NDArray[np.float32] | None


def settle(
    engine: Engine,
    precision: str,
    sample: Sequence[NDArray[np.uint8]],
    *,
    card: ModelCard,
) -> Settled:
    """Choose the precision that a network runs in, and measure what it costs.

    Parameters
    ----------
    engine : Engine
        In fp32.
    precision : str
        "auto", or one of an engine's precisions.
    sample : sequence of uint8 arrays, each (size, size, 3)
        Prepared images; none where auto is to take fp32 at once.
    card : ModelCard
        Of the network, for the name under which a calibration is kept.

    Raises
    ------
    InputError
        If the engine has no such precision.
    """
    if precision == FP32:
        return _told(engine, precision, "it was asked for")
    if precision == AUTO and BF16 not in engine.precisions:
        return _told(engine, precision, "nothing quicker on this processor")
    if not sample:
        reason = f"others are tried on {AUTO_LEAST} images and more"
        return _told(engine, precision, reason)
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
        reason = f"it was asked for; {distance}"
        return _told(other, precision, reason, distance, values=values, key=key)
    reason = f"{distance}; at least {LEAST_COSINE} and {LEAST_RECALL} are wanted"
    if distance.suffices():
        return _told(other, precision, reason, distance, values=values)
    return _told(engine, precision, f"{BF16} is too far from it: {reason}", distance, values=exact)


def _told(
    engine: Engine,
    asked: str,
    reason: str,
    distance: Distance | None = None,
    *,
    values: NDArray[np.float32] | None = None,
    key: str = "",
) -> Settled:
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
    return Settled(engine, inference, named, values)


def measure(exact: NDArray[np.float32], other: NDArray[np.float32]) -> Distance:
    """Compare features, shape (n, d), with those in fp32 of the same images."""
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
    """Return each row's nearest others by cosine, shape (n, 10)."""
    cosines = rows @ rows.T
    np.fill_diagonal(cosines, -np.inf)
    return np.argsort(-cosines, axis=1, kind="stable")[:, :N_NEIGHBORS]


def _name_sample(card: ModelCard, sample: Sequence[NDArray[np.uint8]]) -> str:
    """Name a calibration after all that it hangs on."""
    digest = hashlib.sha256(card_key(card).encode())
    for pixels in sample:
        digest.update(pixels.tobytes())
    return digest.hexdigest()[:16]
