"""Find the images of a source: the paths, the classes and the order."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from featscape.errors import InputError
from featscape.images.decoding.pillow import decode_bytes
from featscape.images.sources.registry import find_in_source
from featscape.images.storage.places import as_place
from featscape.labels.classes import sample_of_classes

if TYPE_CHECKING:
    import os

    from featscape.records import ImageSet


def check_choice(*, limit: int | None, random_state: int, max_megapixels: float | None) -> None:
    """Check the parameters of `find_images` that do not depend on the source.

    Parameters
    ----------
    limit, random_state, max_megapixels
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
            f"the seed must be between 0 and 2**32 - 1; got {random_state}. Pass for example 10."
        )
    if max_megapixels is not None and not 0 < max_megapixels < math.inf:
        raise InputError(
            f"max_megapixels must be a finite number above 0; got {max_megapixels}. Omit it for "
            "Pillow's limit, 89.5."
        )


def find_images(
    source: str | os.PathLike[str],
    *,
    path_column: str | None = None,
    label_column: str | None = None,
    limit: int | None = None,
    random_state: int = 10,
    max_megapixels: float | None = None,
) -> ImageSet:
    """Find the images of a source, their classes, and the other columns that describe them.

    The kinds of sources are:

    A **folder**. The extension of a file determines whether the file is an image; the content is
    read only when the image is decoded. Hidden names (with a leading dot) and ``__MACOSX`` are
    ignored. Links are followed. The class of an image is the name of the first folder below
    `source`, at any depth of the file. If all of these folders are named train, val (valid,
    validation) or test, the folders are the `splits`, and the class is the name of the next
    folder. If no image is in a class folder, there are no labels; if only some images are, the
    others are skipped. If the folders are exactly the ten Italian folders of Animals10, the labels
    are the English class names, and `ImageSet.renamed_labels` lists both. metadata.csv, .jsonl or
    .parquet beside the images, as in Hugging Face's imagefolder, adds columns, and labels if
    folders give none.

    A **manifest** (.csv, .tsv, .jsonl, .parquet) lists the paths of images, absolute or relative
    to the manifest's folder. A row without a class has the label "(no label)".

    A **Parquet** file, or a folder of Parquet files, may contain the images themselves, in a
    column of bytes or of bytes and paths, as Hugging Face writes them. The class names in the file
    are used.

    An **archive** (.zip, .tar), or a folder of .tar shards as WebDataset writes them, is read
    without unpacking. An archive is read as a folder, except that folders that contain everything
    else are ignored. In a .tar archive, files with the name of an image give its class (.cls), a
    text (.txt) and columns (.json).

    **Arrays**: an .npz or .npy file of images, an IDX file (the format of MNIST and
    Fashion-MNIST), or a folder of IDX files. The arrays of labels are found by name: train_labels
    belongs to train_images.

    An **address** (s3://, gs://, https://, and all others that fsspec supports) may lead to each
    of these sources, and a manifest may list addresses. A failed request is repeated twice.

    Parameters
    ----------
    source : str or Path
        The folder, file or address.
    path_column, label_column : str, optional
        The columns of the manifest or metadata that contain the paths and the labels. By default
        columns with a usual name: file_name, path, image, url and similar names; label, class,
        category and similar names.
    limit : int, optional
        The maximum number of images. The images are shuffled, one image of each class is moved to
        the front, and the first `limit` images are kept, in the original order. So all classes, or
        as many as `limit` allows, are kept, and frequent classes remain frequent.
    random_state : int
        The seed of the shuffle.
    max_megapixels : float, optional
        The maximum size of an image; larger images are skipped when they are decoded, because a
        small file may claim any size. By default Pillow's limit, 89.5. One megapixel takes 4 MB of
        memory, or 8 MB for images of 16 or 32 bits per channel.

    Returns
    -------
    ImageSet
        In the order of the table, or sorted by path: part by part, by code points, so that the
        order is the same on every platform. `skipped` lists possible images that were not used,
        with reasons: folders that cannot be read, broken and circular links, images outside the
        class folders, invalid rows, and duplicate paths.

    Raises
    ------
    InputError
        If the source does not exist or contains no images, if there is no column of the given
        name, or if `limit`, `random_state` or `max_megapixels` is out of range.
    """
    if not str(source):
        raise InputError("the source must have a name; got ''. For the current folder, name '.'.")
    check_choice(limit=limit, random_state=random_state, max_megapixels=max_megapixels)
    images = find_in_source(as_place(source), path_column=path_column, label_column=label_column)
    if max_megapixels is not None:
        # the plain decoder supports no other limit than Pillow's
        decode = partial(decode_bytes, max_megapixels=max_megapixels)
        images = replace(images, decode=decode, decode_plain=None)
    if limit is None or limit >= len(images):
        return images
    return images.select(
        sample_of_classes(images.labels, len(images), size=limit, seed=random_state)
    )
