"""Cache networks of libraries in OpenVINO's format, which load without PyTorch.

Building a network, converting it and comparing the result with PyTorch takes seconds. A cached
network gives the same bits as the network that was converted. The name of an entry is a hash of
all that determines the features: the weights, the layers and the versions of the libraries.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, replace
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import numpy as np

from featscape.features.cache_folder import (
    DamagedEntryError,
    cache_folder,
    read_entry,
    write_entry,
)
from featscape.features.engines.openvino import OpenVinoEngine
from featscape.features.network import Network
from featscape.features.zoo import classifier_weights
from featscape.features.zoo.architecture import INPUT_OF
from featscape.features.zoo.geometry import ResizeAndCrop
from featscape.features.zoo.preprocessing import Preprocessing
from featscape.features.zoo.registry import find_weights_file, is_listed, standard_weights
from featscape.files.regular import hash_once
from featscape.records import ClassifierWeights, ModelCard

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from featscape.progress import Progress

_FORMAT = 2  # increase for each change of the code that changes the features or the files
_MODEL, _DESCRIPTION, _CLASSIFIER = "network.xml", "network.json", "classifier.npz"
_LIBRARIES = ("featscape", "openvino", "torch", "torchvision", "timm", "open_clip_torch")


def entry_name(
    model: str, *, weights: Path | None, layers: Sequence[str], pool: str | None
) -> str | None:
    """Return the name under which a network is cached; None if it is not cached.

    Only the networks of libraries are cached, because the code of a user's own network may change.
    """
    if not is_listed(model):
        return None
    file = weights or find_weights_file(model)
    if file is None:
        return None
    try:
        sha256 = hash_once(file)
    except OSError:
        return None  # `load_network` reports the file
    versions = [_version_of(library) for library in _LIBRARIES]
    facts = [_FORMAT, versions, model, weights is None, sha256, list(layers), pool]
    return f"network-{hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]}"


def _version_of(library: str) -> str | None:
    try:
        return version(library)
    except PackageNotFoundError:  # open_clip is optional
        return None


def load_cached(
    name: str, *, weights: Path | None, precision: str, progress: Progress
) -> Network | None:
    """Load a cached network for the CPU, in fp32; None if it is not in the cache.

    Parameters
    ----------
    name : str
        From `entry_name`.
    weights : Path or None
        The path of the weights' file for the card; None for a library's own weights.
    precision : str
        As for `load_network`.
    progress : Progress
        Reports a damaged entry, which counts as missing.
    """
    try:
        folder = read_entry(name)
    except DamagedEntryError as error:
        progress.note(f"the cached network is damaged and is converted again: {error}")
        return None
    if folder is None:
        return None
    stored = json.loads((folder / _DESCRIPTION).read_text(encoding="utf-8"))
    card = ModelCard(**stored["card"])
    if weights is not None:
        card = replace(card, weights=str(weights))
    preprocessing = stored["preprocessing"]
    preprocessing |= {name: tuple(preprocessing[name]) for name in ("mean", "std")}
    return Network(
        card,
        "cpu",
        module=None,
        preprocessing=Preprocessing(
            **preprocessing | {"crop": ResizeAndCrop(**preprocessing["crop"])}
        ),
        engine=OpenVinoEngine.read(folder / _MODEL),
        requested=precision,
        fallback="",
    )


def save(name: str, network: Network, *, progress: Progress) -> None:
    """Cache a network, if OpenVINO runs it and its preprocessing needs no library.

    Parameters
    ----------
    name : str
        From `entry_name`.
    network : Network
        From `open_network`.
    progress : Progress
        Reports that the network cannot be written.
    """
    engine, preprocessing = network.engine, network.preprocessing
    if not isinstance(engine, OpenVinoEngine) or preprocessing.resizing is None:
        return

    def write(folder: Path) -> None:
        engine.save(folder / _MODEL)
        stored = {"card": asdict(network.card), "preprocessing": asdict(preprocessing)}
        (folder / _DESCRIPTION).write_text(json.dumps(stored), encoding="utf-8")
        classifier = classifier_weights.load_classifier(network.card)
        if classifier is not None:
            np.savez(folder / _CLASSIFIER, weight=classifier.weight, bias=classifier.bias)

    try:
        write_entry(name, write)
    except (OSError, RuntimeError) as error:  # OpenVINO raises RuntimeError
        reason = getattr(error, "strerror", None) or str(error).partition("\n")[0]
        progress.note(f"the network cannot be cached in {cache_folder()}: {reason}")


def read_classifier(card: ModelCard) -> ClassifierWeights | None:
    """Return the classifier of a network: see `classifier_weights.load_classifier`.

    The classifier of a cached network is read without PyTorch.

    Parameters
    ----------
    card : ModelCard

    Returns
    -------
    ClassifierWeights or None
    """
    if card.weights in standard_weights(card.name) and card.layer.startswith(INPUT_OF):
        name = entry_name(card.name, weights=None, layers=(), pool=None)
        try:
            folder = None if name is None else read_entry(name, only=_CLASSIFIER)
        except DamagedEntryError:  # `load_cached` reports a damaged entry
            folder = None
        if folder is not None and (folder / _CLASSIFIER).exists():
            with np.load(folder / _CLASSIFIER) as stored:
                return ClassifierWeights(stored["weight"], stored["bias"])
    return classifier_weights.load_classifier(card)
