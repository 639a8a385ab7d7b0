"""What a network computes of one fixed image, in 16 numbers: a changed network is noticed by them.

A hash of a file does not cover all that a network depends on: a factory may import other modules or
read files, and a plain attribute of a layer is in no state dict. The fingerprint does, since it is
made of the features themselves. It is always computed in fp32 on the CPU, whatever runs the network
later, so that two fingerprints of one network differ by rounding alone.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from featscape.records import ModelCard

    Fingerprint = tuple[tuple[float, ...], ...]  # of each layer

N_PROJECTIONS = 16

_NOT_RECORDED = (
    "it is not recorded what the network computed then, and its code may have changed since"
)

# Largest relative distance between fingerprints of the same network: see docs/design.md.
TOLERANCE = 1e-3


def make_probe(size_px: int) -> NDArray[np.uint8]:
    """Return the fixed image, noise of shape (size, size, 3).

    The noise comes from a hash function, since NumPy's generators may change between versions.
    """
    noise = hashlib.shake_128(b"probe").digest(3 * size_px**2)
    return np.frombuffer(noise, np.uint8).reshape(size_px, size_px, 3).copy()


def make_fingerprint(features: NDArray[np.float32]) -> tuple[float, ...]:
    """Return 16 projections of the features of the fixed image.

    Each projection is a sum of the features with fixed random signs, so that the relative distance
    of two fingerprints estimates the relative distance of the features (Achlioptas 2003,
    theorem 1.1), whatever their number and scale.

    Parameters
    ----------
    features : ndarray of float32, shape (d,)
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
    """Return the relative distance of two fingerprints, that of the layer that changed most.

    0 for equal fingerprints, at most 2, and 2 where they are of another number of layers.
    """
    if len(made) != len(now):
        return 2.0
    return max(_distance(one, other) for one, other in zip(made, now, strict=True))


def _distance(one: Sequence[float], other: Sequence[float]) -> float:
    if len(one) != len(other):
        return 2.0
    a, b = np.array(one, dtype=np.float64), np.array(other, dtype=np.float64)
    scale = max(np.linalg.norm(a), np.linalg.norm(b))
    return float(np.linalg.norm(a - b) / scale) if scale else 0.0


def describe_change(made: ModelCard, now: ModelCard) -> str:
    """Say why features of two cards with one key cannot be taken for equal; "" if they can.

    Parameters
    ----------
    made : ModelCard
        Of features that were made earlier. Without a fingerprint they are taken for equal only if
        the network has no code of the user's own, so that hashes cover all that it depends on.
    now : ModelCard
        Of the network as it is now.
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
