"""Build the result of an extraction: assign a row of the features to each image."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from featscape.features.extraction.cache import DIGEST_BYTES
from featscape.records import Features, SkippedImage

if TYPE_CHECKING:
    from featscape.features.extraction.row_store import RowStore
    from featscape.features.protocols import Read
    from featscape.records import ImageSet, ModelCard, ThumbnailSink


@dataclass(eq=False)
class ResultBuilder:
    """Assign a row to each image, and collect the result.

    Attributes
    ----------
    images : ImageSet
        The images that are read; skipped images get no row.
    rows : RowStore
        Stores the features.
    thumbnails : ThumbnailSink or None
    kept : list of int
        Index of the image in each row.
    skipped : list of SkippedImage
    n_cached : Counter of str
        Number of cached features from each map.
    """

    images: ImageSet
    rows: RowStore
    thumbnails: ThumbnailSink | None
    kept: list[int] = field(default_factory=list)
    skipped: list[SkippedImage] = field(default_factory=list)
    n_cached: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        n_images = len(self.images)
        self._sizes_px = np.empty((n_images, 2), dtype=np.int32)
        self._digests = np.empty((n_images, DIGEST_BYTES), dtype=np.uint8)
        self._computed: dict[bytes, int] = {}  # digest -> row of an image that is computed
        self._copies: list[tuple[int, int]] = []  # (row of a duplicate, row of the first copy)

    def add(self, index: int, item: Read | SkippedImage) -> int | None:
        """Assign the next row to an image; return the row if its features must be computed."""
        if isinstance(item, SkippedImage):
            self.skipped.append(item)
            return None
        row = len(self.kept)
        self.kept.append(index)
        self._sizes_px[row] = item.size_px
        self._digests[row] = np.frombuffer(item.digest, np.uint8)
        if self.thumbnails is not None and item.thumbnail is not None:
            self.thumbnails.append(item.thumbnail)
        if item.cached is not None:
            self.rows.write([row], item.cached.values[None])
            if item.cached.origin:
                self.n_cached[item.cached.origin] += 1
            return None
        first = self._computed.setdefault(item.digest, row)
        if first != row:
            self._copies.append((row, first))
            return None
        return row

    def path_of(self, row: int) -> str:
        """Return the path of the image in a row."""
        return self.images.paths[self.kept[row]]

    def finish(self, card: ModelCard) -> Features:
        """Return the features of the images that have a row."""
        for row, first in self._copies:
            self.rows.copy(row, first)
        n_kept = len(self.kept)
        skipped = (*self.images.skipped, *self.skipped)
        return Features(
            values=self.rows.finish(n_kept),
            images=replace(self.images.select(self.kept), skipped=skipped),
            sizes_px=self._sizes_px[:n_kept],
            model=card,
            digests=self._digests[:n_kept],
        )
