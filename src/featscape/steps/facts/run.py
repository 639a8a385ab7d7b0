"""Describe how a map was made, and what is in it."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from featscape.labels.checked import find_checked
from featscape.labels.classes import NO_LABEL
from featscape.number_text import percent, plural
from featscape.printable_names import printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from featscape.mapfolder.read import Map
    from featscape.records import Embedding, ModelCard


def facts_of(embedding: Embedding, model: ModelCard | None) -> dict[str, str]:
    """Return how a map was made, for the interactive map; without facts about the computer."""
    facts = {}
    if model is not None:
        name = model.name
        if name.endswith(".onnx"):
            name = Path(name).name
        facts["network"] = f"{name}, {describe_layer(model.layer)}"
        facts["preprocessing"] = model.preprocessing
    parameters = embedding.parameters
    facts["t-SNE"] = (
        f"perplexity {round(parameters['perplexity'], 2):g}, seed {parameters['seed']}, "
        f"{embedding.n_iter:,} iterations, KL divergence {embedding.kl_divergence:.3f}"
        f"{landmarks_text(embedding.landmarks)}"
    )
    facts["made"] = f"{datetime.now(UTC):%Y-%m-%d} by featscape {version('featscape')}"
    return facts


def describe_layer(layer: str) -> str:
    """Return the source of the features in words.

    "input of fc" becomes "input of layer fc", "layer3" becomes "output of layer3", and "output"
    becomes "output of the network".
    """
    start, of, name = layer.partition("input of ")
    if of and not start:
        return f"input of layer {name}"
    return "output of the network" if layer == "output" else f"output of {layer}"


def checked_text(made: Map) -> str:
    """Return for example "104 labels by a person"; "" if nobody has checked a label."""
    n_checked = int(find_checked(made.columns, made.labels, len(made)).sum())
    return f"{plural(n_checked, 'label')} by a person" if n_checked else ""


def landmarks_text(landmarks: NDArray[np.intp] | None) -> str:
    """Return the number of landmarks in words; "" if t-SNE was fitted on all items.

    Parameters
    ----------
    landmarks : ndarray of intp, shape (l,), or None
        Indices of the landmarks; None if t-SNE was fitted on all items.
    """
    if landmarks is None:
        return ""
    return f", fitted on {len(landmarks):,} landmarks; the other items were placed among these"


def space_text(space: Mapping[str, float] | None) -> str:
    """Return the space in which the neighbors of a map are nearest, in words.

    Parameters
    ----------
    space : mapping or None
        The entry "neighbors" of run.json; None in maps of earlier releases.
    """
    if space is None:
        return "in the principal components that t-SNE uses"
    n_features, n_components = space["n_features"], space["n_components"]
    if n_components == n_features:
        return f"in all {plural(int(n_features), 'feature')}"
    return (
        f"in {plural(int(n_components), 'principal component')} with "
        f"{percent(space['explained_variance'])} of the variance of the {n_features:,} features"
    )


def dataset_text(n_items: int, noun: str, labels: Sequence[str] | None) -> str:
    """Return for example "500 images in 10 classes, 3 without a label"; `noun` is "image"."""
    counted = plural(n_items, noun)
    if labels is None:
        return counted
    sizes = Counter(labels)
    n_unlabeled = sizes.pop(NO_LABEL, 0)
    classes = f"{counted} in {plural(len(sizes), 'class', 'classes')}"
    return f"{classes}, {n_unlabeled:,} without a label" if n_unlabeled else classes


def describe_renamed(renamed_labels: Mapping[str, str]) -> str:
    """Return the names in the source that were replaced by other labels, with the labels."""
    pairs = ", ".join(f"{name} = {label}" for name, label in renamed_labels.items())
    return printable(f"English names for the folders of Animals10: {pairs}")
