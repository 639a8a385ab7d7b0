"""Convert file names, which may contain any byte, to text for screens and text files."""

from __future__ import annotations

import os
import re
import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# Python represents a byte that it cannot decode as one of these characters (PEP 383)
_UNDECODED = re.compile("[\udc80-\udcff]")


def valid_unicode(text: str, *, backslash: str = "\\") -> str:
    r"""Return a file name as valid Unicode: a byte that is not UTF-8 becomes ``\xe9``."""
    return _UNDECODED.sub(lambda found: f"{backslash}x{ord(found[0]) - 0xDC00:02x}", text)


def is_decoded(text: str) -> bool:
    """Return whether all bytes of a text in UTF-8 could be decoded."""
    return _UNDECODED.search(text) is None


def encodable(text: str) -> str:
    """Return text with backslash escapes for the characters that UTF-8 cannot encode."""
    return valid_unicode(text).encode("utf-8", "backslashreplace").decode()


def printable(text: str | os.PathLike[str]) -> str:
    r"""Return a file name as one printable line: a newline in the name becomes ``\n``."""
    name = valid_unicode(os.fspath(text))
    if name.isprintable():  # a hundred times faster than the loop, for texts of megabytes
        return name
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in name)


def as_argument(folder: str | os.PathLike[str]) -> str:
    """Return a folder as an argument of a shell command; a leading hyphen is no option."""
    text = printable(folder)
    return shlex.quote(f"./{text}" if text.startswith("-") else text)


def separable(names: Iterable[str | os.PathLike[str]]) -> list[str]:
    """Return names, printable, for a list: all in quotes if one contains a comma or "and".

    The page has the same rule (viewer/src/state/wording/words.ts).
    """
    shown = [printable(name) for name in names]
    is_ambiguous = any("," in name or " and " in name for name in shown)
    return [f"“{name}”" for name in shown] if is_ambiguous else shown


def list_names(names: Sequence[str], *, n_shown: int = 30) -> str:
    """Return names in quotes, and the number of names beyond `n_shown`; "none" without a name."""
    return list_first(list(map(repr, names)), n_shown=n_shown) or "none"


def list_first(texts: Sequence[str], *, n_shown: int) -> str:
    """Return the first texts and the number of the others, for example "a, b and 7 more"."""
    more = f" and {len(texts) - n_shown} more" if len(texts) > n_shown else ""
    return ", ".join(texts[:n_shown]) + more
