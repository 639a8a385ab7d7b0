"""Images that a program holds, as files: paths, bytes, Pillow images and arrays."""

from __future__ import annotations

import io
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from featscape.errors import ImageError, InputError
from featscape.images.containers.pixels import arrange_pixels, encode_image, explain_pixels
from featscape.images.decoding.pillow import image_errors
from featscape.images.storage.backends import Files
from featscape.number_text import with_article

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray


class CollectedImages:
    """The `ImageBytes` of a collection: `read` encodes a Pillow image as a file.

    Parameters
    ----------
    indices : mapping of str to int
        The number of each image in the collection, by its path.
    get_image : callable
        The number of an image -> the image: a path, an address, or as for `encode_program_image`.
    """

    def __init__(self, indices: Mapping[str, int], get_image: Callable[[int], Any]) -> None:
        self._indices = indices
        self._get_image = get_image
        self._files = Files(Path())

    def read(self, path: str) -> bytes:
        """Return the file of an image; raises ImageError, or InputError for another object."""
        index = self._indices[path]
        image = self._get_image(index)
        if isinstance(image, str | os.PathLike):
            return self._files.read(os.fspath(image))
        return encode_program_image(image, f"number {index}")


def encode_program_image(image: Any, subject: str) -> bytes:
    """Return the content of an image file.

    Parameters
    ----------
    image : bytes, BytesIO, Pillow image or array
        The content of a file, or pixels as for `check_program_image`.
    subject : str
        The image in messages, such as "number 3".

    Raises
    ------
    InputError
        If the object is no image.
    ImageError
        If an image of Pillow is closed, or its file is damaged.
    """
    if isinstance(image, bytes):
        return image
    if isinstance(image, io.BytesIO):
        return image.getvalue()
    if isinstance(image, Image.Image):
        try:
            with image_errors():
                return encode_image(image)
        except AssertionError as error:  # of Pillow
            raise ImageError("the file was closed before the image was loaded") from error
    return encode_image(Image.fromarray(arrange_pixels(_as_pixels(image, subject))))


def check_program_image(image: Any, subject: str) -> None:
    """Raise InputError unless an object is an image, or the name of a file.

    An array must be of uint8 or bool and have the shape (h, w), (h, w, c) or (c, h, w).
    """
    if not is_file(image) and not isinstance(image, Image.Image):
        _as_pixels(image, subject)


def is_file(image: Any) -> bool:
    """Return whether an object is the path or the content of a file, rather than pixels."""
    return isinstance(image, str | os.PathLike | bytes | io.BytesIO)


def as_array(values: Any) -> NDArray[Any] | None:
    """Return an array or tensor as an array of NumPy; None for another object.

    NumPy cannot represent some tensors, for example a tensor on a GPU.
    """
    if hasattr(values, "__array__"):
        with suppress(TypeError, ValueError, RuntimeError):
            return np.asarray(values)
    return None


def _as_pixels(image: Any, subject: str) -> NDArray[Any]:
    """Return an array or tensor as an array of pixels; raises InputError for another object."""
    pixels = as_array(image)
    if pixels is None:
        keys = f" with the keys {', '.join(map(repr, image))}" if isinstance(image, dict) else ""
        raise InputError(
            "an image must be a path, the bytes of a file, an image of Pillow or an array of "
            f"uint8; {subject} is {with_article(type(image).__name__)}{keys}. Pass images of "
            "Pillow, for example item['image'] of each item of a dataset."
        )
    remedy = explain_pixels(pixels.dtype, pixels.shape)
    if remedy is not None:
        if pixels.dtype.kind == "f" and hasattr(image, "detach"):  # a tensor, maybe normalized
            remedy = "Pass the images without a transform to tensors."
        raise InputError(
            "an array must be an image of uint8, of the shape (height, width), optionally with 1, "
            f"3 or 4 channels; {subject} is {pixels.dtype} of shape {pixels.shape}. "
            f"{remedy}"
        )
    return pixels
