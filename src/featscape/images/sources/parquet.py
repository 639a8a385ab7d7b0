"""Parquet files that contain images, as Hugging Face's datasets are stored."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np

from featscape.errors import InputError
from featscape.images.containers.parquet_rows import ParquetImages, is_parquet, is_parquet_file
from featscape.images.decoding.pillow import decode_bytes
from featscape.images.decoding.plain_jpeg import decode_plain
from featscape.images.sources.kind import SourceKind
from featscape.images.sources.parquet_file import ParquetFileOfImages
from featscape.images.storage.backends import storage_of
from featscape.images.storage.listing import describe_skipped
from featscape.images.storage.locations import file_name, join
from featscape.images.tables.columns import classify_columns
from featscape.images.tables.splits import find_split
from featscape.images.tables.values import plain_value
from featscape.records import ImageSet, SkippedImage
from featscape.records.skipped import MIXED, skipped_column

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from featscape.images.sources.kind import Candidate
    from featscape.images.sources.parquet_file import FileImages
    from featscape.images.storage.locations import Location
    from featscape.records.images import Column


def _is_parquet(candidate: Candidate) -> bool:
    """Return whether a source is a Parquet file of images, or a folder of Parquet files.

    A file is a manifest if the caller named a column that contains neither images nor their names.
    Raises InputError if the file is damaged.
    """
    if candidate.is_folder:
        return any(is_parquet(parts[-1]) for parts in candidate.listing.others)
    if not is_parquet(candidate.file_name):
        return False
    file, column = ParquetFileOfImages(candidate.location), candidate.path_column
    if file.has_images(column):
        return True
    return column is not None and file.has_names(column) and not file.has_files(column)


def lists_images(file: Location) -> bool:
    """Return whether a Parquet file has a column of images, or of their paths or addresses.

    A column without a value does not count: the items of a map of points have no paths.

    Parameters
    ----------
    file : Path or str

    Raises
    ------
    InputError
        If the file is damaged.
    """
    opened = ParquetFileOfImages(file)
    return opened.has_images() or opened.lists_paths()


def find_in_parquet(candidate: Candidate) -> ImageSet:
    """Return the images in the rows of a Parquet file, or of all Parquet files below a folder.

    Labels that are numbers are replaced by the class names that Hugging Face stores in the file.

    Raises
    ------
    InputError
        If no file can be read, or no file contains images.
    """
    source = candidate.location
    found = _find_in_files(candidate)
    if not found.paths:
        raise _no_images(candidate, found.skipped)
    splits = tuple(found.splits) if all(found.splits) else None
    described = classify_columns(
        found.columns,
        table=file_name(source),
        label_column=candidate.label_column,
        has_splits=splits is not None,
    )
    changed = _describe_types(found.types, described.columns, file_name(source))
    return ImageSet(
        source=source,
        kind="parquet",
        paths=tuple(found.paths),
        contents=ParquetImages(source),
        decode=decode_bytes,
        decode_plain=decode_plain,
        labels=described.labels,
        label_column=described.label_column,
        n_trimmed_labels=described.n_trimmed_labels,
        splits=splits or described.splits,
        split_column=described.split_column,
        image_column=found.image_column,
        columns=described.columns,
        skipped=(*found.skipped, *changed, *described.skipped),
    )


@dataclass
class _Found:
    """The images of all files of a source, in one table.

    Attributes
    ----------
    paths, splits : list of str
        The path of each image, and the split in the name of its file, or "".
    columns : dict of str to list
        One value per image; None where the file of an image lacks the column.
    types : dict of str to dict
        By column: the types of the values, each with the first file.
    image_column : str or None
        See `FileImages`: of the first file in which the column is reported.
    skipped : list of SkippedImage
    """

    paths: list[str] = field(default_factory=list)
    splits: list[str] = field(default_factory=list)
    columns: dict[str, list[Any]] = field(default_factory=dict)
    types: dict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    image_column: str | None = None
    skipped: list[SkippedImage] = field(default_factory=list)

    def add(self, name: str, file: FileImages) -> None:
        """Append the images of a file."""
        n_before, n_added = len(self.paths), len(file.paths)
        for column, values in file.columns.items():
            self.columns.setdefault(column, [None] * n_before).extend(values)
            if (data_type := _name_type(values)) is not None:
                self.types[column].setdefault(data_type, name)
        for column in self.columns.keys() - file.columns.keys():
            self.columns[column].extend([None] * n_added)
        self.paths += file.paths
        self.splits += [find_split(name.rpartition("/")[2])] * n_added
        self.image_column = self.image_column or file.image_column
        self.skipped += file.skipped


def _find_in_files(candidate: Candidate) -> _Found:
    """Return the images of all files of a source; files without images are skipped."""
    source, column = candidate.location, candidate.path_column
    files = [(file_name(source), source)] if is_parquet_file(source) else _list_files(source)
    found = _Found()
    for name, location in files:
        try:
            file = ParquetFileOfImages(location)
            if file.has_images(column) or file.has_names(column):
                found.add(name, file.read(name, column=column))
                continue
            which = "column" if column is None else f"column {column!r}"
            reason = f"no {which} of image bytes"
        except InputError as error:
            reason = str(error)
        found.skipped.append(SkippedImage(name, reason))
    return found


def _no_images(candidate: Candidate, skipped: list[SkippedImage]) -> InputError:
    """Return the error for a source of Parquet files without images."""
    source, column = str(candidate.location), candidate.path_column
    if column is not None:
        return InputError(
            "the path column of Parquet files must be a column of images, or of their names as "
            f"text or integers; {column!r} of {source!r} is none. Name another column with "
            f"--path-column (path_column=).{describe_skipped(skipped)}"
        )
    return InputError(
        f"a source of Parquet files must have at least one row; {source!r} has none. "
        f"Name another source.{describe_skipped(skipped)}"
    )


def _name_type(values: list[Any]) -> str | None:
    """Return the type of the values of a file, by the first; None if all values are missing."""
    first = next((value for value in map(plain_value, values) if value is not None), None)
    names = {bool: "truth values", int | float: "numbers", str: "text", date: "dates"}
    return next((name for kind, name in names.items() if isinstance(first, kind)), None)


def _describe_types(
    types: Mapping[str, Mapping[str, str]], columns: Mapping[str, Column], table: str
) -> Iterator[SkippedImage]:
    """Yield an entry for each column that became text because its types differ in the files."""
    for column, by_type in types.items():
        is_one_type = isinstance(columns.get(column), np.ndarray)  # dates and text of dates
        if len(by_type) > 1 and not is_one_type:
            detail = ", ".join(f"{name} in {file}" for name, file in by_type.items())
            yield skipped_column(table, column, f"{MIXED}: {detail}")


def _list_files(folder: Location) -> list[tuple[str, Location]]:
    """Return the path, relative to a folder, and the location of each Parquet file below."""
    listing = storage_of(folder).list(folder)
    paths = sorted(parts for parts in listing.others if is_parquet(parts[-1]))
    return [(path, join(folder, path)) for path in map("/".join, paths)]


PARQUET = SourceKind("parquet", _is_parquet, find_in_parquet, ParquetImages)
