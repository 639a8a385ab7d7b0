"""A file within a file: a member of an archive, or the content of a compressed file."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from featscape.images.storage.backends import storage_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

    from featscape.images.storage.locations import Location


class _InnerFile(io.BufferedReader):
    """A file within a file; `close` closes both.

    zipfile and gzip close only the files that they opened themselves.
    """

    def __init__(self, inner: Any, outer: BinaryIO) -> None:
        super().__init__(inner)
        self._outer = outer

    def close(self) -> None:
        """Close the inner and the outer file."""
        try:
            super().close()
        finally:
            self._outer.close()


def open_inner(source: Location, opener: Callable[[BinaryIO], Any]) -> BinaryIO:
    """Open the file within `source` that `opener` returns."""
    outer = storage_of(source).open(source)
    try:
        return _InnerFile(opener(outer), outer)
    except BaseException:
        outer.close()
        raise
