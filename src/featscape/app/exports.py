"""A map with methods that write the map for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from featscape.errors import InputError, MissingExtra, missing_extra
from featscape.exporters import write_embedding_atlas, write_fiftyone, write_tensorboard
from featscape.mapfolder.read import Map, read_items
from featscape.mapfolder.staging import check_suffix, staged_file

if TYPE_CHECKING:
    import os

    import pandas as pd
    import pyarrow as pa
    from pandas.api.extensions import ExtensionDtype


class ExportableMap(Map):
    """A map that writes its items for other programs."""

    def to_frame(self) -> pd.DataFrame:
        """Return items.parquet with all columns, one row per item.

        Returns
        -------
        DataFrame
            Integers are Int64, true and false are boolean, text is string, with NA for missing
            values. Numbers with a fraction are floats with NaN; dates are datetime64 with NaT.

        Raises
        ------
        MissingExtra
            If pandas is not installed.
        """
        return self._to_pandas("to_frame")

    def to_parquet(
        self, path: str | os.PathLike[str], *, vector_column: str | None = "vector"
    ) -> Path:
        """Write one row per item with all columns and the features, for other programs.

        Embedding Atlas reads the file with ``--x x --y y`` or ``--vector vector``; pandas, Polars
        and DuckDB read it as a table.

        Parameters
        ----------
        path : path
            The file to write; its name ends in ".parquet". An existing file is replaced.
        vector_column : str or None
            The column of the features: lists of d float32 numbers. None writes no features.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        InputError
            If the name of the file does not end in ".parquet", the map has a column of the name
            `vector_column`, or the file cannot be written.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        file = Path(path)
        check_suffix(file, ".parquet")
        table = read_items(self.folder)
        if vector_column in table.column_names:
            raise InputError(
                f"vector_column must be a new name; the map has a column {vector_column!r}. "
                "Choose another name, or None for a file without features."
            )
        if vector_column is not None:
            numbers = pa.array(self.features.reshape(-1))
            vectors = pa.FixedSizeListArray.from_arrays(numbers, self.features.shape[1])
            table = table.append_column(vector_column, vectors)
        with staged_file(file, option="path=") as new:
            pq.write_table(table, new, compression="zstd")
        return file

    def to_tensorboard(self, folder: str | os.PathLike[str], *, force: bool = False) -> Path:
        """Write a folder that ``tensorboard --logdir FOLDER`` shows in its embedding projector.

        Parameters
        ----------
        folder : path
            A new or empty folder, or with `force` an earlier export.
        force : bool
            Replace the export at `folder`.

        Returns
        -------
        Path
            The folder.

        Raises
        ------
        InputError
            If `folder` exists and is not replaced, or if it cannot be written.
        """
        write_tensorboard(self, Path(folder), force=force)
        return Path(folder)

    def to_embedding_atlas(self, path: str | os.PathLike[str], *, force: bool = False) -> Path:
        """Write the positions, columns, thumbnails and neighbors as Parquet for Embedding Atlas.

        ``embedding-atlas FILE --x x --y y --neighbors neighbors`` shows the map; of a map in three
        dimensions, it shows `x` and `y`.

        Parameters
        ----------
        path : path
            The file to write; its name ends in ".parquet".
        force : bool
            Replace the file.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        InputError
            If the name of the file does not end in ".parquet", or the file exists and is not
            replaced, or cannot be written.
        """
        write_embedding_atlas(self, Path(path), force=force)
        return Path(path)

    def to_fiftyone(self, name: str, *, force: bool = False) -> Any:
        """Add a persistent dataset with the images and the map to the database of FiftyOne.

        Parameters
        ----------
        name : str
            The name of the dataset.
        force : bool
            Replace the dataset of this name.

        Returns
        -------
        fiftyone.Dataset

        Raises
        ------
        InputError
            If the dataset exists and is not replaced, if featscape cannot confirm that this user
            made the map on this computer, or if an original image is not a file.
        MissingExtra
            If fiftyone is not installed.
        """
        return write_fiftyone(self, name, force=force)

    def _to_pandas(self, method: str, *, rows: list[int] | None = None) -> pd.DataFrame:
        import pyarrow as pa

        require_pandas(method)
        items = read_items(self.folder)
        if rows is not None:
            items = items.take(pa.array(rows, pa.int64()))
        table: pd.DataFrame = items.to_pandas(date_as_object=False, types_mapper=_nullable_type)
        return table


def _nullable_type(kind: pa.DataType) -> ExtensionDtype | None:
    """Return the type of pandas for a column that may have missing values; None for the default."""
    import pandas as pd
    import pyarrow as pa

    if pa.types.is_boolean(kind):
        return pd.BooleanDtype()
    if pa.types.is_uint64(kind):
        return pd.UInt64Dtype()
    if pa.types.is_integer(kind):
        return pd.Int64Dtype()
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return pd.StringDtype()
    return None


def require_pandas(method: str) -> None:
    """Raise MissingExtra if pandas, which the method needs, is not installed."""
    try:
        import pandas as pd  # noqa: F401 - only the import is tested
    except ModuleNotFoundError as error:
        raise missing_library(error, method) from error


def missing_library(error: ModuleNotFoundError, purpose: str) -> MissingExtra:
    """Return the error for an optional library that is not installed."""
    problem = f"{purpose} needs {error.name}, which is not installed"
    return missing_extra(problem, extra="notebook")
