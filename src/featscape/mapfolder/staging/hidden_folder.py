"""The hidden folder beside an output, in which a run prepares the new folder.

.NAME.partial/
  lock        held by the running process; the system releases the lock when the process ends
  new/        the new folder, empty at the start of each run
  kept/       files that an interrupted run leaves for the next run
  replaced/   the older folder, between the two moves of a replacement; only if the file system
              cannot exchange two names in one step
"""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from featscape.errors import BusyError, InputError
from featscape.mapfolder.staging.ownership import check_own
from featscape.mapfolder.staging.write_errors import writing
from featscape.printable_names import printable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LOCK = "lock"
_NEW = "new"
KEPT = "kept"
_REPLACED = "replaced"
_MEMBERS = (_LOCK, _NEW, KEPT, _REPLACED)


@dataclass(frozen=True)
class HiddenFolder:
    """The hidden folder of an output. The folder need not exist.

    Attributes
    ----------
    output : Path
        The final name of the new folder.
    what, option : str
        The kind of the output, and the option that names the output, for error messages.
    """

    output: Path
    what: str = "map"
    option: str = "-o (output=)"

    @property
    def path(self) -> Path:
        """The path of the hidden folder."""
        return self.output.parent / f".{self.output.name}.partial"

    @property
    def new(self) -> Path:
        """The folder that a run fills."""
        return self.path / _NEW

    @property
    def kept(self) -> Path:
        """The folder of the files that the next run can reuse."""
        return self.path / KEPT

    @property
    def replaced(self) -> Path:
        """The path of the older folder between the two moves of a replacement."""
        return self.path / _REPLACED

    def has_replaced(self) -> bool:
        """Return whether the older folder is in `replaced`."""
        return os.path.lexists(self.replaced)

    def is_interrupted(self) -> bool:
        """Return whether a replacement ended between its two moves."""
        return self.has_replaced() and not os.path.lexists(self.output)

    def is_needed(self) -> bool:
        """Return whether there are kept files, or an older folder that is not replaced."""
        return self.has_replaced() or any(names for _, _, names in os.walk(self.kept))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Create the hidden folder and hold its lock during the block.

        Raises
        ------
        BusyError
            If another process holds the lock.
        InputError
            If featscape did not create the hidden folder, or the folder cannot be created.
        WriteError
            If the system refuses to write.
        """
        from filelock import FileLock, Timeout

        lock = FileLock(self.path / _LOCK, blocking=False)
        while not lock.is_locked:
            self._create()
            try:
                with writing():
                    lock.acquire()
            except Timeout:
                raise BusyError(
                    f"another process is writing the {self.what} {printable(self.output)}. Wait "
                    f"until the process has ended, or choose another folder with {self.option}."
                ) from None
            except (FileNotFoundError, FileExistsError):
                # Another process deleted the folder. filelock creates a missing folder, and its
                # check raises FileExistsError if the folder disappears between the two steps of
                # the check.
                continue
        try:
            yield
        finally:
            lock.release()

    def _create(self) -> None:
        """Create the hidden folder unless featscape created it before."""
        try:
            with writing():
                self.path.mkdir()
        except FileExistsError:
            with suppress(FileNotFoundError):  # another process deleted the folder
                check_own(self.path, _MEMBERS, mark=_LOCK, followed=(KEPT,), option=self.option)
        except FileNotFoundError:
            parent = self.output.parent
            reason = f"there is no folder {printable(parent)}. Make it first, or choose"
            if parent.is_dir():  # for example /proc
                reason = f"{printable(parent)} cannot contain new folders. Choose"
            raise InputError(
                f"the output folder {printable(self.output)} cannot be made: {reason} another with "
                f"{self.option}."
            ) from None

    def put_back(self) -> None:
        """Undo the first move of a replacement that ended between its two moves."""
        if self.has_replaced():
            with suppress(OSError):  # only an empty folder can be removed; other contents stay
                self.output.rmdir()
        if self.is_interrupted():
            self.replaced.rename(self.output)

    def discard_unfinished(self) -> None:
        """Delete the folders that a killed process left; the kept files stay."""
        for folder in (self.replaced, self.new):
            if os.path.lexists(folder):
                shutil.rmtree(folder)

    def remove(self) -> None:
        """Delete the hidden folder, whose lock this process holds. The lock is deleted last.

        Another run can lock the folder as soon as the lock's file is deleted. The folder belongs to
        the other run from then on, so nothing more is deleted in the folder.
        """
        empty_folder(self.path, but=_LOCK)
        with suppress(OSError):  # another run has locked the folder
            # beside a file that could not be deleted, the lock marks the folder as featscape's
            if [path.name for path in self.path.iterdir()] == [_LOCK]:
                (self.path / _LOCK).unlink()
                self.path.rmdir()


def empty_folder(folder: Path, *, but: str = "") -> None:
    """Delete the contents of a folder, except for the name `but`.

    Errors are ignored, because they would hide the error that ended the run.
    """
    with suppress(OSError):
        for path in folder.iterdir():
            if path.name == but:
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                with suppress(OSError):
                    path.unlink()
