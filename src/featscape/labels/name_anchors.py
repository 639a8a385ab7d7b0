"""Find where to write the names of the classes on a map: in the densest spot of each cluster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_NAMED_CLASSES = 1_000  # the largest; more names do not fit on any picture
MAX_NAMES_PER_CLASS = 3
_N_CELLS = {2: 96, 3: 40}  # along the longest axis, by the number of dimensions
_CLUSTER_EDGE = 0.3  # a cluster ends where the density is below this share of the class's maximum
# Further clusters of a class have a name if they contain this share and this number of its items.
_MIN_SHARE, _MIN_ITEMS = 0.15, 8


@dataclass(frozen=True)
class NameAnchor:
    """Where to write the name of a class.

    Attributes
    ----------
    item : int
        The item at whose position the name is written.
    name_id : int
        The code of the class or cluster.
    n_items : int
        Number of items of the class in the cluster.
    """

    item: int
    name_id: int
    n_items: int


def find_name_anchors(
    points: NDArray[np.floating[Any]], codes: NDArray[np.integer[Any]]
) -> list[NameAnchor]:
    """Return the anchors for the names of the classes, the most important anchor first.

    The density of each class is estimated on a grid, with a Gaussian kernel. The clusters of the
    class are the connected regions of high density. The anchor in a cluster is the item at which
    the product of the density and of the class's share of the density is largest.

    Parameters
    ----------
    points : ndarray of numbers, shape (n, 2) or (n, 3)
        Finite; all axes in the same unit.
    codes : ndarray of integers, shape (n,)
        The class of each item; negative for items without a class.

    Returns
    -------
    list of NameAnchor
        The main anchor of each of the `MAX_NAMED_CLASSES` largest classes, the largest cluster
        first; then the further anchors of these classes. Of clusters of the same size, the cluster
        farthest from those before it comes first: the names that fit on a picture are then spread.
    """
    from scipy.ndimage import gaussian_filter

    n_cells = _N_CELLS[points.shape[1]]
    low = points.min(axis=0).astype(np.float64)
    extent = float(np.ptp(points, axis=0).max()) or 1.0
    cells = np.rint((points - low) * ((n_cells - 1) / extent)).astype(np.intp)  # (n, d)
    bandwidth = n_cells * max(1 / 40, 0.35 / np.sqrt(len(points)))
    total = gaussian_filter(_histogram(cells), bandwidth, mode="constant", truncate=3)
    order = np.argsort(codes, kind="stable")
    found, starts, counts = np.unique(codes[order], return_index=True, return_counts=True)
    largest = np.argsort(-counts * (found >= 0), kind="stable")[:MAX_NAMED_CLASSES]
    main, further = [], []
    for rank in largest[found[largest] >= 0]:
        members = order[starts[rank] : starts[rank] + counts[rank]]
        anchors = [
            NameAnchor(int(members[i]), int(found[rank]), n_items)
            for i, n_items in _clusters(cells[members], total, bandwidth)
        ]
        main.append(anchors[0])
        further += anchors[1:]
    return [*_sort(main, points), *_sort(further, points)]


def _sort(anchors: list[NameAnchor], points: NDArray[np.floating[Any]]) -> list[NameAnchor]:
    """Return the anchors, the largest first; of the same size, the farthest from those before."""
    anchors = sorted(anchors, key=lambda anchor: (-anchor.n_items, anchor.name_id))
    at = points[[anchor.item for anchor in anchors]].astype(np.float64)  # (m, d)
    sizes = np.array([anchor.n_items for anchor in anchors])
    is_left = np.ones(len(anchors), dtype=bool)
    distances = np.full(len(anchors), np.inf)  # to the nearest anchor before
    order = []
    for _ in anchors:
        largest = np.flatnonzero(is_left & (sizes == sizes[is_left].max()))
        chosen = largest[np.argmax(distances[largest])]
        order.append(anchors[chosen])
        is_left[chosen] = False
        distances = np.minimum(distances, np.linalg.norm(at - at[chosen], axis=1))
    return order


def _histogram(cells: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return the number of items in each cell of a grid; `cells` has shape (n, d)."""
    shape = tuple(cells.max(axis=0) + 1)
    counts = np.bincount(np.ravel_multi_index(tuple(cells.T), shape), minlength=np.prod(shape))
    return counts.reshape(shape).astype(np.float64)


def _clusters(
    cells: NDArray[np.intp], total: NDArray[np.float64], bandwidth: float
) -> list[tuple[int, int]]:
    """Return the anchor, an index into `cells`, and the number of items of each cluster of a class.

    The cluster in which most items are surrounded by their own class comes first.

    Parameters
    ----------
    cells : ndarray of intp, shape (n, d)
        The cells of the items of the class.
    total : ndarray of float64, d dimensions
        The density of all items.
    bandwidth : float
        The standard deviation of the kernel, in cells.
    """
    from scipy.ndimage import gaussian_filter, label

    reach = int(np.ceil(3 * bandwidth))
    corner = cells.min(axis=0) - reach
    padded = np.pad(_histogram(cells - corner), [(0, reach)] * cells.shape[1])
    density = gaussian_filter(padded, bandwidth, mode="constant", truncate=3)
    regions, _ = label(density > _CLUSTER_EDGE * density.max())
    own = density[tuple((cells - corner).T)]  # (n,)
    region = regions[tuple((cells - corner).T)]
    share = own / total[tuple(cells.T)]  # of the class in the density of all items
    sizes = np.bincount(region)
    weights = np.bincount(region, weights=share)
    weights[0] = 0.0  # items in no cluster
    main = weights.argmax()
    anchors = []
    for cluster in np.argsort(-weights, kind="stable")[:MAX_NAMES_PER_CLASS]:
        n_items = int(sizes[cluster])
        if cluster == main or (cluster and n_items >= max(_MIN_SHARE * len(cells), _MIN_ITEMS)):
            densest = np.where(region == cluster, own * share, -1.0).argmax()
            anchors.append((int(densest), max(n_items, 1)))
    return anchors
