"""Print to the screen or to a file, and show progress."""

from __future__ import annotations

import csv
import json
import os
import sys
from typing import TYPE_CHECKING

from featscape.printable_names import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console, RenderableType

    from featscape.progress import Progress

_WIDTH_OF_FILES = 1_000  # columns without a terminal, so that lines are not wrapped


def print_error(message: str) -> None:
    """Print one line to the standard error, also if a file name in it contains a line break."""
    print(f"featscape: {printable(message)}", file=sys.stderr)  # noqa: T201 - output of a command


def show(screen: RenderableType) -> None:
    """Print to the standard output. Lines in a file have no trailing spaces."""
    console = _console()
    if console.is_terminal:
        console.print(screen, crop=False)
        return
    with console.capture() as captured:
        console.print(screen, crop=False)
    lines = captured.get().splitlines()
    sys.stdout.write("".join(f"{line.rstrip()}\n" for line in lines))


def as_safe_json(content: object) -> str:
    """Return JSON text; control characters, which a stranger's map may contain, are escaped."""
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)


def is_terminal() -> bool:
    """Return whether the standard output is a terminal."""
    return sys.stdout is not None and sys.stdout.isatty()


def as_csv(headings: Sequence[str], rows: Iterable[Sequence[object]], *, for_terminal: bool) -> str:
    """Return a table as CSV; None becomes an empty field.

    Parameters
    ----------
    headings : sequence of str
    rows : iterable of sequences
    for_terminal : bool
        Escape the control characters of names, which a terminal obeys. A program that reads a file
        needs the names themselves.
    """
    writer = csv.writer(_Line())
    lines = [writer.writerow(headings)]
    for row in rows:
        shown = [printable(one) if isinstance(one, str) else one for one in row]
        lines.append(writer.writerow(shown if for_terminal else row))
    return "".join(map(str, lines))


class _Line:
    """Return each line of a table, with a line feed at the end.

    The writer ends lines with a carriage return and a line feed, and therefore quotes fields with
    either.
    """

    def write(self, line: str) -> str:
        return line.removesuffix("\r\n") + "\n"


def _console(*, stderr: bool = False) -> Console:
    from rich.console import Console

    console = Console(stderr=stderr, highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _WIDTH_OF_FILES
    return console


def choose_progress_bar() -> Progress:
    """Return the progress bars for a terminal, or progress lines for a file."""
    from featscape.progress import choose_progress

    return choose_progress(_console(stderr=True))
