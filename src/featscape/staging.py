"""A folder that appears whole under its final name, or not at all.

.NAME.partial/
  lock        held by the run that is at work here; it goes with the process, however that ends
  new/        the folder that is being filled, begun anew by each run
  kept/       what a run wants the next one to find, should it end early
  replaced/   what stood at NAME, between the two moves that put the new folder in its place
"""

from __future__ import annotations

import errno
import os
import re
import shutil
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from featscape.errors import InputError
from featscape.filenames import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_LOCK = "lock"
_NEW = "new"
_KEPT = "kept"
_REPLACED = "replaced"

# What the system says when a place cannot be written, as opposed to a bug of ours.
_CANNOT_WRITE = {
    errno.EACCES,
    errno.EDQUOT,
    errno.EFBIG,
    errno.ENAMETOOLONG,
    errno.ENOSPC,
    errno.ENOTDIR,
    errno.ENOTEMPTY,
    errno.EPERM,
    errno.EROFS,
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
    check: Callable[[], object],
    what: str = "map",
    option: str = "-o (output=)",
    say: Callable[[str], None] | None = None,
) -> Iterator[Path]:
    """Yield a new folder hidden beside `output`, and move it there when the block ends well.

    Whatever ends the block early removes the folder and leaves `output` as it was; what the block
    put into `kept_beside` stays for the next call with the same output. Power loss at any moment
    leaves the older folder at `output`, or the new one, whole.

    Parameters
    ----------
    output : Path
    check : callable
        Looks at what stands at `output`, and raises InputError if it must not be replaced; what
        it lets pass is deleted after the new folder has taken its place.
    what, option : str
        What the folder will be, and the option that names it, for the errors.
    say : callable, optional
        Takes the line that says what was kept.

    Raises
    ------
    InputError
        As `check` does; if another run is writing to `output`, there is no folder to put it in,
        or a write was refused, here or in the block (see `writing`).
    """
    partial = output.parent / f".{output.name}.partial"
    new = partial / _NEW
    is_begun = has_kept = False
    try:
        with _locked(partial, output, what=what, option=option):
            try:
                with writing():
                    _clear(partial, output)
                check()
                is_replaced = os.path.lexists(output)
                with writing():
                    new.mkdir()  # not mkdtemp, whose folders are for their owner alone
                is_begun = True
                with _rescuing(new):
                    yield new
                with writing():
                    _flush_below(new)
                    if is_replaced:
                        _replace(output, new)
                    else:
                        new.rename(output)
                    flush(output.parent)
            finally:
                is_done = is_begun and not os.path.lexists(new)
                has_kept = not is_done and _is_needed(partial, output)
                # Errors in removing are ignored, for they would hide the one that brought us here.
                shutil.rmtree(new if has_kept else partial, ignore_errors=True)
    except BaseException as error:
        refusal = _refusal_in(error)
        if refusal is not None and (refusal is error or has_kept):
            refusal.place = refusal.place or f"the {what} {printable(output)}"
            raise _cannot_write(refusal, partial, has_kept=has_kept, option=option) from refusal
        if is_begun and has_kept and say is not None:
            say(
                f"what is done stays in {printable(partial)}: the same call continues, and to "
                "begin anew delete that folder."
            )
        raise


def _refusal_in(error: BaseException) -> WriteError | None:
    """Return the refusal to write that ends a block; it may be that of a folder staged within."""
    refusal = error if isinstance(error, WriteError) else error.__cause__
    return refusal if isinstance(refusal, WriteError) else None


def _cannot_write(refusal: WriteError, partial: Path, *, has_kept: bool, option: str) -> InputError:
    """Return the error that says what could not be written, and what is left of it."""
    left = "Nothing was left behind."
    if has_kept:
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
            for path in new.iterdir():
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)
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
                partial.mkdir(exist_ok=True)
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
            raise InputError(
                f"another run is writing the {what} {printable(output)}, and only one can. Wait "
                f"until it is done, or choose another place with {option}."
            ) from None
        except FileNotFoundError:
            continue  # a run that has just ended took the folder away
    try:
        yield
    finally:
        lock.release()


def _clear(partial: Path, output: Path) -> None:
    """Undo what a run that was killed left behind, but for what it kept."""
    old = partial / _REPLACED
    if os.path.lexists(old):
        if not os.path.lexists(output):
            old.rename(output)
        shutil.rmtree(old, ignore_errors=True)
    if os.path.lexists(partial / _NEW):
        shutil.rmtree(partial / _NEW)


def _replace(output: Path, new: Path) -> None:
    """Put `new` in the place of `output`, whose folder moves to where it will be deleted.

    Whatever happens between the two moves, Ctrl-C too, gives the older folder its name back.
    """
    old = new.parent / _REPLACED
    try:
        output.rename(old)
        new.rename(output)
    finally:
        if not os.path.lexists(output):
            old.rename(output)


def _flush_below(folder: Path) -> None:
    """Bring all that lies below `folder` to the disk, so that its name can stand for it."""
    for path, _, names in os.walk(folder):
        for name in names:
            flush(Path(path, name))
        flush(Path(path))


def _is_needed(partial: Path, output: Path) -> bool:
    """Whether a later run finds something here, or the older folder that could not be put back."""
    if os.path.lexists(partial / _REPLACED) and not os.path.lexists(output):
        return True
    return any(names for _, _, names in os.walk(partial / _KEPT))
