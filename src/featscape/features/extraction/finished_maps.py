"""Take all features from a finished map, so that the network is not loaded.

Loading a network takes seconds. It is not needed if a map of the same network contains every image.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from featscape.cores import count_cores
from featscape.errors import ImageError
from featscape.features.engines.base import BF16, FP32
from featscape.features.engines.precision import AUTO, is_reused
from featscape.features.extraction.cache import FeatureCache
from featscape.features.extraction.earlier_runs import read_features_of_map, read_network
from featscape.features.extraction.prefetch import read_ahead
from featscape.features.extraction.reading import make_reader
from featscape.features.readout.pooling import DEFAULT_POOL
from featscape.features.zoo.architecture import INPUT_OF
from featscape.features.zoo.registry import find_weights_file, is_listed, standard_weights
from featscape.files.regular import hash_once
from featscape.mapfolder import current_versions
from featscape.printable_names import printable
from featscape.records import SkippedImage

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

    from featscape.features.protocols import NetworkRequest
    from featscape.records import ImageSet, Inference, ModelCard, ThumbnailSink

_MAX_IMAGES = 20_000  # each image is read twice; for more images this takes longer than loading
_NOT_IN_MAP = "the file changed while it was read"  # after the map was found to contain it


@dataclass(frozen=True)
class NetworkOfMap:
    """A `Backend` that has only the card of a network: all features come from a finished map.

    Attributes
    ----------
    card : ModelCard
    inference : Inference
    """

    card: ModelCard
    inference: Inference
    batch_size: int = 64
    n_concurrent: int = 1
    min_px: int = 0
    takes_pixels: bool = False

    @property
    def n_workers(self) -> int:
        """A suitable number of threads that read images."""
        return count_cores()

    def prepare(self, image: Image.Image | NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Refuse an image that the map does not contain; raises ImageError."""
        del image
        raise ImageError(_NOT_IN_MAP)

    def run(self, pixels: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Compute nothing, since `prepare` accepts no image."""
        raise NotImplementedError


def find_network_of_map(
    maps: Sequence[Path],
    images: ImageSet,
    thumbnails: ThumbnailSink | None,
    request: NetworkRequest,
) -> NetworkOfMap | None:
    """Return the network of a finished map that contains every readable image, else None.

    The map must be made with the same network as `request` describes: with the same name, file of
    weights, layer and precision, and with the same versions of all libraries.

    Parameters
    ----------
    maps : sequence of Path
    images : ImageSet
    thumbnails : ThumbnailSink or None
        If given, the map must contain thumbnails of this size.
    request : NetworkRequest
    """
    if not 0 < len(images) <= _MAX_IMAGES:
        return None
    for folder in maps:
        found = _read_network(folder, request, n_images=len(images))
        if found is not None and _contains(folder, found, images, thumbnails):
            return found
    return None


def _read_network(folder: Path, request: NetworkRequest, *, n_images: int) -> NetworkOfMap | None:
    found = read_network(folder)
    if found is None:
        return None
    run, card, inference = found
    if run["versions"] != current_versions() or not _fits(request, card):
        return None
    if request.precision == AUTO:
        is_chosen = is_reused(inference, n_then=run["counts"]["items"], n_now=n_images)
    else:
        is_chosen = request.precision in (FP32, BF16) and card.precision == request.precision
    if not is_chosen:
        return None
    if inference.asked != request.precision:
        reason = f"as for an earlier map in {printable(folder)}"
        inference = replace(inference, asked=request.precision, reason=reason)
    return NetworkOfMap(card, inference)


def _fits(request: NetworkRequest, card: ModelCard) -> bool:
    """Return whether `open_given` would return a network with this card.

    Only the networks of libraries are compared, since code of a user may change. The card of
    several layers never fits.
    """
    if card.name != request.model or not is_listed(card.name):
        return False
    if request.layers:
        has_layer = request.layers == (card.layer,) and card.pool == (request.pool or DEFAULT_POOL)
    else:
        has_layer = request.pool is None and card.layer.startswith(INPUT_OF)
    if request.weights is not None:
        has_weights = card.weights == str(request.weights)
    else:
        has_weights = card.weights in standard_weights(card.name)
    return has_layer and has_weights and card.weights_sha256 == _hash_weights(request, card.name)


def _hash_weights(request: NetworkRequest, name: str) -> str | None:
    """Return the hash of the file of weights; None if there is no file."""
    file = find_weights_file(name) if request.weights is None else Path(request.weights)
    try:
        return None if file is None else hash_once(file)
    except OSError:
        return None


def _contains(
    folder: Path, network: NetworkOfMap, images: ImageSet, thumbnails: ThumbnailSink | None
) -> bool:
    """Return whether a map contains the features of every readable image."""
    part = read_features_of_map(
        folder, network.card, white=images.white, report=lambda _reason: None
    )
    if part is None:
        return False
    read = make_reader(images, network, thumbnails, FeatureCache([part]))
    n_ahead = 2 * network.batch_size
    items = read_ahead(read, len(images), n_workers=network.n_workers, n_ahead=n_ahead)
    with closing(items):
        return not any(
            isinstance(item, SkippedImage) and item.reason == _NOT_IN_MAP for item in items
        )
