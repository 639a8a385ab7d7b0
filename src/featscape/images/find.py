"""A folder of images -> an `ImageSet`: which files, their classes, their order."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from featscape.errors import InputError
from featscape.images.decode import decode_image, readable_extensions
from featscape.records import ImageSet, SkippedImage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Parts = tuple[str, ...]  # a path below the source, name by name
    FolderId = tuple[int, int]  # device and inode: the same folder by whatever path

_SPLITS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}

# the folders of Animals10 (Kaggle, Corrado Alessio) and what they mean
_ANIMALS10 = {
    "cane": "dog",
    "cavallo": "horse",
    "elefante": "elephant",
    "farfalla": "butterfly",
    "gallina": "chicken",
    "gatto": "cat",
    "mucca": "cow",
    "pecora": "sheep",
    "ragno": "spider",
    "scoiattolo": "squirrel",
}


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
    extensions = readable_extensions()
    listing = _walk(source, extensions)
    if not listing.images:
        raise InputError(_explain_none(source, listing, extensions))
    images = _arrange(source, listing)
    if limit is None or limit >= len(images):
        return images
    return images.select(_sample(images, limit, seed))


@dataclass
class _Listing:
    """What a walk met: images, what was skipped, and the number of files of other kinds."""

    images: list[Parts] = field(default_factory=list)
    skipped: list[SkippedImage] = field(default_factory=list)
    n_other_files: int = 0

    def skip(self, parts: Parts, reason: str) -> None:
        self.skipped.append(SkippedImage(path="/".join(parts), reason=reason))


def _walk(source: Path, extensions: tuple[str, ...]) -> _Listing:
    """List everything below `source`; one `stat` a folder and none a file."""
    listing = _Listing()
    # a stack, since links can lead deeper than Python's recursion
    waiting: list[tuple[Parts, tuple[FolderId, ...]]] = [((), ())]
    while waiting:
        parts, above = waiting.pop()
        try:
            here, entries = _open_folder(os.path.join(source, *parts))  # noqa: PTH118 - in a hot loop
        except OSError as error:
            if not parts:
                raise InputError(_explain_source(source, error)) from error
            listing.skip(parts, _reason_of(error))
            continue
        if here in above:
            listing.skip(parts, "a link to a folder that it lies in")
            continue
        for entry in entries:
            if entry.name.startswith(".") or entry.name == "__MACOSX":
                continue
            if _is_folder(entry):
                waiting.append(((*parts, entry.name), (*above, here)))
            else:
                _list_file((*parts, entry.name), entry, listing, extensions)
    listing.images.sort()
    return listing


def _open_folder(path: str) -> tuple[FolderId, list[os.DirEntry[str]]]:
    facts = os.stat(path)  # noqa: PTH116 - in a hot loop
    with os.scandir(path) as entries:
        return (facts.st_dev, facts.st_ino), list(entries)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link whose goal cannot be looked at; `_list_file` says why
        return False


def _list_file(
    parts: Parts, entry: os.DirEntry[str], listing: _Listing, extensions: tuple[str, ...]
) -> None:
    is_image = entry.name.lower().endswith(extensions)
    try:
        is_file = entry.is_file()
    except OSError as error:
        listing.skip(parts, _reason_of(error))
        return
    if is_file and is_image:
        listing.images.append(parts)
    elif is_file:
        listing.n_other_files += 1
    elif entry.is_symlink():  # whatever its name: it may have been a class's folder
        listing.skip(parts, "a broken link")
    elif is_image:
        listing.skip(parts, "not a regular file")


def _arrange(source: Path, listing: _Listing) -> ImageSet:
    """Read splits and classes from the paths."""
    tops = {parts[0] for parts in listing.images if len(parts) > 1}
    has_splits = bool(tops) and all(top.lower() in _SPLITS for top in tops)
    depth = 1 if has_splits else 0  # of the class's folder
    in_class = [parts for parts in listing.images if len(parts) > depth + 1]
    kept = in_class or [parts for parts in listing.images if len(parts) > depth]

    outside = f"outside of the {'class' if in_class else 'split'} folders"
    for parts in set(listing.images).difference(kept):
        listing.skip(parts, outside)
    labels = _translate([parts[depth] for parts in kept]) if in_class else None
    return ImageSet(
        source=source,
        paths=tuple("/".join(parts) for parts in kept),
        decode=decode_image,
        labels=labels,
        splits=tuple(_SPLITS[parts[0].lower()] for parts in kept) if has_splits else None,
        skipped=tuple(sorted(listing.skipped, key=lambda item: item.path.split("/"))),
    )


def _translate(folders: Sequence[str]) -> tuple[str, ...]:
    """Return the labels: the folders' names, but English ones for Animals10."""
    if set(folders) == set(_ANIMALS10):
        return tuple(_ANIMALS10[folder] for folder in folders)
    return tuple(folders)


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


def _reason_of(error: OSError) -> str:
    if isinstance(error, PermissionError):
        return "no permission to read"
    return f"cannot be read: {error.strerror}"


def _explain_source(source: Path, error: OSError) -> str:
    name = repr(str(source))
    if isinstance(error, FileNotFoundError):
        return f"the source must be a folder of images; there is no {name}. Check its spelling."
    if isinstance(error, NotADirectoryError):
        return (
            f"the source must be a folder of images; {name} is no folder. "
            f"Name the folder that holds the images, perhaps {str(source.parent)!r}."
        )
    return (
        f"the source must be a folder that can be read; {name} cannot ({error.strerror}). "
        "Check its permissions."
    )


def _explain_none(source: Path, listing: _Listing, extensions: tuple[str, ...]) -> str:
    files = "1 other file" if listing.n_other_files == 1 else f"{listing.n_other_files} other files"
    message = (
        f"the source must hold at least one image; {str(source)!r} holds none "
        f"({files} seen; looked for {' '.join(extensions)}). Name a folder with images in it."
    )
    if listing.skipped:
        first = listing.skipped[0]
        message += f" Skipped: {len(listing.skipped)}, the first {first.path!r}: {first.reason}."
    return message
