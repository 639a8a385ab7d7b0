"""The pairs of images that may be duplicates, and their order without alignment of pixels.

The memory is that of a few numbers per image and candidate: a table of all pairs of a million
images would take several GB.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from featscape.findings.duplicates.descriptors import mirror
from featscape.findings.duplicates.pair_table import unique_pairs
from featscape.findings.duplicates.power_law import SCALE_RANK, exponent_of
from featscape.findings.spaces import blocks
from featscape.threads import map_parts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from featscape.findings.duplicates.power_law import Groups
    from featscape.findings.duplicates.subset import FeatureRows

    Floats = NDArray[np.float32]
    Indices = NDArray[np.intp]
    Mask = NDArray[np.bool_]

_ROWS = 64  # images in one step; the rows of their candidates stay in the processor's cache
_ROWS_BEYOND = 4_096  # images in one step of `pairs_beyond`, to limit memory
_LEAST_DISTANCE = 1e-3


class Candidates:
    """Pairs of images, each once, in rows of one image each.

    Parameters
    ----------
    near : ndarray of int32, shape (n, k)
        The images that may be duplicates of each image. Repetitions and the image itself are
        ignored.

    Attributes
    ----------
    near : ndarray of int32, shape (n, k)
    is_pair : ndarray of bool, shape (n, k)
        Whether the image and its candidate are a pair that no other entry has.
    is_known : ndarray of bool, shape (n, k)
        The same, but a pair of images that are candidates of each other has two entries.
    """

    def __init__(self, near: NDArray[np.int32]) -> None:
        self.near = near
        self.is_pair: Mask = np.empty(near.shape, dtype=bool)
        self.is_known: Mask = np.empty(near.shape, dtype=bool)
        earlier = np.tri(near.shape[1], k=-1, dtype=bool)
        for block in blocks(len(near), rows_at_once=1_024):
            own = np.arange(block.start, block.stop)[:, None]
            rows = near[block]
            is_repeated = ((rows[:, :, None] == rows[:, None]) & earlier).any(axis=2)
            is_mutual = (near[rows] == own[:, :, None]).any(axis=2)
            self.is_known[block] = ~is_repeated & (rows != own)
            self.is_pair[block] = self.is_known[block] & ~(is_mutual & (rows < own))

    def __len__(self) -> int:
        return int(self.is_pair.sum())

    def pairs(self, which: Mask) -> Indices:
        """Return the pairs of the entries of a mask, (m, 2), ascending."""
        rows, columns = np.nonzero(which & self.is_pair)
        return unique_pairs(np.stack([rows, self.near[rows, columns]], axis=1))

    def pairs_of(self, items: Indices) -> Indices:
        """Return the pairs of items and their own candidates, (m, 2), ascending, each once."""
        is_known = self.is_known[items]
        own = np.repeat(items, is_known.sum(axis=1))
        return unique_pairs(np.stack([own, self.near[items][is_known]], axis=1))

    def touch(self, items: Indices) -> Mask:
        """Return which entries have an image of `items`, (n, k)."""
        is_item = np.zeros(len(self.near), dtype=bool)
        is_item[items] = True
        return is_item[:, None] | is_item[self.near]

    def pairs_beyond(self, groups: Groups, items: Indices, further: NDArray[np.int32]) -> Indices:
        """Return pairs of items and further images, so that each has enough pairs for a scale.

        The scale of an item is the distance to an image of another group. A member of a group as
        large as the number of candidates has no such candidate.

        Parameters
        ----------
        groups : Groups
        items : ndarray of intp, shape (m,)
        further : ndarray of int32, shape (n, l)
            The images that follow the candidates of each image, nearest first.

        Returns
        -------
        ndarray of intp, shape (p, 2)
            Ascending in each row, each pair once.
        """
        n_near = self.near.shape[1]
        parts = [np.empty((0, 2), dtype=np.intp)]
        for block in blocks(len(items), rows_at_once=_ROWS_BEYOND):
            own = items[block]
            listed = np.concatenate([self.near[own], further[own]], axis=1)
            is_new = _first_in_rows(groups.identity[listed])
            is_new &= groups.number[listed] != groups.number[own][:, None]
            missing = SCALE_RANK + 1 - is_new[:, :n_near].sum(axis=1)
            used = is_new[:, n_near:]
            used &= np.cumsum(used, axis=1) <= missing[:, None]
            parts.append(np.stack([np.repeat(own, used.sum(axis=1)), further[own][used]], axis=1))
        return unique_pairs(np.concatenate(parts))

    def rank(self, values: FeatureRows, descriptors: Floats, *, n_threads: int) -> Floats:
        """Return a score of each entry, (n, k); duplicates have low scores.

        Parameters
        ----------
        values : ndarray or Subset of floats, shape (n, c)
            The features, or their principal components.
        descriptors : ndarray of float32, shape (n, 144)
        n_threads : int
        """
        by_features = self._score(values, is_mirrored=False, n_threads=n_threads)
        by_pixels = self._score(descriptors, is_mirrored=True, n_threads=n_threads)
        np.minimum(by_features, by_pixels, out=by_pixels)
        by_pixels[~self.is_pair] = np.inf
        return by_pixels

    def _score(self, rows: FeatureRows, *, is_mirrored: bool, n_threads: int) -> Floats:
        """Return the logarithm of p of each entry, see `power_law`, by cosine distances."""
        logs = np.empty(self.near.shape, dtype=np.float32)

        def compare(block: slice) -> None:
            near = self.near[block]
            own = np.asarray(rows[block], np.float32)
            others = np.asarray(rows[near.ravel()], np.float32)
            others = others.reshape(*near.shape, own.shape[1])
            length = np.linalg.norm(own, axis=1)[:, None] * np.linalg.norm(others, axis=2)
            product = np.einsum("bc,bkc->bk", own, others)
            if is_mirrored:
                mirrored = np.einsum("bc,bkc->bk", mirror(own), others)
                np.maximum(product, mirrored, out=product)
            distances = 1 - product / np.maximum(length, 1e-12)
            np.log(np.maximum(distances, _LEAST_DISTANCE), out=logs[block])

        map_parts(compare, blocks(len(logs), rows_at_once=_ROWS), n_threads=n_threads)
        if self.near.shape[1] <= SCALE_RANK:  # too few candidates for a scale
            return logs
        ordered = np.sort(np.where(self.is_known, logs, np.inf), axis=1)
        scales = ordered[:, SCALE_RANK]
        is_finite = np.isfinite(scales)
        if not is_finite.any():
            return logs
        exponent = exponent_of(ordered[is_finite])
        scales[~is_finite] = np.median(scales[is_finite])
        for block in blocks(len(logs)):
            logs[block] -= (scales[block, None] + scales[self.near[block]]) / 2
        logs *= np.float32(exponent)
        return logs


def _first_in_rows(values: Indices) -> Mask:
    """Return which values occur for the first time in their row."""
    order = np.argsort(values, axis=1, kind="stable")
    ranked = np.take_along_axis(values, order, axis=1)
    is_first = np.ones(values.shape, dtype=bool)
    np.put_along_axis(is_first, order[:, 1:], ranked[:, 1:] != ranked[:, :-1], axis=1)
    return is_first
