"""Tables of plain text for the screens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from featscape.printable_names import printable

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table


def new_table(*headings: str) -> Table:
    """Return an empty table without lines."""
    from rich.table import Table

    return Table(
        *headings, box=None, show_header=bool(headings), pad_edge=False, padding=(0, 2, 0, 0)
    )


def without_breaks(table: Table) -> Table:
    """Return the table without line breaks on any screen, so that names can be copied."""
    for column in table.columns:
        column.no_wrap = True
        column.min_width = max(len(str(cell)) for cell in (column.header, *column.cells))
    return table


def add_row(table: Table, *cells: str) -> None:
    """Add a row of plain text: the name of a class may contain markup and control characters."""
    from rich.text import Text

    table.add_row(*(Text(printable(cell)) for cell in cells))


def stack(*parts: RenderableType) -> RenderableType:
    """Return the parts, one below the other; tables are indented."""
    from rich.console import Group
    from rich.padding import Padding
    from rich.text import Text

    shown: list[RenderableType] = []
    for part in parts:
        if isinstance(part, str):
            shown.append(Text(printable(part)))
        else:
            shown.append(Padding(part, (0, 0, 1, 2)))
    return Group(*shown)
