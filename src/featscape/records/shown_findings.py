"""The findings as the interactive page shows them: sections of findings, and columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

SectionLayout = Literal["items", "pairs", "groups", "texts"]


@dataclass(frozen=True, kw_only=True)
class ShownFinding:
    """One entry of a section.

    Attributes
    ----------
    text : str
        The finding as one sentence.
    items : tuple of int
        Rows of items.parquet, the most important first.
    suggested : str or None
        The suggested label.
    neighbors : tuple of int
        The items that support the finding.
    faults : tuple of str
        The technical faults of the image, for example "dark" and "blurred".
    """

    text: str
    items: tuple[int, ...] = ()
    suggested: str | None = None
    neighbors: tuple[int, ...] = ()
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class FindingsSection:
    """The findings of one kind.

    Attributes
    ----------
    name : str
        Identifies the section, also in the address of the page.
    title : str
    text : str
        One or more plain sentences about all findings of the section.
    layout : str
        "items" for findings about one item each, "pairs" for duplicates, "groups" for findings
        about several items, "texts" for findings without items.
    findings : tuple of ShownFinding
        The most important finding first.
    method : str or None
        How the findings are computed.
    column : str or None
        Name of the `ShownColumn` with the scores of all items.
    """

    name: str
    title: str
    text: str
    layout: SectionLayout
    findings: tuple[ShownFinding, ...] = ()
    method: str | None = None
    column: str | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class ShownColumn:
    """A value of each of the n items, for the colors of the map.

    Attributes
    ----------
    name : str
        The name of the column in items.parquet, if items.parquet has the column.
    title : str
        The name for people.
    note : str
        What the values mean, as one sentence.
    values : ndarray, shape (n,), or sequence of (str or None), length n
        Numbers (NaN for no value) or categories.
    is_share : bool
        Whether the numbers are shares, from 0 to 1.
    threshold : float or None
        A number above the threshold is a finding.
    """

    name: str
    title: str
    note: str
    values: NDArray[Any] | Sequence[str | None]
    is_share: bool = False
    threshold: float | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class ShownFindings:
    """What the interactive page and the report show about the findings of a map.

    Attributes
    ----------
    sections : tuple of FindingsSection
        The most useful section first.
    columns : tuple of ShownColumn
    unusual_borders : tuple of int
        Images that the report shows with the images off topic, see `Findings.unusual_borders`.
    """

    sections: tuple[FindingsSection, ...]
    columns: tuple[ShownColumn, ...] = ()
    unusual_borders: tuple[int, ...] = ()
