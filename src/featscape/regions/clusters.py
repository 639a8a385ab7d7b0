"""Find the density clusters of a map at several levels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.spatial import KDTree

_LARGEST = 40  # a cluster of the first level has at least this fraction of the items
_STEP = 4  # each level has clusters of a quarter of the size: half the side, twice the zoom
_MOST_LEVELS = 4
_LEAST_ITEMS = 5  # in a cluster; fewer items are often close by chance
_N_CORE = 5  # items that determine the density at an item: the item and its nearest items
# Two clusters are separate if the shortest edge between them is longer, by this factor, than the
# mean edge inside each of them. At a factor of 1, planted clusters of a normal distribution split
# more often by chance; at 1.2, the map of 154 animals has no clusters.
_GAP = 1.1
_N_LINKED = 15  # the tree connects an item with one of its nearest items
_MOST_FITTED = 20_000  # more items have the same clusters; the tree takes half a second


def find_clusters(
    positions: NDArray[np.floating[Any]], *, random_state: int
) -> list[NDArray[np.intp]]:
    """Return the cluster of each item at each level, from the largest clusters to the smallest.

    The clusters of a level are the leaves of the tree of HDBSCAN (Campello, Moulavi and Sander
    2013), condensed with a minimum size for the level. The density, and therefore the tree, is the
    same at all levels: two clusters of different levels are nested or have no common item. Of more
    than 20,000 items a random sample is clustered, and each other item belongs to the cluster of
    the nearest sampled item.

    The tree is made with SciPy: the import of scikit-learn takes longer than the clusters of
    20,000 items.

    Parameters
    ----------
    positions : ndarray of numbers, shape (n, 2) or (n, 3)
        Finite.
    random_state : int
        Seed of the sample.

    Returns
    -------
    list of ndarray of intp, shape (n,)
        Codes from 0; -1 for an item outside of all clusters. Empty for too few items, or for items
        at one position.
    """
    from scipy.spatial import KDTree

    n_items = len(positions)
    rows = np.arange(n_items)
    if n_items > _MOST_FITTED:
        rows = np.sort(np.random.default_rng(random_state).permutation(n_items)[:_MOST_FITTED])
    points = positions[rows].astype(np.float64)
    if len(points) < 2 * _LEAST_ITEMS or not np.ptp(points, axis=0).any():
        return []
    tree = KDTree(points)
    edges, lengths = _spanning_tree(points, tree)
    found = [_leaves(edges, lengths, least=size) for size in _sizes(len(points))]
    if len(points) < n_items:
        _, nearest = tree.query(positions, workers=-1)
        found = [codes[nearest] for codes in found]
    return found


def _sizes(n_points: int) -> list[int]:
    """Return the minimum size of a cluster for each level."""
    sizes = [n_points // (_LARGEST * _STEP**level) for level in range(_MOST_LEVELS)]
    return [max(sizes[0], _LEAST_ITEMS), *(size for size in sizes[1:] if size >= _LEAST_ITEMS)]


def _spanning_tree(
    points: NDArray[np.float64], tree: KDTree
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return the edges of the minimum spanning tree of the mutual reachability, shortest first.

    Groups of items without an edge between nearest items are connected last, by the distances of
    their centers.

    Parameters
    ----------
    points : ndarray of float64, shape (n, d)
    tree : KDTree
        Of the points.

    Returns
    -------
    edges : ndarray of intp, shape (n - 1, 2)
    lengths : ndarray of float64, shape (n - 1,)
    """
    from scipy.spatial.distance import pdist

    n_points = len(points)
    distances, near = tree.query(points, k=min(_N_LINKED + 1, n_points), workers=-1)
    core = distances[:, _N_CORE - 1]
    ends = np.stack([np.repeat(np.arange(n_points), near.shape[1]), near.ravel()])  # (2, m)
    lengths = np.maximum(distances.ravel(), core[ends].max(axis=0))
    edges, kept, group = _minimum_tree(ends, lengths, n_points)
    n_groups = int(group.max()) + 1
    if n_groups == 1:
        return edges, kept
    sizes = np.bincount(group)
    centers = np.stack([np.bincount(group, axis) / sizes for axis in points.T], axis=1)
    pairs = np.stack(np.triu_indices(n_groups, 1))
    between, far, _ = _minimum_tree(pairs, pdist(centers), n_groups)
    _, first = np.unique(group, return_index=True)
    return np.vstack([edges, first[between]]), np.concatenate([kept, far])


def _minimum_tree(
    ends: NDArray[np.intp], lengths: NDArray[np.float64], n_points: int
) -> tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.intp]]:
    """Return a minimum spanning forest: edges, shortest first, lengths, and the tree of each point.

    Parameters
    ----------
    ends : ndarray of intp, shape (2, m)
        The two ends of each edge; an edge may be given twice, and edges may be loops.
    lengths : ndarray of float64, shape (m,)
    n_points : int
    """
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components, minimum_spanning_tree

    low, high = ends.min(axis=0), ends.max(axis=0)
    _, once = np.unique(low * n_points + high, return_index=True)
    once = once[low[once] != high[once]]
    order = once[np.lexsort((high[once], low[once], lengths[once]))]
    # ranks instead of lengths: SciPy omits edges of length 0; ranks are greater than 0 and distinct
    ranks = np.arange(1.0, len(order) + 1)
    graph = csr_array((ranks, (low[order], high[order])), shape=(n_points, n_points))
    forest = minimum_spanning_tree(graph)
    _, group = connected_components(forest, directed=False)
    kept = order[np.sort(forest.data).astype(np.intp) - 1]
    return np.stack([low[kept], high[kept]], axis=1), lengths[kept], group.astype(np.intp)


def _leaves(
    edges: NDArray[np.intp], lengths: NDArray[np.float64], *, least: int
) -> NDArray[np.intp]:
    """Return the cluster of each point; -1 for none.

    The edges merge groups of points. Where both groups have at least `least` points and the edge is
    longer than the edges inside by the factor `_GAP`, a cluster splits; a group in which no cluster
    splits is a leaf.

    Parameters
    ----------
    edges : ndarray of intp, shape (n - 1, 2)
        A spanning tree, the shortest edge first.
    lengths : ndarray of float64, shape (n - 1,)
    least : int
    """
    n_points = len(edges) + 1
    parent = list(range(n_points))
    members = [[point] for point in range(n_points)]
    inside = [0.0] * n_points  # the sum of the lengths of the edges in each group
    splits = [False] * n_points
    codes = np.full(n_points, -1, np.intp)
    n_found = 0

    def root_of(point: int) -> int:
        while parent[point] != point:
            parent[point] = parent[parent[point]]
            point = parent[point]
        return point

    for (one, other), length in zip(edges.tolist(), lengths.tolist(), strict=True):
        larger, smaller = sorted((root_of(one), root_of(other)), key=lambda at: -len(members[at]))
        is_gap = all(
            length * (len(members[group]) - 1) >= _GAP * inside[group]
            for group in (larger, smaller)
        )
        if len(members[smaller]) >= least and is_gap:
            for group in (larger, smaller):
                if not splits[group]:
                    codes[members[group]] = n_found
                    n_found += 1
            splits[larger] = True
        splits[larger] |= splits[smaller]
        inside[larger] += inside[smaller] + length
        parent[smaller] = larger
        members[larger] += members[smaller]
        members[smaller] = []
    return codes
