"""A folder that appears whole under its final name, or not at all."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from featscape.errors import InputError
from featscape.filenames import printable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

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


class WriteError(OSError):
    """The system refuses to write: the disk is full, or the place is not ours."""


@contextmanager
def writing() -> Iterator[None]:
    """Mark the system's refusals as a `WriteError`; stands around each write, and nothing else."""
    try:
        yield
    except OSError as error:
        if error.errno not in _CANNOT_WRITE:
            raise
        raise WriteError(error.errno, os.strerror(error.errno)) from error


@contextmanager
def staged(output: Path, *, replace: bool, what: str = "map", option: str = "-o") -> Iterator[Path]:
    """Yield a new hidden folder beside `output`, and move it there when the block ends well.

    Whatever ends the block early removes the folder and leaves `output` as it was.

    Parameters
    ----------
    output : Path
    replace : bool
        Delete what stands at `output`, after the new folder has taken its place.
    what, option : str
        What the folder will be, and the option that names it, for the errors.

    Raises
    ------
    InputError
        If there is no folder to put `output` in, or a write was refused, here or in the block
        (see `writing`).
    """
    staging = output.parent / f".{output.name}.partial-{secrets.token_hex(4)}"
    try:
        try:
            _make(staging, output, option=option)
            yield staging
            with writing():
                if replace and os.path.lexists(output):
                    _replace(output, staging)
                else:
                    staging.rename(output)
        finally:
            # Errors in removing are ignored, for they would hide the one that brought us here.
            shutil.rmtree(staging, ignore_errors=True)
    except WriteError as error:
        left = "Nothing was left behind."
        if os.path.lexists(staging):
            left = f"The unfinished {printable(staging)} could not be removed."
        raise InputError(
            f"cannot write the {what} {printable(output)}: {error.strerror}. {left} "
            f"Make room or choose another place with {option}."
        ) from error


def _make(staging: Path, output: Path, *, option: str) -> None:
    try:
        with writing():
            staging.mkdir()  # not mkdtemp, whose folders are for their owner alone
    except FileNotFoundError:
        raise InputError(
            f"the output folder {printable(output)} cannot be made: there is no folder "
            f"{printable(output.parent)}. Make it first, or choose another with {option}."
        ) from None


def _replace(output: Path, staging: Path) -> None:
    """Put `staging` in the place of `output`, then delete what stood there.

    Whatever happens between the two moves, Ctrl-C too, gives the older folder its name back.
    """
    old = output.parent / f".{output.name}.replaced-{secrets.token_hex(4)}"
    try:
        output.rename(old)
        staging.rename(output)
    finally:
        if not os.path.lexists(output):
            old.rename(output)
        elif not os.path.lexists(staging):
            # The new folder stands; a rest of the old one is no failure.
            shutil.rmtree(old, ignore_errors=True)
