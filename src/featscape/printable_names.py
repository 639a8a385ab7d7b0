"""Names of files, which may hold any byte, made fit for screens and for files of text."""

from __future__ import annotations

import os
import re

# how Python holds a byte of a name that it cannot decode (PEP 383)
_UNDECODED = re.compile("[\udc80-\udcff]")


def valid_unicode(text: str, *, backslash: str = "\\") -> str:
    r"""Return a file's name fit for a file of text: a byte that is not UTF-8 becomes ``\xe9``."""
    return _UNDECODED.sub(lambda found: f"{backslash}x{ord(found[0]) - 0xDC00:02x}", text)


def printable(text: str | os.PathLike[str]) -> str:
    r"""Return a file's name fit for one line of a screen: a newline in it becomes ``\n``."""
    name = valid_unicode(os.fspath(text))
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in name)
