"""Write a folder beside its final name and move the complete folder to that name."""

from __future__ import annotations

import os
import shutil
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from featscape.errors import BusyError, InputError
from featscape.mapfolder.staging.exchange import exchange
from featscape.mapfolder.staging.hidden_folder import KEPT, HiddenFolder, empty_folder
from featscape.mapfolder.staging.ownership import describe_foreign, find_foreign
from featscape.mapfolder.staging.write_errors import WriteError, flush, flush_below, writing
from featscape.printable_names import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_BETWEEN_MOVES_S = 2.0  # how long a reader waits for a process between its two moves


def kept_beside(folder: Path) -> Path:
    """Return the folder for files that the next run can reuse if this run is interrupted.

    The folder belongs to the `staged` block that fills `folder`. The caller creates it. `staged`
    deletes it once `folder` has its final name.

    Parameters
    ----------
    folder : Path
        The folder that `staged` yielded.
    """
    return folder.parent / KEPT


@contextmanager
def staged(
    output: Path,
    *,
    check: Callable[[Path], object],
    files: Sequence[str],
    what: str = "map",
    option: str = "-o (output=)",
    note: Callable[[str], None] | None = None,
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
    note : callable, optional
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
    hidden = HiddenFolder(_follow(output), what, option)
    replacement = _Replacement(hidden, check, files, note or (lambda _line: None))
    try:
        with hidden.locked():
            try:
                replacement.prepare()
                with _rescuing(hidden.new):
                    yield hidden.new
                replacement.complete()
            finally:
                replacement.clean_up()
    except BaseException as error:
        replacement.report(error)
        raise


def restore(output: Path) -> None:
    """Move back the older folder that an interrupted replacement left in `replaced`.

    Call this function if there is nothing at `output`. If no replacement was interrupted, the
    function does nothing. If a running process is between its two moves, the function waits.

    Parameters
    ----------
    output : Path
        The final name of the folder.

    Raises
    ------
    InputError
        If the folder cannot be put back.
    BusyError
        If another process does not release the lock in time.
    """
    hidden = HiddenFolder(Path(os.path.realpath(output)))
    until = time.monotonic() + _BETWEEN_MOVES_S
    while hidden.is_interrupted():
        try:
            with hidden.locked():
                hidden.put_back()
                if not hidden.is_needed():
                    hidden.remove()
        except BusyError:
            if time.monotonic() > until:
                raise
            time.sleep(0.01)
        except OSError as error:
            raise InputError(
                f"the replacement of {printable(hidden.output)} was interrupted, and the older "
                f"folder is {printable(hidden.replaced)}. It cannot be moved back: "
                f"{error.strerror}. Move it back yourself."
            ) from error


def find_unfinished(output: Path) -> Path | None:
    """Return the hidden folder of an unfinished run for `output`; None if there is none.

    Parameters
    ----------
    output : Path
        The final name of the folder.
    """
    hidden = HiddenFolder(Path(os.path.realpath(output))).path
    return hidden if hidden.is_dir() else None


@dataclass
class _Replacement:
    """The steps of `staged` around its block.

    Attributes
    ----------
    hidden : HiddenFolder
    check, files, note
        See `staged`.
    path : Path
        The name of the new folder once the new folder is complete.
    identity : tuple of int or None
        The device and inode numbers of the new folder; None before the new folder exists.
    is_done : bool
        Whether the new folder is at its name; set by `clean_up`.
    has_kept : bool
        Whether `clean_up` left kept files, or an older folder that is not replaced.
    """

    hidden: HiddenFolder
    check: Callable[[Path], object]
    files: Sequence[str]
    note: Callable[[str], None]
    path: Path = field(init=False)
    identity: tuple[int, int] | None = None
    is_done: bool = False
    has_kept: bool = False

    def __post_init__(self) -> None:
        self.path = self.hidden.output

    def prepare(self) -> None:
        """Check the output, put back or delete the folders of a killed process, create `new`.

        The kept files stay. The older folder in `replaced` is deleted only after the check, because
        `replaced` is the only copy if something else is at the output.
        """
        hidden = self.hidden
        with writing():
            hidden.put_back()
        try:
            self._check_output()
        except InputError as error:
            if not hidden.has_replaced():
                raise
            raise InputError(
                f"{error} An interrupted replacement left the older {hidden.what} in "
                f"{printable(hidden.replaced)}."
            ) from error
        with writing():
            hidden.discard_unfinished()
            hidden.new.mkdir()  # only the owner can read the folders of mkdtemp
        self.identity = _identity_of(hidden.new)

    def complete(self) -> None:
        """Flush the new folder, and move it to the output."""
        hidden = self.hidden
        with writing():
            flush_below(hidden.new)
        try:
            self._check_output()
        except InputError as error:
            self.path = _move_aside(hidden.new, hidden.output, ending="new")
            raise InputError(
                f"{error} The new {hidden.what} is in {printable(self.path)}."
            ) from error
        with writing():
            if os.path.lexists(hidden.output):
                self._save_foreign(_replace(hidden.output, hidden.new))
            else:
                hidden.new.rename(hidden.output)
            flush(hidden.output.parent)

    def clean_up(self) -> None:
        """Delete the hidden folder, or only `new` if the hidden folder is needed."""
        self.is_done = self.identity is not None and _identity_of(self.path) == self.identity
        self.has_kept = not self.is_done and self.hidden.is_needed()
        if self.has_kept:
            shutil.rmtree(self.hidden.new, ignore_errors=True)
        else:
            self.hidden.remove()

    def report(self, error: BaseException) -> None:
        """Raise an InputError if the system refused a write; else report the kept files."""
        hidden = self.hidden
        refusal = _refusal_in(error)
        if refusal is not None and (refusal is error or self.has_kept):
            refusal.target = refusal.target or f"the {hidden.what} {printable(hidden.output)}"
            raise _cannot_write(refusal, hidden, has_kept=self.has_kept) from refusal
        if self.identity is not None and self.has_kept:
            self.note(
                f"finished work is kept in {printable(hidden.path)}: repeat the call to continue, "
                f"or delete {printable(hidden.kept)} to start again"
            )
        elif isinstance(error, KeyboardInterrupt) and not self.is_done:
            name = printable(hidden.output)
            if os.path.lexists(hidden.output):
                self.note(f"the {hidden.what} {name} is unchanged")
            else:
                self.note(f"no work of {name} is kept: the next run starts anew")

    def _check_output(self) -> None:
        """Raise InputError if the older folder must not be replaced, or contains other files."""
        output, hidden = self.hidden.output, self.hidden
        self.check(output)
        foreign = find_foreign(output, self.files)
        if foreign:
            raise InputError(
                f"the {hidden.what} {printable(output)} contains files that featscape did not "
                f"write: {describe_foreign(foreign)}. A replacement would delete these files. "
                f"Move them away, or choose another folder with {hidden.option}."
            )

    def _save_foreign(self, old: Path) -> None:
        """Move the replaced folder aside if a file arrived after the last check of the folder."""
        foreign = find_foreign(old, self.files)
        if foreign:
            path = _move_aside(old, self.hidden.output, ending="old")
            self.note(
                f"the older {self.hidden.what} received {describe_foreign(foreign)} right before "
                f"its replacement and is kept in {printable(path)}"
            )


def _refusal_in(error: BaseException) -> WriteError | None:
    """Return the WriteError that ended a block, or a nested block; None for other errors."""
    refusal = error if isinstance(error, WriteError) else error.__cause__
    return refusal if isinstance(refusal, WriteError) else None


def _cannot_write(refusal: WriteError, hidden: HiddenFolder, *, has_kept: bool) -> InputError:
    """Return the error: what cannot be written, the files that remain, and the remedy."""
    left = "No files remain."
    if hidden.has_replaced():
        left = f"The older folder is {printable(hidden.replaced)}; the same call moves it back."
    elif has_kept:
        left = f"Finished work is kept in {printable(hidden.path)}; repeat the call to continue."
    elif os.path.lexists(hidden.path):
        left = f"The unfinished folder {printable(hidden.path)} could not be deleted."
    return InputError(
        f"cannot write {refusal.target}: {refusal.strerror}. {left} "
        f"Make room or choose another folder with {hidden.option}."
    )


@contextmanager
def _rescuing(new: Path) -> Iterator[None]:
    """If a write is refused, delete the unfinished folder and then write the files to keep."""
    try:
        yield
    except (WriteError, InputError) as error:
        refusal = _refusal_in(error)
        if refusal is not None and refusal.rescue is not None:
            empty_folder(new)
            with suppress(WriteError):  # the disk is still full
                refusal.rescue()
        raise


def _follow(output: Path) -> Path:
    """Return the target of a link; return `output` if it is not a link, or a broken link."""
    if output.name not in {"", ".."} and not output.is_symlink():
        return output
    target = Path(os.path.realpath(output))
    return target if target.exists() or HiddenFolder(target).is_interrupted() else output


def _identity_of(folder: Path) -> tuple[int, int] | None:
    """Return the device and inode numbers of a folder; None if the folder does not exist."""
    try:
        found = folder.lstat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _replace(output: Path, new: Path) -> Path:
    """Move `new` to `output`; return the path of the older folder, which the caller deletes.

    If two moves are needed and an error or Ctrl-C occurs between the moves, the older folder gets
    its name back.
    """
    if exchange(output, new):
        return new
    old = HiddenFolder(output).replaced
    try:
        output.rename(old)
        new.rename(output)
    finally:
        if not os.path.lexists(output):
            old.rename(output)
    return old


def _move_aside(folder: Path, output: Path, *, ending: str) -> Path:
    """Move a folder to a free name beside `output`, flush the name, and return the new path."""
    path = output.with_name(f"{output.name}.{ending}")
    number = 1
    while os.path.lexists(path):
        number += 1
        path = output.with_name(f"{output.name}.{ending}-{number}")
    with writing():
        folder.rename(path)
        flush(output.parent)
    return path
