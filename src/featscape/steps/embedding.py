"""Call the t-SNE engine: fit features, restore a stored t-SNE, measure the label agreement."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from featscape.errors import DeviceError, FeatscapeError, InputError
from featscape.labels.classes import sample_of_classes
from featscape.printable_names import printable
from featscape.progress import Task
from featscape.records import Embedding, Neighbors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    import meshtsne
    from featscape.mapfolder.read import Map
    from featscape.options import EmbeddingOptions
    from featscape.progress import Progress
    from meshtsne import TSNE

    Placed = Iterator[tuple[NDArray[np.float32], meshtsne.Neighbors]]
    Placing = Callable[[TSNE, Iterable[NDArray[np.float32]]], Placed]

N_AGREEING = 5  # number of neighbors for the label agreement
_ITEMS_AT_ONCE = 16_384  # items per block: 134 MB for 2,048 features per item

_COLUMNS = 50  # t-SNE reduces the features to 50 principal components, which determine its memory

# Parameters of TSNE that a map does not store. run.json has the seed as "seed".
_NOT_STORED = {"callback", "random_state"}


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


def check_options(options: EmbeddingOptions) -> None:
    """Raise InputError if no number of items makes a map with these options."""
    from meshtsne import TSNE

    if options.n_components not in (2, 3):
        raise InputError(f"a map must have 2 or 3 dimensions; got {options.n_components}.")
    tsne = TSNE(options.n_components, perplexity=options.perplexity, device="cpu")
    with engine_errors():
        tsne.find_device((sys.maxsize, 1))


def choose_device(options: EmbeddingOptions, *, n_items: int) -> str:
    """Return the device of t-SNE, and check the options against the number of items.

    Parameters
    ----------
    options : EmbeddingOptions
    n_items : int

    Returns
    -------
    str
        A device as TSNE takes it: "auto", "cpu", "cuda" or "cuda:N".

    Raises
    ------
    InputError
        If the items, or the landmarks, are too few for the perplexity.
    DeviceError
        If the device is absent or its memory is too small.
    """
    from meshtsne import TSNE

    kind = options.local_device.partition(":")[0]
    device = "auto" if kind == "mps" else options.local_device
    if kind == "cuda" and options.n_components == 3:
        options.report.note("t-SNE runs on the CPU: on a GPU, t-SNE makes maps of 2 dimensions.")
        device = "cpu"
    tsne = TSNE(options.n_components, perplexity=options.perplexity, device=device)
    n_fitted = n_items if options.n_landmarks is None else options.n_landmarks
    if options.n_landmarks is not None:
        _check_landmarks(options.n_landmarks, perplexity=options.perplexity, n_items=n_items)
    with engine_errors():
        tsne.find_device((n_fitted, _COLUMNS))
    return device


def _check_landmarks(n_landmarks: int, *, perplexity: float, n_items: int) -> None:
    if n_landmarks >= n_items:
        raise InputError(
            f"the number of landmarks must be less than the number of items, {n_items:,}; got "
            f"{n_landmarks:,}. Choose fewer landmarks, or none to fit all items."
        )
    if not n_landmarks > perplexity:
        raise InputError(
            f"the number of landmarks must be greater than the perplexity, {perplexity:g}; got "
            f"{n_landmarks:,}. Choose more landmarks, or a lower perplexity."
        )


def embed(
    values: NDArray[np.float32],
    options: EmbeddingOptions,
    *,
    labels: Sequence[str] | None = None,
    device: str,
    place: Placing | None = None,
) -> Embedding:
    """Run t-SNE, and report the progress.

    Parameters
    ----------
    values : ndarray of float32, shape (n, d)
    options : EmbeddingOptions
        With `n_landmarks`, t-SNE is fitted on the landmarks, and the other items are placed among
        the landmarks. The memory beside `values` and the result is then that of the landmarks and
        of one block of other items.
    labels : sequence of str, optional
        The label of each item; the landmarks contain every class.
    device : str
        From `choose_device`.
    place : callable, optional
        (t-SNE, blocks of features) -> the results of ``map(tsne.place, blocks)``, which is the
        default.

    Raises
    ------
    InputError, DeviceError
        For the reasons of `choose_device`.
    """
    from meshtsne import TSNE

    n_landmarks, seed, progress = options.n_landmarks, options.random_state, options.report
    tsne = TSNE(
        options.n_components,
        perplexity=options.perplexity,
        random_state=seed,
        device=device,
    )
    n_others = (n_landmarks or len(values)) - 1
    if n_others < 3 * options.perplexity:
        progress.note(
            f"t-SNE uses all {n_others:,} other items as neighbors of each item: 3 x perplexity = "
            f"{3 * options.perplexity:g} would be more"
        )
    if n_landmarks is None:
        _fit(tsne, values, progress=progress)
        positions, neighbors, landmarks = tsne.embedding_, _graph(tsne), None
    else:
        landmarks = sample_of_classes(labels, len(values), size=n_landmarks, seed=seed)
        _fit(tsne, values[landmarks], progress=progress)
        positions, neighbors = _place_others(
            tsne, values, landmarks, place=place or _place_here, progress=progress
        )
    parameters = tsne.get_params()
    stored = {name: parameters[name] for name in parameters if name not in _NOT_STORED}
    return Embedding(
        positions=positions,
        kl_divergence=float(tsne.kl_divergence_),
        n_iter=int(tsne.n_iter_),
        parameters={"seed": seed, "n_landmarks": n_landmarks, **stored},
        neighbors=neighbors,
        device=tsne.device_,
        neighbors_recall=float(tsne.neighbors_recall_),
        labels=labels,
        landmarks=landmarks,
    )


def _fit(tsne: TSNE, values: NDArray[np.float32], *, progress: Progress) -> None:
    """Fit t-SNE on all rows, and report its iterations and its GPU, if any."""
    with engine_errors():
        device = tsne.find_device(values.shape)
    if device != "cpu":
        progress.note(f"t-SNE runs on {device}")
    total = tsne.max_iter
    with engine_errors(), progress.task(Task("t-SNE", total, unit="iterations")) as advance:
        tsne.fit(values, on_advance=advance)
        advance(tsne.max_iter - tsne.n_iter_)  # the fit may converge before the last iteration


def _graph(tsne: TSNE) -> Neighbors:
    return Neighbors(tsne.neighbors_indices_, tsne.neighbors_distances_)


def _place_others(
    tsne: TSNE,
    values: NDArray[np.float32],
    landmarks: NDArray[np.intp],
    *,
    place: Placing,
    progress: Progress,
) -> tuple[NDArray[np.float32], Neighbors]:
    """Return the positions and neighbors of all items; `tsne` was fitted on some of these."""
    n_items, k = len(values), tsne.neighbors_indices_.shape[1]
    positions = np.empty((n_items, tsne.embedding_.shape[1]), dtype=np.float32)
    neighbors = Neighbors(
        np.empty((n_items, k), dtype=np.int32), np.empty((n_items, k), dtype=np.float32)
    )

    def keep(
        rows: NDArray[np.intp],
        at: NDArray[np.float32],
        near: Neighbors | meshtsne.Neighbors,
    ) -> None:
        near = in_items(near, landmarks)
        positions[rows] = at
        neighbors.indices[rows], neighbors.distances[rows] = near.indices, near.distances

    keep(landmarks, tsne.embedding_, _graph(tsne))
    others = np.setdiff1d(np.arange(n_items), landmarks, assume_unique=True)
    blocks = [
        others[start : start + _ITEMS_AT_ONCE] for start in range(0, len(others), _ITEMS_AT_ONCE)
    ]
    with engine_errors(), progress.task(Task("Placing", len(others), unit="items")) as advance:
        placed = place(tsne, (values[rows] for rows in blocks))
        for rows, (at, near) in zip(blocks, placed, strict=True):
            keep(rows, at, near)
            advance(len(rows))
    return positions, neighbors


def _place_here(tsne: TSNE, blocks: Iterable[NDArray[np.float32]]) -> Placed:
    return map(tsne.place, blocks)


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
    """Convert indices of landmarks to indices of items; None means that all items are landmarks."""
    if landmarks is None:
        return Neighbors(neighbors.indices, neighbors.distances)
    return Neighbors(landmarks[neighbors.indices].astype(np.int32), neighbors.distances)


def load_tsne(made: Map) -> TSNE:
    """Restore the fitted t-SNE of a map, whose `transform` places new images on the map.

    Parameters
    ----------
    made : Map
        The result of `open_map` or `make_map`.

    Returns
    -------
    TSNE
        The estimator as it was fitted, on the landmarks if the map has any. ``transform`` takes
        features of the model of the map, shape (m, d), and returns positions, shape (m, 2).

    Raises
    ------
    InputError
        If run.json lacks a parameter of t-SNE.

    Notes
    -----
    The estimator belongs to the package meshtsne. Its methods raise `meshtsne.InputError`, which
    is a ValueError, for invalid features.
    """
    from meshtsne import TSNE
    from meshtsne import Neighbors as Graph

    stored = made.run["parameters"]
    names = TSNE().get_params().keys() - _NOT_STORED
    missing = sorted({"seed", *names} - stored.keys())
    if missing:
        raise InputError(
            f"the run.json of {printable(made.folder)} must contain every parameter of t-SNE; it "
            f"lacks {', '.join(missing)}. Make the map again with --force (force=True)."
        )
    tsne = TSNE(**{name: stored[name] for name in names}, random_state=stored["seed"])
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


def measure_agreement(embedding: Embedding) -> dict[str, Any] | None:
    """Return the share of items whose nearest neighbors in feature space have the same label.

    The neighbors are those of t-SNE, which searches the leading principal components of the
    features. A search in all features of a million items would need too much memory.

    Parameters
    ----------
    embedding : Embedding
        If the embedding has landmarks, the neighbors are landmarks.

    Returns
    -------
    dict or None
        "n_neighbors", "overall" and "by_class", as in run.json; None without labels.
    """
    if embedding.labels is None:
        return None
    from meshtsne import agreement_among

    near = embedding.neighbors.indices[:, :N_AGREEING]
    agreement = agreement_among(near, embedding.labels)
    return {
        "n_neighbors": near.shape[1],
        "overall": agreement.overall,
        "by_class": dict(agreement.by_class),
    }
