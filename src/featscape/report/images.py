"""Encode the images of the report as data: URLs, within a limit of bytes."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

    from featscape.records import ImageSource

LARGE_PX, MEDIUM_PX, SMALL_PX = 176, 128, 72
PICTURE_PX = 1200
_MOST_BYTES = 3_300_000  # of all images: base64 adds a third, and the page stays under 5 MB
_QUALITY = 74


class ImageEncoder:
    """Encode images until the limit of bytes is reached.

    Parameters
    ----------
    thumbnails : ImageSource or None
        None for a map without images.

    Attributes
    ----------
    n_omitted : int
        Number of images that did not fit.
    """

    def __init__(self, thumbnails: ImageSource | None) -> None:
        self._thumbnails = thumbnails
        self._left = _MOST_BYTES
        self.n_omitted = 0

    def item(self, item: int, size_px: int) -> str | None:
        """Return the data: URL of an item; None without images, or if the image does not fit.

        Raises
        ------
        InputError
            If the thumbnail is damaged.
        """
        if self._thumbnails is None:
            return None
        return self.picture(self._thumbnails.load(item, at_least_px=size_px), size_px)

    def picture(self, image: Image.Image, size_px: int) -> str | None:
        """Return the data: URL of an image whose longer side is at most `size_px`."""
        from PIL import Image

        small = image.convert("RGB")
        small.thumbnail((size_px, size_px), Image.Resampling.LANCZOS)
        encoded = io.BytesIO()
        small.save(encoded, "WEBP", quality=_QUALITY)
        content = encoded.getvalue()
        if len(content) > self._left:
            self.n_omitted += 1
            return None
        self._left -= len(content)
        return f"data:image/webp;base64,{base64.b64encode(content).decode()}"
