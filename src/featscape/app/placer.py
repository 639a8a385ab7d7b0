"""Place new images on a served map; the network and the t-SNE are loaded once."""

from __future__ import annotations

import base64
import io
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np

from featscape.app.stored_files import StoredFile
from featscape.bundle.contract import NeighborList, Placed
from featscape.errors import FeatscapeError
from featscape.images import decode_bytes, decode_scaled, make_thumbnail, media_type
from featscape.mapfolder import RUN
from featscape.mapfolder.read import read_map, white_of
from featscape.steps.placement import open_placer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any, BinaryIO

    from numpy.typing import NDArray

    from featscape.files.folder_handle import FolderHandle
    from featscape.records import PlacedImage


THUMBNAIL_PX = 512  # twice the height of the picture in the page's panel


class Placer:
    """Places one image at a time, because decoding an image may take much memory.

    Parameters
    ----------
    folder : FolderHandle
        The map folder.
    model, weights : optional
        The network from the user, as in `open_placer`.
    """

    def __init__(
        self,
        folder: FolderHandle,
        *,
        model: str | None = None,
        weights: Path | None = None,
    ) -> None:
        self._folder = folder
        self._given: dict[str, Any] = {"model": model, "weights": weights}
        self._run = StoredFile.of(folder, RUN)
        self._place: Callable[[BinaryIO], PlacedImage] | None = None
        self._white: int | None = None
        self._working = threading.Lock()

    def place(self, image: bytes) -> Placed:
        """Place an image, given as the bytes of its file.

        Raises
        ------
        ImageError
            If the image cannot be decoded.
        FeatscapeError
            If the map's network cannot be loaded, or the map has been replaced.
        """
        with self._working:
            if self._place is None:
                # refuse other files before the network is loaded, which takes seconds
                decode_scaled(io.BytesIO(image), at_least_px=1)
                self._place = self._open()
            placement = self._place(io.BytesIO(image))
            thumbnail = self._copy_of(image)
        indices, distances = placement.neighbors.indices[0], placement.neighbors.distances[0]
        position = placement.position.tolist()
        return Placed(
            # a map with one dimension is drawn at y = 0
            position=[*position, 0.0] if len(position) == 1 else position,
            neighbors=list_neighbors(indices, distances),
            thumbnail=thumbnail,
        )

    def prepare(self) -> None:
        """Load the network and the t-SNE, so that the first image does not wait for them.

        An error is not reported here: the first image loads them again and reports the error.
        """
        with self._working, suppress(FeatscapeError):
            if self._place is None:
                self._place = self._open()

    def _open(self) -> Callable[[BinaryIO], PlacedImage]:
        self._run.check()
        made = read_map(self._folder)
        place = open_placer(made, **self._given)
        self._run.check()  # the map was not replaced while the network was loaded
        self._white = white_of(made.run)
        return place

    def _copy_of(self, image: bytes) -> str | None:
        """Return a thumbnail as base64 if browsers cannot show the image's format, else None."""
        if media_type(io.BytesIO(image)) != "image/tiff":
            return None
        decoded = decode_bytes(image, at_least_px=THUMBNAIL_PX, white=self._white)
        small = make_thumbnail(decoded.image, size_px=THUMBNAIL_PX, original_px=decoded.size_px)
        return base64.b64encode(small).decode()


def list_neighbors(indices: NDArray[np.integer], distances: NDArray[np.floating]) -> NeighborList:
    """Return one row of the neighbor graph, without the negative indices of empty entries.

    Parameters
    ----------
    indices : ndarray of int, shape (k,)
        Ids of the neighbors.
    distances : ndarray of float, shape (k,)
    """
    there = indices >= 0
    return NeighborList(
        ids=indices[there].tolist(), distances=distances[there].astype(np.float64).tolist()
    )
