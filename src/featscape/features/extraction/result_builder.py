"""Build the result of an extraction: assign a row of the features to each image."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from featscape.errors import InputError
from featscape.features.extraction.cache import DIGEST_BYTES
from featscape.files.near_paths import suggest_spelling
from featscape.number_text import plural
from featscape.printable_names import list_names, printable
from featscape.progress import note_or_warn
from featscape.records import Features, SkippedImage, count_reasons
from featscape.records.images import MANIFEST_KIND

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from featscape.features.extraction.row_store import RowStore
    from featscape.features.protocols import Read
    from featscape.features.zoo.preprocessing import Preprocessing
    from featscape.progress import Progress
    from featscape.records import ImageSet, ModelCard, ThumbnailSink

# Share of an image's area; images of which the network sees less are counted. ResNet101 sees .43 of
# a photograph of 16:9, and .36 of one of 19:9.
_LEAST_VISIBLE = 1 / 3
_MANY = 0.1  # the share of these images from which the images are reported
_WHITES = (1023, 4095, 16383)  # the largest values of 10, 12 and 14 bits
_MAX_16_BIT = 65535


@dataclass(eq=False)
class ImageRows:
    """Assign a row to each image that can be read, and store its thumbnail.

    Attributes
    ----------
    images : ImageSet
        The images that are read; skipped images get no row.
    thumbnails : ThumbnailSink or None
    kept : list of int
        Index of the image in each row.
    skipped : list of SkippedImage
    largest : dict of str to int
        The largest value of each decoded image of 16 bits, by its path: see `Decoded`.
    with_more : list of str
        The paths of the decoded images whose files have further pages or frames.
    """

    images: ImageSet
    thumbnails: ThumbnailSink | None
    kept: list[int] = field(default_factory=list)
    skipped: list[SkippedImage] = field(default_factory=list)
    largest: dict[str, int] = field(default_factory=dict)
    with_more: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        n_images = len(self.images)
        self._sizes_px = np.empty((n_images, 2), dtype=np.int32)
        self._digests = np.empty((n_images, DIGEST_BYTES), dtype=np.uint8)

    def add_image(self, index: int, item: Read | SkippedImage) -> int | None:
        """Assign the next row to an image; return the row, or None for a skipped image."""
        if isinstance(item, SkippedImage):
            self.skipped.append(item)
            return None
        row = len(self.kept)
        self.kept.append(index)
        self._sizes_px[row] = item.size_px
        self._digests[row] = np.frombuffer(item.digest, np.uint8)
        if item.largest is not None:
            self.largest[self.images.paths[index]] = item.largest
        if item.has_more:
            self.with_more.append(self.images.paths[index])
        if self.thumbnails is not None and item.thumbnail is not None:
            self.thumbnails.append(item.thumbnail)
        return row

    def check(self) -> None:
        """Raise InputError unless an image has a row."""
        if self.kept:
            return
        reason, count = count_reasons(skip.reason for skip in self.skipped)[0]
        n_images = len(self.images)
        which, verb = "the only image", "is not"
        if n_images > 1:
            which, verb = f"none of the {n_images:,}", "is"
        raise InputError(
            f"at least one image must be readable; {which} in {self.images.source} {verb}. The "
            f"most frequent reason ({count} of {n_images}): {reason}. {self._describe_first()}"
            "Check these files, or give another source."
        )

    def _describe_first(self) -> str:
        """Return the full path of the first image as a sentence; "" for images in another file."""
        locate = getattr(self.images.contents, "locate", None)
        if locate is None:
            return ""
        path = self.skipped[0].path
        location = locate(path)
        tried = f"The first image tried is {printable(str(location))}. "
        spelling = suggest_spelling(location) if isinstance(location, Path) else None
        if spelling is None and self.images.kind == MANIFEST_KIND and path != str(location):
            return f"{tried}{_explain_relative(location)} "
        return tried if spelling is None else f"{tried}{spelling} "

    def report_decoding(self, progress: Progress) -> None:
        """Report the brightness of images of 16 bits, and the number of files with more pages.

        Images that are too dark are a `UserWarning` if `progress` shows no reports.
        """
        found = check_white(self.largest, self.images.white)
        if found is not None and found.is_warning:
            note_or_warn(progress, found.line)
        elif found is not None:
            progress.note(found.line)
        if self.with_more:
            verb = "has" if len(self.with_more) == 1 else "have"
            progress.note(
                f"{plural(len(self.with_more), 'file')} {verb} further pages or frames "
                f"({_name_first(self.with_more)}); only the first is used: save the others "
                "as files of their own"
            )

    def select_images(self) -> ImageSet:
        """Return the images that have a row."""
        skipped = (*self.images.skipped, *self.skipped)
        return replace(self.images.select(self.kept), skipped=skipped)

    @property
    def sizes_px(self) -> NDArray[np.int32]:
        """Width and height of the original in each row, shape (n, 2)."""
        return self._sizes_px[: len(self.kept)]

    @property
    def digests(self) -> NDArray[np.uint8]:
        """The SHA-256 of the file in each row, shape (n, 32)."""
        return self._digests[: len(self.kept)]


def _explain_relative(location: Path | str) -> str:
    """Return the folder of the relative paths of a table, or that a path is inside of a file."""
    parents = location.parents if isinstance(location, Path) else ()
    file = next((parent for parent in parents if parent.is_file()), None)
    if file is not None:
        return (
            f"A table cannot list the images inside of the file {printable(file.name)}: save the "
            "images as files, for example as the ZIP of a selection on the page."
        )
    return (
        "The paths are relative to the folder of the table, and in a table from the page of a map "
        "to the source of the map: move the table there."
    )


def _name_first(paths: Sequence[str]) -> str:
    """Return for example "'a.tif' and 4 more"."""
    return printable(list_names(paths, n_shown=1))


class WhiteNote(NamedTuple):
    """A line about images of 16 bits.

    Attributes
    ----------
    line : str
    is_warning : bool
        Whether the images are too dark. Values above a given white are no reason for a warning.
    """

    line: str
    is_warning: bool


def check_white(largest: Mapping[str, int], white: int | None) -> WhiteNote | None:
    """Return a line about images of 16 bits that are too dark or clipped; None without any.

    Parameters
    ----------
    largest : mapping of str to int
        The largest value of each image, by its path.
    white : int or None
        See `ImageSet`.
    """
    if white is not None and white > _MAX_16_BIT and largest:
        verb, these = ("has", "this image") if len(largest) == 1 else ("have", "these images")
        line = (
            f"{plural(len(largest), 'image')} {verb} 16 bits ({_name_first(list(largest))}), so no "
            f"value above {_MAX_16_BIT}: "
            f"--white {white} makes {these} darker; repeat the command with --white {_MAX_16_BIT} "
            f"(white={_MAX_16_BIT}) or less"
        )
        return WhiteNote(line, is_warning=True)
    if white is not None:
        clipped = [path for path, value in largest.items() if value > white]
        verb, its = ("has", "its") if len(clipped) == 1 else ("have", "their")
        line = (
            f"{plural(len(clipped), 'image')} {verb} values above --white {white}, which become "
            f"white ({_name_first(clipped)}); {its} largest value is "
            f"{max(largest.values(), default=0)}"
        )
        return WhiteNote(line, is_warning=False) if clipped else None
    dark = [path for path, value in largest.items() if value <= _WHITES[-1]]
    if not dark:
        return None
    use, look = ("uses", "looks") if len(dark) == 1 else ("use", "look")
    line = (
        f"{plural(len(dark), 'image')} {use} at most a quarter of 16 bits and {look} dark "
        f"({_name_first(dark)}): "
    )
    fitting = [one for one in _WHITES if max(largest.values()) <= one]
    if fitting:
        remedy = f"repeat the command with --white {fitting[0]} (white={fitting[0]})"
    else:
        remedy = (
            f"other images have values up to {max(largest.values())}, so scale the values of the "
            "dark files, or make a map of these files with --white (white=)"
        )
    return WhiteNote(line + remedy, is_warning=True)


@dataclass(eq=False)
class ResultBuilder(ImageRows):
    """Assign a row of the features to each image, and collect the result.

    Attributes
    ----------
    rows : RowStore
        Stores the features.
    n_cached : Counter of str
        Number of cached features from each map.
    """

    rows: RowStore = field(kw_only=True)
    n_cached: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._computed: dict[bytes, int] = {}  # digest -> row of an image that is computed
        self._copies: list[tuple[int, int]] = []  # (row of a duplicate, row of the first copy)

    def add(self, index: int, item: Read | SkippedImage) -> int | None:
        """Assign the next row to an image; return the row if its features must be computed."""
        row = self.add_image(index, item)
        if row is None or isinstance(item, SkippedImage):
            return None
        if item.cached is not None:
            self.rows.write([row], item.cached.values[None])
            if item.cached.origin:
                self.n_cached[item.cached.origin] += 1
            return None
        first = self._computed.setdefault(item.digest, row)
        if first != row:
            self._copies.append((row, first))
            return None
        return row

    def report_cropped(self, preprocessing: Preprocessing, progress: Progress) -> None:
        """Report how many images are cropped to less than a third, if there are many."""
        n_images = len(self.kept)
        n_cropped = int((preprocessing.visible_shares(self.sizes_px) < _LEAST_VISIBLE).sum())
        if n_cropped >= max(1, _MANY * n_images):
            progress.note(
                "the network sees only the square at the center, which is less than a third of "
                f"{n_cropped:,} of {plural(n_images, 'image')}: pad or divide long images first, "
                'see "Long images" in the guide "Map boxes of images" of the documentation'
            )

    def path_of(self, row: int) -> str:
        """Return the path of the image in a row."""
        return self.images.paths[self.kept[row]]

    def finish(self, card: ModelCard) -> Features:
        """Return the features of the images that have a row."""
        for row, first in self._copies:
            self.rows.copy(row, first)
        return Features(
            values=self.rows.finish(len(self.kept)),
            images=self.select_images(),
            sizes_px=self.sizes_px,
            model=card,
            digests=self.digests,
        )
