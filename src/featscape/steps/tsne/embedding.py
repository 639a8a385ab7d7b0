"""Run t-SNE on features, or on landmarks among the features, and report the progress."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from featscape.errors import InputError
from featscape.labels.classes import sample_of_classes
from featscape.progress import Task
from featscape.records import Embedding, Neighbors
from featscape.steps.facts.source import check_number
from featscape.steps.tsne.adapter import (
    AUTO,
    NEIGHBORS_PER_PERPLEXITY,
    NOT_STORED,
    USUAL_PERPLEXITY,
    choose_perplexity,
    engine_errors,
    in_items,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    import meshtsne
    from featscape.options import EmbeddingOptions, MapOptions
    from featscape.progress import Progress
    from featscape.steps.tsne.adapter import PlaceBlocks, PlacedBlocks
    from meshtsne import TSNE

_ITEMS_AT_ONCE = 16_384  # items per block: 134 MB for 2,048 features per item

# A map has collapsed to a line or a point if the standard deviation along an axis is less. The
# kernel of t-SNE has the width 1.
_LEAST_DEVIATION = 0.05


def check_early(options: MapOptions) -> None:
    """Check the source, and the options of t-SNE for a small source, within a fraction of a second.

    Raises
    ------
    InputError, DeviceError
        As `find_in_small_source`, `check_number` and `choose_tsne_device` do.
    """
    from featscape.images import find_in_small_source

    if not isinstance(options.source, str | os.PathLike):
        return  # a collection in memory
    images = find_in_small_source(
        options.source, path_column=options.path_column, label_column=options.label_column
    )
    if images is not None:
        check_number(images)
        choose_tsne_device(options, n_items=min(options.limit or len(images), len(images)))


def choose_tsne_device(options: EmbeddingOptions, *, n_items: int) -> str:
    """Return the device of t-SNE, and check the options against the number of items.

    Parameters
    ----------
    options : EmbeddingOptions
    n_items : int

    Returns
    -------
    str
        The parameter `device` of TSNE: "auto", "cpu", "cuda" or "cuda:N".

    Raises
    ------
    InputError
        If the items, or the landmarks, are too few for the perplexity.
    DeviceError
        If the device is absent.
    """
    from meshtsne import TSNE

    n_fitted = n_items if options.n_landmarks is None else options.n_landmarks
    perplexity = choose_perplexity(options.perplexity, n_items=n_fitted)
    if options.n_landmarks is not None:
        _check_landmarks(options.n_landmarks, perplexity=perplexity, n_items=n_items)
    device = options.local_device
    device_type = device.partition(":")[0]
    if device_type == "mps":
        device = "auto"
    elif device_type == "cuda" and options.n_components == 3:
        device = "cpu"
    tsne = TSNE(options.n_components, perplexity=perplexity, device=device)
    with engine_errors():
        tsne.find_device(n_fitted)
    return device


def _report_cpu(options: EmbeddingOptions, *, device: str) -> None:
    """Report why t-SNE runs on the CPU, if there is a GPU that the user did not exclude."""
    device_type = options.local_device.partition(":")[0]
    torch = sys.modules.get("torch")  # imported if a network ran
    if device_type == "cuda" and device == "cpu":
        reason = ": on a GPU, t-SNE makes maps of 2 dimensions"
    elif device_type == "mps":
        reason = ": on a GPU, t-SNE needs CUDA"
    elif device_type == "auto" and torch is not None and torch.cuda.is_available():
        reason = "; --device cuda (device=) runs t-SNE on the GPU"
    else:
        return
    options.reporter.note(f"t-SNE runs on the CPU{reason}")


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
    labels: Sequence[str] | None,
    device: str,
    place: PlaceBlocks | None = None,
) -> Embedding:
    """Run t-SNE, and report the progress.

    Parameters
    ----------
    values : ndarray of float32, shape (n, d)
    options : EmbeddingOptions
        With `n_landmarks`, t-SNE is fitted on the landmarks, and the other items are placed among
        the landmarks. The memory beside `values` and the result is then that of the landmarks and
        of one block of other items.
    labels : sequence of str, length n, or None
        The label of each item; the landmarks contain every class.
    device : str
        From `choose_tsne_device`.
    place : callable, optional
        (t-SNE, blocks of features) -> the results of ``map(tsne.place, blocks)``, which is the
        default.

    Returns
    -------
    Embedding
        `positions` has shape (n, options.n_components).

    Raises
    ------
    InputError, DeviceError
        For the reasons of `choose_tsne_device`, or if the memory of the GPU is too small.
    """
    from meshtsne import TSNE

    n_fitted = options.n_landmarks or len(values)
    perplexity = choose_perplexity(options.perplexity, n_items=n_fitted)
    tsne = TSNE(
        options.n_components,
        perplexity=perplexity,
        late_exaggeration=options.exaggeration,
        random_state=options.random_state,
        device=device,
    )
    _report_cpu(options, device=device)
    _report_perplexity(perplexity, options, n_fitted=n_fitted)
    positions, neighbors, landmarks = _fit_and_place(
        tsne, values, options, labels=labels, place=place or _place_here
    )
    _report_collapse(positions, perplexity, options, n_fitted=n_fitted)
    return Embedding(
        positions=positions,
        kl_divergence=float(tsne.kl_divergence_),
        n_iter=int(tsne.n_iter_),
        parameters=_parameters(tsne, options, n_fitted=n_fitted),
        neighbors=neighbors,
        device=tsne.device_,
        neighbors_recall=float(tsne.neighbors_recall_),
        neighbors_space=_space(tsne, neighbors),
        labels=labels,
        landmarks=landmarks,
    )


def _space(tsne: TSNE, neighbors: Neighbors) -> dict[str, float]:
    """Return the space of the neighbors: see `Embedding`."""
    n_features = tsne.n_features_in_
    n_components = n_features
    if tsne.n_pca is not None and tsne.n_pca < n_features:
        # the components of m items, centered, are at most m - 1
        n_components = min(tsne.n_pca, len(tsne.embedding_) - 1)
    return {
        "n_neighbors": neighbors.indices.shape[1],
        "n_features": n_features,
        "n_components": n_components,
        "explained_variance": round(tsne.pca_explained_variance_ratio_, 4),
    }


def _fit_and_place(
    tsne: TSNE,
    values: NDArray[np.float32],
    options: EmbeddingOptions,
    *,
    labels: Sequence[str] | None,
    place: PlaceBlocks,
) -> tuple[NDArray[np.float32], Neighbors, NDArray[np.intp] | None]:
    """Fit t-SNE on all items, or on landmarks among which the other items are placed.

    Returns
    -------
    positions : ndarray of float32, shape (n, n_components)
    neighbors : Neighbors
        Of each item, shape (n, k).
    landmarks : ndarray of intp, shape (l,), or None
    """
    progress = options.reporter
    if options.n_landmarks is None:
        _fit(tsne, values, progress=progress)
        return tsne.embedding_, _graph(tsne), None
    # The findings and the page also draw items with the seed of the map: with the random numbers of
    # that seed, the first items that they draw would be the landmarks.
    (seed,) = np.random.SeedSequence(options.random_state).spawn(1)
    landmarks = sample_of_classes(labels, len(values), size=options.n_landmarks, seed=seed)
    _fit(tsne, values[landmarks], progress=progress)
    positions, neighbors = _place_others(tsne, values, landmarks, place=place, progress=progress)
    return positions, neighbors, landmarks


def _parameters(tsne: TSNE, options: EmbeddingOptions, *, n_fitted: int) -> dict[str, Any]:
    """Return the parameters that run.json records."""
    given = tsne.get_params() | {"max_iter": tsne.count_iterations(n_fitted)}
    stored = {name: given[name] for name in given if name not in NOT_STORED}
    return {
        "seed": options.random_state,
        "n_landmarks": options.n_landmarks,
        "requested_perplexity": options.perplexity,
        **stored,
    }


def _report_perplexity(perplexity: float, options: EmbeddingOptions, *, n_fitted: int) -> None:
    """Report a perplexity below the usual one, and a perplexity that makes all items neighbors."""
    if options.perplexity == AUTO:
        if perplexity < USUAL_PERPLEXITY:
            options.reporter.note(
                f"perplexity {round(perplexity, 2):g}: {USUAL_PERPLEXITY:g} is too large for "
                f"{n_fitted} items"
            )
    elif n_fitted - 1 < NEIGHBORS_PER_PERPLEXITY * perplexity:
        options.reporter.note(
            f"t-SNE uses all {n_fitted - 1:,} other items as neighbors of each item: "
            f"{NEIGHBORS_PER_PERPLEXITY} x perplexity = {NEIGHBORS_PER_PERPLEXITY * perplexity:g} "
            "would be more"
        )


def _report_collapse(
    positions: NDArray[np.float32],
    perplexity: float,
    options: EmbeddingOptions,
    *,
    n_fitted: int,
) -> None:
    """Report an exaggeration that moves all points to a line or to one point."""
    if options.exaggeration == 1:
        return
    variances = np.linalg.eigvalsh(np.cov(positions, rowvar=False))
    if variances[0] < _LEAST_DEVIATION**2:
        options.reporter.note(
            f"the map has collapsed: exaggeration {options.exaggeration:g} is too large for "
            f"{n_fitted:,} items at perplexity {perplexity:.4g}; lower --exaggeration "
            "(exaggeration=) or --perplexity (perplexity=)"
        )


def _fit(tsne: TSNE, values: NDArray[np.float32], *, progress: Progress) -> None:
    """Fit t-SNE on all rows, and report its iterations and its GPU, if any."""
    with engine_errors():
        device = tsne.find_device(len(values))
    if device != "cpu":
        progress.note(f"t-SNE runs on {device}")
    total = tsne.count_iterations(len(values))
    with engine_errors(), progress.task(Task("t-SNE", total, unit="iterations")) as advance:
        tsne.fit(values, on_advance=advance)
        advance(total - tsne.n_iter_)  # the fit may converge before the last iteration


def _graph(tsne: TSNE) -> Neighbors:
    return Neighbors(tsne.neighbors_indices_, tsne.neighbors_distances_)


def _place_others(
    tsne: TSNE,
    values: NDArray[np.float32],
    landmarks: NDArray[np.intp],
    *,
    place: PlaceBlocks,
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


def _place_here(tsne: TSNE, blocks: Iterable[NDArray[np.float32]]) -> PlacedBlocks:
    return map(tsne.place, blocks)
