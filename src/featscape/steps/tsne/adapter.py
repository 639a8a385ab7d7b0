"""Use the t-SNE engine with featscape's records and errors: check, restore, place, measure."""

from __future__ import annotations

import math
import os
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from featscape.errors import DeviceError, FeatscapeError, InputError
from featscape.labels.classes import N_AGREEING, NO_LABEL, can_agree
from featscape.printable_names import printable
from featscape.records import ModelCard, Neighbors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    import meshtsne
    from featscape.mapfolder.read import Map
    from featscape.records import Embedding
    from meshtsne import TSNE

    PlacedBlocks = Iterator[tuple[NDArray[np.float32], meshtsne.Neighbors]]
    PlaceBlocks = Callable[[TSNE, Iterable[NDArray[np.float32]]], PlacedBlocks]

AUTO = "auto"
USUAL_PERPLEXITY = 30.0  # scikit-learn's default
NEIGHBORS_PER_PERPLEXITY = 3
_LEAST_ITEMS = 2  # of the engine

# Parameters of TSNE that a map does not store. run.json has the seed as "seed", and the number of
# iterations of the quality as "max_iter".
NOT_STORED = {"callback", "quality", "random_state"}


@contextmanager
def engine_errors() -> Iterator[None]:
    """Raise the engine's errors as featscape's errors, with the same message."""
    import meshtsne

    try:
        yield
    except meshtsne.InputError as error:
        raise InputError(str(error)) from error
    except meshtsne.DeviceError as error:
        raise DeviceError(str(error)) from error
    except meshtsne.MeshTSNEError as error:
        raise FeatscapeError(str(error)) from error


def check_parameters(*, n_components: int, perplexity: float | str, exaggeration: float) -> None:
    """Raise InputError if no number of items makes a map with these parameters of t-SNE.

    The engine is not imported, because its import takes half a second.
    """
    if n_components not in (2, 3):
        raise InputError(
            f"a map must have 2 or 3 dimensions; got {n_components}. Use --dimensions 2 or 3 "
            "(n_components=)."
        )
    if not (isinstance(exaggeration, (int, float)) and 1 <= exaggeration < math.inf):
        raise InputError(
            f"exaggeration must be a finite number of at least 1; got {exaggeration!r}. Use 1 for "
            "t-SNE, or up to 4 for denser clusters."
        )
    is_number = isinstance(perplexity, (int, float)) and 1 <= perplexity < math.inf
    if perplexity != AUTO and not is_number:
        raise InputError(
            f"perplexity must be auto, or a finite number of at least 1; got {perplexity!r}. Use "
            "auto for 30, or less for few items."
        )


def check_limit(limit: int | None, *, perplexity: float | str) -> None:
    """Raise InputError if a map of `limit` images cannot have this perplexity.

    The engine would ask for more images, although the source may contain enough.
    """
    if limit is None:
        return
    if limit < _LEAST_ITEMS:
        raise InputError(
            f"limit must be at least {_LEAST_ITEMS} images for a map; got {limit}. Raise --limit "
            "(limit=)."
        )
    if not isinstance(perplexity, str) and limit <= perplexity:
        raise InputError(
            f"limit must be greater than the perplexity, {perplexity:g}; got {limit}. Raise "
            "--limit (limit=) or lower --perplexity (perplexity=)."
        )


def choose_perplexity(perplexity: float | str, *, n_items: int) -> float:
    """Return the perplexity for a number of items.

    Parameters
    ----------
    perplexity : float or "auto"
        "auto" is 30, or a third of the number of other items if that is less, but at least 1. The
        three neighbors per unit of perplexity that t-SNE uses then exist.
    n_items : int
    """
    if isinstance(perplexity, str):
        return max(1.0, min(USUAL_PERPLEXITY, (n_items - 1) / NEIGHBORS_PER_PERPLEXITY))
    return perplexity


def load_tsne(made: Map | str | os.PathLike[str]) -> TSNE:
    """Restore the fitted t-SNE of a map, whose `transform` places new images on the map.

    Parameters
    ----------
    made : Map or path
        The result of `open_map` or `make_map`, or the folder of a map.

    Returns
    -------
    TSNE
        The estimator as it was fitted, on the landmarks if the map has any. ``transform`` takes
        features of the model of the map, shape (m, d), and returns positions, shape (m, 2), or
        (m, 3) for a map in three dimensions.

    Raises
    ------
    InputError
        If run.json lacks a parameter of t-SNE, or as `open_map` does.

    Notes
    -----
    The estimator belongs to the package meshtsne. For invalid features, its methods raise
    `meshtsne.InputError`. For `Features` of another network, layer or precision, ``transform``,
    ``place`` and ``nearest`` raise `featscape.InputError`. Both errors are ValueErrors.

    Examples
    --------
    >>> from featscape import load_tsne, open_map
    >>> made = open_map("photos-map")
    >>> load_tsne(made).transform(made.features[:3]).shape
    (3, 2)
    """
    from featscape.mapfolder.read import open_map
    from featscape.steps.tsne.map_tsne import MapTSNE
    from meshtsne import Neighbors as Graph

    if isinstance(made, str | os.PathLike):
        made = open_map(made)
    stored = made.run["parameters"]
    names = MapTSNE().get_params().keys() - NOT_STORED
    missing = sorted({"seed", *names} - stored.keys())
    if missing:
        raise InputError(
            f"the run.json of {printable(made.folder)} must contain every parameter of t-SNE; it "
            f"lacks {', '.join(missing)}. Make the map again with --force (force=True)."
        )
    parameters = {name: stored[name] for name in names} | {"verbose": 0}
    tsne = MapTSNE(**parameters, random_state=stored["seed"])
    tsne.folder_ = made.folder
    tsne.card_ = None if made.run["model"] is None else ModelCard(**made.run["model"])
    rows = made.landmarks
    if rows is None:
        values, positions = made.features, made.positions
        graph = Graph(made.neighbors.indices, made.neighbors.distances)
    else:
        values, positions = made.features[rows], made.positions[rows]
        among = np.searchsorted(rows, made.neighbors.indices[rows]).astype(np.int32)
        graph = Graph(among, made.neighbors.distances[rows])
    with engine_errors():
        return tsne.restore(values, positions, graph)


def place(
    tsne: TSNE, values: NDArray[np.float32], *, landmarks: NDArray[np.intp] | None
) -> tuple[NDArray[np.float32], Neighbors]:
    """Place new items on an existing map.

    Parameters
    ----------
    tsne : TSNE
        The result of `load_tsne`.
    values : ndarray of float32, shape (m, d)
        Features of the new items.
    landmarks : ndarray of int, shape (l,), optional
        Indices of the items that t-SNE was fitted on; None if t-SNE was fitted on all items.

    Returns
    -------
    positions : ndarray of float32, shape (m, n_dimensions)
    neighbors : Neighbors
        The items of the map that are nearest to each new item.

    Raises
    ------
    InputError
        If `values` are not finite, or their width differs from that of the features of the map.
    """
    with engine_errors():
        positions, neighbors = tsne.place(values)
    return positions, in_items(neighbors, landmarks)


def in_items(
    neighbors: Neighbors | meshtsne.Neighbors, landmarks: NDArray[np.intp] | None
) -> Neighbors:
    """Convert indices of landmarks to indices of items.

    Parameters
    ----------
    neighbors : Neighbors
        With indices of landmarks, shape (n, k).
    landmarks : ndarray of intp, shape (l,), or None
        Indices of the items that t-SNE was fitted on; None if t-SNE was fitted on all items.

    Returns
    -------
    Neighbors
        With indices of items, shape (n, k).
    """
    if landmarks is None:
        return Neighbors(neighbors.indices, neighbors.distances)
    return Neighbors(landmarks[neighbors.indices].astype(np.int32), neighbors.distances)


def measure_agreement(embedding: Embedding) -> dict[str, Any] | None:
    """Return the share of items whose nearest neighbors have the same label.

    The neighbors are those of t-SNE, which searches the leading principal components of the
    features (`Embedding.neighbors_space`), so that the page, the class matrix and the agreement
    have the same neighbors. `compare_features` computes the agreement in all features.

    Parameters
    ----------
    embedding : Embedding
        If the embedding has landmarks, the neighbors are landmarks.

    Returns
    -------
    dict or None
        "n_neighbors", "overall", "by_class" and "chance", as in run.json; None without labels or
        if the classes are too small (`can_agree`).
        "chance" is the expected overall share if the labels are permuted at random. Items without
        a label are not counted, but are neighbors of other items.
    """
    if embedding.labels is None or not can_agree(embedding.labels):
        return None
    sizes = Counter(embedding.labels)
    del sizes[NO_LABEL]
    from meshtsne import agreement_among

    near = embedding.neighbors.indices[:, :N_AGREEING]
    shares = agreement_among(near, embedding.labels).by_class
    return {
        "n_neighbors": near.shape[1],
        "overall": sum(sizes[name] * shares[name] for name in sizes) / sizes.total(),
        "by_class": {name: share for name, share in shares.items() if name in sizes},
        "chance": chance_agreement(
            embedding.labels, n_neighbors=near.shape[1], landmarks=embedding.landmarks
        ),
    }


def chance_agreement(
    labels: Sequence[str], *, n_neighbors: int, landmarks: NDArray[np.intp] | None = None
) -> float:
    """Return the expected label agreement if the labels are permuted at random.

    The labels of the neighbors are then a random draw without replacement from the labels of the
    other items, so that the number of neighbors with an item's own label is hypergeometric.

    Parameters
    ----------
    labels : sequence of str, length n
        At least one item has a label. Items without a label are not counted.
    n_neighbors : int
        Less than n.
    landmarks : ndarray of intp, shape (l,), optional
        Indices of the items that are neighbors; by default all items.
    """
    names, codes = np.unique(np.asarray(labels), return_inverse=True)
    among = codes if landmarks is None else codes[landmarks]
    sizes = np.bincount(codes) * (names != NO_LABEL)
    shares = sizes / sizes.sum()
    alike = np.maximum(np.bincount(among, minlength=len(shares)) - 1, 0)
    agrees = [_majority(len(among) - 1, int(n), n_neighbors) for n in alike]
    return round(float(shares @ agrees), 4)


def _majority(n_others: int, n_alike: int, n_drawn: int) -> float:
    """Return the probability that most of the drawn items are alike (hypergeometric).

    SciPy's statistics, which have the distribution, take a second to import.
    """
    draws = math.comb(n_others, n_drawn)
    ways = (
        math.comb(n_alike, k) * math.comb(n_others - n_alike, n_drawn - k)
        for k in range(n_drawn // 2 + 1, n_drawn + 1)
    )
    return sum(ways) / draws


def search_neighbors(values: NDArray[np.float32], k: int) -> Neighbors:
    """Return the k nearest neighbors of each row by Euclidean distance.

    Parameters
    ----------
    values : ndarray of float32, shape (n, d)
    k : int
        Less than n.

    Returns
    -------
    Neighbors
        Exact below 12,000 rows, and of at most three columns; otherwise with a recall of at least
        .995.
    """
    from meshtsne import nearest_neighbors

    with engine_errors():
        found = nearest_neighbors(values, k)
    return Neighbors(found.indices, found.distances)
