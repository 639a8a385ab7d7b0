"""New images on the map: the network and the t-SNE, loaded when the first image comes."""

from __future__ import annotations

import io
import threading
from typing import TYPE_CHECKING

import numpy as np

from featscape.app.stored_files import StoredFile
from featscape.bundle.contract import NeighborList, Placed
from featscape.mapfolder import RUN
from featscape.mapfolder.read import read_map
from featscape.steps.placement import open_placer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any, BinaryIO

    from numpy.typing import NDArray

    from featscape.files.folder_handle import FolderHandle
    from featscape.records import Placement


class Placer:
    """Places one image after another: each may fill much memory while it is decoded.

    Parameters
    ----------
    folder : FolderHandle
        The map's.
    model, weights : optional
        What the user gives, as for `open_placer`.
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
        self._place: Callable[[BinaryIO], Placement] | None = None
        self._working = threading.Lock()

    def place(self, image: bytes) -> Placed:
        """Place an image, given as the bytes of its file.

        Raises
        ------
        ImageError
            If it cannot be decoded.
        FeatscapeError
            If the map's network cannot be had, or another map stands in its place by now.
        """
        with self._working:
            if self._place is None:
                self._run.check()
                place = open_placer(read_map(self._folder), **self._given)
                self._run.check()  # the map is still the one that was read at the start
                self._place = place
            placement = self._place(io.BytesIO(image))
        indices, distances = placement.neighbors.indices[0], placement.neighbors.distances[0]
        position = placement.position.tolist()
        return Placed(
            position=[*position, 0.0] if len(position) == 1 else position,  # a line lies at y = 0
            neighbors=list_neighbors(indices, distances),
        )


def list_neighbors(indices: NDArray[np.integer], distances: NDArray[np.floating]) -> NeighborList:
    """Return a row of the neighbour graph without its gaps, which are below 0."""
    there = indices >= 0
    return NeighborList(
        ids=indices[there].tolist(), distances=distances[there].astype(np.float64).tolist()
    )
