"""A source of images -> an `ImageSet`: which images, their classes, their order."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from featscape.errors import InputError
from featscape.images.archives import find_in_tar, find_in_zip
from featscape.images.arrays import ARRAYS, IDX
from featscape.images.files import Files
from featscape.images.folder import walk
from featscape.images.labeled_arrays import find_in_arrays, open_array_images
from featscape.images.manifest import find_listed
from featscape.images.metadata import attach_metadata
from featscape.images.names import arrange, tell_skipped
from featscape.images.tables import TABLES
from featscape.images.tar_shards import TarShards, is_tar
from featscape.images.zip_archive import ZipArchive

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from featscape.images.names import Listing
    from featscape.records import ImageBytes, ImageSet


def find_images(
    source: str | os.PathLike[str],
    *,
    path_column: str | None = None,
    label_column: str | None = None,
    limit: int | None = None,
    seed: int = 10,
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

    An **archive** (.zip, .tar), or a folder of .tar shards as WebDataset writes them, is read in
    place. It is like a folder, but folders around all others are passed over. In a .tar, what
    stands beside an image under its name gives the class (.cls), a text (.txt), columns (.json).

    **Arrays**: an .npz or .npy file of images, IDX files as MNIST and Fashion-MNIST come in, or a
    folder of these. Labels are found by their names: train_labels belongs to train_images.

    Parameters
    ----------
    source : str or Path
        The folder or file.
    path_column, label_column : str, optional
        Of the manifest or metadata; by default those that are called as such columns usually are:
        file_name, path, image, url and the like; label, class, category and the like.
    limit : int, optional
        At most this many images: the first of a random order in which one image of each class
        was moved to the front. So every class is kept if `limit` allows it, and otherwise as
        many as it allows, while common classes keep their share. The result is in order again.
    seed : int
        Of that random order.

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
        If there is no such source, no image in it, no column of that name, or `limit` or `seed`
        is out of range.
    """
    if limit is not None and limit < 1:
        raise InputError(f"limit must be at least 1 image; got {limit}. Leave it out for all.")
    if not 0 <= seed < 2**32:
        raise InputError(f"seed must be between 0 and 2**32 - 1; got {seed}. Pass for example 10.")
    images = _find(Path(source), path_column, label_column)
    if limit is None or limit >= len(images):
        return images
    return images.select(_sample(images, limit, seed))


def name_source(source: str | os.PathLike[str]) -> str:
    """Return what a source is called, for the name of its map.

    Parameters
    ----------
    source : str or Path
        As for `find_images`.
    """
    path = Path(source).resolve()
    return (path.stem if path.is_file() else path.name) or "root"


def open_contents(kind: str, source: Path) -> ImageBytes:
    """Open a source again, to read single images of it by their paths.

    Parameters
    ----------
    kind, source
        As of the `ImageSet`.

    Raises
    ------
    InputError
        If it is not there any more, or the kind is unknown.
    """
    if kind == "array":
        return open_array_images(source)
    if kind == "zip":
        return ZipArchive(source)
    if kind == "tar":
        return TarShards(source)
    if kind == "manifest":
        return Files(source.parent)
    if kind == "folder":
        return Files(source)
    raise InputError(
        f"the kind of a source must be one that this featscape reads; got {kind!r}. "
        "Use the featscape that made the map."
    )


def _find(source: Path, path_column: str | None, label_column: str | None) -> ImageSet:
    """Recognize what a source is, and look into it."""
    is_table = source.suffix.lower() in TABLES
    if is_table and os.path.isfile(source):  # noqa: PTH113 - says no where it cannot be looked at
        return find_listed(source, path_column=path_column, label_column=label_column)
    is_array = source.suffix.lower() in ARRAYS or IDX.search(source.name)
    if path_column is not None:
        raise InputError(
            f"a path column must stand in a manifest; got {path_column!r}, and {str(source)!r} is "
            f"none ({' '.join(TABLES)}). Leave it out, or name a manifest."
        )
    if is_array and os.path.isfile(source):  # noqa: PTH113
        return find_in_arrays(source, label_column=label_column)
    is_archive = is_tar(source.name) or source.suffix.lower() == ".zip"
    if is_archive and os.path.isfile(source):  # noqa: PTH113
        find = find_in_tar if is_tar(source.name) else find_in_zip
        return find(source, label_column=label_column)
    listing = walk(source)
    if not listing.images and any(len(p) == 1 and is_tar(p[0]) for p in listing.others):
        return find_in_tar(source, label_column=label_column)
    if not listing.images and any(IDX.search(parts[-1]) for parts in listing.others):
        return find_in_arrays(source, label_column=label_column)
    if not listing.images:
        raise InputError(_explain_none(source, listing))
    images = arrange(listing, source=source, kind="folder", contents=Files(source))
    return attach_metadata(images, listing.others, label_column=label_column)


def _sample(images: ImageSet, limit: int, seed: int) -> NDArray[np.intp]:
    """Draw `limit` indices, ascending, as `find_images` describes."""
    shuffled = np.random.default_rng(seed).permutation(len(images))
    if images.labels is not None:
        _, classes = np.unique(images.labels, return_inverse=True)
        _, firsts = np.unique(classes[shuffled], return_index=True)
        is_first = np.zeros(len(images), dtype=bool)
        is_first[firsts] = True  # in the shuffled order, the first image of each class
        shuffled = np.concatenate([shuffled[is_first], shuffled[~is_first]])
    return np.sort(shuffled[:limit])


def _explain_none(source: Path, listing: Listing) -> str:
    files = "1 other file" if len(listing.others) == 1 else f"{len(listing.others)} other files"
    message = (
        f"the source must hold at least one image; {str(source)!r} holds none "
        f"({files} seen; looked for {' '.join(listing.extensions)}). "
        "Name a folder with images in it."
    )
    return message + tell_skipped(listing.skipped)
