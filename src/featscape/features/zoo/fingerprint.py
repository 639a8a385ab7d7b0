"""The identity of a network: a hash of its card, and a fingerprint of its features.

Hashes of files do not cover everything that a network depends on: a factory may import other
modules or read files, and an attribute of a layer may be missing from the state dict. The
fingerprint covers these too: it consists of 16 projections of the features of one fixed image. The
fingerprint is always computed in fp32 on the CPU, so two fingerprints of one network differ by
rounding only.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from featscape.records import ModelCard

    Fingerprint = tuple[tuple[float, ...], ...]  # one tuple of projections per layer

N_PROJECTIONS = 16

_NOT_RECORDED = (
    "no fingerprint of the network was recorded, and the network's code may have changed since"
)

# Largest relative distance between fingerprints of one network: see docs/explanation/design.md.
TOLERANCE = 1e-3


def card_key(card: ModelCard) -> str:
    """Return a hash that is equal for cards of the same features.

    The hash covers all fields except the name of the weights' file, whose content has a hash of
    its own, and the fingerprint, which contains rounding errors. The fingerprints have to be
    compared separately: see `describe_change`.
    """
    facts = asdict(card) | {"weights": None}
    del facts["fingerprint"]
    text = json.dumps(facts, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def make_probe(height_px: int, width_px: int | None = None) -> NDArray[np.uint8]:
    """Return the fixed image, which consists of noise; a square without `width_px`.

    A hash function generates the noise, since NumPy's generators may change between versions.

    Returns
    -------
    ndarray of uint8, shape (height_px, width_px, 3)
    """
    shape = (height_px, height_px if width_px is None else width_px, 3)
    noise = hashlib.shake_128(b"probe").digest(math.prod(shape))
    return np.frombuffer(noise, np.uint8).reshape(shape).copy()


def make_fingerprint(features: NDArray[np.float32]) -> tuple[float, ...]:
    """Return 16 projections of the features of the fixed image.

    Each projection is a sum of the features with fixed random signs. The relative distance between
    two fingerprints therefore estimates the relative distance between the features, for any number
    of features and any scale (Achlioptas 2003, theorem 1.1).

    Parameters
    ----------
    features : ndarray of float32, shape (d,)

    Returns
    -------
    tuple of 16 float
    """
    n_features = len(features)
    values = features.astype(np.float64)
    projections = []
    for number in range(N_PROJECTIONS):
        bits = hashlib.shake_128(f"signs {number}".encode()).digest(-(-n_features // 8))
        signs = np.unpackbits(np.frombuffer(bits, np.uint8), count=n_features)
        projections.append(float(np.float32(values[signs == 1].sum() - values[signs == 0].sum())))
    return tuple(projections)


def measure_change(made: Fingerprint, now: Fingerprint) -> float:
    """Return the largest relative distance between two fingerprints over the layers.

    The distance is 0 for equal fingerprints and at most 2. It is 2 for different numbers of layers,
    and NaN if a value of any layer is NaN.
    """
    if len(made) != len(now):
        return 2.0
    # Python's max() may return a number although another value is NaN
    return float(np.max([_distance(one, other) for one, other in zip(made, now, strict=True)]))


def _distance(one: Sequence[float], other: Sequence[float]) -> float:
    if len(one) != len(other):
        return 2.0
    a, b = np.array(one, dtype=np.float64), np.array(other, dtype=np.float64)
    scale = np.max(np.linalg.norm([a, b], axis=1))  # NaN if a value is NaN
    return float(np.linalg.norm(a - b) / scale) if scale else 0.0


def describe_change(made: ModelCard, now: ModelCard) -> str:
    """Return why features of two cards with the same key may differ; "" if they are equal.

    Parameters
    ----------
    made : ModelCard
        Card of the earlier features. If a card has no fingerprint, the features count as equal
        unless the network contains the user's own code, which the hashes do not cover completely.
    now : ModelCard
        Card of the current network.
    """
    if not made.fingerprint or not now.fingerprint:
        has_own_code = bool(made.code_sha256 or now.code_sha256)
        return _NOT_RECORDED if has_own_code else ""
    change = measure_change(made.fingerprint, now.fingerprint)
    if change <= TOLERANCE:  # False for NaN too
        return ""
    return (
        "the network's weights or code have changed: its features of a fixed image differ by "
        f"{change:.1%}"
    )
