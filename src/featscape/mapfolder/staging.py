"""A folder that appears whole under its final name, or not at all.

.NAME.partial/
  lock        held by the run that is at work here; it goes with the process, however that ends
  new/        the folder that is being filled, begun anew by each run
  kept/       what a run wants the next one to find, should it end early
  replaced/   what was at NAME, between the two moves that put the new folder in its place; only
              where the file system cannot exchange the two in one step
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
_BETWEEN_MOVES_S = 2.0  # how long a reader waits for a run that is between its two moves

# What the system says when a place cannot be written, as opposed to a bug of ours.
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
# Some file systems cannot flush a folder, and say so in one of these ways.
_NO_FLUSH = {errno.EACCES, errno.EINVAL, errno.ENOTSUP, errno.EBADF}


class WriteError(OSError):
    """The system refuses to write: the disk is full, or the place is not ours.

    Attributes
    ----------
    rescue : callable or None
        Writes what is to be kept: `staged` calls it once the unfinished folder has made room.
    place : str or None
        What was to be written, as `staged` fills it in.
    """

    rescue: Callable[[], object] | None = None
    place: str | None = None


class _BusyError(InputError):
    """Another run holds the lock."""


@contextmanager
def writing() -> Iterator[None]:
    """Mark the system's refusals as a `WriteError`; stands around each write, and nothing else."""
    try:
        yield
    except OSError as error:
        # NumPy tells of a short write by these words alone
        is_short = error.errno is None and _SHORT_WRITE.fullmatch(str(error))
        number = errno.ENOSPC if is_short else error.errno
        if number not in _CANNOT_WRITE:
            raise
        raise WriteError(number, os.strerror(number)) from error


def flush(path: Path) -> None:
    """Bring a file, or a folder's list of names, from the system's memory to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _NO_FLUSH or not path.is_dir():
            raise
    finally:
        os.close(handle)


def kept_beside(folder: Path) -> Path:
    """Return where the block of `staged` that fills `folder` may put what is to be kept.

    Whoever keeps something makes this folder. It goes when `folder` has its final name.
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
    """Yield a new folder hidden beside `output`, and move it to `output` when the block ends well.

    Whatever ends the block early removes the new folder and leaves `output` as it was; what the
    block put into `kept_beside` stays for the next call with the same output. A kill or a power
    failure at any moment leaves the older folder or the new one at `output`, whole. Where the file
    system cannot exchange two names, the older folder may be in `replaced` instead, and `restore`
    moves it back.

    Parameters
    ----------
    output : Path
        Where it is a link to a folder, that folder is replaced, and the link stays.
    check : callable
        Takes `output`, or the folder that it links to, and raises InputError if what is there
        must not be replaced. Called before the block, and again right before the replacement.
    files : sequence of str
        Patterns of the files that an older folder may hold, as `find_foreign` takes them. A folder
        with any other file in it is not replaced.
    what, option : str
        What the folder will be, and the option that names it, for the errors.
    say : callable, optional
        Takes the line that says what was kept.

    Raises
    ------
    InputError
        As `check` does; if the older folder holds other files; if another run is writing to
        `output`, there is no folder to put it in, or the hidden folder is not featscape's; or if a
        write was refused, here or in the block (see `writing`). If the older folder may no longer
        be replaced when the block has ended, the new one gets a free name beside it.
    """
    output = _follow(output)
    partial = _partial_of(output)
    new = partial / _NEW
    identity = None
    has_kept = False

    def check_place() -> None:
        check(output)
        _check_foreign(output, files, what=what, option=option)

    try:
        with _locked(partial, output, what=what, option=option):
            try:
                with writing():
                    _put_back(partial, output)
                    _clear(partial)
                check_place()
                with writing():
                    new.mkdir()  # not mkdtemp, whose folders are for their owner alone
                identity = _identity_of(new)
                with _rescuing(new):
                    yield new
                with writing():
                    _flush_below(new)
                try:
                    check_place()
                except InputError as error:
                    place = _move_aside(new, output)
                    raise InputError(f"{error} The new {what} is in {printable(place)}.") from error
                with writing():
                    if os.path.lexists(output):
                        _replace(output, new)
                    else:
                        new.rename(output)
                    flush(output.parent)
            finally:
                is_done = identity is not None and _identity_of(output) == identity
                has_kept = not is_done and _is_needed(partial, output)
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
                f"what is done stays in {printable(partial)}: the same call continues, and to "
                f"begin anew delete {printable(partial / _KEPT)}"
            )
        raise


def restore(output: Path, *, option: str = "-o (output=)") -> None:
    """Put back the folder at `output` that an interrupted replacement has left in `replaced`.

    For every reader that finds nothing at `output`. Does nothing where no replacement was
    interrupted. A run that is alive is between its two moves for an instant: it is waited for.

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
                if not _is_needed(partial, output):
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
    """Return the refusal to write that ends a block; it may be that of a folder staged within."""
    refusal = error if isinstance(error, WriteError) else error.__cause__
    return refusal if isinstance(refusal, WriteError) else None


def _cannot_write(refusal: WriteError, partial: Path, *, has_kept: bool, option: str) -> InputError:
    """Return the error that says what could not be written, and what is left of it."""
    left = "Nothing was left behind."
    if os.path.lexists(partial / _REPLACED):
        left = f"The older folder is {printable(partial / _REPLACED)}; the same call moves it back."
    elif has_kept:
        left = f"What is done stays in {printable(partial)}, and the same call continues."
    elif os.path.lexists(partial):
        left = f"The unfinished {printable(partial)} could not be removed."
    return InputError(
        f"cannot write {refusal.place}: {refusal.strerror}. {left} "
        f"Make room or choose another place with {option}."
    )


@contextmanager
def _rescuing(new: Path) -> Iterator[None]:
    """Where the disk is full, give the room of the unfinished folder to what is to be kept."""
    try:
        yield
    except (WriteError, InputError) as error:
        refusal = _refusal_in(error)
        if refusal is not None and refusal.rescue is not None:
            _empty(new)
            with suppress(WriteError):  # it is full with other things
                refusal.rescue()
        raise


@contextmanager
def _locked(partial: Path, output: Path, *, what: str, option: str) -> Iterator[None]:
    """Make the folder `partial` this process's own."""
    from filelock import FileLock, Timeout

    lock = FileLock(partial / _LOCK, blocking=False)
    while not lock.is_locked:
        try:
            with writing():
                partial.mkdir()
        except FileExistsError:
            with suppress(FileNotFoundError):  # a run that has just ended took the folder away
                check_own(partial, _MEMBERS, option=option)
        except FileNotFoundError:
            reason = f"there is no folder {printable(output.parent)}. Make it first, or choose"
            if output.parent.is_dir():  # /proc, where nobody makes folders
                reason = f"{printable(output.parent)} takes no folders. Choose"
            raise InputError(
                f"the output folder {printable(output)} cannot be made: {reason} another with "
                f"{option}."
            ) from None
        try:
            with writing():
                lock.acquire()
        except Timeout:
            raise _BusyError(
                f"another run is writing the {what} {printable(output)}, and only one can. Wait "
                f"until it is done, or choose another place with {option}."
            ) from None
        except FileNotFoundError:
            continue  # a run that has just ended took the folder away
    try:
        yield
    finally:
        lock.release()


def _partial_of(output: Path) -> Path:
    return output.parent / f".{output.name}.partial"


def _follow(output: Path) -> Path:
    """Return the folder that a link leads to; `output` itself where it is no link, or broken."""
    if output.name not in {"", ".."} and not output.is_symlink():
        return output
    target = Path(os.path.realpath(output))
    return target if target.exists() or _is_interrupted(_partial_of(target), target) else output


def _identity_of(folder: Path) -> tuple[int, int] | None:
    """Return what tells a folder from others whatever its name; None where there is none."""
    try:
        found = folder.lstat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _check_foreign(output: Path, files: Sequence[str], *, what: str, option: str) -> None:
    """Raise InputError if a folder that would be replaced holds files that are not featscape's."""
    foreign = find_foreign(output, files)
    if foreign:
        raise InputError(
            f"the {what} {printable(output)} holds what featscape did not write: "
            f"{list_names(foreign)}. A replacement would delete it, so nothing was replaced. "
            f"Move it away, or choose another place with {option}."
        )


def _is_interrupted(partial: Path, output: Path) -> bool:
    """Whether a replacement ended between its two moves."""
    return os.path.lexists(partial / _REPLACED) and not os.path.lexists(output)


def _put_back(partial: Path, output: Path) -> None:
    """Undo the first of the two moves of a replacement that ended between them."""
    if _is_interrupted(partial, output):
        (partial / _REPLACED).rename(output)


def _clear(partial: Path) -> None:
    """Delete what a run that was killed left behind, but for what it kept."""
    for name in (_REPLACED, _NEW):
        if os.path.lexists(partial / name):
            shutil.rmtree(partial / name)


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


def _replace(output: Path, new: Path) -> None:
    """Put `new` in the place of `output`, whose folder moves to where it will be deleted.

    Where two moves are needed, whatever happens between them, Ctrl-C too, gives the older folder
    its name back.
    """
    if exchange(output, new):
        return
    old = new.parent / _REPLACED
    try:
        output.rename(old)
        new.rename(output)
    finally:
        if not os.path.lexists(output):
            old.rename(output)


def _move_aside(new: Path, output: Path) -> Path:
    """Give a finished folder a free name beside `output`, and return its path."""
    place = output.with_name(f"{output.name}.new")
    number = 1
    while os.path.lexists(place):
        number += 1
        place = output.with_name(f"{output.name}.new-{number}")
    with writing():
        new.rename(place)
    return place


def _flush_below(folder: Path) -> None:
    """Bring all that lies below `folder` to the disk, so that its name can stand for it."""
    for path, _, names in os.walk(folder):
        for name in names:
            flush(Path(path, name))
        flush(Path(path))


def _is_needed(partial: Path, output: Path) -> bool:
    """Whether a later run finds something here, or the older folder that could not be put back."""
    if _is_interrupted(partial, output):
        return True
    return any(names for _, _, names in os.walk(partial / _KEPT))
