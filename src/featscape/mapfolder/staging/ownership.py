"""Distinguish the files that featscape wrote, which it may delete, from all other files."""

from __future__ import annotations

import os
import stat
from fnmatch import fnmatchcase
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

from featscape.errors import InputError
from featscape.printable_names import printable, separable

if TYPE_CHECKING:
    from collections.abc import Sequence

# Files that systems create in any folder and that contain no data of the user: from the Finder of
# macOS, the Explorer of Windows, the Dolphin of KDE, and NFS for a deleted file that is still open.
_OF_SYSTEMS = (".DS_Store", "._*", "Thumbs.db", "desktop.ini", ".directory", ".nfs*")
_MAX_LISTED = 5


def find_foreign(folder: Path, files: Sequence[str]) -> list[str]:
    """Return the paths below `folder` that featscape does not write, sorted.

    Parameters
    ----------
    folder : Path
        Links in the folder are not followed.
    files : sequence of str
        `fnmatch` patterns of the files that featscape writes, with "/" between names:
        "bundle/*.bin". featscape also writes the folders in these patterns.

    Returns
    -------
    list of str
        Relative to `folder`. A path that ends in "/" is a folder with all of its contents.
    """
    folders = {str(parent) for file in files for parent in Path(file).parents}
    found = []
    for path, inner, names in os.walk(folder):
        here = Path(path).relative_to(folder)
        foreign = [name for name in inner if str(here / name) not in folders]
        found += [f"{(here / name).as_posix()}/" for name in foreign]
        inner[:] = [name for name in inner if name not in foreign]
        for name in names:
            relative = (here / name).as_posix()
            is_ours = any(fnmatchcase(relative, pattern) for pattern in files)
            if not is_ours and not _is_of_system(name):
                found.append(relative)
    return sorted(found)


def describe_foreign(names: Sequence[str]) -> str:
    """Return the first names and the number of further names: "a, b and 7 more"."""
    shown = separable(names[:_MAX_LISTED])
    n_more = len(names) - len(shown)
    if n_more:
        return f"{', '.join(shown)} and {n_more:,} more"
    return " and ".join(filter(None, (", ".join(shown[:-1]), shown[-1])))


def check_own(
    folder: Path,
    members: Sequence[str],
    *,
    mark: str,
    followed: Sequence[str] = (),
    option: str,
) -> None:
    """Raise InputError unless `folder` can be a hidden folder that featscape created.

    Parameters
    ----------
    folder : Path
        Its name is that of a hidden folder, but it may be a link or belong to another user.
    members : sequence of str
        The names that featscape uses in the folder. Other names and links are refused.
    mark : str
        The member that featscape creates first and deletes last. A folder with other members and
        without this one is refused.
    followed : sequence of str
        The members whose contents featscape uses. Links at any depth of these members are refused.
    option : str
        The option that names the output, for the error message.
    """
    reason = ""
    found = folder.lstat()
    if stat.S_ISLNK(found.st_mode):
        reason = "it is a link"
    elif not stat.S_ISDIR(found.st_mode):
        reason = "it is not a folder"
    elif not _belongs_to_us(found, folder):
        reason = "it belongs to another user"
    else:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        is_marked = any(entry.name == mark for entry in entries)
        foreign = [
            entry.name
            for entry in entries
            if entry.is_symlink()
            or not ((is_marked and entry.name in members) or _is_of_system(entry.name))
        ]
        foreign += [link for name in followed for link in _find_links(folder, name)]
        if foreign:
            reason = f"it contains {describe_foreign(foreign)}"
    if reason:
        raise InputError(
            f"featscape needs the folder {printable(folder)} but did not create it: {reason}. "
            f"The folder is unchanged. Move it away, or choose another folder with {option}."
        )


def _find_links(folder: Path, member: str) -> list[str]:
    """Return the links below a member of `folder`, relative to `folder`, sorted."""
    paths = (
        Path(path, name)
        for path, inner, names in os.walk(folder / member)
        for name in (*inner, *names)
    )
    return sorted(path.relative_to(folder).as_posix() for path in paths if path.is_symlink())


def _is_of_system(name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in _OF_SYSTEMS)


def _belongs_to_us(found: os.stat_result, folder: Path) -> bool:
    """Return whether this user owns a folder."""
    if os.name != "posix" or found.st_uid == os.geteuid():
        return True
    # on FAT, SMB and NFS shares a new file may have another owner
    with TemporaryFile(dir=folder.parent) as probe:
        return os.fstat(probe.fileno()).st_uid == found.st_uid
