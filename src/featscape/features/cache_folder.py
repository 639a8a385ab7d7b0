"""Folders of files that featscape can compute again, below the cache of PyTorch's hub.

An entry is a folder with a list of its files and their hashes. An entry is written beside its final
name and renamed, so that a reader never sees a part of it. The entries that were used least
recently are deleted if all entries together exceed a limit.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from featscape.files.regular import hash_file

if TYPE_CHECKING:
    from collections.abc import Callable

_CONTENTS = "contents.json"
_MAX_BYTES = 4 << 30


class DamagedEntryError(Exception):
    """The files of an entry differ from those that were written."""


def hub_folder() -> Path:
    """Return the folder of PyTorch's hub, without importing PyTorch."""
    torch = sys.modules.get("torch")
    if torch is not None:
        return Path(torch.hub.get_dir())
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    return Path(os.environ.get("TORCH_HOME", f"{cache}/torch")).expanduser() / "hub"


def cache_folder() -> Path:
    """Return the folder of featscape's entries; it may not exist."""
    return hub_folder() / "featscape"


def read_entry(name: str, *, only: str | None = None) -> Path | None:
    """Return the folder of an entry; None if there is no such entry.

    Parameters
    ----------
    name : str
    only : str, optional
        The file that is checked; by default all files of the entry.

    Raises
    ------
    DamagedEntryError
        A file is missing, cannot be read, or differs from what was written.
    """
    folder = cache_folder() / name
    if not folder.is_dir():
        return None
    try:
        hashes = json.loads((folder / _CONTENTS).read_text(encoding="utf-8"))
        for file, sha256 in hashes.items():
            if only in (None, file) and hash_file(folder / file) != sha256:
                raise DamagedEntryError(f"{folder / file} has changed")
    except OSError as error:
        raise DamagedEntryError(f"{error.filename}: {error.strerror}") from error
    except (ValueError, AttributeError, TypeError, RecursionError) as error:
        raise DamagedEntryError(f"{folder / _CONTENTS} is not a list of files") from error
    _mark_as_used(folder)
    return folder


def write_entry(name: str, write: Callable[[Path], None]) -> None:
    """Write an entry, in place of an entry of the same name, and delete the oldest entries.

    Parameters
    ----------
    name : str
    write : callable
        Writes files into the empty folder that it receives.

    Raises
    ------
    OSError
        The entry cannot be written; an entry of the same name may be deleted.
    """
    folder = cache_folder() / name
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{name}-") as temporary:
        made = Path(temporary, name)
        made.mkdir()
        write(made)
        hashes = {file.name: hash_file(file) for file in sorted(made.iterdir())}
        (made / _CONTENTS).write_text(json.dumps(hashes), encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        try:
            made.rename(folder)
        except OSError:
            if not folder.is_dir():  # otherwise another process has just written the entry
                raise
    _delete_oldest(kept=folder)


def _mark_as_used(folder: Path) -> None:
    """Set the time of the last use, unless the folder is read-only."""
    contents = folder / _CONTENTS
    if os.access(contents, os.W_OK):
        os.utime(contents)


def _delete_oldest(*, kept: Path) -> None:
    """Delete the entries that were used least recently, until the others are within the limit."""
    used = {}
    for contents in kept.parent.glob(f"*/{_CONTENTS}"):
        n_bytes = sum(file.lstat().st_size for file in contents.parent.iterdir())
        used[contents.parent] = (contents.lstat().st_mtime, n_bytes)
    total = sum(n_bytes for _, n_bytes in used.values())
    for folder in sorted(used, key=lambda folder: used[folder][0]):
        if total <= _MAX_BYTES:
            return
        if folder != kept:
            shutil.rmtree(folder, ignore_errors=True)
            total -= used[folder][1]
