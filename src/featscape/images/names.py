"""The names of images, in a folder or an archive -> their order, splits and classes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from featscape.images.decode import decode_bytes, readable_extensions
from featscape.images.plain_jpeg import decode_plain
from featscape.records import ImageSet, SkippedImage

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from featscape.records import ImageBytes

    Parts = tuple[str, ...]  # a path below the source, name by name

SPLITS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
_SPLIT_WORDS = {**SPLITS, "t10k": "test"}  # MNIST's test set

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


@dataclass
class Listing:
    """What a look into a source met: images, other files, and what was skipped."""

    images: list[Parts] = field(default_factory=list)
    others: list[Parts] = field(default_factory=list)
    skipped: list[SkippedImage] = field(default_factory=list)
    extensions: tuple[str, ...] = field(default_factory=readable_extensions)

    def add(self, parts: Parts) -> None:
        """Take a file as an image or as another, by its name."""
        (self.images if self.is_image(parts[-1]) else self.others).append(parts)

    def is_image(self, name: str) -> bool:
        """Whether a file of this name is taken for an image."""
        return name.lower().endswith(self.extensions)

    def skip(self, parts: Parts, reason: str) -> None:
        """Leave something out, and say why."""
        self.skipped.append(SkippedImage(path="/".join(parts), reason=reason))


def is_hidden(name: str) -> bool:
    """Whether a file or folder of this name is passed over."""
    return name.startswith(".") or name == "__MACOSX"


def member_parts(name: str, listing: Listing) -> Parts | None:
    """Return the name of an archive's member in parts; None where it is passed over.

    A member that climbs out of its archive by ".." or a leading slash could do no harm here, for
    nothing is unpacked; but its name would go into tables and ZIPs, so it is skipped.
    """
    parts = tuple(part for part in name.split("/") if part not in ("", "."))
    if name.startswith("/") or ".." in parts:
        listing.skip((name,), "its name climbs out of the archive")
        return None
    return None if not parts or any(map(is_hidden, parts)) else parts


def find_split(name: str) -> str:
    """Return the split that a file's name tells of, as in train-00000.tar; "" without one."""
    words = re.split(r"[^a-z0-9]+", name.lower())
    return next((_SPLIT_WORDS[word] for word in words if word in _SPLIT_WORDS), "")


def tell_skipped(skipped: Sequence[SkippedImage]) -> str:
    """Return how many were skipped and the first, as the end of a message; "" without any."""
    if not skipped:
        return ""
    return f" Skipped: {len(skipped)}, the first {skipped[0].path!r}: {skipped[0].reason}."


def arrange(
    listing: Listing,
    *,
    source: Path | str,
    kind: str,
    contents: ImageBytes,
    unwrap: bool = False,
    n_above: int = 0,
) -> ImageSet:
    """Read order, splits and classes from the names.

    Parameters
    ----------
    listing : Listing
        Of one image at least; `find_images` says how it is read.
    source, kind, contents
        As of the `ImageSet`.
    unwrap : bool
        Whether folders around all others are passed over, as archives often have one.
    n_above : int
        So many names at the beginning are no folders, but for example archives.
    """
    names = sorted(listing.images)
    if unwrap:
        n_above += _count_wrappers([parts[n_above:] for parts in names])
    tops = {parts[n_above] for parts in names if len(parts) > n_above + 1}
    has_splits = bool(tops) and all(top.lower() in SPLITS for top in tops)
    depth = n_above + (1 if has_splits else 0)  # of the class's folder
    in_class = [parts for parts in names if len(parts) > depth + 1]
    kept = in_class or [parts for parts in names if len(parts) > depth]

    outside = f"outside of the {'class' if in_class else 'split'} folders"
    for parts in set(names).difference(kept):
        listing.skip(parts, outside)
    return ImageSet(
        source=source,
        kind=kind,
        paths=tuple("/".join(parts) for parts in kept),
        contents=contents,
        decode=decode_bytes,
        decode_plain=decode_plain,
        labels=_translate([parts[depth] for parts in kept]) if in_class else None,
        splits=tuple(SPLITS[parts[n_above].lower()] for parts in kept) if has_splits else None,
        skipped=tuple(sorted(listing.skipped, key=lambda item: item.path.split("/"))),
    )


def _count_wrappers(names: Sequence[Parts]) -> int:
    """Return how many folders stand around all others: with folders in them, and no splits."""
    n = 0
    while all(len(parts) > n + 2 and parts[: n + 1] == names[0][: n + 1] for parts in names):
        if names[0][n].lower() in SPLITS:
            break
        n += 1
    return n


def _translate(folders: Sequence[str]) -> tuple[str, ...]:
    """Return the labels: the folders' names, but English ones for Animals10."""
    if set(folders) == set(_ANIMALS10):
        return tuple(_ANIMALS10[folder] for folder in folders)
    return tuple(folders)
