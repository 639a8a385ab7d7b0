"""Image files: the decoder, the fast JPEG decoder, and the thumbnails."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from featscape.errors import ImageError
from featscape.images.decoding.pillow import decode_bytes
from featscape.images.decoding.plain_jpeg import decode_plain
from featscape.images.decoding.thumbnails import make_thumbnail
from fuzz.mutate import mutate_bytes
from fuzz.pictures import jpeg_segments, png_chunks, png_of, seed_images, tiff_with_odd_tag
from fuzz.rules import Violation

if TYPE_CHECKING:
    from pathlib import Path
    from random import Random

    from fuzz.rules import Rules

_FILE = "image"
_SMALL_PX = 16
_WHITE = 4095
_MOST_MEGAPIXELS = 20.0  # larger images take seconds, too long for a busy machine


_decode = partial(decode_bytes, max_megapixels=_MOST_MEGAPIXELS)


class Target:
    """Decode a damaged image at full and reduced scale, with `white`, and as a plain JPEG."""

    def __init__(self, _workspace: Path, _rules: Rules) -> None:
        self._seeds = seed_images()
        for content in self._seeds.values():
            decode_bytes(content)

    def write(self, rng: Random, folder: Path) -> None:
        """Write one image with changes of the format's structure, of bytes, or both."""
        (folder / _FILE).write_bytes(mutate_image(rng, self._seeds))

    def check(self, folder: Path) -> None:
        """Decode the image; only ImageError may be raised, and the JPEG decoders must agree."""
        content = (folder / _FILE).read_bytes()
        whole, reason = None, ""
        try:
            whole = np.asarray(_decode(content).image)
            make_thumbnail(_decode(content, at_least_px=_SMALL_PX).image)
            _decode(content, white=_WHITE)
        except ImageError as error:
            reason = str(error)
            _check_reason(error)
        plain = decode_plain(content)
        if plain is None or "decompression bomb" in reason:
            return
        if whole is None:
            raise Violation("the fast JPEG decoder accepts an image that the other decoder refuses")
        if not np.array_equal(plain, whole):
            raise Violation("the two decoders of JPEG disagree")


def mutate_image(rng: Random, seeds: dict[str, bytes]) -> bytes:
    """Return a damaged image; a quarter of the images have correct checksums and lengths."""
    name = rng.choice(list(seeds))
    content = seeds[name]
    if rng.random() < 0.5:
        content = _change_structure(rng, name, content)
        if rng.random() < 0.5:
            return content
    return mutate_bytes(rng, content)


def _change_structure(rng: Random, name: str, content: bytes) -> bytes:
    """Change, remove or repeat a part of a PNG, JPEG or TIFF; return other formats unchanged."""
    if name.endswith(".tif"):
        return tiff_with_odd_tag(rng, content)
    if name.endswith(".png"):
        chunks = png_chunks(content)
        kind, inside = chunks.pop(at := rng.randrange(len(chunks)))
        if rng.random() < 0.7:
            chunks.insert(at, (kind, mutate_bytes(rng, inside)))
        else:
            chunks[at:at] = [(kind, inside)] * rng.randrange(3)
        return png_of(chunks)
    if name.endswith(".jpg"):
        segments = jpeg_segments(content)
        segment = segments.pop(at := rng.randrange(1, len(segments)))
        if rng.random() < 0.7:
            segments.insert(at, segment[:4] + mutate_bytes(rng, segment[4:]))
        else:
            segments[at:at] = [segment] * rng.randrange(3)
        return b"".join(segments)
    return content


def _check_reason(error: ImageError) -> None:
    if not str(error) or "\n" in str(error):
        raise Violation("a reason must be one line", str(error)) from error
