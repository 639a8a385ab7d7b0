"""Read images without a network: the images of features that another program computed."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from featscape.cores import count_cores
from featscape.features.extraction.cache import FeatureCache
from featscape.features.extraction.prefetch import read_ahead
from featscape.features.extraction.reading import make_reader
from featscape.features.extraction.result_builder import ImageRows
from featscape.progress import Task
from featscape.records import ItemSet

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

    from featscape.progress import Progress
    from featscape.records import ImageSet, ThumbnailSink

_AHEAD = 64  # images that are decoded before they are needed
_NO_PIXELS = np.empty((0, 0, 3), dtype=np.uint8)


@dataclass(frozen=True)
class _NoPreparation:
    """Keeps no pixels, because no network runs.

    Attributes
    ----------
    min_px : int
        The shorter side of a decoded image is at least the longest side of its thumbnail.
    """

    min_px: int
    takes_pixels: bool = True

    def prepare(self, image: Image.Image | NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return an array without pixels."""
        del image
        return _NO_PIXELS


def read_images(
    images: ImageSet, *, thumbnails: ThumbnailSink, progress: Progress
) -> tuple[ItemSet, NDArray[np.intp]]:
    """Decode each image once, for its thumbnail, size and hash.

    Images that cannot be decoded are skipped, and recorded with the reason, as in `extract`.

    Parameters
    ----------
    images : ImageSet
    thumbnails : ThumbnailSink
        Receives a thumbnail of each image.
    progress : Progress

    Returns
    -------
    items : ItemSet
        The images that could be decoded, in the order of `images`.
    kept : ndarray of intp, shape (n,)
        The index in `images` of each of these images.

    Raises
    ------
    InputError
        If no image can be decoded.
    """
    rows = ImageRows(images, thumbnails)
    read = make_reader(images, _NoPreparation(thumbnails.size_px), thumbnails, FeatureCache(()))
    task = Task("Images", total=len(images), unit="images")
    with (
        progress.task(task) as advance,
        closing(read_ahead(read, len(images), n_workers=count_cores(), n_ahead=_AHEAD)) as items,
    ):
        for index, item in enumerate(items):
            rows.add_image(index, item)
            advance(1)
    rows.check()
    rows.report_decoding(progress)
    found = ItemSet.of_images(rows.select_images(), rows.sizes_px, digests=rows.digests)
    return found, np.array(rows.kept, dtype=np.intp)
