"""Hugging Face's imagefolder: tables beside the images that say more of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from featscape.errors import ImageError, InputError
from featscape.images.columns import PATHS, choose_column, list_names, sort_out
from featscape.images.manifest import pick_paths
from featscape.images.tables import read_table
from featscape.records import SkippedImage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from featscape.images.names import Parts
    from featscape.images.tables import Table
    from featscape.records import ImageSet

_NAMES = ("metadata.csv", "metadata.jsonl", "metadata.parquet")


def attach_metadata(
    images: ImageSet, others: Iterable[Parts], *, label_column: str | None = None
) -> ImageSet:
    """Add what the metadata files say of the images: columns, and labels where folders give none.

    A metadata file stands in any folder of the source, its paths count from there, and an image
    that it does not name has no values. Rows that name no image are skipped, and so is a table
    that cannot be read or has no paths.

    Parameters
    ----------
    images : ImageSet
        As the folders arrange it.
    others : iterable of tuple of str
        The files of the source that are no images.
    label_column : str, optional
        Of the metadata; it goes before the folders' labels.

    Raises
    ------
    InputError
        If there is no `label_column`.
    """
    rows = {path: row for row, path in enumerate(images.paths)}
    skipped: list[SkippedImage] = []
    columns: dict[str, list[Any]] = {}
    tables: list[Table] = []
    for parts in sorted(others):
        if parts[-1] not in _NAMES:
            continue
        path = "/".join(parts)
        try:
            table = read_table(images.contents.read(path), path)
        except (ImageError, InputError) as error:
            skipped.append(SkippedImage(path, str(error)))
            continue
        tables.append(table)
        _merge(table, "/".join(parts[:-1]), rows, columns)
        skipped += table.skipped
    if not tables:
        if label_column is not None:
            raise InputError(
                f"a label column must stand in a table; got {label_column!r}, and "
                f"{str(images.source)!r} has no metadata.csv. Leave it out, or name a manifest."
            )
        return replace(images, skipped=(*images.skipped, *skipped))
    n_classes = 0 if images.labels is None else len(set(images.labels))
    known = sort_out(
        columns,
        table=tables[0].name,
        label_column=label_column,
        has_labels=n_classes > 1,  # one folder is only where the images lie
        has_splits=images.splits is not None,
        as_written=all(table.as_written for table in tables),
    )
    return replace(
        images,
        labels=known.labels or images.labels,
        splits=images.splits or known.splits,
        columns=known.columns,
        skipped=(*images.skipped, *skipped, *known.skipped),
    )


def _merge(table: Table, folder: str, rows: dict[str, int], columns: dict[str, list[Any]]) -> None:
    """Put a table's values into `columns`, at the rows of the images that it names."""
    name = choose_column(table.columns, PATHS, wanted=None, option="", table=table.name)
    if name is None:
        listed = list_names(list(table.columns))
        reason = f"no column of paths, such as file_name; it has {listed}"
        table.skipped.append(SkippedImage(table.name, reason))
        return
    found = {}
    for path, row in pick_paths(table, name).items():
        place = rows.get(f"{folder}/{path}" if folder else path)
        if place is None:
            table.skip(table.places[row], f"no image that was found: {path}")
        else:
            found[place] = row
    for column, values in table.columns.items():
        if column == name:
            continue
        merged = columns.setdefault(column, [None] * len(rows))
        for place, row in found.items():
            merged[place] = values[row]
