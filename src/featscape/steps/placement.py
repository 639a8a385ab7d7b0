"""A finished map and a new image: where it falls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from featscape.errors import InputError
from featscape.printable_names import printable
from featscape.records import ModelCard, Placement
from featscape.steps.embedding import load_tsne, place

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from typing import Any, BinaryIO

    from featscape.mapfolder.read import Map


def explain_no_placing(
    run: Mapping[str, Any], *, model: str | None = None, weights: str | Path | None = None
) -> str | None:
    """Return why a map takes no new images, in a sentence with the remedy; None if it takes them.

    Nothing that the map names is imported or opened.

    Parameters
    ----------
    run : mapping
        The contents of the map's run.json.
    model, weights : optional
        What the user gives, as for `open_placer`.

    Raises
    ------
    ModelError, InputError, MissingExtra
        If `model` or `weights` cannot be used, or differ from the map's.
    """
    from featscape.features import check_given, explain_refusal

    if run["model"] is None:
        if model is not None or weights is not None:
            raise InputError(
                "a network can be given for a map of images only; this map was made of features. "
                "Leave out --model and --weights (model=, weights=)."
            )
        return "This map was made of features, so there is no network to place images with."
    card = ModelCard(**run["model"])
    check_given(card, model=model, weights=weights)
    return explain_refusal(card, model=model, weights=weights)


def open_placer(
    made: Map,
    *,
    model: str | None = None,
    weights: str | Path | None = None,
    device: str = "auto",
) -> Callable[[BinaryIO], Placement]:
    """Make a finished map ready to take new images, one at a time; it does not change.

    Parameters
    ----------
    made : Map
        Of images.
    model : str, optional
        The network that the map was made with, as for `make_map`. Needed if it is MODULE:FACTORY or
        an ONNX file: what only the map names is never imported, for a map may come from a stranger.
    weights : path, optional
        The file of weights that the map was made with. Needed if the map was made with one.
    device : str
        Where the network runs: as for `make_map`.

    Returns
    -------
    callable
        An open image file -> `Placement`; raises ImageError where it cannot be decoded.

    Raises
    ------
    InputError
        If the map was made of features, for which there is no network.
    ModelError, DeviceError
        If the network has to be given, cannot be loaded, or differs from the map's.
    """
    from featscape.features import load_for_map
    from featscape.images import decode_scaled

    card = made.run["model"]
    if card is None:
        raise InputError(
            f"a map must be made of images to take new ones; {printable(made.folder)} was made of "
            "features, and its network is unknown. Make one with featscape map."
        )
    network = load_for_map(ModelCard(**card), model=model, weights=weights, device=device)
    tsne = load_tsne(made)

    def place_image(file: BinaryIO) -> Placement:
        image = decode_scaled(file, at_least_px=network.least_px).image
        features = network.run([network.prepare(image)])  # (1, d)
        positions, neighbors = place(tsne, features, landmarks=made.landmarks)
        return Placement(positions[0], neighbors)

    return place_image
