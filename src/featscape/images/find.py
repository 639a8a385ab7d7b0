"""Find the images of a source: the paths, the classes and the order."""

from __future__ import annotations

import math
import os
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from featscape.errors import InputError
from featscape.images.collections.collect import collect
from featscape.images.decoding.pillow import decode_bytes
from featscape.images.sources.registry import find_in_source
from featscape.images.storage.locations import as_location
from featscape.images.tables.program_columns import given_columns
from featscape.labels.classes import sample_of_classes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from featscape.collection import Collection, Columns
    from featscape.records import ImageSet


def check_choice(
    *, limit: int | None, random_state: int, max_megapixels: float | None, white: int | None
) -> None:
    """Check the parameters of `find_images` that do not depend on the source.

    Parameters
    ----------
    limit, random_state, max_megapixels, white
        As in `find_images`.

    Raises
    ------
    InputError
        If a parameter is out of range.
    """
    if limit is not None and limit < 1:
        raise InputError(
            f"limit must be at least 1 image; got {limit}. Omit the limit for all images."
        )
    if not 0 <= random_state < 2**32:
        raise InputError(
            f"the seed must be between 0 and 2**32 - 1; got {random_state}. Pass another seed, "
            "for example 10."
        )
    if max_megapixels is not None and not 0 < max_megapixels < math.inf:
        raise InputError(
            f"max_megapixels must be a finite number above 0; got {max_megapixels}. Omit the "
            "limit for Pillow's limit, 89.5."
        )
    if white is not None and (type(white) is not int or not 1 <= white < 2**32):
        raise InputError(
            f"white must be an integer between 1 and 2**32 - 1; got {white}. Pass the largest "
            "value of the camera or scanner, for example 4095 for 12 bits."
        )


def find_images(
    source: str | os.PathLike[str] | Collection | Columns,
    *,
    labels: Sequence[object] | None = None,
    columns: Columns | None = None,
    path_column: str | None = None,
    label_column: str | None = None,
    limit: int | None = None,
    random_state: int = 10,
    max_megapixels: float | None = None,
    white: int | None = None,
) -> ImageSet:
    """Find the images of a source, their labels, and the other columns that describe the images.

    "Sources" in the documentation describes the kinds of sources: a folder, a table, Parquet files,
    an archive (.zip, .tar), arrays (.npz, .npy, IDX), or an address of these (s3://, https:// and
    others).

    Parameters
    ----------
    source : path, sequence, dataset, mapping or DataFrame
        The folder, file or address; a sequence of paths, files as bytes, Pillow images or arrays of
        uint8 of the shape (h, w), (h, w, c) or (c, h, w) with 1, 3 or 4 channels, or one array of n
        such images; a mapping or DataFrame with a column of paths or of such images, as bytes or as
        the structs of bytes and path of Hugging Face; torchvision's ImageFolder; a
        Dataset of PyTorch whose items are images, tuples of an image, a label and further values,
        or mappings with a key such as image or file_name; or a Dataset of Hugging Face with a
        column of images. The other columns, keys and values are kept. A dataset also gives labels.
        A dataset must not convert the images to tensors of floats.
    labels : sequence of n labels, optional
        The labels of a sequence or dataset. None, NaN, NA of pandas and "" are no labels.
    columns : mapping of str to sequence of n values, or DataFrame of n rows, optional
        Further values of each image of a sequence or dataset. The column `label_column` gives the
        labels, or, without other labels, a column with a usual name, such as label. The column
        `path_column`, or "path", names images without a path. Images that are files keep their
        paths: the column must have the same paths or the ends of these paths, such as file names,
        and each row belongs to the image at its path. A column with another usual name, such as
        file_name, orders the rows in the same way if it names the files.
    path_column, label_column : str, optional
        The columns of the table, metadata, dataset or `columns` that contain the paths and the
        labels. By default columns with a usual name, such as file_name and label. In a dataset of
        mappings or of Hugging Face, in a table with a column of images and in Parquet files,
        `path_column` may also be the key or column of the images. In such a table, a column of
        other values gives the names of the images.
    limit : int, optional
        The maximum number of images, chosen at random, with at least one image of each class if
        `limit` is large enough. Classes without a chosen image are in `dropped_classes`.
    random_state : int
        The seed of the choice.
    max_megapixels : float, optional
        The maximum size of an image; larger images are skipped when they are decoded, because a
        small file may claim any size. By default Pillow's limit, 89.5. One megapixel takes up to
        10 MB of memory. WebP takes twice the memory and has half the limit.
    white : int, optional
        The value that becomes white in images of more than 8 bits per channel, for example 4095 for
        the 12-bit values of a camera. 0 becomes black, and larger values are clipped. By default
        65535 for images of 16 bits, and depending on the values for integers and floats of 32 bits.

    Returns
    -------
    ImageSet
        In the order of the table, or sorted by the parts of the paths. `skipped` lists the possible
        images that were not used, with the reasons.

    Raises
    ------
    InputError
        If the source does not exist or contains no images, if there is no column of the given
        name, if the number of labels or of values of a column differs from the number of images,
        if a label is a list, if `columns` has other paths than the files, or if `limit`,
        `random_state`, `max_megapixels` or `white` is out of range.

    Examples
    --------
    >>> from featscape import find_images
    >>> images = find_images("photos")
    >>> len(images), sorted(set(images.labels))
    (24, ['blue', 'green', 'red'])
    """
    check_choice(limit=limit, random_state=random_state, max_megapixels=max_megapixels, white=white)
    columns = given_columns(columns)
    if not isinstance(source, str | os.PathLike):
        images = collect(
            source,
            labels=labels,
            columns=columns,
            path_column=path_column,
            label_column=label_column,
        )
    elif not str(source):
        raise InputError("the source must have a name; got ''. Name '.' for the current folder.")
    elif labels is not None:
        raise InputError(
            f"labels need a sequence of images as the source; got the path {str(source)!r}. "
            "Give the labels of files as folders or in a table."
        )
    elif columns is not None:
        raise InputError(
            f"columns need a sequence of images as the source; got the path {str(source)!r}. "
            "Write the columns in a table of the paths, or in metadata.csv beside the images."
        )
    else:
        images = find_in_source(
            as_location(source), path_column=path_column, label_column=label_column
        )
    if max_megapixels is not None:
        images = replace(images, decode_plain=None)  # it supports Pillow's limit only
    if max_megapixels is not None or white is not None:
        decode = partial(decode_bytes, max_megapixels=max_megapixels, white=white)
        images = replace(images, decode=decode, white=white)
    return draw_images(images, limit=limit, random_state=random_state)


def draw_images(images: ImageSet, *, limit: int | None, random_state: int) -> ImageSet:
    """Draw at most `limit` images at random, as `find_images` does with these parameters.

    Parameters
    ----------
    images : ImageSet
    limit : int or None
        None draws all images.
    random_state : int
    """
    if limit is None or limit >= len(images):
        return images
    chosen = images.select(
        sample_of_classes(images.labels, len(images), size=limit, seed=random_state)
    )
    dropped = set(images.labels or ()) - set(chosen.labels or ())
    return replace(chosen, dropped_classes=tuple(sorted(dropped)))
