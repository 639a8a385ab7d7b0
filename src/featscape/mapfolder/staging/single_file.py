"""Write a file beside its final name, and move the complete file to that name."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from featscape.mapfolder.staging.write_errors import writing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def staged_file(file: Path) -> Iterator[Path]:
    """Yield a hidden path beside `file`, and move what is written there to `file`.

    If the block raises, the hidden file is deleted and `file` is unchanged.

    Parameters
    ----------
    file : Path

    Raises
    ------
    WriteError
        If the system refuses a write, here or in the block.
    """
    partial = file.with_name(f".{file.name}.{os.getpid()}.partial")
    try:
        with writing():
            yield partial
            partial.replace(file)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
