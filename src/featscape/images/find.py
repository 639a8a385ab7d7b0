"""A source of images -> an `ImageSet`: which images, their classes, their order."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from featscape.errors import InputError
from featscape.images.files import Files
from featscape.images.folder import walk
from featscape.images.names import arrange

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from featscape.images.names import Listing
    from featscape.records import ImageSet


def find_images(source: str | Path, *, limit: int | None = None, seed: int = 10) -> ImageSet:
    """Find the images below a folder and their classes.

    A file is an image by its extension; what it holds is looked at when it is decoded. Hidden
    names (a leading dot) and ``__MACOSX`` are passed over. Links are followed.

    The class of an image is the first folder below `source`, however deep the file lies. Where
    all of these folders are called train, val (valid, validation) or test, they are the `splits`,
    and the class is the folder below them. Where no image lies in a class folder there are no
    labels; where only some do, the others are skipped. The ten Italian folder names of Animals10
    become English labels if there are exactly those ten.

    Parameters
    ----------
    source : str or Path
        The folder.
    limit : int, optional
        At most this many images: the first of a random order in which one image of each class
        was moved to the front. So every class is kept if `limit` allows it, and otherwise as
        many as it allows, while common classes keep their share. The result is sorted again.
    seed : int
        Of that random order.

    Returns
    -------
    ImageSet
        Sorted by path, name by name in the order of code points, so alike on every platform.
        `skipped` holds what was passed over though it may have been an image: folders that
        cannot be read, links that are broken or run in a circle, images outside of the classes.

    Raises
    ------
    InputError
        If there is no such folder, no image in it, or `limit` or `seed` is out of range.
    """
    if limit is not None and limit < 1:
        raise InputError(f"limit must be at least 1 image; got {limit}. Leave it out for all.")
    if not 0 <= seed < 2**32:
        raise InputError(f"seed must be between 0 and 2**32 - 1; got {seed}. Pass for example 10.")
    source = Path(source)
    listing = walk(source)
    if not listing.images:
        raise InputError(_explain_none(source, listing))
    images = arrange(listing, source=source, kind="folder", contents=Files(source))
    if limit is None or limit >= len(images):
        return images
    return images.select(_sample(images, limit, seed))


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
    if listing.skipped:
        first = listing.skipped[0]
        message += f" Skipped: {len(listing.skipped)}, the first {first.path!r}: {first.reason}."
    return message
