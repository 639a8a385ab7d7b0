"""What a network sees of an image: a square that is resized, cut and standardized."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from featscape.errors import ModelError
from featscape.features.geometry import ResizeAndCrop, make_crop
from featscape.features.torch_engine import normalize

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch
    from numpy.typing import NDArray

_SMALLEST_PX = 8
_SIZE_PX = 224
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet
_KEYS = ("input_size_px", "resize_px", "mean", "std", "interpolation")


@dataclass(frozen=True, eq=False)
class Preprocessing:
    """How an image becomes a network's input; in words, as a card holds them, by ``str``.

    Attributes
    ----------
    crop : callable
        RGB image, or with `resizing` its pixels (h, w, 3) too -> uint8 array of shape (size, size,
        3): the resize and the crop alone.
    geometry : str
        The resize in words.
    resize_px : int or None
        What `crop` resizes the shorter side to; None where the image's proportions do not count.
    input_size_px : int
        Side of the square that it cuts.
    mean, std : tuple of float
        Of each channel, for values in 0..1.
    """

    crop: Callable[[Any], NDArray[np.uint8]]
    geometry: str
    resize_px: int | None
    input_size_px: int
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __str__(self) -> str:
        size_px = self.input_size_px
        return (
            f"{self.geometry}, {size_px} x {size_px} px cut from the center, mean {self.mean}, "
            f"sd {self.std}"
        )

    @property
    def resizing(self) -> ResizeAndCrop | None:
        """The resize and the crop, where they are the usual ones, which a GPU can do too."""
        return self.crop if isinstance(self.crop, ResizeAndCrop) else None

    def standardize(self, batch: torch.Tensor) -> torch.Tensor:
        """Scale uint8 (b, 3, h, w) to 0..1 and standardize each channel, as the libraries do."""
        return normalize(batch, self.mean, self.std)


def read_preprocessing(
    given: Any,
    *,
    owner: str,
    input_size_px: int = _SIZE_PX,
    resize: Callable[[int], int] = lambda size_px: size_px * 8 // 7,
) -> Preprocessing:
    """Read what a user says of a network's preprocessing; the rest is as usual for ImageNet.

    Parameters
    ----------
    given : mapping
        Some of "input_size_px", "resize_px", "mean", "std", and "interpolation" ("nearest",
        "bilinear", the default, or "bicubic").
    owner : str
        The network, for messages.
    input_size_px : int
        Where it is not given.
    resize : callable
        Input size -> what the shorter side is resized to, where that is not given.

    Raises
    ------
    ModelError
        If it is no mapping, has other keys, or a value is out of its range.
    """
    from torchvision import transforms

    if not isinstance(given, Mapping) or not set(_KEYS) >= given.keys():
        raise ModelError(
            f"The preprocessing of {owner} must be a dict with some of the keys "
            f"{', '.join(_KEYS)}; got {given!r}."
        )
    size_px = given.get("input_size_px", input_size_px)
    resize_px = given.get("resize_px", resize(size_px) if isinstance(size_px, int) else 0)
    mean, std = given.get("mean", _MEAN), given.get("std", _STD)
    interpolation = given.get("interpolation", "bilinear")
    if not (
        isinstance(size_px, int)
        and isinstance(resize_px, int)
        and _SMALLEST_PX <= size_px <= resize_px
        and _are_three_numbers(mean)
        and _are_three_numbers(std)
        and min(std) > 0
        and interpolation in ("nearest", "bilinear", "bicubic")
    ):
        raise ModelError(
            f"The preprocessing of {owner} must have an input_size_px of {_SMALLEST_PX} or more, "
            "a resize_px no smaller, a mean and a std above 0 of three channels, and an "
            f"interpolation of nearest, bilinear or bicubic; got {given!r}."
        )
    steps = [
        transforms.Resize(resize_px, transforms.InterpolationMode(interpolation)),
        transforms.CenterCrop(size_px),
    ]
    return Preprocessing(
        crop=make_crop(transforms.Compose(steps)),
        geometry=f"shorter side resized to {resize_px} px ({interpolation})",
        resize_px=resize_px,
        input_size_px=size_px,
        mean=tuple(mean),
        std=tuple(std),
    )


def _are_three_numbers(values: Any) -> bool:
    return (
        isinstance(values, (tuple, list))
        and len(values) == 3
        and all(isinstance(value, (int, float)) and np.isfinite(value) for value in values)
    )
