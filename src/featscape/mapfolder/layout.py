"""The files of a map folder: their names, and what makes a folder a map."""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from featscape.errors import InputError, first_line
from featscape.files.folder_handle import FolderHandle
from featscape.mapfolder.seal import is_sealed
from featscape.printable_names import printable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import BinaryIO


FORMAT = "featscape-map"
SCHEMA_VERSION = 1

RUN = "run.json"
SCATTER = "scatter.png"
MOSAIC = "images.png"
GRID = "images-grid.png"
LAYOUTS: dict[str, Literal["map", "grid"]] = {MOSAIC: "map", GRID: "grid"}
THUMBNAILS = "thumbnails"
BUNDLE = "bundle"
PAGE = "map.html"
ITEMS = "items.parquet"
FEATURES = "features.npy"
NEIGHBORS = "neighbors.npz"

# The files of a bundle and of a map folder, as patterns of fnmatch: all that any release has
# written. A folder with another file in it is not replaced. Never take a name away.
BUNDLE_FILES = (
    *("manifest.json", "positions.bin", "ids.bin", "neighbors.bin", "distances.bin"),
    *("classes.bin", "grid.bin", "strings.bin", "strings-blocks.bin"),
    *("column-[0-9]*.bin", "thumbnails-[0-9]*.bin"),
)
MAP_FILES = (
    *(RUN, ITEMS, FEATURES, NEIGHBORS, SCATTER, MOSAIC, GRID, PAGE),
    *(f"{THUMBNAILS}/data.bin", f"{THUMBNAILS}/offsets.npy"),
    *(f"{BUNDLE}/{name}" for name in BUNDLE_FILES),
)

# What items.parquet and the bundle say of an item by themselves: no column of a source is so named
OWN_COLUMNS = frozenset(
    (
        *("id", "path", "path_bytes", "label", "split", "width", "height", "sha256"),
        *("x", "y", "z", "landmark", "agreement"),
    )
)
LANDMARK = "landmark"  # only where t-SNE was fitted on some of the items

_MOST_PICTURE_BYTES = 1 << 26  # scatter.png has a hundredth of it

# run.json lists every skipped file; a million of these take 200 MB
_MOST_RUN_BYTES = 1 << 28


def check_source(source: Path, *, output: Path) -> None:
    """Raise InputError if the source is a map, or the map would lie among its own images."""
    if find_run(source) is not None:
        name = printable(source)
        raise InputError(
            f"{name} is a map, not a source of images. Look at it with `featscape serve {name}` or "
            "open_map(); or give the folder of the images."
        )
    if output.resolve().is_relative_to(source.resolve()):
        raise InputError(
            f"the output folder {printable(output)} lies inside {printable(source)}, where a later "
            "run would take its pictures for images. Choose a place outside with -o (output=)."
        )


def is_own(folder: FolderHandle, run: Mapping[str, Any]) -> bool:
    """Return whether this user made a map on this computer, by its seal.

    Parameters
    ----------
    folder : FolderHandle
    run : mapping
        The contents of run.json.
    """
    try:
        with folder.open(ITEMS) as items:
            return is_sealed(
                run.get("seal"), source=run["source"], kind=run.get("source_kind"), items=items
            )
    except OSError as error:
        raise damaged(folder.path / ITEMS, error.strerror) from error


def find_run(folder: Path | FolderHandle) -> dict[str, Any] | None:
    """Return the contents of run.json, of any version; None if it is missing or not featscape's."""
    try:
        content = _load_run(FolderHandle.of(folder))
    except (OSError, ValueError, RecursionError):  # the last where it is nested too deep
        return None
    return content if isinstance(content, dict) and content.get("format") == FORMAT else None


def check_readable(folder: Path | FolderHandle) -> None:
    """Raise InputError if run.json exists and cannot be read: it may be a map's, cut short."""
    try:
        _load_run(FolderHandle.of(folder))
    except (FileNotFoundError, NotADirectoryError):
        return
    except (OSError, ValueError, RecursionError) as error:
        path = Path(folder) / RUN
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(
            f"{printable(path)} must be JSON, as featscape writes it, and cannot be read: "
            f"{reason}. Copy the map again; or move it away, and make it again."
        ) from error


def _load_run(folder: FolderHandle) -> Any:
    content = folder.read(RUN, most_bytes=_MOST_RUN_BYTES)
    return json.loads(content.decode("utf-8"))


def open_part(folder: FolderHandle, name: str) -> FolderHandle:
    """Open a folder of a map's; raises InputError if it is missing, or a link."""
    try:
        return folder.folder(name)
    except FileNotFoundError:
        raise InputError(
            f"the map {printable(folder)} must hold the folder {name}, and has none. "
            "Make the map again with --force (force=True)."
        ) from None
    except OSError as error:
        raise damaged(folder.path / name, error) from error


def open_picture(folder: FolderHandle) -> BinaryIO:
    """Open scatter.png, once it was decoded as a PNG image; raises InputError if it is none."""
    from PIL import Image

    path = folder.path / SCATTER
    try:
        file = folder.open(SCATTER)
    except OSError as error:
        raise damaged(path, error) from error
    if os.fstat(file.fileno()).st_size > _MOST_PICTURE_BYTES:
        file.close()
        raise damaged(path, f"it has more than {_MOST_PICTURE_BYTES:,} bytes")
    try:
        with warnings.catch_warnings(action="error"), Image.open(file, formats=("PNG",)) as image:
            image.load()
    except Exception as error:
        # a warning of too many pixels, and whatever Pillow raises on damage
        file.close()
        raise damaged(path, f"it is not a PNG image ({error})") from error
    file.seek(0)
    return file


def damaged(path: Path, reason: object) -> InputError:
    """Return the error that reports a damaged file of a map."""
    if isinstance(reason, OSError):
        reason = reason.strerror or reason
    reason = first_line(reason) if isinstance(reason, Exception) else str(reason)
    return InputError(
        f"the map's {printable(path)} is missing or damaged: {printable(reason.rstrip('.'))}. "
        "Make the map again with --force (force=True)."
    )
