"""Rank the images of a map by the similarity of their features to a vector."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from featscape.records import Match
from featscape.threads import one_blas_thread

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BYTES_AT_ONCE = 64 << 20


class Similarities:
    """Cosine similarities of many images to one vector after another.

    The first call of `to` computes the norms of the features too; later calls read the features
    once.

    Parameters
    ----------
    features : ndarray of float32, shape (n, d)
        May be memory-mapped.
    """

    def __init__(self, features: NDArray[np.float32]) -> None:
        self._features = np.asarray(features)  # a view: a memory-mapped file remains on disk
        self._norms: NDArray[np.float32] | None = None

    def to(self, vector: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the cosine similarity of each image to a vector.

        Parameters
        ----------
        vector : ndarray of float32, shape (d,)

        Returns
        -------
        ndarray of float32, shape (n,)
            0 for features that are all 0.
        """
        if self._norms is None:
            self._norms = self._compute_norms()
        unit = vector / np.float32(max(float(np.linalg.norm(vector)), 1e-30))
        # The rounding of `@` depends on the number of cores. A limit of the threads of BLAS would
        # hold for all threads of the server, which also places images.
        products: NDArray[np.float32] = np.einsum("nd,d->n", self._features, unit)
        result: NDArray[np.float32] = products / self._norms
        return result

    def _compute_norms(self) -> NDArray[np.float32]:
        n_rows, n_features = self._features.shape
        norms = np.empty(n_rows, np.float32)
        step = max(1, _BYTES_AT_ONCE // (4 * n_features))
        for start in range(0, n_rows, step):
            rows = self._features[start : start + step]
            norms[start : start + step] = np.sqrt(np.einsum("nd,nd->n", rows, rows))
        return np.maximum(norms, 1e-30)


def classify(
    features: NDArray[np.float32], vectors: NDArray[np.float32], *, scale: float
) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Return the most similar of several vectors for each image.

    The probabilities are the softmax of the scaled cosine similarities: the zero-shot classifier of
    CLIP (Radford et al., Learning Transferable Visual Models From Natural Language Supervision,
    2021, section 3.1). The result does not depend on the number of cores.

    Parameters
    ----------
    features : ndarray of float32, shape (n, d)
        May be memory-mapped.
    vectors : ndarray of float32, shape (t, d)
        Of norm 1.
    scale : float
        The factor of the similarities.

    Returns
    -------
    codes : ndarray of intp, shape (n,)
        Indices of vectors.
    probabilities : ndarray of float32, shape (n,)
        Of these vectors, among all vectors.
    """
    codes = np.empty(len(features), np.intp)
    probabilities = np.empty(len(features), np.float32)
    step = max(1, _BYTES_AT_ONCE // (4 * max(features.shape[1], len(vectors))))
    for start in range(0, len(features), step):
        rows = np.asarray(features[start : start + step])
        norms = np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-30)
        with one_blas_thread():
            scores = scale * (rows @ vectors.T) / norms  # (rows, t)
        best = scores.argmax(axis=1)
        codes[start : start + step] = best
        highest = scores.max(axis=1, keepdims=True)
        probabilities[start : start + step] = 1 / np.exp(scores - highest).sum(axis=1)
    return codes, probabilities


def rank(similarities: NDArray[np.float32], *, k: int | None = None) -> Match:
    """Return the most similar images, the most similar first.

    Parameters
    ----------
    similarities : ndarray of float32, shape (n,)
    k : int, optional
        The largest number of images; by default all.
    """
    items = best_items(similarities, k=k)
    return Match(items, similarities[items], "similarity")


def best_items(scores: NDArray[np.float32], *, k: int | None = None) -> NDArray[np.intp]:
    """Return the items with the largest scores, the largest first; equal scores keep their order.

    Parameters
    ----------
    scores : ndarray of float32, shape (n,)
    k : int, optional
        The largest number of items; by default all.
    """
    n_items = len(scores)
    k = n_items if k is None else min(k, n_items)
    # only the items from the k-th largest score on are sorted, which takes a tenth of the time
    least = np.partition(scores, n_items - k)[n_items - k]
    top = np.flatnonzero(scores >= least)
    return top[np.argsort(-scores[top], kind="stable")][:k]
