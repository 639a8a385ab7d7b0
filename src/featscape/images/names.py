"""The names of images, in a folder or an archive -> their order, splits and classes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from featscape.images.decode import decode_bytes, readable_extensions
from featscape.records import ImageSet, SkippedImage

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from featscape.records import ImageBytes

    Parts = tuple[str, ...]  # a path below the source, name by name

SPLITS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}

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


def tell_skipped(skipped: Sequence[SkippedImage]) -> str:
    """Return how many were skipped and the first, as the end of a message; "" without any."""
    if not skipped:
        return ""
    return f" Skipped: {len(skipped)}, the first {skipped[0].path!r}: {skipped[0].reason}."


def arrange(listing: Listing, *, source: Path | str, kind: str, contents: ImageBytes) -> ImageSet:
    """Read order, splits and classes from the names.

    Parameters
    ----------
    listing : Listing
        Of one image at least; `find_images` says how it is read.
    source, kind, contents
        As of the `ImageSet`.
    """
    names = sorted(listing.images)
    tops = {parts[0] for parts in names if len(parts) > 1}
    has_splits = bool(tops) and all(top.lower() in SPLITS for top in tops)
    depth = 1 if has_splits else 0  # of the class's folder
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
        labels=_translate([parts[depth] for parts in kept]) if in_class else None,
        splits=tuple(SPLITS[parts[0].lower()] for parts in kept) if has_splits else None,
        skipped=tuple(sorted(listing.skipped, key=lambda item: item.path.split("/"))),
    )


def _translate(folders: Sequence[str]) -> tuple[str, ...]:
    """Return the labels: the folders' names, but English ones for Animals10."""
    if set(folders) == set(_ANIMALS10):
        return tuple(_ANIMALS10[folder] for folder in folders)
    return tuple(folders)
