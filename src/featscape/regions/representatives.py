"""Choose the image that represents a region."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_COMPARED = 200  # items of a region; more items have nearly the same mean


def find_medoid(features: NDArray[np.floating[Any]], items: NDArray[np.intp]) -> int:
    """Return the item with the largest mean cosine similarity to the items.

    Parameters
    ----------
    features : ndarray of numbers, shape (n, d)
        May be memory-mapped. Only the rows of the items are read.
    items : ndarray of intp, shape (m,)
        Of one region, m at least 1.
    """
    rows = np.asarray(features[items], dtype=np.float64)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    rows /= np.where(lengths > 0, lengths, 1)
    return int(items[int((rows @ rows.sum(axis=0)).argmax())])
