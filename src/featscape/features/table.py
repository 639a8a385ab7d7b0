"""The table of an extraction: which image stands in which row of the features."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from featscape.features.known import DIGEST_BYTES
from featscape.records import Features, SkippedImage

if TYPE_CHECKING:
    from featscape.features.reading import Read
    from featscape.features.rows import Rows
    from featscape.records import ImageSet, ModelCard, ThumbnailSink


@dataclass(eq=False)
class Table:
    """Which image stands in which row of the features, and what is known of it beside them.

    Attributes
    ----------
    images : ImageSet
        Those that are read, some of which get no row.
    rows : Rows
        Where the features go.
    thumbnails : ThumbnailSink or None
    kept : list of int
        The index of the image in each row.
    skipped : list of SkippedImage
    n_taken : Counter of str
        How many features were known already, by the map that they were taken from.
    """

    images: ImageSet
    rows: Rows
    thumbnails: ThumbnailSink | None
    kept: list[int] = field(default_factory=list)
    skipped: list[SkippedImage] = field(default_factory=list)
    n_taken: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        n_images = len(self.images)
        self._sizes_px = np.empty((n_images, 2), dtype=np.int32)
        self._digests = np.empty((n_images, DIGEST_BYTES), dtype=np.uint8)
        self._computed: dict[bytes, int] = {}  # the row of each image that the network sees
        self._copies: list[tuple[int, int]] = []  # a later row with the same image, and that row

    def add(self, index: int, item: Read | SkippedImage) -> int | None:
        """Give an image the next row; return it if the network has to make the features."""
        if isinstance(item, SkippedImage):
            self.skipped.append(item)
            return None
        row = len(self.kept)
        self.kept.append(index)
        self._sizes_px[row] = item.size_px
        self._digests[row] = np.frombuffer(item.digest, np.uint8)
        if self.thumbnails is not None and item.thumbnail is not None:
            self.thumbnails.append(item.thumbnail)
        if item.known is not None:
            self.rows.write([row], item.known.values[None])
            if item.known.origin:
                self.n_taken[item.known.origin] += 1
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
