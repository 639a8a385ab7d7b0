"""A finished map and a new image: where it falls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from featscape.embedding import load_tsne, place
from featscape.errors import InputError
from featscape.filenames import printable
from featscape.records import ModelCard, Placement

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

    from featscape.maps import Map


def open_placer(made: Map, *, device: str = "auto") -> Callable[[BinaryIO], Placement]:
    """Make a finished map ready to take new images, one at a time; it does not change.

    Parameters
    ----------
    made : Map
        Of images.
    device : str
        Where its network runs: as for `make_map`.

    Returns
    -------
    callable
        An open image file -> `Placement`; raises ImageError where it cannot be decoded.

    Raises
    ------
    InputError
        If the map was made of features, for which there is no network.
    ModelError, DeviceError
        If its network cannot be had again, or has changed.
    """
    from featscape.features import reload_network
    from featscape.images import decode_scaled

    card = made.run["model"]
    if card is None:
        raise InputError(
            f"a map must be made of images to take new ones; {printable(made.folder)} was made of "
            "features, and its network is unknown. Make one with featscape map."
        )
    network = reload_network(ModelCard(**card), device=device)
    tsne = load_tsne(made)

    def place_image(file: BinaryIO) -> Placement:
        image = decode_scaled(file, at_least_px=network.least_px).image
        features = network.run([network.prepare(image)])  # (1, d)
        positions, neighbors = place(tsne, features, landmarks=made.landmarks)
        return Placement(positions[0], neighbors)

    return place_image
