"""Read a map folder as a `Map`, or single files of the folder."""

from __future__ import annotations

import os
import warnings
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from featscape.errors import InputError
from featscape.files.folder_handle import FolderHandle
from featscape.files.near_paths import suggest_path
from featscape.files.npy import map_npy, read_npz
from featscape.labels.classes import label_names
from featscape.mapfolder.items_file import read_items_file
from featscape.mapfolder.layout import (
    FEATURES,
    FINDING_COLUMNS,
    FINDINGS,
    ITEMS,
    LANDMARK,
    NEIGHBORS,
    OWN_COLUMNS,
    RUN,
    SCATTER,
    SCHEMA_VERSION,
    THUMBNAILS,
    check_readable,
    damaged,
    find_run,
    open_part,
)
from featscape.mapfolder.staging import find_unfinished, restore
from featscape.number_text import plural
from featscape.printable_names import printable, valid_unicode
from featscape.records import Neighbors
from featscape.records.images import MANIFEST_KIND

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import BinaryIO

    import pyarrow as pa
    from numpy.typing import NDArray

    from featscape.files.folder_handle import Identity
    from featscape.records import ImageSource

_TRIES = 10  # reads of a map that another process replaces meanwhile
_MAX_PICTURE_BYTES = 1 << 26  # 100 times the size of a typical scatter.png
_MAX_HEADERS_BYTES = 10_000  # maximum size of the headers in neighbors.npz


@dataclass(frozen=True, eq=False, repr=False)
class Map:
    """A map on disk. The large arrays are read when they are used.

    The arrays of an opened map are read-only, because the findings, the regions and the page belong
    to their values. ``made.positions.copy()`` can be changed.

    Attributes
    ----------
    folder : Path
    run : dict
        The contents of run.json, which describe how the map was made.
    positions : ndarray of float32, shape (n, 2) or (n, 3)
    features : ndarray of float32, shape (n, d)
        Memory-mapped.
    neighbors : Neighbors
    paths : tuple of str or None
        Relative to ``run["source"]``; None for a map of features that another program computed.
    labels : tuple of str or None
    splits : tuple of str or None
    sizes_px : ndarray of int32, shape (n, 2), or None
        Width and height of the originals.
    thumbnails : ImageSource or None
        Thumbnails in the order of the items.
    columns : mapping of str to ndarray
        Further columns of the source: numbers, bool, datetime64, or objects that are str, bool or
        None.
    landmarks : ndarray of intp, shape (m,), or None
        Indices of the items that t-SNE was fitted on; None if t-SNE was fitted on all items.

    See Also
    --------
    InteractiveMap : The class of the maps that `make_map` and `open_map` return, with the methods:
        search, placing, findings, regions, data frames and exports.
    """

    folder: Path
    run: dict[str, Any]
    positions: NDArray[np.float32]
    features: NDArray[np.float32]
    neighbors: Neighbors
    paths: tuple[str, ...] | None
    labels: tuple[str, ...] | None
    splits: tuple[str, ...] | None
    sizes_px: NDArray[np.int32] | None
    thumbnails: ImageSource | None
    columns: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    landmarks: NDArray[np.intp] | None = None

    def __len__(self) -> int:
        return len(self.positions)

    def __repr__(self) -> str:
        items = plural(len(self), "item" if self.paths is None else "image")
        n_classes = len(label_names(self.labels or ()))
        classes = "" if self.labels is None else f", {plural(n_classes, 'class', 'classes')}"
        return f"<{type(self).__name__}: {items}{classes}, {printable(self.folder)}>"


def open_map(path: str | os.PathLike[str]) -> Map:
    """Read a map folder.

    Parameters
    ----------
    path : path
        A folder that `make_map` or the command line wrote.

    Raises
    ------
    InputError
        If the folder does not exist, is not a map, was written by a newer featscape, or lacks a
        file, if a file is damaged, or if the map is replaced during each attempt to read it.
    """
    for _ in range(_TRIES):
        folder = open_folder(Path(path))
        before = _run_identity(folder)
        try:
            made = read_map(folder)
        except InputError:
            if folder.is_in_place() and _run_identity(folder) == before:
                raise
        else:
            if folder.is_in_place() and _run_identity(folder) == before:
                return made
    raise InputError(
        f"the map {printable(path)} was replaced during each of {_TRIES} attempts to read it. "
        "Open the map when the other program has finished."
    )


def seed_of(made: Map) -> int:
    """Return the seed that the map was made with; 0 if its run.json has no seed."""
    return made.run["parameters"].get("seed") or 0


def white_of(run: Mapping[str, Any]) -> int | None:
    """Return the white that the map of a run.json was made with, as for `find_images`."""
    white: int | None = run["parameters"].get("white")
    return white


def _run_identity(folder: FolderHandle) -> Identity | None:
    try:
        return folder.identity(RUN)
    except OSError:
        return None


def read_map(folder: FolderHandle) -> Map:
    """Read a map from an open folder; raises InputError like `open_map`."""
    run = read_run(folder)
    items, paths = _columns(read_items(folder))
    n_items = len(items["id"])
    features = _read_features(folder, n_items=n_items)
    # what the network computes of a new image or of a text is compared with the features
    if run["model"] is not None and run["model"]["n_features"] != features.shape[1]:
        problem = f"its {features.shape[1]:,} features per item differ from the model in {RUN}"
        raise damaged(folder.path / FEATURES, problem)
    dimensions = [name for name in "xyz" if name in items]
    positions = np.stack([items[name] for name in dimensions], axis=1).astype(np.float32)
    # in a map of an earlier release, a column of the source may have the name of a finding
    own = OWN_COLUMNS if folder.exists(FINDINGS) else OWN_COLUMNS - FINDING_COLUMNS
    sizes_px = None
    if paths is not None:
        sizes_px = np.stack([items["width"], items["height"]], axis=1).astype(np.int32)
    made = Map(
        folder=folder.path,
        run=run,
        positions=positions,
        features=features,
        neighbors=_read_neighbors(folder, n_items=n_items),
        paths=paths,
        labels=_strings(items["label"]),
        splits=_strings(items["split"]),
        sizes_px=sizes_px,
        thumbnails=_read_thumbnails(folder, n_items=n_items),
        columns={name: items[name] for name in items if name not in own},
        landmarks=np.flatnonzero(items[LANDMARK]) if LANDMARK in items else None,
    )
    neighbors = made.neighbors
    arrays = (positions, sizes_px, made.landmarks, neighbors.indices, neighbors.distances)
    for array in (*arrays, *made.columns.values()):
        if array is not None:
            array.flags.writeable = False
    return made


def open_folder(path: Path) -> FolderHandle:
    """Open the folder of a map; raises InputError if the folder is missing."""
    try:
        # A replacement in two moves leaves a moment without a folder, and `restore` waits for its
        # end. The next replacement leaves another such moment.
        for _ in range(_TRIES):
            with suppress(FileNotFoundError):
                return FolderHandle(path)
            restore(path)
        return FolderHandle(path)
    except FileNotFoundError:
        partial = find_unfinished(path)
        if partial is not None:
            raise InputError(
                f"there is no map {printable(path)} yet: a run that is unfinished keeps its files "
                f"in {printable(partial)}. Wait for the run, or repeat its command to continue."
            ) from None
        remedy = _suggest_map(path) or "Check the path."
        raise InputError(f"there is no map {printable(path)}. {remedy}") from None
    except NotADirectoryError:
        raise InputError(
            f"{printable(path)} is not a featscape map: it is not a folder. "
            "Give the folder that featscape map wrote."
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(
            f"the map {printable(path)} cannot be read: {reason}. Check the path."
        ) from error


def _suggest_map(path: Path) -> str | None:
    return suggest_path(path, accepts=lambda near: find_run(near) is not None)


def read_run(folder: Path | FolderHandle) -> dict[str, Any]:
    """Read only run.json; raises InputError like `open_map`."""
    from featscape.mapfolder.run_schema import find_problem

    folder = open_folder(folder) if isinstance(folder, Path) else folder
    run = find_run(folder)
    if run is None:
        check_readable(folder)
        remedy = _suggest_map(folder.path) or "Give the folder that featscape map wrote."
        raise InputError(
            f"{printable(folder)} is not a featscape map: it lacks the run.json of a map. {remedy}"
        )
    version = run.get("schema_version")
    if version != SCHEMA_VERSION:
        raise InputError(
            f"the map {printable(folder)} has schema version {printable(str(version))}; this "
            f"featscape reads version {SCHEMA_VERSION}. Make the map again, or use the release "
            "of featscape that made the map."
        )
    problem = find_problem(run)
    if problem is not None:
        raise damaged(folder.path / RUN, problem)
    return run


def read_items(folder: Path | FolderHandle) -> pa.Table:
    """Read items.parquet, one row per item; raises InputError if the file is damaged."""
    return read_items_file(open_folder(folder) if isinstance(folder, Path) else folder)


def read_digests(folder: Path | FolderHandle) -> NDArray[np.uint8] | None:
    """Read the SHA-256 of each image file.

    Returns
    -------
    ndarray of uint8, shape (n, 32), or None
        None if the map contains no hashes.
    """
    table = read_items(folder)
    if "sha256" not in table.column_names:
        return None
    try:
        digests = bytes.fromhex("".join(table["sha256"].to_pylist()))
        return np.frombuffer(digests, np.uint8).reshape(table.num_rows, -1)
    except (TypeError, ValueError) as error:
        raise damaged(Path(folder) / ITEMS, error) from error


def find_maps(
    output: Path, *, source: str, kind: str | None, note: Callable[[str], None]
) -> list[Path]:
    """Return the map at `output`, of any source, and the maps of `source` in the same folder.

    The maps of a table include those of the tables beside it, which may list the same images, for
    example with corrected labels.

    Parameters
    ----------
    output : Path
    source, kind : str
        As `source` and `source_kind` in run.json.
    note : callable
        Receives one line for each map whose run.json cannot be read.
    """
    try:
        beside = sorted(folder for folder in output.parent.iterdir() if folder.name != output.name)
    except OSError:  # the user may be allowed to write to a folder but not to list it
        beside = []
    runs = {folder: find_run(folder) for folder in beside if not folder.name.startswith(".")}
    for folder, run in runs.items():
        if run is None and (folder / ITEMS).exists():
            try:
                check_readable(folder)
            except InputError as error:
                note(f"features of an earlier map are not reused: {error}")
    source = valid_unicode(source)

    def is_related(run: Mapping[str, Any]) -> bool:
        other = run.get("source")
        if kind == run.get("source_kind") == MANIFEST_KIND and isinstance(other, str):
            return Path(other).parent == Path(source).parent
        return bool(other == source)

    same = [folder for folder, run in runs.items() if run and is_related(run)]
    return [output, *same] if find_run(output) is not None else same


def open_picture(folder: FolderHandle, name: str = SCATTER) -> BinaryIO:
    """Open a picture of a map; raises InputError if the file is not a PNG image."""
    from PIL import Image

    path = folder.path / name
    try:
        file = folder.open(name)
    except OSError as error:
        raise damaged(path, error) from error
    if os.fstat(file.fileno()).st_size > _MAX_PICTURE_BYTES:
        file.close()
        raise damaged(path, f"it has more than {_MAX_PICTURE_BYTES:,} bytes")
    try:
        with warnings.catch_warnings(action="error"), Image.open(file, formats=("PNG",)) as image:
            image.load()
    except Exception as error:
        # a warning about too many pixels, or any of the many errors of Pillow for damaged files
        file.close()
        raise damaged(path, f"it is not a PNG image ({error})") from error
    file.seek(0)
    return file


def _columns(table: pa.Table) -> tuple[dict[str, Any], tuple[str, ...] | None]:
    """Return the columns of the table as arrays, and the paths with their exact bytes."""
    columns = {name: table[name].to_numpy() for name in table.column_names}
    if "path_bytes" in columns:
        return columns, tuple(os.fsdecode(path) for path in columns["path_bytes"])
    return columns, _strings(columns["path"])


def _read_features(folder: FolderHandle, *, n_items: int) -> NDArray[np.float32]:
    path = folder.path / FEATURES
    try:
        with folder.open(FEATURES) as file:
            features = map_npy(file)
    except (OSError, InputError) as error:
        raise damaged(path, error) from error
    if features.dtype != np.float32 or features.ndim != 2:
        raise damaged(
            path, f"it has {features.dtype} of shape {features.shape}, not rows of float32"
        )
    if len(features) != n_items:
        raise damaged(path, f"it has {len(features)} rows for {n_items} items")
    return features


def _read_neighbors(folder: FolderHandle, *, n_items: int) -> Neighbors:
    path = folder.path / NEIGHBORS
    try:
        with folder.open(NEIGHBORS) as file:
            n_bytes = os.fstat(file.fileno()).st_size
            # each item has fewer than n_items neighbors of eight bytes each
            is_fit = n_bytes <= 8 * n_items**2 + _MAX_HEADERS_BYTES
            arrays = read_npz(file, ("indices", "distances")) if is_fit else {}
    except (OSError, InputError) as error:
        raise damaged(path, error) from error
    if not arrays:
        raise damaged(path, f"it has {n_bytes:,} bytes, too many for {n_items} items")
    indices, distances = arrays["indices"], arrays["distances"]
    if len(indices.shape) != 2 or len(indices) != n_items:
        raise damaged(path, f"it has {len(indices)} rows for {n_items} items")
    if indices.dtype != np.int32 or indices.max(initial=-1) >= n_items:
        raise damaged(path, "its indices are not indices of items")
    if distances.shape != indices.shape or distances.dtype != np.float32:
        raise damaged(path, "its distances do not match its indices")
    return Neighbors(indices=indices, distances=distances)


def _read_thumbnails(folder: FolderHandle, *, n_items: int) -> ImageSource | None:
    from featscape.mapfolder.thumbnails import Thumbnails

    if not folder.exists(THUMBNAILS):
        return None
    return Thumbnails(open_part(folder, THUMBNAILS), n_items=n_items)


def _strings(column: NDArray[Any]) -> tuple[str, ...] | None:
    """Return a column of strings; None if the column is empty."""
    return None if len(column) == 0 or column[0] is None else tuple(column)
