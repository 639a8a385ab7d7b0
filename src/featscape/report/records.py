"""The records of a report: what the report is made of, and what the page shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from PIL import Image

    from featscape.records import ImageSource
    from featscape.records.class_relations import ClassRelations
    from featscape.records.shown_findings import ShownFindings


@dataclass(frozen=True, eq=False)
class MapPicture:
    """A picture of the map.

    Attributes
    ----------
    caption : str
    image : Image
    dark : Image or None
        The same picture for a dark page; None if `image` is shown there, too.
    """

    caption: str
    image: Image.Image
    dark: Image.Image | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class ReportInput:
    """What a report is made of.

    Attributes
    ----------
    title : str
    folder_argument : str
        The name of the map folder, as an argument of a command.
    facts : mapping of str to str
        What the dataset is and how the map was made, by name.
    sentences : sequence of str
        The most useful findings.
    findings : ShownFindings
    labels, splits, paths : sequence of str, length n, or None
    thumbnails : ImageSource or None
        None for a map without images.
    pictures : sequence of MapPicture
        Pictures of the map.
    relations : ClassRelations or None
        None for a map with fewer than two classes.
    difference : callable
        (image, image) -> the picture of their difference.
    """

    title: str
    folder_argument: str
    facts: Mapping[str, str]
    sentences: Sequence[str]
    findings: ShownFindings
    labels: Sequence[str] | None = None
    splits: Sequence[str] | None = None
    paths: Sequence[str] | None = None
    thumbnails: ImageSource | None = None
    pictures: Sequence[MapPicture] = ()
    relations: ClassRelations | None = None
    difference: Callable[[Image.Image, Image.Image], Image.Image] | None = None

    @property
    def noun(self) -> str:
        """What a row of the map is called: "image", or "item" in a map without images."""
        return "item" if self.thumbnails is None else "image"


@dataclass(frozen=True, kw_only=True)
class Figure:
    """An image with its caption. `src` is None if there is no image."""

    src: str | None
    name: str
    label: str | None = None
    split: str | None = None
    note: str | None = None
    kind: str = ""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A finding: a sentence, its figures, and smaller figures that support the finding.

    `n_items` is the number of images of a group of duplicates, or of an image and its copies; 1 for
    other findings.
    """

    text: str
    figures: tuple[Figure, ...]
    n_items: int = 1
    suggested: str | None = None
    neighbors: tuple[Figure, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Group:
    """Findings of a section below one heading; `n_findings` includes those that are left out."""

    heading: str
    entries: tuple[Entry, ...]
    n_findings: int


@dataclass(frozen=True, kw_only=True)
class Gallery:
    """The findings of one section, in groups with a heading each."""

    name: str
    title: str
    text: str
    how: str
    layout: str
    groups: tuple[Group, ...]
    n_findings: int
    n_shown: int


@dataclass(frozen=True, kw_only=True)
class Contents:
    """The galleries, and for each kind without findings its title and the reason."""

    galleries: tuple[Gallery, ...]
    empty: tuple[tuple[str, str], ...] = ()
    n_omitted: int = 0

    @property
    def section_of_matrix(self) -> str | None:
        """The first section about several classes, which shows the matrix of the classes."""
        names = (one.name for one in self.galleries)
        return next((name for name in names if name in {"classes", "groups"}), None)
