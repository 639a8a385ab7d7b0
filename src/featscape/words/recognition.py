"""Compute the most probable classes of each image from its features."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from featscape.cores import count_cores
from featscape.records import Recognized
from featscape.threads import map_parts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from featscape.records import ClassifierWeights

N_CLASSES = 5
_SCORES_AT_ONCE = 4_000_000  # 16 MB per core


def recognize(features: NDArray[np.float32], classifier: ClassifierWeights) -> Recognized:
    """Return the most probable classes of each image, by a softmax over all classes.

    The result does not depend on the number of cores.

    Parameters
    ----------
    features : ndarray of float32, shape (n, d)
        The inputs of the classifier; may be memory-mapped.
    classifier : ClassifierWeights

    Returns
    -------
    Recognized
        `N_CLASSES` classes per image.
    """
    n_items = len(features)
    classes = np.empty((n_items, N_CLASSES), np.int16)
    probabilities = np.empty((n_items, N_CLASSES), np.float32)
    n_rows = max(1, _SCORES_AT_ONCE // len(classifier.weight))

    def recognize_block(start: int) -> None:
        rows = slice(start, start + n_rows)
        inputs = features[rows]
        if classifier.is_cosine:
            inputs = inputs / np.maximum(np.linalg.norm(inputs, axis=1, keepdims=True), 1e-30)
        scores = inputs @ classifier.weight.T + classifier.bias
        scores = np.exp(scores - scores.max(axis=1, keepdims=True))
        scores /= scores.sum(axis=1, keepdims=True)
        top = np.argpartition(-scores, N_CLASSES, axis=1)[:, :N_CLASSES]
        values = np.take_along_axis(scores, top, axis=1)
        # stable, and by class: equal probabilities have one order
        order = np.lexsort((top, -values), axis=1)
        classes[rows] = np.take_along_axis(top, order, axis=1)
        probabilities[rows] = np.take_along_axis(values, order, axis=1)

    map_parts(recognize_block, range(0, n_items, n_rows), n_threads=count_cores())
    return Recognized(classes, probabilities)
