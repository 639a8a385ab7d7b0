"""Place new images on an existing map."""

from __future__ import annotations

import io
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from featscape.errors import ImageError, InputError
from featscape.files.regular import open_regular
from featscape.mapfolder.read import white_of
from featscape.printable_names import printable
from featscape.records import ModelCard, PlacedImage, PlacedImages
from featscape.steps.facts.source import describe_placed
from featscape.steps.tsne.adapter import load_tsne, place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path
    from typing import Any, BinaryIO

    import numpy as np
    from numpy.typing import NDArray

    from featscape.collection import Collection, Columns, OneImage
    from featscape.features import Network
    from featscape.mapfolder.read import Map
    from featscape.progress import Progress


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
            "this map was made of features, so it has no network to compute new features: place "
            "features that you computed in the same way with load_tsne(map).transform(features) in "
            "Python, or make a map of images with featscape map."
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
) -> Callable[[OneImage], PlacedImage]:
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
        An image as for `as_file` -> `PlacedImage`. Raises the errors of `load_image_encoder`.

    Raises
    ------
    InputError
        If the map was made of features, so that there is no network.
    ModelError, DeviceError
        If the network is missing, cannot be loaded, or differs from the network of the map.
    """
    encode = load_image_encoder(made, model=model, weights=weights, device=device)
    tsne = load_tsne(made)

    def place_image(image: OneImage) -> PlacedImage:
        features = encode(image)[None]  # (1, d)
        positions, neighbors = place(tsne, features, landmarks=made.landmarks)
        return PlacedImage(positions[0], neighbors)

    return place_image


def load_image_encoder(
    made: Map, *, model: str | None, weights: str | Path | None, device: str
) -> Callable[[OneImage], NDArray[np.float32]]:
    """Return a function that computes the features of one image as the features of a map.

    Parameters
    ----------
    made : Map
        A map of images.
    model, weights, device
        As for `open_placer`.

    Returns
    -------
    callable
        An image as for `as_file` -> ndarray of float32, shape (d,). Raises InputError if the image
        at a path cannot be read or decoded, and ImageError if an open file cannot be decoded.

    Raises
    ------
    InputError, ModelError, DeviceError
        As `open_placer` does.
    """
    from featscape.images import decode_scaled

    network = _load_network(made, model=model, weights=weights, device=device)
    white = white_of(made.run)

    def encode(image: OneImage) -> NDArray[np.float32]:
        with _opened_image(as_file(image)) as file:
            decoded = decode_scaled(file, at_least_px=network.min_px, white=white).image
        features: NDArray[np.float32] = network.run([network.prepare(decoded)])[0]
        return features

    return encode


def as_file(image: OneImage) -> str | os.PathLike[str] | BinaryIO:
    """Return a path or an open file as it is, and any other image as an open file.

    Parameters
    ----------
    image : path, binary file, bytes, Pillow image or array
        An array of uint8 has the shape (h, w), (h, w, c) or (c, h, w).

    Raises
    ------
    InputError
        If the object is no image.
    """
    from featscape.images import encode_program_image

    if isinstance(image, str | os.PathLike) or hasattr(image, "read"):
        return image  # type: ignore[return-value]  # an open file
    return io.BytesIO(encode_program_image(image, "the image"))


@contextmanager
def _opened_image(image: str | os.PathLike[str] | BinaryIO) -> Iterator[BinaryIO]:
    """Open the image at a path, and name the path in errors; yield an open file itself."""
    if not isinstance(image, (str, os.PathLike)):
        yield image
        return
    try:
        with open_regular(image) as file:
            yield file
    except (OSError, ValueError, ImageError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(
            f"the image {printable(image)} cannot be used: {reason}. Give another image."
        ) from error


def place_source(
    made: Map,
    source: str | os.PathLike[str] | Collection | Columns,
    *,
    model: str | None,
    weights: str | Path | None,
    device: str,
    progress: Progress | None,
) -> PlacedImages:
    """Place all images of a source on an existing map, which does not change.

    Parameters
    ----------
    made : Map
        A map of images.
    source : path, sequence, dataset, mapping or DataFrame
        A folder of images, or another source, as for `find_images`.
    model, weights, device
        As for `open_placer`.
    progress : Progress or None

    Raises
    ------
    InputError, ModelError, DeviceError
        As `open_placer` and `find_images` do.
    """
    from featscape.features import extract
    from featscape.images import find_images

    images = find_images(source, white=white_of(made.run))
    network = _load_network(made, model=model, weights=weights, device=device)
    features = extract(images, model=network, progress=progress)
    positions, neighbors = place(load_tsne(made), features.values, landmarks=made.landmarks)
    line = describe_placed(features.images)
    if line is not None and progress is not None:
        progress.note(line)
    return PlacedImages(features.images, positions, neighbors)


def _load_network(
    made: Map, *, model: str | None, weights: str | Path | None, device: str
) -> Network:
    """Load the network of a map; raises InputError if the map was made of features."""
    from featscape.features import load_for_map

    card = made.run["model"]
    if card is None:
        raise InputError(
            f"new images need a map of images; {printable(made.folder)} was made of features, and "
            "its network is unknown. Place features that you computed in the same way with "
            "load_tsne(map).transform(features) in Python, or make a map of images."
        )
    return load_for_map(ModelCard(**card), model=model, weights=weights, device=device)
