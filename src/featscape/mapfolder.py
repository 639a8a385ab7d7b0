"""Records <-> a map folder on disk.

    NAME-map/
      run.json         how the map was made: see `write_run`
      items.parquet    a row an image: id, path, label, split, width, height, x, y (z)
      features.npy     (n, d) float32
      neighbors.npz    indices (n, k) int32 and distances (n, k) float32
      thumbnails/      packed small images
      scatter.png  images.png  images-grid.png

A folder is written beside its final name and moved into place when it is whole, so nothing
half-written ever stands under a final name.
"""

from __future__ import annotations

import errno
import json
import os
import platform
import secrets
import shutil
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from featscape.errors import InputError
from featscape.filenames import printable, valid_unicode
from featscape.records import Neighbors

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray
    from PIL import Image

    from featscape.records import Embedding, Features, ImageSource

FORMAT = "featscape-map"
SCHEMA_VERSION = 1

SCATTER = "scatter.png"
MOSAIC = "images.png"
GRID = "images-grid.png"
THUMBNAILS = "thumbnails"

_DISTRIBUTIONS = (
    "featscape",
    "torch",
    "torchvision",
    "timm",
    "numpy",
    "scipy",
    "scikit-learn",
    "faiss-cpu",
    "pillow",
)

# What the system says when a place cannot be written, as opposed to a bug of ours.
_CANNOT_WRITE = {
    errno.EACCES,
    errno.EDQUOT,
    errno.EFBIG,
    errno.ENAMETOOLONG,
    errno.ENOSPC,
    errno.ENOTDIR,
    errno.ENOTEMPTY,
    errno.EPERM,
    errno.EROFS,
}


@dataclass(frozen=True, eq=False)
class Map:
    """A map read from its folder. The large arrays stay on disk until they are used.

    Attributes
    ----------
    folder : Path
    run : dict
        The contents of run.json: how the map was made.
    positions : ndarray of float32, shape (n, 2) or (n, 3)
    features : ndarray of float32, shape (n, d)
        Memory-mapped, read only.
    neighbors : Neighbors
    paths : tuple of str or None
        Below ``run["source"]``; None for a map of features made elsewhere.
    labels : tuple of str or None
    splits : tuple of str or None
    sizes_px : ndarray of int32, shape (n, 2), or None
        Width and height of the originals.
    thumbnails : ImageSource or None
        The small copies, in the order of the items.
    """

    folder: Path
    run: dict[str, Any] = field(repr=False)
    positions: NDArray[np.float32] = field(repr=False)
    features: NDArray[np.float32] = field(repr=False)
    neighbors: Neighbors = field(repr=False)
    paths: tuple[str, ...] | None = field(repr=False)
    labels: tuple[str, ...] | None = field(repr=False)
    splits: tuple[str, ...] | None = field(repr=False)
    sizes_px: NDArray[np.int32] | None = field(repr=False)
    thumbnails: ImageSource | None = field(repr=False)

    def __len__(self) -> int:
        return len(self.positions)


def check_output(output: Path, *, force: bool) -> None:
    """Find out before the long work whether a map can be written at `output`.

    Raises
    ------
    InputError
        If `output` exists and `force` is not set; if it exists and is not a map, for only
        maps are ever replaced; or if its parent is missing or cannot be written.
    """
    if os.path.lexists(output):
        if not force:
            raise InputError(
                f"the output folder {printable(output)} exists already. "
                "Replace it with --force, or choose another with -o."
            )
        if not _is_map(output):
            raise InputError(
                f"{printable(output)} is not a featscape map, and only maps are replaced; "
                "it was left as it is. Choose another output folder with -o."
            )
    with _translating(output), _staging(output):
        pass  # making a folder there, and removing it, is the only sure test


@contextmanager
def new_map_folder(output: Path, *, force: bool) -> Iterator[Path]:
    """Yield a folder to fill, and move it to `output` when the block ends well.

    Whatever ends the block early (an error, Ctrl-C, a full disk) removes the folder and leaves
    `output` as it was. With `force` an older map at `output` is deleted only after the new one
    stands in its place.

    Raises
    ------
    InputError
        As `check_output`, and if the disk is full or cannot be written.
    """
    check_output(output, force=force)
    with _translating(output), _staging(output) as staging:
        yield staging
        if force and os.path.lexists(output):
            _replace(output, staging)
        else:
            staging.rename(output)


@contextmanager
def _staging(output: Path) -> Iterator[Path]:
    """Yield a new hidden folder beside `output`; remove it unless it has been moved away."""
    parent = output.parent
    if not parent.is_dir():
        raise InputError(
            f"the output folder {printable(output)} cannot be made: "
            f"there is no folder {printable(parent)}. Make it first, or choose another with -o."
        )
    staging = parent / f".{output.name}.partial-{secrets.token_hex(4)}"
    staging.mkdir()  # not mkdtemp, whose folders are for their owner alone
    try:
        yield staging
    finally:
        # Errors in removing are ignored, for they would hide the one that brought us here.
        shutil.rmtree(staging, ignore_errors=True)


def _replace(output: Path, staging: Path) -> None:
    """Put `staging` in the place of the map at `output`, then delete the old one."""
    old = output.parent / f".{output.name}.replaced-{secrets.token_hex(4)}"
    output.rename(old)
    try:
        staging.rename(output)
    except BaseException:
        old.rename(output)
        raise
    shutil.rmtree(old, ignore_errors=True)  # the new map stands; a rest of the old is no failure


@contextmanager
def _translating(output: Path) -> Iterator[None]:
    """Turn the system's refusal to write into an InputError of one line that names `output`."""
    try:
        yield
    except OSError as error:
        if error.errno not in _CANNOT_WRITE:
            raise
        raise InputError(
            f"cannot write the map {printable(output)}: {os.strerror(error.errno)}. "
            "Nothing was left behind. Make room or choose another place with -o."
        ) from error


def write_features(folder: Path, features: NDArray[np.float32]) -> None:
    """Write features.npy: shape (n, d), float32."""
    np.save(folder / "features.npy", features, allow_pickle=False)


def write_embedding(
    folder: Path, embedding: Embedding, *, features: Features | None, labels: Sequence[str] | None
) -> None:
    """Write items.parquet and neighbors.npz.

    Parameters
    ----------
    folder : Path
    embedding : Embedding
    features : Features or None
        For the paths, splits and sizes of the images; None for features made elsewhere.
    labels : sequence of str or None
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    n_items = len(embedding.positions)
    columns: dict[str, Any] = {"id": pa.array(np.arange(n_items, dtype=np.int32))}
    paths = None if features is None else features.images.paths
    splits = None if features is None else features.images.splits
    sizes_px = None if features is None else features.sizes_px
    for name, strings in (("path", paths), ("label", labels), ("split", splits)):
        shown = [None] * n_items if strings is None else [valid_unicode(s) for s in strings]
        columns[name] = pa.array(shown, pa.string())
    if paths is not None and any(valid_unicode(path) != path for path in paths):
        columns["path_bytes"] = pa.array([os.fsencode(path) for path in paths], pa.binary())
    for axis, name in enumerate(("width", "height")):
        values = [None] * n_items if sizes_px is None else sizes_px[:, axis]
        columns[name] = pa.array(values, pa.int32())
    for axis, name in enumerate("xyz"[: embedding.positions.shape[1]]):
        columns[name] = pa.array(np.asarray(embedding.positions[:, axis], dtype=np.float32))
    pq.write_table(pa.table(columns), folder / "items.parquet", compression="zstd")
    np.savez(
        folder / "neighbors.npz",
        indices=embedding.neighbors.indices,
        distances=embedding.neighbors.distances,
    )


def write_picture(folder: Path, name: str, picture: Image.Image) -> None:
    """Write one of the map's pictures as PNG."""
    picture.save(folder / name, format="PNG")


def write_run(folder: Path, run: Mapping[str, Any]) -> None:
    """Write run.json, the last file of a map: its presence says that the folder is one.

    The keys stand in the order in which they are given, after the format, the time and the
    versions of everything that had a part in the numbers.
    """
    content = {
        "format": FORMAT,
        "schema_version": SCHEMA_VERSION,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in _DISTRIBUTIONS},
        },
        **run,
    }
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    # a backslash in JSON is written as two
    text = valid_unicode(text, backslash=r"\\")
    (folder / "run.json").write_text(text + "\n", encoding="utf-8")


def open_map(path: str | os.PathLike[str]) -> Map:
    """Read a map folder.

    Parameters
    ----------
    path : path
        A folder that `make_map`, `make_demo` or `embed_features` wrote.

    Raises
    ------
    InputError
        If there is no such folder, if it is not a map, if a newer featscape wrote it, or if one
        of its files is missing or damaged.
    """
    folder = Path(path)
    run = _read_run(folder)
    items, paths = _read_items(folder)
    n_items = len(items["id"])
    dimensions = [name for name in "xyz" if name in items]
    positions = np.stack([items[name] for name in dimensions], axis=1).astype(np.float32)
    sizes_px = None
    if paths is not None:
        sizes_px = np.stack([items["width"], items["height"]], axis=1).astype(np.int32)
    opened = Map(
        folder=folder,
        run=run,
        positions=positions,
        features=_read_array(folder / "features.npy"),
        neighbors=_read_neighbors(folder / "neighbors.npz"),
        paths=paths,
        labels=_strings(items["label"]),
        splits=_strings(items["split"]),
        sizes_px=sizes_px,
        thumbnails=_read_thumbnails(folder / THUMBNAILS),
    )
    for file, rows in (
        ("features.npy", len(opened.features)),
        ("neighbors.npz", len(opened.neighbors.indices)),
        (THUMBNAILS, n_items if opened.thumbnails is None else len(opened.thumbnails)),
    ):
        if rows != n_items:
            raise _damaged(folder / file, f"it has {rows} rows for {n_items} items")
    return opened


def _is_map(folder: Path) -> bool:
    """Whether `folder` holds a run.json of ours, of any version."""
    try:
        content = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and content.get("format") == FORMAT


def _read_run(folder: Path) -> dict[str, Any]:
    if not os.path.lexists(folder):
        raise InputError(f"there is no map {printable(folder)}. Check the path.")
    if not _is_map(folder):
        raise InputError(
            f"{printable(folder)} is not a featscape map: it has no run.json of featscape's. "
            "Give the folder that featscape map wrote."
        )
    run: dict[str, Any] = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    version = run.get("schema_version")
    if version != SCHEMA_VERSION:
        raise InputError(
            f"the map {printable(folder)} has schema version {version}; this featscape reads "
            f"version {SCHEMA_VERSION}. Make the map again, or use the featscape that made it."
        )
    return run


def _read_items(folder: Path) -> tuple[dict[str, Any], tuple[str, ...] | None]:
    """Return the table's columns as arrays, and the exact paths."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = folder / "items.parquet"
    try:
        table = pq.read_table(file)
        columns = {name: table[name].to_numpy() for name in table.column_names}
        if "path_bytes" in columns:
            return columns, tuple(os.fsdecode(path) for path in columns["path_bytes"])
        return columns, _strings(columns["path"])
    except (OSError, pa.ArrowInvalid, KeyError) as error:
        raise _damaged(file, error) from error


def _read_array(file: Path) -> NDArray[np.float32]:
    try:
        array: NDArray[np.float32] = np.load(file, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise _damaged(file, error) from error
    return array


def _read_neighbors(file: Path) -> Neighbors:
    try:
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            return Neighbors(indices=arrays["indices"], distances=arrays["distances"])
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise _damaged(file, error) from error


def _read_thumbnails(folder: Path) -> ImageSource | None:
    from featscape.thumbnails import Thumbnails

    return Thumbnails(folder) if folder.is_dir() else None


def _strings(column: NDArray[Any]) -> tuple[str, ...] | None:
    """Return a column of strings; None where it holds nothing."""
    return None if len(column) == 0 or column[0] is None else tuple(column)


def _damaged(path: Path, reason: object) -> InputError:
    return InputError(
        f"the map's {printable(path)} is missing or damaged: {str(reason).rstrip('.')}. "
        "Make the map again with --force."
    )
