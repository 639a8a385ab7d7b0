"""Write and read findings.json, and the columns of items.parquet that belong to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from featscape.mapfolder.layout import FINDING_COLUMNS, FINDINGS, damaged, load_json
from featscape.mapfolder.read import open_folder, read_items
from featscape.mapfolder.write import write_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

_MAX_BYTES = 1 << 30  # a million images have up to 300 MB of findings


def write_findings(folder: Path, content: Mapping[str, Any]) -> None:
    """Write findings.json.

    Parameters
    ----------
    folder : Path
    content : mapping
        The result of `Findings.to_json`.
    """
    write_json(folder / FINDINGS, content, indent=1)


def read_findings(folder: Path) -> tuple[Any, dict[str, NDArray[Any]]] | None:
    """Return the content of findings.json and its columns; None for a map without findings.

    Parameters
    ----------
    folder : Path
        A map folder.

    Returns
    -------
    content : object
        The parsed JSON, which may come from an untrusted source.
    columns : dict of str to ndarray
        The columns of `FINDING_COLUMNS`, shape (n,): numbers, or objects that are str or None.

    Raises
    ------
    InputError
        If a file is missing or damaged.
    """
    opened = open_folder(folder)
    if not opened.exists(FINDINGS):
        return None
    try:
        content = load_json(opened, FINDINGS, max_bytes=_MAX_BYTES)
    except (OSError, ValueError) as error:
        raise damaged(folder / FINDINGS, error) from error
    items = read_items(opened)
    missing = FINDING_COLUMNS - set(items.column_names)
    if missing:
        raise damaged(
            folder / FINDINGS, f"items.parquet lacks its columns {', '.join(sorted(missing))}"
        )
    columns = {name: items[name].to_numpy() for name in sorted(FINDING_COLUMNS)}
    for name, column in columns.items():
        if (column.dtype.kind in "fi") == (name == "suggested"):
            raise damaged(folder / FINDINGS, f"its column {name} has the type {column.dtype}")
    return content, columns
