"""The columns and keys of images: usual names, and values that are images."""

from __future__ import annotations

import io
from typing import Any

from featscape.images.decoding.formats import identify_format, readable_extensions

# usual names of a column of image bytes, the most likely first
IMAGE_COLUMNS = (
    *("image", "img", "jpg", "jpeg", "png", "webp", "image_bytes", "img_bytes", "bytes"),
)
# in the names of other images than the photographs
_NO_PHOTOGRAPHS = ("mask", "segmentation", "depth", "thumb")


def names_other_image(name: Any) -> bool:
    """Return whether the name of a column or key names no photograph, but for example a mask."""
    return any(word in str(name).lower() for word in _NO_PHOTOGRAPHS)


def is_image_file(value: Any) -> bool:
    """Return whether a value is an encoded image: its bytes, or the struct of Hugging Face.

    The first bytes must be those of a format that featscape reads, or, in a struct without bytes,
    the extension of the path.
    """
    if is_struct(value):
        path = value["path"]
        value = value["bytes"]
        if value is None:
            return isinstance(path, str) and path.lower().endswith(readable_extensions())
    return isinstance(value, bytes) and identify_format(io.BytesIO(value)) is not None


def is_struct(value: Any) -> bool:
    """Return whether a value is a file as Hugging Face stores files in a table."""
    return isinstance(value, dict) and {"bytes", "path"} <= value.keys()
