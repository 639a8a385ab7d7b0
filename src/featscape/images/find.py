"""A source of images -> an `ImageSet`: which images, their classes, their order."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from featscape.errors import InputError
from featscape.images.decode import decode_bytes
from featscape.images.files import as_place
from featscape.images.sources import look_through
from featscape.labels.classes import sample_of_classes

if TYPE_CHECKING:
    import os

    from featscape.records import ImageSet


def check_choice(*, limit: int | None, random_state: int, max_megapixels: float | None) -> None:
    """Check what no images could make right, before any are sought.

    Parameters
    ----------
    limit, random_state, max_megapixels
        As `find_images` takes them.

    Raises
    ------
    InputError
        If one of them is out of range.
    """
    if limit is not None and limit < 1:
        raise InputError(f"limit must be at least 1 image; got {limit}. Leave it out for all.")
    if not 0 <= random_state < 2**32:
        raise InputError(
            f"the seed must be between 0 and 2**32 - 1; got {random_state}. Pass for example 10."
        )
    if max_megapixels is not None and not 0 < max_megapixels < math.inf:
        raise InputError(
            f"max_megapixels must be a finite number above 0; got {max_megapixels}. Leave it out "
            "for Pillow's limit, 89.5."
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
    """Find the images of a source, their classes, and what else it says of them.

    A **folder**: a file is an image by its extension; what it holds is looked at when it is
    decoded. Hidden names (a leading dot) and ``__MACOSX`` are passed over. Links are followed.
    The class of an image is the first folder below `source`, however deep the file lies. Where
    all of these folders are called train, val (valid, validation) or test, they are the `splits`,
    and the class is the folder below them. Where no image lies in a class folder there are no
    labels; where only some do, the others are skipped. The ten Italian folder names of Animals10
    become English labels if there are exactly those ten. metadata.csv, .jsonl or .parquet beside
    the images, as in Hugging Face's imagefolder, gives columns, and labels where folders do not.

    A **manifest** (.csv, .tsv, .jsonl, .parquet) lists images: absolute paths, or from its own
    folder. A row that names no class has the label "(no label)".

    A **Parquet** file, or a folder of them, may hold the images themselves, in a column of bytes
    or of bytes and path, as Hugging Face writes it; the names of its classes are used.

    An **archive** (.zip, .tar), or a folder of .tar shards as WebDataset writes them, is read in
    place. It is like a folder, but folders around all others are passed over. In a .tar, what
    stands beside an image under its name gives the class (.cls), a text (.txt), columns (.json).

    **Arrays**: an .npz or .npy file of images, an IDX file as MNIST and Fashion-MNIST come in, or a
    folder of IDX files. Labels are found by their names: train_labels belongs to train_images.

    An **address** (s3://, gs://, https://, whatever fsspec knows) may name any of these; and a
    manifest may list addresses. What fails is asked for again, twice.

    Parameters
    ----------
    source : str or Path
        The folder, file or address.
    path_column, label_column : str, optional
        Of the manifest or metadata; by default those that are called as such columns usually are:
        file_name, path, image, url and the like; label, class, category and the like.
    limit : int, optional
        At most this many images: the first of a random order in which one image of each class
        was moved to the front. So every class is kept if `limit` allows it, and otherwise as
        many as it allows, while common classes keep their share. The result is in order again.
    random_state : int
        Seed of the random order.
    max_megapixels : float, optional
        Larger images are skipped when they are decoded, for a small file may claim any size; by
        default those above Pillow's limit, 89.5. A megapixel takes 4 MB of memory, and 8 MB in
        images of 16 or 32 bits a channel.

    Returns
    -------
    ImageSet
        In the order of the table, or sorted by path, name by name in the order of code points, so
        alike on every platform. `skipped` holds what was passed over though it may have been an
        image: folders that cannot be read, links that are broken or run in a circle, images
        outside of the classes, broken rows, paths that were there already.

    Raises
    ------
    InputError
        If there is no such source, no image in it, no column of that name, or `limit`,
        `random_state` or `max_megapixels` is out of range.
    """
    if not str(source):
        raise InputError("the source must have a name; got ''. For the current folder, name '.'.")
    check_choice(limit=limit, random_state=random_state, max_megapixels=max_megapixels)
    images = look_through(as_place(source), path_column=path_column, label_column=label_column)
    if max_megapixels is not None:
        # the plain decoder knows Pillow's limit alone
        decode = partial(decode_bytes, max_megapixels=max_megapixels)
        images = replace(images, decode=decode, decode_plain=None)
    if limit is None or limit >= len(images):
        return images
    return images.select(
        sample_of_classes(images.labels, len(images), size=limit, seed=random_state)
    )
