"""Write the table of a map for Embedding Atlas."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, Any

from featscape.errors import InputError
from featscape.exporters.items import list_columns
from featscape.mapfolder.staging import check_suffix, staged_file
from featscape.printable_names import printable

if TYPE_CHECKING:
    from pathlib import Path

    from featscape.mapfolder.read import Map
    from featscape.records import ImageSource

_IMAGE, _NEIGHBORS = "image", "neighbors"
_SUFFIX = ".parquet"  # Embedding Atlas reads the format from the ending
_IMAGE_PX, _QUALITY = 128, 85


def write_embedding_atlas(made: Map, file: Path, *, force: bool = False) -> None:
    """Write the positions, the columns, the thumbnails and the neighbors of a map as Parquet.

    Each value of the column "neighbors" is ``{"ids": [...], "distances": [...]}``, where an id is a
    row from 0, as https://apple.github.io/embedding-atlas/tool.html describes.

    Parameters
    ----------
    made : Map
    file : Path
    force : bool
        Replace `file`.

    Raises
    ------
    InputError
        If the name of `file` does not end in ".parquet", or `file` is a folder, exists and is not
        replaced, or cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    check_suffix(file, _SUFFIX)
    if file.is_dir():
        raise InputError(
            f"the export for Embedding Atlas must be a file; {printable(file)} is a folder. Choose "
            "another file with -o, such as map.parquet."
        )
    if os.path.lexists(file) and not force:
        raise InputError(
            f"the file {printable(file)} already exists. Replace the file with --force (force=), "
            "or choose another file with -o."
        )
    columns: dict[str, Any] = dict(list_columns(made, reserved=(_IMAGE, _NEIGHBORS)))
    if made.thumbnails is not None:
        images = made.thumbnails
        columns[_IMAGE] = [{"bytes": _encode(images, i), "path": None} for i in range(len(images))]
    lists = [
        pa.FixedSizeListArray.from_arrays(numbers.reshape(-1), numbers.shape[1])
        for numbers in (made.neighbors.indices, made.neighbors.distances)
    ]
    columns[_NEIGHBORS] = pa.StructArray.from_arrays(lists, names=["ids", "distances"])
    with staged_file(file) as new:
        pq.write_table(pa.table(columns), new, compression="zstd")


def _encode(images: ImageSource, row: int) -> bytes:
    """Return an image as a JPEG file."""
    stream = io.BytesIO()
    images.load(row, at_least_px=_IMAGE_PX).save(stream, "JPEG", quality=_QUALITY)
    return stream.getvalue()
