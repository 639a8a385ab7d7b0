"""Read vectors: a column of a Parquet file, or a tensor of a safetensors file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from featscape.errors import InputError, first_line
from featscape.files.features import REPAIR_ROWS, name_rows, refusals
from featscape.files.parquet import (
    check_claims,
    limit_bytes,
    open_with_dictionaries,
    read_batches,
    reading_options,
)
from featscape.files.regular import open_regular
from featscape.printable_names import printable

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa
    import pyarrow.parquet as pq
    from numpy.typing import NDArray

_BATCH_ROWS = 1_024  # Arrow needs several times the memory of the vectors of a batch
# usual names of a column of vectors, the most likely first
_USUAL = ("embedding", "embeddings", "vector", "vectors", "features", "feature", "emb")

_NOT_IN_NUMPY = ("BF16", "F8_E4M3", "F8_E5M2")  # types of safetensors that NumPy does not have


def read_vectors(file: Path, *, column: str | None = None) -> tuple[NDArray[np.float32], str]:
    """Read a column of vectors of a Parquet file.

    Parameters
    ----------
    file : Path
        Each value of the column is a list of d numbers.
    column : str, optional
        The name of the column; by default the only column of lists of numbers, or a column with a
        usual name, such as embedding or vector.

    Returns
    -------
    values : ndarray of float32, shape (n, d)
    column : str
        The name of the column.

    Raises
    ------
    InputError
        If the file cannot be read, no column has vectors, several have and none has a usual name,
        a vector is missing, or the vectors differ in length.
    """
    import pyarrow as pa

    with refusals(file), open_regular(file) as stream:
        n_bytes = os.fstat(stream.fileno()).st_size
        try:
            parquet = open_with_dictionaries(stream, **reading_options(n_bytes))
            max_bytes = limit_bytes(n_bytes)
            check_claims(parquet.metadata, max_bytes=max_bytes)
            column = _choose_column(parquet.schema_arrow, column, file)
            return _read_column(parquet, column, file, max_bytes=max_bytes), column
        except InputError:
            raise
        except (pa.ArrowException, OSError, ValueError) as error:
            # ValueError: a claim of the file is too large, or the schema's text is not UTF-8
            raise InputError(
                f"a Parquet file must be undamaged; {printable(file)} cannot be read "
                f"({first_line(error)}). Write the file again."
            ) from error


def read_tensor(file: Path, *, name: str | None = None) -> tuple[NDArray[Any], str]:
    """Read a matrix of a safetensors file.

    Parameters
    ----------
    file : Path
    name : str, optional
        The name of the tensor; by default the only tensor of two dimensions, or a tensor with a
        usual name, such as embeddings.

    Returns
    -------
    values : ndarray, shape (n, d)
        With the type of the file; bfloat16 and float8 become float32.
    name : str
        The name of the tensor.

    Raises
    ------
    InputError
        If the file cannot be read, has no tensor of two dimensions, or has several and none has a
        usual name.
    """
    from safetensors import SafetensorError, safe_open

    with refusals(file), open_regular(file):
        try:
            with safe_open(file, framework="np") as tensors:
                shapes = {one: tensors.get_slice(one).get_shape() for one in tensors.keys()}  # noqa: SIM118 - not a mapping
                matrices = [one for one, shape in shapes.items() if len(shape) == 2]
                name = _choose_name(matrices, name, file, kind="tensor of two dimensions")
                if tensors.get_slice(name).get_dtype() not in _NOT_IN_NUMPY:
                    return tensors.get_tensor(name), name
            with safe_open(file, framework="pt") as tensors:
                return tensors.get_tensor(name).float().numpy(), name
        except SafetensorError as error:
            raise InputError(
                f"a safetensors file must be undamaged; {printable(file)} cannot be read "
                f"({first_line(error)}). Write the file again."
            ) from error


def _choose_column(schema: pa.Schema, wanted: str | None, file: Path) -> str:
    """Return the name of the column of vectors; raises InputError."""
    import pyarrow as pa

    def is_vector(data_type: pa.DataType) -> bool:
        kinds = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
        if not any(is_kind(data_type) for is_kind in kinds):
            return False
        value_type = data_type.value_type
        return bool(pa.types.is_floating(value_type) or pa.types.is_integer(value_type))

    names = [str(field.name) for field in schema if is_vector(field.type)]
    return _choose_name(names, wanted, file, kind="column of lists of numbers")


def _choose_name(names: list[str], wanted: str | None, file: Path, *, kind: str) -> str:
    """Return the name that the caller gave, a usual name, or the only name; raises InputError."""
    listed = ", ".join(map(repr, names)) or "none"
    if wanted is not None:
        if wanted not in names:
            raise InputError(
                f"the features must be a {kind} in {printable(file)}; got {wanted!r}, and the file "
                f"has: {listed}. Name one of these."
            )
        return wanted
    by_lower = {name.lower(): name for name in reversed(names)}
    usual = next((by_lower[name] for name in _USUAL if name in by_lower), None)
    if usual is None and len(names) != 1:
        remedy = "Name one with --vector-column (vector_column=)." if names else "Add the features."
        raise InputError(
            f"the features must be a {kind} in {printable(file)}, with a name such as embedding; "
            f"the file has: {listed}. {remedy}"
        )
    return usual or names[0]


def _read_column(
    parquet: pq.ParquetFile, column: str, file: Path, *, max_bytes: int
) -> NDArray[np.float32]:
    """Return the vectors of a column, shape (n, d); raises InputError, ValueError."""
    import pyarrow as pa

    n_rows = parquet.metadata.num_rows
    values = np.empty((0, 0), dtype=np.float32)
    wrong: dict[int, int] = {}  # row -> length
    start = 0
    for batch in read_batches(
        parquet, max_bytes=max_bytes, columns=[column], batch_rows=_BATCH_ROWS
    ):
        vectors = batch.column(0)
        lengths = _count_values(vectors)
        if not start:
            n_features = next(filter(lambda length: length >= 0, lengths.tolist()), 0)
            if 4 * n_rows * n_features > max_bytes:
                raise ValueError(f"it claims {n_rows:,} vectors of {n_features:,} numbers")
            values = np.empty((n_rows, n_features), dtype=np.float32)
        others = np.flatnonzero(lengths != values.shape[1])
        wrong |= {start + int(row): int(lengths[row]) for row in others}
        start += len(vectors)
        if wrong:
            continue
        flat = vectors.flatten()
        if pa.types.is_integer(flat.type) and flat.null_count:
            flat = flat.cast(pa.float64())  # null becomes NaN, which `check_features` reports
        with np.errstate(over="ignore"):  # too large values become infinite, and are reported
            rows = flat.to_numpy(zero_copy_only=False).reshape(len(vectors), -1)
            values[start - len(vectors) : start] = rows
    if wrong:
        length = next(iter(wrong.values()))
        found = "is missing" if length < 0 else f"has {length:,}"
        raise InputError(
            f"each vector in the column {column!r} of {printable(file)} must have the same number "
            f"of values, {values.shape[1]:,} as the first vector; {len(wrong):,} of {n_rows:,} "
            f"differ: {name_rows(list(wrong))}, the first of which {found}. {REPAIR_ROWS}"
        )
    return values[:start]


def _count_values(vectors: pa.Array) -> NDArray[np.int64]:
    """Return the number of values of each vector, shape (n,); -1 for a missing vector."""
    import pyarrow as pa
    import pyarrow.compute as pc

    lengths = pc.list_value_length(vectors).cast(pa.int64())
    counted: NDArray[np.int64] = pc.fill_null(lengths, -1).to_numpy(zero_copy_only=False)
    return counted
