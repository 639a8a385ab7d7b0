"""The files of a source by name: images, other files, and skipped files with the reasons."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from featscape.images.decoding.formats import describe_unreadable, readable_extensions
from featscape.records import SkippedImage

if TYPE_CHECKING:
    from collections.abc import Sequence

PathParts = tuple[str, ...]  # a path relative to the source: folder names, then the file name


@dataclass
class Listing:
    """The names of the files in a source; the contents are not read.

    Attributes
    ----------
    images : list of tuple of str
        The paths of the files whose extension is that of an image, each split into its parts.
    others : list of tuple of str
        The paths of the other files.
    skipped : list of SkippedImage
    extensions : tuple of str
        The extensions of image files, in lower case.
    """

    images: list[PathParts] = field(default_factory=list)
    others: list[PathParts] = field(default_factory=list)
    skipped: list[SkippedImage] = field(default_factory=list)
    extensions: tuple[str, ...] = field(default_factory=readable_extensions)

    def add(self, parts: PathParts) -> None:
        """Add a file to `images`, `skipped` or `others`, depending on its extension."""
        if self.is_image(parts[-1]):
            self.images.append(parts)
        elif (remedy := describe_unreadable(parts[-1])) is not None:
            self.skip(parts, remedy)
        else:
            self.others.append(parts)

    def is_image(self, name: str) -> bool:
        """Return whether a file name has the extension of an image."""
        return name.lower().endswith(self.extensions)

    def skip(self, parts: PathParts, reason: str) -> None:
        """Add a file or folder to `skipped`."""
        self.skipped.append(SkippedImage(path="/".join(parts), reason=reason))


def is_hidden(name: str) -> bool:
    """Return whether a file or folder of this name is ignored."""
    return name.startswith(".") or name == "__MACOSX"


def split_member_name(name: str, listing: Listing) -> PathParts | None:
    """Return the parts of an archive member's name; None if the member is ignored.

    A name that leads out of the archive, by ".." or a leading slash, is added to
    `listing.skipped`. Reading such a member is safe, because archives are never unpacked, but the
    name would be written to tables and ZIP archives.
    """
    parts = tuple(part for part in name.split("/") if part not in ("", "."))
    if name.startswith("/") or ".." in parts:
        listing.skip((name,), "the name leads out of the archive")
        return None
    return None if not parts or any(map(is_hidden, parts)) else parts


def describe_skipped(skipped: Sequence[SkippedImage]) -> str:
    """Return the number of skipped files and the first reason, to end a message; "" if none."""
    if not skipped:
        return ""
    return f" Skipped: {len(skipped)}, the first {skipped[0].path!r}: {skipped[0].reason}."
