"""The names of the files in a map folder, and the checks that a folder is a map."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from featscape.errors import InputError, first_line
from featscape.files.folder_handle import FolderHandle
from featscape.printable_names import printable

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError

FORMAT = "featscape-map"
SCHEMA_VERSION = 1

RUN = "run.json"
SCATTER = "scatter.png"
MOSAIC = "images.png"
GRID = "images-grid.png"
CLASSES = "classes.png"
LAYOUTS: dict[str, Literal["map", "grid"]] = {MOSAIC: "map", GRID: "grid"}
THUMBNAILS = "thumbnails"
BUNDLE = "bundle"
PAGE = "map.html"
ITEMS = "items.parquet"
FEATURES = "features.npy"
NEIGHBORS = "neighbors.npz"
FINDINGS = "findings.json"
WORDS = "words.npz"
VOCABULARY = "vocabulary.npz"
REGIONS = "regions.json"

# fnmatch patterns of all files that any release has written into a bundle or a map folder. A
# folder with another file is not replaced. Never remove a pattern.
BUNDLE_FILES = (
    *("manifest.json", "positions.bin", "ids.bin", "neighbors.bin", "distances.bin"),
    *("classes.bin", "grid.bin", "strings.bin", "strings-blocks.bin"),
    *("column-[0-9]*.bin", "thumbnails-[0-9]*.bin", "findings.bin"),
    *("words.bin", "word-classes.bin", "word-probabilities.bin"),
    *("vectors.bin", "vector-words.bin", "vector-items.bin", "vector-scales.bin"),
)
MAP_FILES = (
    *(RUN, ITEMS, FEATURES, NEIGHBORS, FINDINGS, WORDS, VOCABULARY, REGIONS),
    *(SCATTER, MOSAIC, GRID, CLASSES, PAGE),
    *(f"{THUMBNAILS}/data.bin", f"{THUMBNAILS}/offsets.npy"),
    *(f"{BUNDLE}/{name}" for name in BUNDLE_FILES),
)

# Columns of items.parquet in a map with findings: see docs/explanation/findings.md
FINDING_COLUMNS = frozenset(
    ("suspicion", "suggested", "off_topic", "torn", "false_friends", "duplicate_group")
)

# Reserved names of columns in items.parquet and the bundle. A column of a source with such a name
# gets the prefix.
SOURCE_PREFIX = "source "
OWN_COLUMNS = frozenset(
    (
        *("id", "path", "path_bytes", "label", "split", "width", "height", "sha256"),
        *("x", "y", "z", "landmark", "agreement", "technical_faults", "duplicate_kind"),
        *FINDING_COLUMNS,
    )
)
# The first columns of items.parquet, in this order; some maps have path_bytes and sha256 among them
FIRST_COLUMNS = ("id", "path", "label", "split", "width", "height", "x", "y")
LANDMARK = "landmark"  # only if t-SNE was fitted on some of the items

# run.json lists every skipped file; a million skipped files take 200 MB
_MAX_RUN_BYTES = 1 << 28


def check_source(source: Path, *, output: Path) -> None:
    """Raise InputError if the source is a map, or if the output is inside the source.

    Parameters
    ----------
    source : Path
        The source of images.
    output : Path
        The folder of the new map.
    """
    if find_run(source) is not None:
        name = printable(source)
        raise InputError(
            f"{name} is a map, not a source of images. Open the map with `featscape serve {name}` "
            "or open_map(), or give the folder of the images."
        )
    # Path.resolve raises for a link to itself
    if Path(os.path.realpath(output)).is_relative_to(os.path.realpath(source)):
        raise InputError(
            f"the output folder {printable(output)} is inside the source {printable(source)}, so a "
            "later run would find its pictures. Choose a folder outside with -o (output=)."
        )


def find_run(folder: Path | FolderHandle) -> dict[str, Any] | None:
    """Return the contents of run.json of any version; None if there is no run.json of a map.

    Parameters
    ----------
    folder : Path or FolderHandle
        The map.
    """
    try:
        content = _load_run(FolderHandle.of(folder))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) and content.get("format") == FORMAT else None


def check_readable(folder: Path | FolderHandle) -> None:
    """Raise InputError if run.json exists and cannot be read, as in a damaged map.

    Parameters
    ----------
    folder : Path or FolderHandle
        A folder without run.json is accepted.
    """
    try:
        _load_run(FolderHandle.of(folder))
    except (FileNotFoundError, NotADirectoryError):
        return
    except PermissionError as error:
        raise InputError(
            f"{printable(Path(folder) / RUN)} must be readable; reading failed: {error.strerror}. "
            "Check the permissions of the file."
        ) from error
    except (OSError, ValueError) as error:
        path = Path(folder) / RUN
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(
            f"{printable(path)} must be the JSON file that featscape wrote; reading failed: "
            f"{reason}. Restore run.json from a copy, or delete the map and make it again."
        ) from error


def _load_run(folder: FolderHandle) -> Any:
    return load_json(folder, RUN, max_bytes=_MAX_RUN_BYTES)


def load_json(folder: FolderHandle, name: str, *, max_bytes: int) -> Any:
    """Parse a JSON file of an untrusted map; raises OSError or ValueError.

    Parameters
    ----------
    folder : FolderHandle
        The map.
    name : str
        The name of the file.
    max_bytes : int
        Limit of the size of the file.
    """
    # the limit of nesting in Python's json depends on the depth of the calls
    from pydantic_core import from_json

    return from_json(folder.read(name, max_bytes=max_bytes))


def open_part(folder: FolderHandle, name: str) -> FolderHandle:
    """Open a folder inside a map; raises InputError if the folder is missing or a link.

    Parameters
    ----------
    folder : FolderHandle
        The map.
    name : str
        The name of the inner folder.
    """
    try:
        return folder.folder(name)
    except FileNotFoundError:
        raise InputError(
            f"the map {printable(folder)} lacks the folder {name}. "
            "Make the map again with --force (force=True)."
        ) from None
    except OSError as error:
        raise damaged(folder.path / name, error) from error


def check_required(content: object, model: type[BaseModel]) -> None:
    """Raise ValueError if a required entry of a JSON object is missing.

    The error of pydantic for a missing entry contains a copy of the object, and a hostile object
    may lack twenty entries and have 100 MB.

    Parameters
    ----------
    content : object
        The content of the file.
    model : type
        The model of the content.
    """
    for name, field in model.model_fields.items():
        if field.is_required() and not (isinstance(content, dict) and name in content):
            raise ValueError(f"{name}: Field required")


def describe_invalid(error: ValidationError) -> str:
    """Return the place and the message of the first error of pydantic.

    Parameters
    ----------
    error : pydantic.ValidationError
        Its values are not read: each of many errors would copy the whole content of the file.
    """
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(map(str, first["loc"])) or "its JSON"
    return f"{where}: {first['msg']}"


def damaged(path: Path, reason: object) -> InputError:
    """Return the error that reports a damaged file of a map.

    Parameters
    ----------
    path : Path
        The damaged file.
    reason : object
        The exception from reading the file, or a text.
    """
    if isinstance(reason, OSError):
        reason = reason.strerror or reason
    reason = first_line(reason) if isinstance(reason, Exception) else str(reason)
    return InputError(
        f"the map's {printable(path)} is missing or damaged: {printable(reason.rstrip('.'))}. "
        "Make the map again with --force (force=True), or copy the map again."
    )
