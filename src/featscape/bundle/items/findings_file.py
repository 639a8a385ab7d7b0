"""Write the findings for the page: a bounded list of findings for each section."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from featscape.bundle.contract import (
    MOST_LISTED,
    MOST_LISTED_ITEMS,
    MOST_LISTED_NEIGHBORS,
    MOST_LISTED_TEXT,
    MOST_METHOD_TEXT,
    FindingColumn,
    FindingsFile,
    ListedFinding,
    ListedSection,
)
from featscape.graphemes import shorten_end
from featscape.mapfolder.staging import writing
from featscape.printable_names import encodable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from featscape.bundle.contract import ClassEntry, Column
    from featscape.records.shown_findings import FindingsSection, ShownColumn, ShownFinding

_FILE = "findings.bin"
_LIST = TypeAdapter(list[ListedFinding])


def write_findings(
    folder: Path, sections: Sequence[FindingsSection], rank: NDArray[np.uint32]
) -> FindingsFile:
    """Write the first findings of each section as JSON.

    Parameters
    ----------
    folder : Path
    sections : sequence of FindingsSection
    rank : ndarray of uint32, shape (n,)
        The row of each item in the bundle.

    Returns
    -------
    FindingsFile
        The manifest's entry.
    """
    described = []
    end = 0
    with writing(), (folder / _FILE).open("xb") as file:
        for section in sections:
            listed = [_listed(one, rank) for one in section.findings[:MOST_LISTED]]
            content = _LIST.dump_json(listed)
            file.write(content)
            start, end = end, end + len(content)
            described.append(
                ListedSection(
                    name=section.name,
                    title=section.title,
                    text=_page_text(section.text),
                    method=section.method
                    and shorten_end(encodable(section.method), MOST_METHOD_TEXT),
                    column=section.column,
                    layout=section.layout,
                    n_findings=len(section.findings),
                    n_listed=len(listed),
                    start=start,
                    end=end,
                )
            )
    return FindingsFile(file=_FILE, sections=described)


def mark_findings(
    columns: Sequence[Column], found: Sequence[ShownColumn], classes: Sequence[ClassEntry] = ()
) -> list[Column]:
    """Return the columns; the columns of the findings get their title and note.

    Parameters
    ----------
    columns : sequence of Column
        The manifest's entries.
    found : sequence of ShownColumn
    classes : sequence of ClassEntry
        A column of suggested labels gets the colors of the classes.
    """
    colors = {entry.name: entry.color for entry in classes}
    shown = {
        one.name: FindingColumn(
            title=one.title, note=one.note, is_share=one.is_share, threshold=one.threshold
        )
        for one in found
    }
    marked: list[Column] = []
    for column in columns:
        if column.kind in ("text", "date") or column.name not in shown:
            marked.append(column)
            continue
        update: dict[str, Any] = {"finding": shown[column.name]}
        if column.kind == "category" and {one.name for one in column.categories} <= colors.keys():
            update["categories"] = [
                one.model_copy(update={"color": colors[one.name]}) for one in column.categories
            ]
        marked.append(column.model_copy(update=update))
    return marked


def _listed(finding: ShownFinding, rank: NDArray[np.uint32]) -> ListedFinding:
    return ListedFinding(
        text=_page_text(finding.text),
        items=rank[list(finding.items[:MOST_LISTED_ITEMS])].tolist(),
        n_items=len(finding.items),
        suggested=None if finding.suggested is None else encodable(finding.suggested),
        neighbors=rank[list(finding.neighbors[:MOST_LISTED_NEIGHBORS])].tolist(),
    )


def _page_text(text: str) -> str:
    """Return a text for the page, where no line ends between a number and its percent sign."""
    return shorten_end(encodable(text).replace(" %", "\N{NO-BREAK SPACE}%"), MOST_LISTED_TEXT)
