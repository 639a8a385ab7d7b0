"""Place new images on an existing map."""

from __future__ import annotations

from typing import TYPE_CHECKING

from featscape.errors import InputError
from featscape.printable_names import printable
from featscape.records import ModelCard, PlacedImage
from featscape.steps.tsne import load_tsne, place

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from typing import Any, BinaryIO

    from featscape.mapfolder.read import Map


def explain_no_placing(
    run: Mapping[str, Any], *, model: str | None = None, weights: str | Path | None = None
) -> str | None:
    """Return the reason why new images cannot be placed on a map, with the remedy; else None.

    The function never imports code or opens files that only the map names.

    Parameters
    ----------
    run : mapping
        The contents of the map's run.json.
    model, weights : optional
        The arguments of the user: see `open_placer`.

    Raises
    ------
    ModelError, InputError, MissingExtra
        If `model` or `weights` cannot be used, or differ from those of the map.
    """
    from featscape.features import check_given, explain_refusal

    if run["model"] is None:
        if model is not None or weights is not None:
            raise InputError(
                "a network can be given only for a map of images; this map was made of features. "
                "Remove --model and --weights (model=, weights=)."
            )
        return (
            "this map was made of features, so it has no network to compute new features: to place "
            "images, make a map of images with featscape map."
        )
    card = ModelCard(**run["model"])
    check_given(card, model=model, weights=weights)
    return explain_refusal(card, model=model, weights=weights)


def open_placer(
    made: Map,
    *,
    model: str | None = None,
    weights: str | Path | None = None,
    device: str = "auto",
) -> Callable[[BinaryIO], PlacedImage]:
    """Return a function that places new images on an existing map, one at a time.

    The map does not change.

    Parameters
    ----------
    made : Map
        A map of images.
    model : str, optional
        The network of the map, as for `make_map`. Required for MODULE:FACTORY and ONNX files: code
        that only the map names is never imported, because the map may be untrusted.
    weights : path, optional
        The file with the weights of the map. Required if the map was made with such a file.
    device : str
        The device of the network, as for `make_map`.

    Returns
    -------
    callable
        An open image file -> `PlacedImage`. Raises ImageError if the image cannot be decoded.

    Raises
    ------
    InputError
        If the map was made of features, so that there is no network.
    ModelError, DeviceError
        If the network is missing, cannot be loaded, or differs from the network of the map.
    """
    from featscape.features import load_for_map
    from featscape.images import decode_scaled

    card = made.run["model"]
    if card is None:
        raise InputError(
            f"new images need a map of images; {printable(made.folder)} was made of features, and "
            "its network is unknown. Make a map of images with featscape map."
        )
    network = load_for_map(ModelCard(**card), model=model, weights=weights, device=device)
    tsne = load_tsne(made)

    def place_image(file: BinaryIO) -> PlacedImage:
        image = decode_scaled(file, at_least_px=network.min_px).image
        features = network.run([network.prepare(image)])  # (1, d)
        positions, neighbors = place(tsne, features, landmarks=made.landmarks)
        return PlacedImage(positions[0], neighbors)

    return place_image
