"""What Python and the browser agree on: the one typed contract between them.

``viewer/src/contract.ts`` is generated from these models; `docs/viewer.md` tells of the files.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, FailFast, Field

FORMAT: Literal["featscape-bundle"] = "featscape-bundle"
VERSION: Literal[1] = 1

NO_ITEM = 4_294_967_295  # in neighbors.bin, where an item has fewer neighbours
NO_CATEGORY = 65_535  # in a column's codes, where an item has none
AGREEMENT = "agreement"  # the column of each map with labels: the share of neighbours with the same

MOST_ARCHIVED = 100_000  # originals in one ZIP

# A manifest may come from anywhere, and its names become paths and parts of pages.
FileName = Annotated[str, Field(pattern=r"^[a-z0-9-]+\.bin$")]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ArrayFile(_Model):
    """An array in a file of its own: C order, little-endian."""

    file: FileName
    dtype: Literal["float32", "float64", "uint16", "uint32"]
    shape: list[int]


class ClassEntry(_Model):
    """A class, as the legend shows it."""

    name: str
    color: str = Field(description="#rrggbb", pattern=r"^#[0-9a-f]{6}$")
    count: int


class CategoryColumn(_Model):
    """A column of few distinct values."""

    kind: Literal["category"]
    name: str
    codes: ArrayFile = Field(description="uint16 (n,), an index into categories; 65535 for none")
    categories: list[ClassEntry]


class NumberColumn(_Model):
    """A column of numbers."""

    kind: Literal["number"]
    name: str
    values: ArrayFile = Field(description="float32 (n,); NaN for none")
    minimum: float
    maximum: float


class TextColumn(_Model):
    """A column of free text: its values stand in the strings, under its name."""

    kind: Literal["text"]
    name: str


class Blocks(_Model):
    """A file of blocks, each for `block_items` items in the bundle's order."""

    file: FileName
    starts: ArrayFile = Field(description="float64 (n_blocks + 1,): where each block begins")
    block_items: int
    n_items: int = Field(description="the first so many items have an entry")


class ThumbnailPack(Blocks):
    """WebP images of one size."""

    size_px: int = Field(description="longest side")


class Grid(_Model):
    """A cell of its own for every item, near its place on the map."""

    cells: ArrayFile = Field(description="uint16 (n, 2): column and row; they grow with x and y")
    n_columns: int
    n_rows: int


class NeighborGraph(_Model):
    """The nearest items in feature space, nearest first."""

    indices: ArrayFile = Field(description="uint32 (n, k), in the bundle's order")
    distances: ArrayFile = Field(description="float32 (n, k)")


class Manifest(_Model):
    """Everything about a map but its arrays."""

    format: Literal["featscape-bundle"]
    version: Literal[1]
    title: str
    n_items: int
    n_dimensions: Literal[2, 3]
    level_ends: list[int] = Field(description="the first so many items are a fair sample")
    lower: list[float] = Field(description="least coordinate, by axis")
    upper: list[float] = Field(description="greatest coordinate, by axis")
    positions: ArrayFile
    ids: ArrayFile
    classes: list[ClassEntry] | None
    class_codes: ArrayFile | None
    grid: Grid | None
    neighbors: NeighborGraph
    columns: list[CategoryColumn | NumberColumn | TextColumn]
    strings: Blocks | None
    thumbnails: list[ThumbnailPack] = Field(description="smallest first; empty without images")
    facts: dict[str, str] = Field(description="how the map was made, in words, for the panel")


class Abilities(_Model):
    """What the program behind the page can do; nothing for a file or a static site."""

    originals: bool = False
    search: bool = False
    zip: int = Field(default=0, description="so many originals in one archive at most")
    place: bool = False
    no_place: str | None = Field(
        default=None, description="why it places no images, and the remedy, as a sentence"
    )


class PageSetup(_Model):
    """What a page says of itself to the viewer it loads, as JSON in ``<script id="featscape">``."""

    source: Literal["server", "site", "file"]
    data: str = Field(description="where the bundle's files lie, relative to the page")
    api: str | None = Field(description="where the server answers; None without one")
    abilities: Abilities
    notice: str | None = Field(description="what this page leaves out, said to the reader")


class _Request(BaseModel):
    # other keys are ignored: an error for each of 100,000 would take 100 MB
    model_config = ConfigDict(extra="ignore", frozen=True)


class SearchRequest(_Request):
    """Find items whose path, label and text columns together hold every word of `text`."""

    text: str = Field(max_length=1000)


class ItemsRequest(_Request):
    """A selection, by id (row of items.parquet)."""

    # FailFast: an error for each id that is no number would fill the memory
    ids: Annotated[list[int], FailFast(), Field(max_length=MOST_ARCHIVED)]


class Archive(_Model):
    """A ZIP that is ready to be fetched, for a while."""

    key: str


class ItemDetails(_Model):
    """Everything the table says of an item."""

    id: int
    label: str | None
    path: str | None
    width: int | None
    height: int | None
    columns: dict[str, str | float | int | bool | None]


class NeighborList(_Model):
    """The nearest items in feature space, nearest first, by id."""

    ids: list[int]
    distances: list[float]


class Placed(_Model):
    """Where a new image falls on the map, and what lies near it in feature space."""

    position: list[float]
    neighbors: NeighborList


class ReadRequest(_Model):
    """A notebook's page asks the kernel for bytes of one of the bundle's files."""

    kind: Literal["read"]
    id: int = Field(description="chosen by the page; the answer carries it")
    file: str
    start: int
    end: int | None = Field(description="exclusive; None for the file's end")


class ReadAnswer(_Model):
    """The kernel's answer: the bytes are the message's first buffer, or `error` says why not."""

    kind: Literal["data", "error"]
    id: int
    error: str | None


class ErrorMessage(_Model):
    """The one shape of every error the server answers."""

    error: str
    status: int
