"""The interface of a kind of source."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from featscape.images.storage.listing import Listing
from featscape.images.storage.locations import file_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from featscape.images.storage.locations import Location
    from featscape.records import ImageBytes, ImageSet


@dataclass(frozen=True)
class Candidate:
    """A source of unknown kind, and the columns that the caller named.

    Attributes
    ----------
    location : Path or str
        A path or address.
    is_folder : bool
        Whether the source is a folder, not a file.
    listing : Listing
        The files in a folder; empty for a file.
    path_column, label_column : str or None
        See `find_images`.
    """

    location: Location
    is_folder: bool = False
    listing: Listing = field(default_factory=Listing)
    path_column: str | None = None
    label_column: str | None = None

    @property
    def file_name(self) -> str:
        """The name of a file; "" for a folder."""
        return "" if self.is_folder else file_name(self.location)

    @property
    def top_names(self) -> list[str]:
        """The names of the files directly in a folder, without images; empty for a file."""
        return [name for name, *below in self.listing.others if not below]


@dataclass(frozen=True)
class SourceKind:
    """A kind of source.

    Attributes
    ----------
    name : str
        The kind as stored in `ImageSet.kind` and run.json.
    recognize : callable
        Returns whether a candidate is of this kind.
    find : callable
        Returns the images of a candidate of this kind; raises InputError if there are none.
    open : callable
        Opens a source of this kind again, to read single images by their paths.
    """

    name: str
    recognize: Callable[[Candidate], bool]
    find: Callable[[Candidate], ImageSet]
    open: Callable[[Location], ImageBytes]
