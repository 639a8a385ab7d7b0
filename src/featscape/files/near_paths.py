"""Suggest a file or folder for a path that does not exist."""

from __future__ import annotations

import difflib
import glob
import os
import unicodedata
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from featscape.printable_names import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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


def suggest_spelling(path: Path) -> str | None:
    r"""Return how to write the path of a missing file so that the path leads to a file.

    Parameters
    ----------
    path : Path
        The missing file.

    Returns
    -------
    str or None
        For example "The file exists with / instead of \: correct the paths." None if no change
        of the separators, of the Unicode form or of the extension leads to a file.
    """
    try:
        if path.exists():
            return None
        for changes, changed in _spellings(str(path)):
            if Path(changed).is_file():
                return f"The file exists {' and '.join(changes)}: correct the paths."
            longer = sorted(glob.glob(f"{glob.escape(changed)}.*"))  # noqa: PTH207 - takes a whole path
            if longer:
                extension = printable(longer[0].removeprefix(changed))
                named = " and ".join((*changes, f"with the extension {extension}"))
                return f"The file exists {named}: correct the paths."
    except (OSError, ValueError):  # a name that is too long, or that contains a null byte
        return None
    return None


def _spellings(path: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield spellings of a path with the names of the changes, the fewest changes first."""
    separators = {"": path, "with / instead of \\": path.replace("\\", "/")}
    seen = set()
    for slash, text in separators.items():
        forms = {
            "": text,
            "in the Unicode form NFC": unicodedata.normalize("NFC", text),
            "in the Unicode form NFD": unicodedata.normalize("NFD", text),
        }
        for form, changed in forms.items():
            if changed not in seen:
                seen.add(changed)
                yield tuple(filter(None, (slash, form))), changed
