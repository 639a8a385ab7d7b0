"""Write a file beside its final name, and move the complete file to that name."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from featscape.errors import InputError
from featscape.mapfolder.staging.write_errors import WriteError, writing
from featscape.printable_names import printable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def check_suffix(file: Path, suffix: str) -> None:
    """Raise InputError unless the name of a file to write ends in `suffix`, in upper or lower case.

    Parameters
    ----------
    file : Path
    suffix : str
        For example ".parquet".
    """
    if file.suffix.lower() != suffix:
        raise InputError(
            f"the name of the file must end in {suffix}; got {printable(file)}. Choose another "
            f"name, such as map{suffix}."
        )


@contextmanager
def staged_file(file: Path, *, option: str = "-o") -> Iterator[Path]:
    """Yield a hidden path beside `file`, and move what is written there to `file`.

    If the block raises, the hidden file is deleted and `file` is unchanged.

    Parameters
    ----------
    file : Path
    option : str
        The option that names the file, for error messages.

    Raises
    ------
    InputError
        If `file` is a folder, if its folder does not exist or cannot contain new files, or if the
        system refuses a write, here or in the block.
    """
    partial = file.with_name(f".{file.name}.{os.getpid()}.partial")
    with _writing(file, option):
        _create(partial, file, option)
        try:
            yield partial
            partial.replace(file)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise


@contextmanager
def _writing(file: Path, option: str) -> Iterator[None]:
    """Raise the system's refusal to write as an InputError."""
    try:
        with writing():
            yield
    except WriteError as refusal:
        raise InputError(
            f"cannot write {printable(file)}: {refusal.strerror}. Make room or choose another file "
            f"with {option}."
        ) from refusal


def _create(partial: Path, file: Path, option: str) -> None:
    """Create the hidden file."""
    if file.is_dir():
        raise InputError(f"{printable(file)} is a folder. Choose another file with {option}.")
    try:
        partial.touch()
    except FileNotFoundError:
        parent = file.parent
        reason = f"there is no folder {printable(parent)}. Make it first, or choose"
        if parent.is_dir():  # for example /proc
            reason = f"{printable(parent)} cannot contain new files. Choose"
        raise InputError(
            f"the file {printable(file)} cannot be made: {reason} another with {option}."
        ) from None
