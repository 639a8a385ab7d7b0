"""Check a source within a fraction of a second, before a step that takes long."""

from __future__ import annotations

import os
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from featscape.images.decoding.formats import readable_extensions
from featscape.images.find import find_images
from featscape.images.sources.manifest import check_columns
from featscape.images.storage.disk import check_exists
from featscape.images.storage.listing import is_hidden
from featscape.images.storage.locations import as_location

if TYPE_CHECKING:
    from featscape.records import ImageSet

_MAX_FILES = 2_000  # listing this number of files takes about 20 ms
_MAX_BYTES = 1 << 20  # reading a table of this size takes about 100 ms


def find_in_small_source(
    source: str | os.PathLike[str],
    *,
    path_column: str | None,
    label_column: str | None,
) -> ImageSet | None:
    """Return the images of a small source; check the columns of a large table.

    A source is small if it is a folder of at most 2,000 files, or a file of at most 1 MB. A large
    CSV or TSV file is read up to its first rows. Other large sources and addresses are not read.

    Parameters
    ----------
    source, path_column, label_column
        As in `find_images`.

    Returns
    -------
    ImageSet or None
        None if the source is large or an address.

    Raises
    ------
    InputError
        If the source does not exist, if a small source contains no images, or if a table has no
        column of the given name.
    """
    location = as_location(source)
    if isinstance(location, str):
        return None
    check_exists(location)
    if not _is_small(location):
        if location.suffix.lower() in (".csv", ".tsv"):
            check_columns(location, path_column=path_column, label_column=label_column)
        return None
    return find_images(source, path_column=path_column, label_column=label_column)


def _is_small(source: Path) -> bool:
    """Return whether a search for images lists few files and reads few bytes."""
    if not source.is_dir():
        return source.stat().st_size <= _MAX_BYTES
    images = readable_extensions()
    n_entries = n_bytes = 0
    for parent, folders, names in os.walk(source, followlinks=True):
        folders[:] = [name for name in folders if not is_hidden(name)]
        n_entries += len(folders) + len(names)
        # `find_images` may read the files that are not images
        others = (name for name in names if not name.lower().endswith(images))
        n_bytes += sum(_size(Path(parent, name)) for name in islice(others, _MAX_FILES))
        if n_entries > _MAX_FILES or n_bytes > _MAX_BYTES:
            return False
    return True


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:  # a broken link; `find_images` reports the reason
        return 0
