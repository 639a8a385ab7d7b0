"""Descriptors of 12 x 12 gray levels, and the nearest neighbors among them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from featscape.findings.spaces import blocks
from featscape.threads import map_parts

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from featscape.findings.duplicates.subset import Grays

    Floats = NDArray[np.float32]
    Indices = NDArray[np.intp]
    Mask = NDArray[np.bool_]
    Cell = NDArray[np.int32]  # the numbers of its images
    Change = Callable[[Floats], Floats]

_SIDE = 12
_ROWS = 4096  # in one step, to limit memory
# Images are compared with all images of up to two cells. Cells are as small as this: small cells
# are fast, and duplicates are nearer to each other than to the border of the cell.
_CELL = 1024
_ASKING = 512  # images that are compared with a cell at once; the products stay in the cache
_GROUP = 16  # columns, see `largest`


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


def nearest_descriptors(
    descriptors: Floats,
    n_neighbors: int,
    *,
    of: Mask | None = None,
    random_state: int,
    n_threads: int = 1,
) -> NDArray[np.int32]:
    """Return the nearest images by descriptor, plain or mirrored, (n, n_neighbors).

    The search is exact for up to 4,096 images. For more images, each image is compared with the
    images in the cells around it: the centers of the cells are random images, and each image
    belongs to the two nearest cells. Missing neighbors are the image itself.

    Parameters
    ----------
    descriptors : ndarray of float32, shape (n, 144)
    n_neighbors : int
    of : ndarray of bool, shape (n,), optional
        The images whose neighbors are searched, among all images. The neighbors of the others are
        missing.
    random_state : int
        Seed of the centers of the cells.
    n_threads : int
    """
    n_images = len(descriptors)
    own = np.arange(n_images, dtype=np.int32)
    nearest = np.repeat(own[:, None], n_neighbors, axis=1)
    similarity = np.full((n_images, n_neighbors), -np.inf, dtype=np.float32)
    cells = [own]
    centers = descriptors[:1]
    if n_images > 4 * _CELL:
        random = np.random.default_rng(random_state)
        centers = descriptors[random.permutation(n_images)[: n_images // _CELL]]
        cells = _assign(descriptors, centers, n_cells=2, n_threads=n_threads)
    for change in (np.asarray, mirror):
        asking = _assign(descriptors, centers, n_cells=1, n_threads=n_threads, change=change)
        if of is not None:
            asking = [cell[of[cell]] for cell in asking]

        def ask(cell: int, change: Change = change, asking: list[Cell] = asking) -> None:
            members = cells[cell]
            columns = descriptors[members].T
            for start in range(0, len(asking[cell]), _ASKING):
                items = asking[cell][start : start + _ASKING]
                new = change(descriptors[items]) @ columns
                _update(nearest, similarity, items, members, new)

        map_parts(ask, range(len(cells)), n_threads=n_threads)
    return nearest


def _assign(
    rows: Floats,
    centers: Floats,
    *,
    n_cells: int,
    n_threads: int,
    change: Change = np.asarray,
) -> list[Cell]:
    """Return the rows in each cell, ascending; a row belongs to the cells of its nearest centers.

    `change` is applied to blocks of rows, because a changed copy of all rows would double the
    memory.
    """
    cells = np.empty((len(rows), n_cells), dtype=np.int32)

    def assign(block: slice) -> None:
        cells[block] = largest(change(rows[block]) @ centers.T, n_cells)

    map_parts(assign, blocks(len(rows), rows_at_once=_ASKING), n_threads=n_threads)
    order = np.argsort(cells.ravel(), kind="stable").astype(np.int32)
    ends = np.cumsum(np.bincount(cells.ravel(), minlength=len(centers)))
    return np.split(order // n_cells, ends[:-1])


def _update(
    nearest: NDArray[np.int32], similarity: Floats, items: Cell, members: Cell, new: Floats
) -> None:
    """Merge the similarities of items to the members of a cell, (b, c), into the neighbors."""
    n_neighbors = nearest.shape[1]
    at = np.minimum(np.searchsorted(members, items), len(members) - 1)
    is_member = members[at] == items
    new[np.flatnonzero(is_member), at[is_member]] = -np.inf
    best = largest(new, n_neighbors)
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


def largest(values: Floats, n_largest: int) -> Indices:
    """Return the columns of the largest values of each row, (b, n_largest), in any order.

    The columns are divided into groups of 16. Each of the k largest values is in one of the k
    groups with the largest maxima, so only these groups are searched.

    Parameters
    ----------
    values : ndarray of float32, shape (b, c)
    n_largest : int
        All columns are returned if `n_largest` is c or more.
    """
    n_largest = min(n_largest, values.shape[1])
    n_groups = values.shape[1] // _GROUP
    if n_groups <= n_largest:
        return np.argpartition(-values, n_largest - 1, axis=1)[:, :n_largest]
    # column j belongs to group j % n_groups; the last columns belong to none
    grouped = values[:, : n_groups * _GROUP].reshape(len(values), _GROUP, n_groups)
    groups = np.argpartition(-grouped.max(axis=1), n_largest - 1, axis=1)[:, :n_largest]
    rest = np.arange(n_groups * _GROUP, values.shape[1])
    columns = np.concatenate(
        [
            (groups[:, :, None] + n_groups * np.arange(_GROUP)).reshape(len(values), -1),
            np.broadcast_to(rest, (len(values), len(rest))),
        ],
        axis=1,
    )
    chosen = np.take_along_axis(values, columns, axis=1)
    best = np.argpartition(-chosen, n_largest - 1, axis=1)[:, :n_largest]
    return np.take_along_axis(columns, best, axis=1)
