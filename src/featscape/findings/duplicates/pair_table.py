"""Pairs of images with their distances by pixels and by features."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from featscape.findings.duplicates.alignment import Aligner
from featscape.findings.spaces import blocks
from featscape.threads import map_parts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from featscape.findings.duplicates.subset import FeatureRows, Grays

    Floats = NDArray[np.float32]
    Indices = NDArray[np.intp]
    Mask = NDArray[np.bool_]

_LEAST_PIXEL_DISTANCE, _LEAST_FEATURE_DISTANCE = 2e-5, 1e-4  # compression noise
_ROWS = 1_024  # pairs in one step, to limit memory


class PairTable:
    """Pairs of images whose pixels were aligned.

    Parameters
    ----------
    grays : ndarray or Subset of uint8, shape (n, 48, 48)
    features : ndarray or Subset of floats, shape (n, d)
    n_threads : int

    Attributes
    ----------
    n_images : int
    pairs : ndarray of intp, shape (m, 2)
        Ascending in each row.
    correlations : ndarray of float32, shape (2, m)
        Of all pixels, and without the pixels that differ most.
    feature_distances : ndarray of float32, shape (m,)
        1 - the cosine similarity of the features.
    """

    def __init__(self, grays: Grays, features: FeatureRows, *, n_threads: int) -> None:
        self.n_images = len(grays)
        self.pairs: Indices = np.empty((0, 2), dtype=np.intp)
        self.correlations: Floats = np.empty((2, 0), dtype=np.float32)
        self.feature_distances: Floats = np.empty(0, dtype=np.float32)
        self._features = features
        self._aligner = Aligner(grays)
        self._n_threads = n_threads

    def add(self, pairs: Indices) -> None:
        """Align pairs, shape (k, 2), and add them; ignore pairs that are in the table."""
        key, own = (p[:, 0] * self.n_images + p[:, 1] for p in (pairs, self.pairs))
        pairs = pairs[~np.isin(key, own)]
        self.pairs = np.concatenate([self.pairs, pairs])
        self.correlations = np.concatenate([self.correlations, self.correlate(pairs)], axis=1)
        self.feature_distances = np.concatenate([self.feature_distances, self._cosine_of(pairs)])

    def refine(self, which: Mask) -> None:
        """Align the pairs of a mask, shape (m,), at 48 px."""
        self.correlations[:, which] = self.correlate(self.pairs[which], is_fine=True)

    def correlate(self, pairs: Indices, *, is_fine: bool = False) -> Floats:
        """Return the correlations of the aligned pixels of pairs, (2, m)."""
        aligned = self._aligner.align(pairs, is_fine=is_fine, n_threads=self._n_threads)
        return np.stack([aligned.plain, aligned.correlation])

    def _cosine_of(self, pairs: Indices) -> Floats:
        """Return 1 - the cosine similarity of each pair; the features may be a memory map."""
        distances = np.empty(len(pairs), dtype=np.float32)

        def compare(block: slice) -> None:
            first, second = (np.asarray(self._features[i], np.float32) for i in pairs[block].T)
            product = np.einsum("pd,pd->p", first, second)
            norm = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
            distances[block] = 1 - product / np.maximum(norm, 1e-12)

        map_parts(compare, blocks(len(pairs), rows_at_once=_ROWS), n_threads=self._n_threads)
        return distances

    def log_distances(self, measure: int) -> Floats:
        """Return log distances, (m,): of pixels (0), or of both pixels and features (1)."""
        return _log_distances(measure, self.correlations, self.feature_distances)

    def log_distances_of(self, measure: int, pairs: Indices, correlations: Floats) -> Floats:
        """Return log distances, (k,), of pairs, (k, 2), with correlations (2, k)."""
        return _log_distances(measure, correlations, self._cosine_of(pairs))


def touches(pairs: Indices, items: Indices, n_images: int) -> Mask:
    """Return whether each pair, (m, 2), has an image of `items`, shape (m,)."""
    is_item = np.zeros(n_images, dtype=bool)
    is_item[items] = True
    touching: Mask = is_item[pairs[:, 0]] | is_item[pairs[:, 1]]
    return touching


def unique_pairs(pairs: Indices) -> Indices:
    """Return each pair once, (k, 2), in ascending order, for pairs, (m, 2), in any order."""
    first, second = np.sort(pairs, axis=1).T.astype(np.intp)
    n_images = second.max(initial=0) + 1
    return np.stack(np.divmod(np.unique(first * n_images + second), n_images), axis=1)


def _log_distances(measure: int, correlations: Floats, cosine: Floats) -> Floats:
    """Return log distances of pixels (0), or of pixels and features (1).

    A caption hardly changes the features. The pixels that differ most, such as those of a caption,
    are ignored only where the features support the pair.
    """
    pixels: Floats = np.log(np.maximum(1 - correlations[measure], _LEAST_PIXEL_DISTANCE))
    if measure == 0:
        return pixels
    both = (pixels + np.log(np.maximum(cosine, _LEAST_FEATURE_DISTANCE))) / 2
    return both.astype(np.float32, copy=False)
