"""The images of a dataset, and the protocols to read, decode and store images."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from featscape.errors import ImageError
from featscape.number_text import plural
from featscape.printable_names import printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from PIL import Image

    from featscape.records.skipped import SkippedImage

    Column = Sequence[str | None] | NDArray[Any]

# `ImageSet.kind` of a table of paths, and of sources of pixels, whose images are no files
MANIFEST_KIND = "manifest"
PIXEL_KINDS = ("array", "pixels")  # arrays in files; images or arrays of a program


def as_text(value: object) -> str:
    """Return a value of a column as text; a boolean becomes "true" or "false"."""
    return str(value).lower() if isinstance(value, bool | np.bool) else str(value)


class ImageSource(Protocol):
    """A sequence of RGB images to draw: an ImageSet, or the thumbnails of a map."""

    def __len__(self) -> int: ...

    def load(self, index: int, *, at_least_px: int = 0) -> Image.Image:
        """Return item `index` as an RGB image. Several threads may call this method.

        The image may be reduced if its longer side keeps `at_least_px` pixels; 0 means full size.
        """
        ...


class ImageBytes(Protocol):
    """The storage of the encoded images of a dataset: a folder, an archive, a table, a bucket."""

    def read(self, path: str) -> bytes:
        """Return the content of the image file at `path`. Several threads may call this method.

        Raises ImageError if the file is missing or cannot be read; the message is only the reason.
        """
        ...


@dataclass(frozen=True, eq=False)
class Decoded:
    """A decoded image.

    Attributes
    ----------
    image : PIL.Image.Image
        In mode "RGB", rotated upright, possibly at a reduced size.
    size_px : tuple of int
        Width and height of the original after the rotation.
    largest : int or None
        The largest gray or color value of an original of 16 bits per channel; None for other
        originals. An upper bound for colors that are decoded without `white`.
    has_more : bool
        Whether the file has further pages or frames, which are not decoded.
    """

    image: Image.Image
    size_px: tuple[int, int]
    largest: int | None = None
    has_more: bool = False


class Decoder(Protocol):
    """A function that decodes the content of an image file."""

    def __call__(self, content: bytes, *, at_least_px: int = 0) -> Decoded:
        """Decode an image.

        The image may be reduced if its shorter side keeps `at_least_px` pixels; 0 means full size.
        Raises ImageError with the reason.
        """
        ...


class PlainDecoder(Protocol):
    """A function that decodes simple files faster than a `Decoder`."""

    def __call__(self, content: bytes, *, at_least_px: int = 0) -> NDArray[np.uint8] | None:
        """Decode a simple file.

        Parameters
        ----------
        content : bytes
        at_least_px : int
            The image may be reduced if its shorter side keeps this number of pixels; 0 means full
            size.

        Returns
        -------
        ndarray of uint8, shape (h, w, 3), or None
            The pixels of the image that the `Decoder` returns; None for other files.
        """
        ...


class ThumbnailSink(Protocol):
    """A receiver of thumbnails, made from the images that feature extraction decodes."""

    @property
    def size_px(self) -> int:
        """The longest side of the thumbnails. Equal images give equal thumbnails of one size."""
        ...

    def make(self, image: Image.Image, *, original_px: tuple[int, int] | None = None) -> bytes:
        """Encode the thumbnail of one image. Several threads may call this method.

        `original_px` gives the proportions of an image that was reduced while it was decoded.
        """
        ...

    def append(self, encoded: bytes) -> None:
        """Store the thumbnail of the next row of the features. Skipped images have no row."""
        ...


@dataclass(frozen=True, eq=False, repr=False)
class ImageSet:
    """The images of a dataset in a fixed order. Images are decoded on demand.

    Attributes
    ----------
    source : Path or str
        The folder, file or address of the images.
    paths : tuple of str
        One unique path per image, relative to `source`, with "/" between the parts.
    contents : ImageBytes
        Reads the image file at a path.
    decode : Decoder
        Content of a file -> RGB image.
    decode_plain : PlainDecoder or None
        Content of a simple file -> pixels.
    kind : str
        The kind of `source`, with which `images.open_contents` opens the source again.
    labels : tuple of str or None
        The class of each image; None if the source has no classes.
    renamed_labels : mapping of str to str
        The names in the source that were replaced by other labels, with these labels: Italian
        folder names and English class names of Animals10. Empty for other datasets.
    label_column : str or None
        The column of the source's table that contains the labels; None if the labels come from
        folders.
    n_trimmed_labels : int
        Number of labels in the source's table with white space around them, which was removed.
    splits : tuple of str or None
        For each image, usually "train", "val" or "test", and "(no split)" for an image without a
        split; None if the source has no splits.
    split_column : str or None
        The column of the source's table that contains the splits; None for other splits.
    image_column : str or None
        The column of the images of a dataset, data frame or Parquet file if this column was chosen
        among several, or by its values rather than by its name.
    columns : mapping of str to sequence
        Further values of each image by name: an array of numbers (NaN if missing), datetime64 (NaT
        if missing), or bool; or strings or an object array of bool (None if missing).
    skipped : tuple of SkippedImage
        Skipped files with the reasons.
    unused_folders : tuple of str
        The names of the folders below the class folders, or below the single folder of all images.
        These names give neither labels nor splits.
    unread_tables : tuple of str
        The paths of the tables among the images of a folder that are not metadata files.
    dropped_classes : tuple of str
        The classes of which the limit of the number of images keeps no image.
    white : int or None
        The value that `decode` makes white in images of more than 8 bits per channel; None for the
        default of each format. Features and thumbnails of another value are not reused.
    """

    source: Path | str
    paths: tuple[str, ...]
    contents: ImageBytes = field(repr=False)
    decode: Decoder = field(repr=False)
    kind: str = "folder"
    decode_plain: PlainDecoder | None = field(default=None, repr=False)
    labels: tuple[str, ...] | None = None
    renamed_labels: Mapping[str, str] = field(default_factory=dict)
    label_column: str | None = None
    n_trimmed_labels: int = 0
    splits: tuple[str, ...] | None = None
    split_column: str | None = None
    image_column: str | None = None
    columns: Mapping[str, Column] = field(default_factory=dict)
    skipped: tuple[SkippedImage, ...] = ()
    unused_folders: tuple[str, ...] = ()
    unread_tables: tuple[str, ...] = ()
    dropped_classes: tuple[str, ...] = ()
    white: int | None = None

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Image.Image:
        """Return image `index` as an RGB image, as `load` does; negative from the end.

        Raises
        ------
        ImageError
            If the image cannot be decoded. The message has the path and the reason.
        """
        path = self.paths[index]  # raises IndexError, which ends an iteration
        try:
            return self.load(index)
        except ImageError as error:
            raise ImageError(f"{printable(path)}: {error}") from error

    def __repr__(self) -> str:
        n_classes = len(set(self.labels or ()))
        classes = "" if self.labels is None else f", {plural(n_classes, 'class', 'classes')}"
        return f"<ImageSet: {plural(len(self), 'image')}{classes}, {self.source}>"

    @property
    def absolute_source(self) -> str:
        """The source as an absolute path or address."""
        return self.source if isinstance(self.source, str) else str(self.source.resolve())

    def read(self, index: int) -> bytes:
        """Return the file of image `index`; raises ImageError with the reason."""
        return self.contents.read(self.paths[index])

    def load(self, index: int, *, at_least_px: int = 0) -> Image.Image:
        """Decode image `index`; raises ImageError with the reason.

        The image may be reduced if its shorter side keeps `at_least_px` pixels; 0 means full size.
        """
        return self.decode(self.read(index), at_least_px=at_least_px).image

    def select(self, indices: Sequence[int] | NDArray[np.integer[Any]]) -> ImageSet:
        """Select images.

        Parameters
        ----------
        indices : sequence of int, or ndarray of integers, shape (m,)

        Returns
        -------
        ImageSet
            The images at `indices` in the order of `indices`, and all skipped files.
        """
        return replace(
            self,
            paths=tuple(self.paths[i] for i in indices),
            labels=None if self.labels is None else tuple(self.labels[i] for i in indices),
            splits=None if self.splits is None else tuple(self.splits[i] for i in indices),
            columns={
                name: values[np.asarray(indices, dtype=np.intp)]
                if isinstance(values, np.ndarray)
                else tuple(values[i] for i in indices)
                for name, values in self.columns.items()
            },
        )
