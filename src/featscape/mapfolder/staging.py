"""Write a folder beside its final name and move the complete folder to that name.

.NAME.partial/
  lock        held by the running process; the system releases the lock when the process ends
  new/        the new folder; each run starts with an empty one
  kept/       files that an interrupted run leaves for the next run
  replaced/   the older folder, between the two moves of a replacement; only if the file system
              cannot exchange two names in one step
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from featscape.errors import InputError
from featscape.mapfolder.exchange import exchange
from featscape.mapfolder.ownership import check_own, find_foreign, list_names
from featscape.printable_names import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_LOCK = "lock"
_NEW = "new"
_KEPT = "kept"
_REPLACED = "replaced"
_MEMBERS = (_LOCK, _NEW, _KEPT, _REPLACED)
_BETWEEN_MOVES_S = 2.0  # how long a reader waits for a process between its two moves

# Errors of the system that mean that a place cannot be written, and that are no bug.
_CANNOT_WRITE = {
    errno.EACCES,
    errno.EBUSY,
    errno.EDQUOT,
    errno.EFBIG,
    errno.ENAMETOOLONG,
    errno.ENOSPC,
    errno.ENOTDIR,
    errno.ENOTEMPTY,
    errno.EPERM,
    errno.EROFS,
    errno.EXDEV,
}
_SHORT_WRITE = re.compile(r"\d+ requested and \d+ written")
# The errors of file systems that cannot flush a folder, and of a folder that cannot be listed.
_NO_FLUSH = {errno.EACCES, errno.EINVAL, errno.ENOTSUP, errno.EBADF}


class WriteError(OSError):
    """The system refuses to write: the disk is full, or permission is missing.

    Attributes
    ----------
    rescue : callable or None
        Writes the files to keep. `staged` calls `rescue` after it has deleted the unfinished
        folder, so that the disk has room.
    place : str or None
        The name of the folder or file for the message; `staged` sets it.
    """

    rescue: Callable[[], object] | None = None
    place: str | None = None


class _BusyError(InputError):
    """Another process holds the lock."""


@contextmanager
def writing() -> Iterator[None]:
    """Raise the system's refusal to write as a `WriteError`. Use this context for each write."""
    try:
        yield
    except OSError as error:
        # NumPy reports a short write only in the text of the error
        is_short = error.errno is None and _SHORT_WRITE.fullmatch(str(error))
        number = errno.ENOSPC if is_short else error.errno
        if number not in _CANNOT_WRITE:
            raise
        raise WriteError(number, os.strerror(number)) from error


def flush(path: Path) -> None:
    """Flush a file, or the list of names of a folder, to the disk."""
    try:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        if error.errno not in _NO_FLUSH or not path.is_dir():
            raise


def kept_beside(folder: Path) -> Path:
    """Return the folder for files that the next run can reuse if this run is interrupted.

    The folder belongs to the `staged` block that fills `folder`. The caller creates it. `staged`
    deletes it once `folder` has its final name.
    """
    return folder.parent / _KEPT


@contextmanager
def staged(
    output: Path,
    *,
    check: Callable[[Path], object],
    files: Sequence[str],
    what: str = "map",
    option: str = "-o (output=)",
    say: Callable[[str], None] | None = None,
) -> Iterator[Path]:
    """Yield a new hidden folder beside `output`, and move it to `output` if the block succeeds.

    If the block raises, the new folder is deleted, `output` is unchanged, and the files in
    `kept_beside` stay for the next call with the same output. A kill or a power failure at any
    moment leaves the complete older folder or the complete new folder at `output`. If the file
    system cannot exchange two names, the older folder may be in `replaced` instead; `restore`
    moves it back.

    Parameters
    ----------
    output : Path
        If `output` is a link to a folder, this folder is replaced and the link stays.
    check : callable
        Receives `output`, or the target of the link, and raises InputError if the older folder
        must not be replaced. Called before the block, and again right before the replacement.
    files : sequence of str
        Patterns of the files that an older folder may contain, as for `find_foreign`. A folder
        with another file is not replaced.
    what, option : str
        The kind of the folder, and the option that names the folder, for error messages.
    say : callable, optional
        Receives one line about the kept files, and one line about an older folder that received
        another file right before the replacement. Such a folder gets a free name beside `output`.

    Raises
    ------
    InputError
        If `check` raises; if the older folder contains other files; if another process is writing
        to `output`; if the parent folder is missing; if featscape did not create the hidden folder;
        or if the system refuses a write, here or in the block (see `writing`). If the older folder
        can no longer be replaced when the block has ended, the new folder gets a free name beside
        the older folder.
    """
    output = _follow(output)
    partial = _partial_of(output)
    new = partial / _NEW
    place = output  # the name of the new folder once the new folder is complete
    identity = None
    has_kept = False

    def check_place() -> None:
        check(output)
        _check_foreign(output, files, what=what, option=option)

    try:
        with _locked(partial, output, what=what, option=option):
            try:
                _prepare(partial, output, check_place, what=what)
                with writing():
                    new.mkdir()  # only the owner can read the folders of mkdtemp
                identity = _identity_of(new)
                with _rescuing(new):
                    yield new
                with writing():
                    _flush_below(new)
                try:
                    check_place()
                except InputError as error:
                    place = _move_aside(new, output, ending="new")
                    raise InputError(f"{error} The new {what} is in {printable(place)}.") from error
                with writing():
                    if os.path.lexists(output):
                        old = _replace(output, new)
                        _save_foreign(old, output, files, what=what, say=say)
                    else:
                        new.rename(output)
                    flush(output.parent)
            finally:
                is_done = identity is not None and _identity_of(place) == identity
                has_kept = not is_done and _is_needed(partial)
                if has_kept:
                    shutil.rmtree(new, ignore_errors=True)
                else:
                    _remove(partial)
    except BaseException as error:
        refusal = _refusal_in(error)
        if refusal is not None and (refusal is error or has_kept):
            refusal.place = refusal.place or f"the {what} {printable(output)}"
            raise _cannot_write(refusal, partial, has_kept=has_kept, option=option) from refusal
        if identity is not None and has_kept and say is not None:
            say(
                f"finished work is kept in {printable(partial)}: repeat the call to continue, or "
                f"delete {printable(partial / _KEPT)} to start again"
            )
        raise


def restore(output: Path, *, option: str = "-o (output=)") -> None:
    """Move back the older folder that an interrupted replacement left in `replaced`.

    Call this function if there is nothing at `output`. If no replacement was interrupted, the
    function does nothing. If a running process is between its two moves, the function waits.

    Raises
    ------
    InputError
        If the folder cannot be put back.
    """
    output = Path(os.path.realpath(output))
    partial = _partial_of(output)
    until = time.monotonic() + _BETWEEN_MOVES_S
    while _is_interrupted(partial, output):
        try:
            with _locked(partial, output, what="map", option=option):
                _put_back(partial, output)
                if not _is_needed(partial):
                    _remove(partial)
        except _BusyError:
            if time.monotonic() > until:
                raise
            time.sleep(0.01)
        except OSError as error:
            raise InputError(
                f"the replacement of {printable(output)} was interrupted, and the older folder is "
                f"{printable(partial / _REPLACED)}. It cannot be moved back: {error.strerror}. "
                "Move it back yourself."
            ) from error


def _refusal_in(error: BaseException) -> WriteError | None:
    """Return the WriteError that ended a block, or a nested block; None for other errors."""
    refusal = error if isinstance(error, WriteError) else error.__cause__
    return refusal if isinstance(refusal, WriteError) else None


def _cannot_write(refusal: WriteError, partial: Path, *, has_kept: bool, option: str) -> InputError:
    """Return the error with the refused place, the files that remain, and the remedy."""
    left = "No files remain."
    if os.path.lexists(partial / _REPLACED):
        left = f"The older folder is {printable(partial / _REPLACED)}; the same call moves it back."
    elif has_kept:
        left = f"Finished work is kept in {printable(partial)}; repeat the call to continue."
    elif os.path.lexists(partial):
        left = f"The unfinished folder {printable(partial)} could not be deleted."
    return InputError(
        f"cannot write {refusal.place}: {refusal.strerror}. {left} "
        f"Make room or choose another place with {option}."
    )


@contextmanager
def _rescuing(new: Path) -> Iterator[None]:
    """If a write is refused, delete the unfinished folder and then write the files to keep."""
    try:
        yield
    except (WriteError, InputError) as error:
        refusal = _refusal_in(error)
        if refusal is not None and refusal.rescue is not None:
            _empty(new)
            with suppress(WriteError):  # the disk is still full
                refusal.rescue()
        raise


@contextmanager
def _locked(partial: Path, output: Path, *, what: str, option: str) -> Iterator[None]:
    """Create the folder `partial` and hold its lock."""
    from filelock import FileLock, Timeout

    lock = FileLock(partial / _LOCK, blocking=False)
    while not lock.is_locked:
        try:
            with writing():
                partial.mkdir()
        except FileExistsError:
            with suppress(FileNotFoundError):  # another process deleted the folder
                check_own(partial, _MEMBERS, followed=(_KEPT,), option=option)
        except FileNotFoundError:
            reason = f"there is no folder {printable(output.parent)}. Make it first, or choose"
            if output.parent.is_dir():  # for example /proc
                reason = f"{printable(output.parent)} cannot contain new folders. Choose"
            raise InputError(
                f"the output folder {printable(output)} cannot be made: {reason} another with "
                f"{option}."
            ) from None
        try:
            with writing():
                lock.acquire()
        except Timeout:
            raise _BusyError(
                f"another process is writing the {what} {printable(output)}. Wait until "
                f"the process has ended, or choose another place with {option}."
            ) from None
        except (FileNotFoundError, FileExistsError):
            # Another process deleted the folder. filelock creates a missing folder, and its check
            # raises FileExistsError if the folder disappears between the two steps of the check.
            continue
    try:
        yield
    finally:
        lock.release()


def _partial_of(output: Path) -> Path:
    return output.parent / f".{output.name}.partial"


def _follow(output: Path) -> Path:
    """Return the target of a link; return `output` if it is not a link, or a broken link."""
    if output.name not in {"", ".."} and not output.is_symlink():
        return output
    target = Path(os.path.realpath(output))
    return target if target.exists() or _is_interrupted(_partial_of(target), target) else output


def _identity_of(folder: Path) -> tuple[int, int] | None:
    """Return the device and inode numbers of a folder; None if the folder does not exist."""
    try:
        found = folder.lstat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _check_foreign(output: Path, files: Sequence[str], *, what: str, option: str) -> None:
    """Raise InputError if the folder to replace contains files that featscape did not write."""
    foreign = find_foreign(output, files)
    if foreign:
        raise InputError(
            f"the {what} {printable(output)} contains files that featscape did not write: "
            f"{list_names(foreign)}. A replacement would delete these files. "
            f"Move them away, or choose another place with {option}."
        )


def _save_foreign(
    old: Path,
    output: Path,
    files: Sequence[str],
    *,
    what: str,
    say: Callable[[str], None] | None,
) -> None:
    """Move the replaced folder aside if a file arrived after the last check of the folder."""
    foreign = find_foreign(old, files)
    if foreign:
        place = _move_aside(old, output, ending="old")
        if say is not None:
            say(
                f"the older {what} received {list_names(foreign)} right before its replacement and "
                f"is kept in {printable(place)}"
            )


def _is_interrupted(partial: Path, output: Path) -> bool:
    """Return whether a replacement ended between its two moves."""
    return os.path.lexists(partial / _REPLACED) and not os.path.lexists(output)


def _put_back(partial: Path, output: Path) -> None:
    """Undo the first move of a replacement that ended between its two moves."""
    if os.path.lexists(partial / _REPLACED):
        with suppress(OSError):  # only an empty folder can be removed; other contents stay
            output.rmdir()
    if _is_interrupted(partial, output):
        (partial / _REPLACED).rename(output)


def _prepare(partial: Path, output: Path, check_place: Callable[[], object], *, what: str) -> None:
    """Check the output, and put back or delete the folders of a killed process.

    The kept files stay. The older folder in `replaced` is deleted only after the check, because
    `replaced` is the only copy if something else is at the output.
    """
    replaced = partial / _REPLACED
    with writing():
        _put_back(partial, output)
    try:
        check_place()
    except InputError as error:
        if not os.path.lexists(replaced):
            raise
        raise InputError(
            f"{error} An interrupted replacement left the older {what} in {printable(replaced)}."
        ) from error
    with writing():
        for folder in (replaced, partial / _NEW):
            if os.path.lexists(folder):
                shutil.rmtree(folder)


def _remove(partial: Path) -> None:
    """Delete the hidden folder, whose lock this process holds. The lock is deleted last.

    Another run can lock the folder as soon as the lock's file is deleted. The folder belongs to
    the other run from then on, and must lose nothing more.
    """
    _empty(partial, but=_LOCK)
    with suppress(OSError):  # another run has locked the folder, or a file could not be deleted
        (partial / _LOCK).unlink()
        partial.rmdir()


def _empty(folder: Path, *, but: str = "") -> None:
    """Delete what is in a folder, except for the name `but`.

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


def _replace(output: Path, new: Path) -> Path:
    """Move `new` to `output`; return the place of the older folder, which the caller deletes.

    If two moves are needed and an error or Ctrl-C occurs between the moves, the older folder gets
    its name back.
    """
    if exchange(output, new):
        return new
    old = new.parent / _REPLACED
    try:
        output.rename(old)
        new.rename(output)
    finally:
        if not os.path.lexists(output):
            old.rename(output)
    return old


def _move_aside(folder: Path, output: Path, *, ending: str) -> Path:
    """Move a folder to a free name beside `output`, flush the name, and return the new path."""
    place = output.with_name(f"{output.name}.{ending}")
    number = 1
    while os.path.lexists(place):
        number += 1
        place = output.with_name(f"{output.name}.{ending}-{number}")
    with writing():
        folder.rename(place)
        flush(output.parent)
    return place


def _flush_below(folder: Path) -> None:
    """Flush all files and folders below `folder` to the disk."""
    for path, _, names in os.walk(folder):
        for name in names:
            flush(Path(path, name))
        flush(Path(path))


def _is_needed(partial: Path) -> bool:
    """Return whether `partial` contains kept files, or an older folder that is not replaced."""
    return os.path.lexists(partial / _REPLACED) or any(
        names for _, _, names in os.walk(partial / _KEPT)
    )
