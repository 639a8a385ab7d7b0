"""Read an image: hash the file, look up the hash in the cache, and decode the image if needed."""

from __future__ import annotations

import hashlib
from contextlib import closing
from typing import TYPE_CHECKING

from featscape.errors import ImageError
from featscape.features.protocols import Read
from featscape.records import SkippedImage

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    import numpy as np
    from numpy.typing import NDArray

    from featscape.features.protocols import CachedFeatures, Finder, Preparation
    from featscape.records import Decoder, ImageSet, PlainDecoder, ThumbnailSink


def digest(content: bytes) -> bytes:
    """Return the SHA-256 of an image's file."""
    return hashlib.sha256(content).digest()


def read_image(
    content: bytes,
    decode: Decoder,
    network: Preparation,
    thumbnails: ThumbnailSink | None,
    cache: Finder,
    *,
    decode_plain: PlainDecoder | None = None,
) -> Read:
    """Return the prepared image or its cached features; thread-safe.

    The image is decoded only if its features or its thumbnail are not cached.

    Parameters
    ----------
    content : bytes
        Content of the image's file.
    decode : callable
    network : Preparation
    thumbnails : ThumbnailSink or None
        Makes the thumbnail.
    cache : Finder
    decode_plain : callable, optional
        Decodes plain images faster.

    Raises
    ------
    ImageError
        If the image cannot be decoded.
    """
    key = digest(content)
    found = cache.find(key, thumbnail_px=None if thumbnails is None else thumbnails.size_px)
    if found is not None and (thumbnails is None or found.thumbnail is not None):
        return _use_cached(key, found)
    if decode_plain is not None and network.takes_pixels:
        plain = decode_plain(content, at_least_px=network.min_px)
        if plain is not None:
            return _read_plain(key, plain, network, thumbnails, found)
    decoded = decode(content, at_least_px=network.min_px)
    pixels = None if found is not None else network.prepare(decoded.image)
    thumbnail = None
    if thumbnails is not None:
        # decoded separately: the network's input must not depend on the size of the thumbnails
        if max(decoded.image.size) < min(thumbnails.size_px, max(decoded.size_px)):
            decoded = decode(content)
        thumbnail = thumbnails.make(decoded.image, original_px=decoded.size_px)
    return Read(
        key,
        decoded.size_px,
        thumbnail,
        pixels,
        found,
        largest=decoded.largest,
        has_more=decoded.has_more,
    )


def _use_cached(key: bytes, found: CachedFeatures) -> Read:
    return Read(
        key,
        found.size_px,
        found.thumbnail,
        cached=found,
        largest=found.largest,
        has_more=found.has_more,
    )


def _read_plain(
    key: bytes,
    plain: NDArray[np.uint8],
    network: Preparation,
    thumbnails: ThumbnailSink | None,
    found: CachedFeatures | None,
) -> Read:
    from PIL import Image

    pixels = network.prepare(plain) if found is None else None
    thumbnail = thumbnails.make(Image.fromarray(plain)) if thumbnails is not None else None
    height, width = plain.shape[:2]
    return Read(key, (width, height), thumbnail, pixels, found)


def make_reader(
    images: ImageSet, network: Preparation, thumbnails: ThumbnailSink | None, cache: Finder
) -> Callable[[int], Read | SkippedImage]:
    """Return a function that reads the image at an index, or returns why it is skipped."""

    def read(index: int) -> Read | SkippedImage:
        try:
            content = images.read(index)
            return read_image(
                content, images.decode, network, thumbnails, cache, decode_plain=images.decode_plain
            )
        except ImageError as error:
            return SkippedImage(images.paths[index], str(error))

    return read


def fill_placeholders(
    items: Generator[Read | SkippedImage, None, None],
    cache: Finder,
    read: Callable[[int], Read | SkippedImage],
    thumbnails: ThumbnailSink | None,
) -> Generator[Read | SkippedImage, None, None]:
    """Replace the placeholders from other machines with the cached features.

    Parameters
    ----------
    items : generator
        One item per image, in order.
    cache : Finder
    read : callable
        Index -> the image, for a placeholder whose features are not in the cache.
    thumbnails : ThumbnailSink or None
    """
    thumbnail_px = None if thumbnails is None else thumbnails.size_px
    with closing(items):
        for index, item in enumerate(items):
            if isinstance(item, SkippedImage) or item.cached is None:
                yield item
                continue
            found = cache.find(item.digest, thumbnail_px=thumbnail_px)
            if found is None or (thumbnails is not None and found.thumbnail is None):
                yield read(index)
            else:
                yield _use_cached(item.digest, found)
