"""The typed contract between Python and the browser.

``viewer/src/contract.ts`` is generated from these models; ``docs/explanation/viewer.md`` describes
the files.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, FailFast, Field

from featscape.labels import checked as _checked
from featscape.labels import classes as _classes
from featscape.records import MAX_QUERY_CHARACTERS
from featscape.records.regions import MOST_REGIONS

FORMAT: Literal["featscape-bundle"] = "featscape-bundle"
VERSION: Literal[1] = 1
MANIFEST = "manifest.json"

NO_LABEL = _classes.NO_LABEL  # the name of the class of the items without a label
NO_SPLIT = _classes.NO_SPLIT  # the name of the split of the items without a split
NO_ITEM = 4_294_967_295  # an empty entry in neighbors.bin
NO_CATEGORY = 65_535  # the code of an item without a category
N_AGREEING = _classes.N_AGREEING  # neighbors of the label agreement
AGREEMENT = "agreement"  # column of maps with labels: the share of neighbors with the same label
CHECKED_LABEL = _checked.CHECKED_LABEL  # column of the labels that a person has checked

MOST_NAMES = 3_000  # names of classes on the map: of 1,000 classes in at most 3 clusters each

# Limits of the findings in a bundle; a map of a million images can have 100 MB of findings.
MOST_LISTED = 2_000  # findings of a section, the most important first
MOST_LISTED_ITEMS = 24  # items of a finding
MOST_LISTED_NEIGHBORS = 6  # items that support a finding
MOST_LISTED_TEXT = 600  # characters of a text; a longer text ends with "…"
MOST_METHOD_TEXT = 3000  # characters of the methods of a section

MOST_ARCHIVED = 100_000  # maximum number of originals in one ZIP archive

# A manifest may come from an untrusted source, and file names become paths and parts of pages.
FileName = Annotated[str, Field(pattern=r"^[a-z0-9-]+\.bin$")]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ArrayFile(_Model):
    """An array in a separate file: C order, little-endian."""

    file: FileName
    dtype: Literal["float32", "float64", "int8", "uint16", "uint32"]
    shape: Annotated[list[int], FailFast()]


class ClassEntry(_Model):
    """A class in the legend."""

    name: str
    color: str = Field(description="#rrggbb", pattern=r"^#[0-9a-f]{6}$")
    count: int


class FindingColumn(_Model):
    """How the page shows a column that the findings computed."""

    title: str
    note: str = Field(description="what the values mean, as a sentence")
    is_share: bool = Field(default=False, description="the numbers are shares, from 0 to 1")
    threshold: float | None = Field(
        default=None, description="a number above is a finding; the middle of the color scale"
    )


class CategoryColumn(_Model):
    """A column with few distinct values; a boolean has the categories "false" and "true"."""

    kind: Literal["category"]
    name: str
    finding: FindingColumn | None = Field(
        default=None, description="null for a column of the source; absent in older bundles"
    )
    codes: ArrayFile = Field(description="uint16 (n,), an index into categories; 65535 for none")
    categories: Annotated[list[ClassEntry], FailFast()]


class NumberColumn(_Model):
    """A column of numbers."""

    kind: Literal["number"]
    name: str
    finding: FindingColumn | None = Field(
        default=None, description="null for a column of the source; absent in older bundles"
    )
    values: ArrayFile = Field(
        description="float32 (n,), or float64 for integers that float32 cannot hold; NaN for none"
    )
    minimum: float
    maximum: float


class DateColumn(_Model):
    """A column of dates, or of dates with a time of day."""

    kind: Literal["date"]
    name: str
    values: ArrayFile = Field(
        description="float64 (n,): seconds since 1970-01-01 00:00 UTC; NaN for none"
    )
    minimum: float
    maximum: float
    has_time: bool


class TextColumn(_Model):
    """A column of free text; the values are in the strings, under the name of the column."""

    kind: Literal["text"]
    name: str


Column = CategoryColumn | NumberColumn | DateColumn | TextColumn


class Blocks(_Model):
    """A file of blocks, each for `block_items` items in the order of the bundle."""

    file: FileName
    starts: ArrayFile = Field(description="float64 (n_blocks + 1,): the offset of each block")
    block_items: int
    n_items: int = Field(description="number of items with an entry, from the first item on")


class ThumbnailPack(Blocks):
    """WebP images of one size."""

    size_px: int = Field(description="longest side")


class Grid(_Model):
    """A separate grid cell for every item, near the position of the item on the map."""

    cells: ArrayFile = Field(description="uint16 (n, 2): column and row, increasing with x and y")
    n_columns: int
    n_rows: int


class NeighborGraph(_Model):
    """The nearest items in feature space, nearest first."""

    indices: ArrayFile = Field(description="uint32 (n, k), in the order of the bundle")
    distances: ArrayFile = Field(description="float32 (n, k)")


class ListedFinding(_Model):
    """One finding. Items are indices in the order of the bundle."""

    text: str = Field(description="the finding as a sentence")
    items: list[int] = Field(description="the first MOST_LISTED_ITEMS items")
    n_items: int = Field(description="number of items, including items that are not listed")
    suggested: str | None = Field(description="the suggested label")
    neighbors: list[int] = Field(description="items that support the finding")


class ListedSection(_Model):
    """The findings of one kind: JSON, a list of ListedFinding, in a part of the file."""

    name: str = Field(description="identifies the section in the page's address")
    title: str
    text: str = Field(description="plain sentences about all findings of the section")
    method: str | None = Field(description="how the findings are computed")
    column: str | None = Field(description="name of the column with the scores of all items")
    layout: Literal["items", "pairs", "groups", "texts"] = Field(
        description="one item for each finding; duplicates; several items; no items"
    )
    n_findings: int
    n_listed: int = Field(description="number of findings in the file, at most MOST_LISTED")
    start: int = Field(description="offset of the first byte")
    end: int = Field(description="offset after the last byte")


class FindingsFile(_Model):
    """The findings of a map, one section after the other."""

    file: FileName
    sections: Annotated[list[ListedSection], FailFast()] = Field(
        description="the most useful section first"
    )


class WordsFile(_Model):
    """The classes that the network recognizes in each item, and the words that name the classes."""

    classes: ArrayFile = Field(description="uint16 (n, k), the most probable first")
    probabilities: ArrayFile = Field(description="uint16 (n, k); 65535 is a probability of 1")
    file: FileName = Field(description="JSON: the classes of each word, in lower case")
    n_bytes: int = Field(ge=0, description="length of the file")


class VectorsFile(_Model):
    """The vectors of words by the text tower of the network, and of the items.

    The similarity of a word and an item is the sum of the products of both vectors and `scales`.
    """

    words: ArrayFile = Field(description="int8 (v, d)")
    items: ArrayFile = Field(description="int8 (n, d)")
    scales: ArrayFile = Field(description="float32 (d,)")
    file: FileName = Field(description="JSON: the vectors of each word, in lower case")
    n_bytes: int = Field(ge=0, description="length of the file")


class ClassName(_Model):
    """The name of a class, written on the map at the position of an item of the class."""

    item: int = Field(ge=0, description="in the order of the bundle; in the densest spot")
    code: int = Field(ge=0, description="the class, an index into classes")
    n_items: int = Field(ge=1, description="number of items in this cluster of the class")


class RegionName(_Model):
    """The name of a region of the map, written at the position of an item in its densest spot."""

    item: int = Field(ge=0, description="in the order of the bundle")
    name: str
    level: int = Field(ge=0, description="0 for the largest regions; each level has smaller ones")
    n_items: int = Field(ge=1, description="number of items in the region")
    image: int | None = Field(
        default=None,
        ge=0,
        description="the item that represents the region; absent in older bundles",
    )


class Manifest(_Model):
    """The description of a map, with the names of the array files."""

    format: Literal["featscape-bundle"]
    version: Literal[1]
    title: str
    n_items: int
    n_dimensions: Literal[2, 3]
    # FailFast: an error of a kilobyte for each wrong value would fill the memory
    level_ends: Annotated[list[int], FailFast()] = Field(
        description="ends of the levels: the items before each end are a random sample"
    )
    lower: Annotated[list[float], FailFast()] = Field(description="minimum coordinate of each axis")
    upper: Annotated[list[float], FailFast()] = Field(description="maximum coordinate of each axis")
    positions: ArrayFile
    ids: ArrayFile
    classes: list[ClassEntry] | None = Field(fail_fast=True)
    class_codes: ArrayFile | None
    grid: Grid | None
    neighbors: NeighborGraph
    columns: Annotated[list[Column], FailFast()]
    strings: Blocks | None
    thumbnails: Annotated[list[ThumbnailPack], FailFast()] = Field(
        description="smallest first; empty without images"
    )
    facts: dict[str, str] = Field(description="how the map was made, as texts for the panel")
    names: Annotated[list[ClassName], FailFast()] = Field(
        default=[],
        max_length=MOST_NAMES,
        description="the most important name first; absent in older bundles",
    )
    regions: Annotated[list[RegionName], FailFast()] = Field(
        default=[],
        max_length=MOST_REGIONS,
        description="the largest regions first; absent in older bundles",
    )
    findings: FindingsFile | None = Field(
        default=None, description="null without findings; absent in older bundles"
    )
    words: WordsFile | None = Field(
        default=None, description="null without words; absent in older bundles"
    )
    vectors: VectorsFile | None = Field(
        default=None,
        description="null for networks without a text tower and large maps; absent in older "
        "bundles",
    )
    items_digest: str | None = Field(
        default=None,
        pattern=r"^[0-9a-f]{64}$",
        description="SHA-256 of the paths by id, or of the positions of items without paths: maps "
        "with the same digest have the same items; absent in older bundles",
    )


class Abilities(_Model):
    """What the program behind the page can do; nothing for a file or a static site."""

    originals: bool = False
    search: bool = False
    content: bool = Field(
        default=False, description="compares images with a text, by the network of the map"
    )
    zip: int = Field(default=0, description="maximum number of originals in one archive")
    place: bool = False
    no_place: str | None = Field(
        default=None, description="why images cannot be placed, with the remedy, as a sentence"
    )


class PageSetup(_Model):
    """The settings of a page for the viewer, as JSON in ``<script id="featscape">``."""

    source: Literal["server", "site", "file"]
    data: str = Field(description="address of the bundle's files, relative to the page")
    api: str | None = Field(description="address of the server's API; None without a server")
    abilities: Abilities
    notice: str | None = Field(description="a message for the reader, such as what is missing")


class _Request(BaseModel):
    # unknown keys are ignored: an error for each of 100,000 keys would take 100 MB
    model_config = ConfigDict(extra="ignore", frozen=True)


class SearchRequest(_Request):
    """Find the items that match every word, "phrase" and column:value of `text`."""

    text: str = Field(max_length=1000)


class ContentRequest(_Request):
    """Compare every item with a text."""

    text: str = Field(min_length=1, max_length=MAX_QUERY_CHARACTERS)


class ItemsRequest(_Request):
    """A selection, by id (row of items.parquet)."""

    # FailFast: an error for each invalid id would fill the memory
    ids: Annotated[list[int], FailFast(), Field(max_length=MOST_ARCHIVED)]


class Archive(_Model):
    """A ZIP archive that can be downloaded, for a limited time."""

    key: str


class ItemDetails(_Model):
    """All values of an item in the table."""

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
    """The position of a new image on the map, and its nearest items in feature space."""

    position: list[float]
    neighbors: NeighborList
    thumbnail: str | None = Field(
        description="a small copy of a TIFF image as base64; None for formats that browsers show"
    )


class ReadRequest(_Model):
    """A request of a notebook's page to the kernel for bytes of a file of the bundle."""

    kind: Literal["read"]
    id: int = Field(description="chosen by the page; the answer repeats the id")
    file: str
    start: int
    end: int | None = Field(description="exclusive; None for the end of the file")


class ReadAnswer(_Model):
    """The answer of the kernel: the bytes are in the first buffer, or `error` has the reason."""

    kind: Literal["data", "error"]
    id: int
    error: str | None


class ErrorMessage(_Model):
    """The JSON of every error response of the server."""

    error: str
    status: int
