"""The columns and keys of images: usual names, and values that are images."""

from __future__ import annotations

import io
from itertools import islice
from typing import TYPE_CHECKING, Any

from featscape.files.parquet import arrow_errors
from featscape.images.decoding.formats import identify_format, readable_extensions

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa
    import pyarrow.parquet as pq

# usual names of a column of image bytes, the most likely first
IMAGE_COLUMNS = (
    *("image", "img", "jpg", "jpeg", "png", "webp", "image_bytes", "img_bytes", "bytes"),
)
# in the names of other images than the photographs
_NO_PHOTOGRAPHS = ("mask", "segmentation", "depth", "thumb")
_MAX_EMPTY = 64  # row groups, and rows of each, that are read to find the first value of a column


def names_other_image(name: Any) -> bool:
    """Return whether the name of a column or key names no photograph, but for example a mask."""
    return any(word in str(name).lower() for word in _NO_PHOTOGRAPHS)


def is_image_file(value: Any) -> bool:
    """Return whether a value is an encoded image: its bytes, or the struct of Hugging Face.

    The first bytes must be those of a format that featscape reads, or, in a struct without bytes,
    the extension of the path.
    """
    if is_struct(value):
        path = value["path"]
        value = value["bytes"]
        if value is None:
            return isinstance(path, str) and path.lower().endswith(readable_extensions())
    if not isinstance(value, bytes):
        return False
    format_ = identify_format(io.BytesIO(value))
    is_text = format_ == "BMP" and value[6:10] != bytes(4)  # such as b"BMW X5"
    return format_ is not None and not is_text


def is_struct(value: Any) -> bool:
    """Return whether a value is a file as Hugging Face stores files in a table."""
    return isinstance(value, dict) and {"bytes", "path"} <= value.keys()


def find_image_columns(parquet: pq.ParquetFile) -> Iterator[str]:
    """Yield the columns of images: structs with bytes, bytes with a usual name, encoded images.

    The last are other columns of bytes whose first value is an encoded image.
    """
    schema = parquet.schema_arrow
    yield from (str(field.name) for field in schema if _has_bytes(field.type))
    files = [str(field.name) for field in schema if _is_binary(field.type)]
    by_lower = {name.lower(): name for name in files}
    usual = [by_lower[name] for name in IMAGE_COLUMNS if name in by_lower]
    yield from usual
    others = [name for name in files if name not in usual and not names_other_image(name)]
    yield from (name for name in others if _begins_with_image(parquet, name))


def _begins_with_image(parquet: pq.ParquetFile, column: str) -> bool:
    """Return whether the first value of a column of bytes is an encoded image.

    Only the first rows of the first row groups are read. Raises the exceptions of Arrow if a row
    group cannot be read and the others have no value.
    """
    damage = None
    for group in range(min(parquet.num_row_groups, _MAX_EMPTY)):
        try:
            batches = parquet.iter_batches(1, [group], [column], use_threads=False)
            values = (batch.column(0)[0].as_py() for batch in islice(batches, _MAX_EMPTY))
            first = next((value for value in values if value is not None), None)
        except arrow_errors() as error:
            damage = error
            continue
        if first is not None:
            return is_image_file(first)
    if damage is not None:
        raise damage
    return False


def find_image_column(parquet: pq.ParquetFile, *, wanted: str | None = None) -> str | None:
    """Return the column `wanted` if it may contain images, by default the first such column.

    A column `wanted` of bytes may have any name and any values.
    """
    if wanted is None:
        return next(find_image_columns(parquet), None)
    named = [one for one in parquet.schema_arrow if one.name == wanted]
    return wanted if any(_has_bytes(one.type) or _is_binary(one.type) for one in named) else None


def _has_bytes(data_type: pa.DataType) -> bool:
    """Return whether a type is a struct with bytes, as Hugging Face stores an image."""
    import pyarrow as pa

    if not pa.types.is_struct(data_type):
        return False
    return any(part.name == "bytes" and _is_binary(part.type) for part in data_type)


def has_path(data_type: pa.DataType) -> bool:
    """Return whether a type is a struct with a path, as Hugging Face stores an image."""
    return _has_bytes(data_type) and any(part.name == "path" for part in data_type)


def _is_binary(data_type: pa.DataType) -> bool:
    import pyarrow as pa

    data_type = data_type.value_type if pa.types.is_dictionary(data_type) else data_type
    return bool(pa.types.is_binary(data_type) or pa.types.is_large_binary(data_type))
