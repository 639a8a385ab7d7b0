"""Descriptors of 12 x 12 gray levels, and the nearest neighbors among them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from featscape.findings.duplicates.subset import Grays

    Floats = NDArray[np.float32]
    Indices = NDArray[np.intp]

_SIDE = 12
_ROWS = 4096  # in one step, to limit memory
# Images are compared with all images of up to two cells. Cells are as small as this: small cells
# are fast, and duplicates are nearer to each other than to the border of the cell.
_CELL = 1024


def describe(grays: Grays) -> Floats:
    """Return the descriptors of gray squares, (n, 144): reduced, with mean 0 and norm 1.

    The norm of flat images is near 0: their similarity to all images is low.
    """
    n_images, side = len(grays), grays[:1].shape[1]
    descriptors = np.empty((n_images, _SIDE * _SIDE), dtype=np.float32)
    for start in range(0, n_images, _ROWS):
        rows = grays[start : start + _ROWS].astype(np.float32)
        small = rows.reshape(len(rows), _SIDE, side // _SIDE, _SIDE, -1).mean(axis=(2, 4))
        small = small.reshape(len(rows), -1)
        small -= small.mean(axis=1, keepdims=True)
        descriptors[start : start + _ROWS] = small / (np.linalg.norm(small, axis=1)[:, None] + 1)
    return descriptors


def mirror(descriptors: Floats) -> Floats:
    """Return the descriptors of the mirrored images.

    Parameters
    ----------
    descriptors : ndarray of float32, shape (n, 144)

    Returns
    -------
    ndarray of float32, shape (n, 144)
    """
    squares = descriptors.reshape(-1, _SIDE, _SIDE)
    return np.ascontiguousarray(squares[:, :, ::-1]).reshape(len(descriptors), -1)


def descriptor_distances(descriptors: Floats, pairs: Indices) -> Floats:
    """Return 1 - the correlation of the descriptors of each pair, plain or mirrored.

    Parameters
    ----------
    descriptors : ndarray of float32, shape (n, 144)
    pairs : ndarray of intp, shape (p, 2)
        Two images per row.

    Returns
    -------
    ndarray of float32, shape (p,)
    """
    distances = np.empty(len(pairs), dtype=np.float32)
    for start in range(0, len(pairs), _ROWS):
        first, second = (descriptors[items] for items in pairs[start : start + _ROWS].T)
        plain = np.einsum("pd,pd->p", first, second)
        mirrored = np.einsum("pd,pd->p", first, mirror(second))
        distances[start : start + _ROWS] = 1 - np.maximum(plain, mirrored)
    return distances


def nearest_descriptors(descriptors: Floats, n_neighbors: int, *, random_state: int) -> Indices:
    """Return the nearest images by descriptor, plain or mirrored, (n, n_neighbors).

    The search is exact for up to 4,096 images. For more images, each image is compared with the
    images in the cells around it: the centers of the cells are random images, and each image
    belongs to the two nearest cells. Missing neighbors are the image itself.
    """
    n_images = len(descriptors)
    nearest = np.repeat(np.arange(n_images)[:, None], n_neighbors, axis=1)
    similarity = np.full((n_images, n_neighbors), -np.inf, dtype=np.float32)
    cells = [np.arange(n_images)]
    centers = descriptors[:1]
    if n_images > 4 * _CELL:
        random = np.random.default_rng(random_state)
        centers = descriptors[random.permutation(n_images)[: n_images // _CELL]]
        cells = _assign(descriptors, centers, n_cells=2)
    for change in (np.asarray, mirror):
        asking = _assign(descriptors, centers, n_cells=1, change=change)
        for members, items in zip(cells, asking, strict=True):
            for start in range(0, len(items), _ROWS):
                block = items[start : start + _ROWS]
                new = change(descriptors[block]) @ descriptors[members].T
                _update(nearest, similarity, block, members, new)
    return nearest


def _assign(
    rows: Floats, centers: Floats, *, n_cells: int, change: Callable[[Floats], Floats] = np.asarray
) -> list[Indices]:
    """Return the rows in each cell; each row belongs to the cells of its nearest centers.

    `change` is applied to blocks of rows, because a changed copy of all rows would double the
    memory.
    """
    cells = np.empty((len(rows), n_cells), dtype=np.intp)
    for start in range(0, len(rows), _ROWS):
        similarity = change(rows[start : start + _ROWS]) @ centers.T
        cells[start : start + _ROWS] = np.argpartition(-similarity, n_cells - 1, axis=1)[
            :, :n_cells
        ]
    order = np.argsort(cells.ravel(), kind="stable")
    ends = np.cumsum(np.bincount(cells.ravel(), minlength=len(centers)))
    return np.split(order // n_cells, ends[:-1])


def _update(
    nearest: Indices, similarity: Floats, items: Indices, members: Indices, new: Floats
) -> None:
    """Merge the similarities of items to the members of a cell, (b, c), into the neighbors."""
    n_neighbors = nearest.shape[1]
    new[items[:, None] == members] = -np.inf
    best = np.argpartition(-new, min(n_neighbors, len(members)) - 1, axis=1)[:, :n_neighbors]
    found = np.concatenate([nearest[items], members[best]], axis=1)
    scores = np.concatenate([similarity[items], np.take_along_axis(new, best, axis=1)], axis=1)
    # an image can be found twice, plain and mirrored: its lower score is removed
    order = np.lexsort((-scores, found), axis=1)
    found, scores = np.take_along_axis(found, order, 1), np.take_along_axis(scores, order, 1)
    scores[:, 1:][found[:, 1:] == found[:, :-1]] = -np.inf
    order = np.argsort(-scores, axis=1, kind="stable")[:, :n_neighbors]
    found, scores = np.take_along_axis(found, order, 1), np.take_along_axis(scores, order, 1)
    nearest[items] = np.where(np.isinf(scores), items[:, None], found)
    similarity[items] = scores
