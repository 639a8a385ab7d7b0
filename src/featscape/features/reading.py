"""Images on their way to the network: read in threads, or elsewhere, and left alone if known."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

from featscape.errors import ImageError
from featscape.features.known import digest
from featscape.records import SkippedImage

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    import numpy as np
    from numpy.typing import NDArray

    from featscape.features.backend import Backend
    from featscape.features.known import Known, KnownFeatures
    from featscape.records import Decoder, ImageSet, PlainDecoder, ThumbnailSink

_Item = TypeVar("_Item")

_MOST_TOGETHER = 8  # images that a thread reads one after the other


class Finder(Protocol):
    """What may have features already: `KnownFeatures`, or marks of them on another machine."""

    def find(self, key: bytes, *, thumbnail_px: int | None) -> Known | None:
        """Return what is known of the image with this hash."""
        ...


@dataclass(frozen=True, eq=False)
class Read:
    """An image that was read: prepared for the network, or with features that it has already."""

    digest: bytes
    size_px: tuple[int, int]
    thumbnail: bytes | None
    pixels: NDArray[np.uint8] | None = None
    known: Known | None = None
    values: NDArray[np.float32] | None = None  # where another machine has run the network


def read_image(
    content: bytes,
    decode: Decoder,
    network: Backend,
    thumbnails: ThumbnailSink | None,
    known: Finder,
    *,
    decode_plain: PlainDecoder | None = None,
) -> Read:
    """Return what the loop needs of an image, decoded only where that is needed; any thread."""
    key = digest(content)
    found = known.find(key, thumbnail_px=None if thumbnails is None else thumbnails.size_px)
    if found is not None and (thumbnails is None or found.thumbnail is not None):
        return Read(key, found.size_px, found.thumbnail, known=found)
    if decode_plain is not None and network.takes_pixels:
        plain = decode_plain(content, at_least_px=network.least_px)
        if plain is not None:
            return _read_plain(key, plain, network, thumbnails, found)
    decoded = decode(content, at_least_px=network.least_px)
    pixels = None if found is not None else network.prepare(decoded.image)
    thumbnail = None
    if thumbnails is not None:
        # never one scale for both: what the network sees would hang on the thumbnails' size
        if max(decoded.image.size) < min(thumbnails.size_px, max(decoded.size_px)):
            decoded = decode(content)
        thumbnail = thumbnails.make(decoded.image, original_px=decoded.size_px)
    return Read(key, decoded.size_px, thumbnail, pixels, found)


def _read_plain(
    key: bytes,
    plain: NDArray[np.uint8],
    network: Backend,
    thumbnails: ThumbnailSink | None,
    found: Known | None,
) -> Read:
    from PIL import Image

    pixels = network.prepare(plain) if found is None else None
    thumbnail = thumbnails.make(Image.fromarray(plain)) if thumbnails is not None else None
    height, width = plain.shape[:2]
    return Read(key, (width, height), thumbnail, pixels, found)


def make_reader(
    images: ImageSet, network: Backend, thumbnails: ThumbnailSink | None, known: KnownFeatures
) -> Callable[[int], Read | SkippedImage]:
    """Return what reads the image at an index, or says why it has to be skipped."""

    def read(index: int) -> Read | SkippedImage:
        try:
            content = images.read(index)
            return read_image(
                content, images.decode, network, thumbnails, known, decode_plain=images.decode_plain
            )
        except ImageError as error:
            return SkippedImage(images.paths[index], str(error))

    return read


def recall(
    items: Generator[Read | SkippedImage, None, None],
    known: KnownFeatures,
    read: Callable[[int], Read | SkippedImage],
    thumbnails: ThumbnailSink | None,
) -> Generator[Read | SkippedImage, None, None]:
    """Look up what is known of those images that another machine only marked as known."""
    thumbnail_px = None if thumbnails is None else thumbnails.size_px
    with closing(items):
        for index, item in enumerate(items):
            if isinstance(item, SkippedImage) or item.known is None:
                yield item
                continue
            found = known.find(item.digest, thumbnail_px=thumbnail_px)
            if found is None or (thumbnails is not None and found.thumbnail is None):
                yield read(index)
            else:
                yield Read(item.digest, found.size_px, found.thumbnail, known=found)


def read_ahead(
    read: Callable[[int], _Item], n_items: int, *, n_workers: int, n_ahead: int
) -> Generator[_Item, None, None]:
    """Yield ``read(0)``, ``read(1)``, ... in order, computed in threads at most `n_ahead` ahead.

    Whatever `read` raises is raised here. When the iterator is closed, what is being read is
    finished and the rest forgotten.
    """
    pool = ThreadPoolExecutor(n_workers, thread_name_prefix="featscape-decode")
    # a thread takes several at once where enough are left for the others: to hand one over costs
    # as much as to open a file
    n_together = min(_MOST_TOGETHER, max(1, n_ahead // (4 * n_workers)))
    pending: deque[Future[list[_Item]]] = deque()
    stopped = False

    def read_some(start: int) -> list[_Item]:
        indices = range(start, min(start + n_together, n_items))
        return [read(index) for index in indices if not stopped]

    try:
        for start in range(0, n_items, n_together):
            pending.append(pool.submit(read_some, start))
            if len(pending) == max(1, n_ahead // n_together):
                yield from pending.popleft().result()
        while pending:
            yield from pending.popleft().result()
    finally:
        stopped = True
        pool.shutdown(cancel_futures=True)
