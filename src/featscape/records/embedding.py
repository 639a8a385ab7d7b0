"""The result of t-SNE, and the positions of new images on a map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from featscape.records.images import ImageSet


@dataclass(frozen=True, eq=False)
class Neighbors:
    """The k nearest neighbors of each item, nearest first, without the item.

    Attributes
    ----------
    indices : ndarray of int32, shape (n, k)
    distances : ndarray of float32, shape (n, k)
        In the metric of the search. Euclidean distances are not squared.
    """

    indices: NDArray[np.int32]
    distances: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Embedding:
    """The result of t-SNE.

    Attributes
    ----------
    positions : ndarray of float32, shape (n, 2) or (n, 3)
    kl_divergence : float
    n_iter : int
    parameters : mapping
        Every parameter of the embedding, including the seed.
    neighbors : Neighbors
        The neighbors of every item among all other items, or among the landmarks if there are any.
    labels : sequence of str, length n, or None
        The class of each item.
    landmarks : ndarray of intp, shape (m,), or None
        Indices of the items that t-SNE was fitted on, ascending; the other items were placed among
        these. None if t-SNE was fitted on all items.
    device : str
        The device of t-SNE: "cpu", or the GPU with its name.
    neighbors_recall : float
        The share of the true neighbors that the search found, measured on a sample.
    neighbors_space : mapping or None
        The space of the neighbors, as in run.json: "n_neighbors" (k), "n_features", "n_components"
        (principal components of the features; equal to "n_features" if these are not reduced) and
        "explained_variance" (the share of the variance of the features in the components).
    """

    positions: NDArray[np.float32]
    kl_divergence: float
    n_iter: int
    parameters: Mapping[str, Any]
    neighbors: Neighbors
    labels: Sequence[str] | None = None
    landmarks: NDArray[np.intp] | None = None
    device: str = "cpu"
    neighbors_recall: float = 1.0
    neighbors_space: Mapping[str, float] | None = None


@dataclass(frozen=True, eq=False)
class PlacedImage:
    """The position of a new image on an existing map.

    Attributes
    ----------
    position : ndarray of float32, shape (c,)
        Coordinates on a map of c dimensions.
    neighbors : Neighbors
        The items of the map that are nearest to the image, shape (1, k), in the principal
        components that t-SNE uses.
    """

    position: NDArray[np.float32]
    neighbors: Neighbors


@dataclass(frozen=True, eq=False, repr=False)
class PlacedImages:
    """The positions of new images on an existing map.

    Attributes
    ----------
    images : ImageSet
        The m images that could be read; `images.skipped` lists the others.
    positions : ndarray of float32, shape (m, c)
        Coordinates on a map of c dimensions.
    neighbors : Neighbors
        The items of the map that are nearest to each image, shape (m, k), in the principal
        components that t-SNE uses.
    """

    images: ImageSet
    positions: NDArray[np.float32]
    neighbors: Neighbors

    def __len__(self) -> int:
        return len(self.positions)

    def __repr__(self) -> str:
        return f"<PlacedImages: {len(self):,} images, {self.images.source}>"
