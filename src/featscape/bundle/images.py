"""Write the thumbnails of the bundle: WebP images in several sizes, in blocks."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING

from featscape.bundle.blocks import BlockWriter, pack
from featscape.bundle.contract import ThumbnailPack
from featscape.progress import SilentProgress, Task

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from featscape.progress import Progress
    from featscape.records import ImageSource

# Items per block, by longest side in pixels; the blocks of all sizes have similar lengths in bytes.
BLOCK_ITEMS = {32: 64, 64: 32, 128: 16}
SIZES_PX = tuple(BLOCK_ITEMS)
QUALITY = 75
# WebP method, 0 to 6: above 2, photographs of 128 pixels take 1.7 times as long and shrink by 3 %
EFFORT = 2
CHUNK_ITEMS = 1024  # items in memory at the same time; a multiple of each block size


def encode_from(images: ImageSource) -> Callable[[int], tuple[bytes, ...]]:
    """Return a function that encodes the image of a row as WebP, once for each of `SIZES_PX`.

    An image that is smaller than a size is not enlarged.

    Parameters
    ----------
    images : ImageSource
        Called from several threads.

    Returns
    -------
    callable
        Takes a row and returns one WebP image per size.
    """
    from PIL import Image

    def encode(row: int) -> tuple[bytes, ...]:
        image = images.load(row, at_least_px=SIZES_PX[-1])
        encoded = []
        for size_px in reversed(SIZES_PX):  # each size is resized from the next larger size
            scale = size_px / max(image.size)
            if scale < 1:
                size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
                image = image.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)
            stream = io.BytesIO()
            image.save(stream, "WEBP", quality=QUALITY, method=EFFORT)
            encoded.append(stream.getvalue())
        return tuple(reversed(encoded))

    return encode


def write_thumbnails(
    folder: Path,
    encode: Callable[[int], Sequence[bytes]] | None,
    order: NDArray[np.intp],
    *,
    progress: Progress | None = None,
) -> list[ThumbnailPack]:
    """Write one pack of thumbnails for each of `SIZES_PX`.

    Parameters
    ----------
    folder : Path
    encode : callable or None
        Takes a row and returns one WebP file per size (bytes), smallest first; called from several
        threads. See `encode_from`. None for items without images.
    order : ndarray of intp, shape (n,)
        The row of each item, in the order of the bundle.
    progress : Progress, optional

    Returns
    -------
    list of ThumbnailPack
        The manifest's entries, smallest size first; empty for items without images.
    """
    if encode is None:
        return []
    progress = progress or SilentProgress()
    with ExitStack() as stack:
        writers = [
            stack.enter_context(BlockWriter(folder, f"thumbnails-{size}", block_items=items))
            for size, items in BLOCK_ITEMS.items()
        ]
        advance = stack.enter_context(progress.task(Task("Thumbnails", len(order), unit="images")))
        with ThreadPoolExecutor() as pool:
            for start in range(0, len(order), CHUNK_ITEMS):
                rows = order[start : start + CHUNK_ITEMS].tolist()
                by_size = list(zip(*pool.map(encode, rows), strict=True))
                for writer, items, encoded in zip(
                    writers, BLOCK_ITEMS.values(), by_size, strict=True
                ):
                    for first in range(0, len(rows), items):
                        writer.append(pack(encoded[first : first + items]))
                advance(len(rows))
    return [
        ThumbnailPack(**writer.describe(n_items=len(order)).model_dump(), size_px=size)
        for size, writer in zip(SIZES_PX, writers, strict=True)
    ]
