"""The options of a map of features that another program computed.

The module `options` has the options of every map.
"""

from __future__ import annotations

import os
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Annotated

from featscape.collection import Array
from featscape.errors import InputError
from featscape.keywords import Help
from featscape.options import Images, Labels, PathLike, SourceOptions, TableInput, name_origin

FeatureInput = PathLike | Array


@dataclass(frozen=True)
class FeatureMapOptions(SourceOptions):
    """All options of a map of features that another program computed."""

    features: Annotated[
        FeatureInput,
        Help(
            "An .npy or safetensors file with an (n, d) array of numbers, or a Parquet file with a "
            "column of vectors, whose other columns become columns of the map; a column of images, "
            "of paths or of addresses gives the images. In Python, also an array.",
            "FEATURES",
        ),
    ]
    output: Annotated[
        PathLike | None,
        Help(
            "The map folder to write. In Python, required for an array.",
            "DIR",
            flag="--output",
            default="NAME-map",
        ),
    ] = None
    _: KW_ONLY
    images: Annotated[
        Images | None,
        Help(
            "The images of the rows: a folder or another source, which lists the images in the "
            "order of the rows. With a table of labels or columns that has a column of paths, the "
            "paths determine the image of each row, and must be paths of these images.",
            "SOURCE",
            default="no images",
        ),
    ] = None
    labels: Annotated[
        PathLike | Labels | None,
        Help(
            "A table with a header and a column of labels (.csv, .tsv, .jsonl, .parquet), whose "
            "other columns become columns of the map; a text file with one label per line; an .npy "
            "file of n labels; or an IDX file (train-labels-idx1-ubyte.gz). In Python, also a "
            "sequence.",
            "FILE",
            default="those of the images",
        ),
    ] = None
    columns: Annotated[
        TableInput | None,
        Help(
            "A table with a header and one row per item, whose columns become columns of the map. "
            "In Python, also a DataFrame or a mapping.",
            "FILE",
            default="those of the images",
        ),
    ] = None

    vector_column: Annotated[
        str | None,
        Help(
            "The column of a Parquet file, or the tensor of a safetensors file, that holds the "
            "features.",
            "NAME",
            default="detected",
        ),
    ] = None  # the only column of vectors, or "embedding", "vector" and similar names
    path_column: Annotated[
        str | None,
        Help(
            "The column that holds the paths, the images or their names: of the table of the "
            "features, of labels or of columns, or, if there is none, of the table of images.",
            "NAME",
            default="detected",
        ),
    ] = None  # the column whose values are images

    def __post_init__(self) -> None:
        """Check every option that can be checked before the features are read.

        Raises
        ------
        InputError, DeviceError
        """
        from featscape.images.tables.program_columns import given_columns
        from featscape.mapfolder import check_source

        object.__setattr__(self, "columns", given_columns(self.columns))
        super().__post_init__()
        if isinstance(self.images, str | os.PathLike):
            check_source(Path(self.images), output=self.folder)
        if self.features_table is None:
            self._check_columns()

    def _check_columns(self) -> None:
        """Check the options of columns for features that are not in a table."""
        if self.vector_column is not None and self.features_tensors is None:
            raise InputError(
                "a vector column needs a Parquet or safetensors file; got "
                f"{self.vector_column!r} with features of another kind. Omit --vector-column "
                "(vector_column=), or name such a file."
            )
        if self.path_column is not None and self.images is None:
            raise InputError(
                f"a path column needs images; got {self.path_column!r} without images. Name their "
                "source with --images (images=), or omit --path-column (path_column=)."
            )
        if self.label_column is not None and self.images is self.labels is self.columns is None:
            raise InputError(
                f"a label column needs a table; got {self.label_column!r} without a table. Name "
                "one with --labels (labels=), or omit --label-column (label_column=)."
            )

    @property
    def features_table(self) -> Path | None:
        """The Parquet file with the features; None for features of another kind."""
        return _with_extension(self.features, ".parquet")

    @property
    def features_tensors(self) -> Path | None:
        """The safetensors file with the features; None for features of another kind."""
        return _with_extension(self.features, ".safetensors")

    @property
    def recorded(self) -> dict[str, int | str | None]:
        """The parameters in run.json beside those of t-SNE: the origin of each input."""
        return {
            "limit": None,
            "white": self.white,
            "features_source": name_origin(self.features),
            "labels_source": name_origin(self.labels),
            "columns_source": name_origin(self.columns),
            "checked_source": name_origin(self.checked),
        }

    @property
    def folder(self) -> Path:
        """The map folder.

        Raises
        ------
        InputError
            If the features are an array, and no output is given.
        """
        if self.output is not None:
            return Path(self.output)
        if not isinstance(self.features, str | os.PathLike):
            raise InputError(
                "the output must be given if the features are an array; got none. Name the map "
                "folder with output=."
            )
        return Path(f"{Path(self.features).stem}-map")


def _with_extension(given: object, extension: str) -> Path | None:
    """Return a file with this extension; None for other inputs."""
    if not isinstance(given, str | os.PathLike):
        return None
    file = Path(given)
    return file if file.suffix.lower() == extension else None
