"""Make a dataset of FiftyOne from a map."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from featscape.errors import InputError, MissingExtra
from featscape.exporters.items import list_columns
from featscape.files.folder_handle import FolderHandle
from featscape.labels.classes import NO_SPLIT
from featscape.mapfolder.seal import is_own
from featscape.printable_names import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from featscape.mapfolder.read import Map

BRAIN_KEY = "featscape"  # the name of the map in FiftyOne's embeddings panel
_OWN = {"id", "path", "label", "split", "x", "y", "z"}
_RESERVED = ("filepath", "tags", "metadata", "created_at", "last_modified_at")


def write_fiftyone(made: Map, name: str, *, force: bool = False) -> Any:
    """Add a persistent dataset to FiftyOne's database: images, labels, columns and positions.

    Parameters
    ----------
    made : Map
        The original images must be files on this computer, on which this user made the map.
    name : str
        The name of the dataset.
    force : bool
        Replace the dataset of this name.

    Returns
    -------
    fiftyone.Dataset
        The label is the field "label", the split is a tag, and each column is a field.

    Raises
    ------
    InputError
        If the dataset exists, if the map has no seal of this user, or if an original image is not
        a file.
    MissingExtra
        If fiftyone is not installed.
    """
    try:
        import fiftyone as fo
        import fiftyone.brain as fob
    except ImportError as error:
        raise MissingExtra(
            f"the export needs fiftyone ({error}). Install it with pip install fiftyone."
        ) from error
    files = _find_files(made)
    if fo.dataset_exists(name) and not force:
        raise InputError(
            f"FiftyOne already has a dataset {printable(name)}. Replace the dataset with --force "
            "(force=), or choose another name with -o."
        )
    columns = {
        name: values
        for name, values in list_columns(made, reserved=_RESERVED).items()
        if name not in _OWN
    }
    fields = dict(
        zip(_field_names(columns), (one.to_pylist() for one in columns.values()), strict=True)
    )
    splits = made.splits or [NO_SPLIT] * len(files)
    dataset = fo.Dataset(name, persistent=True, overwrite=force)
    dataset.add_samples(
        [
            fo.Sample(
                filepath=file,
                tags=[] if split == NO_SPLIT else [split],
                label=None if made.labels is None else fo.Classification(label=made.labels[i]),
                **{field: values[i] for field, values in fields.items()},
            )
            for i, (file, split) in enumerate(zip(files, splits, strict=True))
        ]
    )
    fob.compute_visualization(dataset, points=made.positions, brain_key=BRAIN_KEY, method="manual")
    return dataset


def _field_names(columns: Iterable[str]) -> list[str]:
    """Return a different name of a field for each column: letters, digits and underscores."""
    names: list[str] = []
    for column in columns:
        name = re.sub(r"\W", "_", column)
        while name in names:
            name += "_"
        names.append(name)
    return names


def _find_files(made: Map) -> list[str]:
    """Return the path of each original image; raises InputError."""
    if not is_own(FolderHandle.of(made.folder), made.run):
        raise InputError(
            "the export for FiftyOne needs a map that you made on this computer, because another "
            "map may name any file; featscape cannot confirm that you made "
            f"{printable(made.folder)} here. Make the map again on this computer."
        )
    source = Path(made.run["source"])
    folder = source.parent if source.is_file() else source  # a table, or a folder
    files = [folder / path for path in made.paths or ()]
    missing = next((file for file in files if not file.is_file()), None)
    if missing is not None or not files:
        what = "the map has no images" if missing is None else f"{printable(missing)} is not a file"
        raise InputError(
            f"FiftyOne needs the original images as files on this machine; {what}. Unpack an "
            "archive, or copy the images of an address, and make the map of the folder."
        )
    return [str(file.resolve()) for file in files]
