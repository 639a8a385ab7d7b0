"""The record of an opened collection."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from featscape.records import SkippedImage


@dataclass
class OpenedCollection:
    """The images of a collection, with their paths, labels and columns.

    Attributes
    ----------
    n_images : int
    get_image : callable
        The number of an image -> the image. Pickle stores no lambda or function in a function.
    names : list of str or None, or None
        The path of each image, or None for an image without a path; None if no image has a path.
    labels : list or None
        The labels of a dataset of PyTorch; None if they are not read.
    columns : dict of str to list
    path_column : str or None
        The column of paths of a table.
    label_column : str or None
        The column of class labels of a dataset of Hugging Face.
    image_key : str or None
        The key or column of the images of a dataset.
    is_key_chosen : bool
        Whether `image_key` was chosen among several candidates that the caller may name instead.
    skipped : list of SkippedImage
        The columns that are not read.
    has_files : bool
        Whether each image is a file; False if some images are pixels, or may be.
    """

    n_images: int
    get_image: Callable[[int], Any]
    names: list[str | None] | None = None
    labels: list[Any] | None = None
    columns: dict[str, list[Any]] = field(default_factory=dict)
    path_column: str | None = None
    label_column: str | None = None
    image_key: str | None = None
    is_key_chosen: bool = False
    skipped: list[SkippedImage] = field(default_factory=list)
    has_files: bool = False


def take_value(dataset: Any, key: Any, index: int) -> Any:
    """Return the value of an item of a dataset; with `partial`, a `get_image` for pickle."""
    return dataset[index][key]
