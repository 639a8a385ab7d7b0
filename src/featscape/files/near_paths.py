"""Suggest a file or folder for a path that does not exist."""

from __future__ import annotations

import difflib
import os
from itertools import islice
from typing import TYPE_CHECKING

from featscape.printable_names import printable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_MOST_ENTRIES = 10_000  # of the parent folder; more entries would delay the error


def suggest_path(path: Path, *, accepts: Callable[[Path], bool] = lambda _: True) -> str | None:
    """Return "Did you mean photos-map?" for a path with a similar name in the same folder.

    Parameters
    ----------
    path : Path
        The path that the user gave. The path itself is not suggested.
    accepts : callable
        Whether a path with a similar name can be used instead.

    Returns
    -------
    str or None
        None if no name is similar, or the parent folder cannot be listed.
    """
    try:
        with os.scandir(path.parent) as entries:
            names = [entry.name for entry in islice(entries, _MOST_ENTRIES)]
    except (OSError, ValueError):
        return None
    others = [name for name in names if name != path.name and not name.startswith(".")]
    for name in difflib.get_close_matches(path.name, others):
        near = path.with_name(name)
        if accepts(near):
            return f"Did you mean {printable(near)}?"
    return None
