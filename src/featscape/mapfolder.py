"""Records <-> a map folder on disk.

    NAME-map/
      run.json         how the map was made: see `write_run`
      items.parquet    a row an image: id, path, label, split, width, height, sha256, x, y (z),
                       landmark where not all are, and the columns of its source
      features.npy     (n, d) float32
      neighbors.npz    indices (n, k) int32 and distances (n, k) float32
      thumbnails/      packed small images
      bundle/          what the interactive map reads: see docs/viewer.md
      scatter.png  images.png  images-grid.png
      map.html         the interactive map in one file

A folder is written beside its final name and moved into place when it is whole, so nothing
half-written ever stands under a final name: see `staging`.
"""

from __future__ import annotations

import json
import os
import platform
import zipfile
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from featscape.errors import InputError
from featscape.filenames import printable, valid_unicode
from featscape.records import Neighbors
from featscape.staging import staged, writing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray
    from PIL import Image

    from featscape.records import Embedding, Features, ImageSource

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

# What items.parquet and the bundle say of an item by themselves: no column of a source is so named
OWN_COLUMNS = frozenset(
    (
        *("id", "path", "path_bytes", "label", "split", "width", "height", "sha256"),
        *("x", "y", "z", "landmark", "agreement"),
    )
)
_LANDMARK = "landmark"  # only where t-SNE was fitted on some of the items

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
    columns : mapping of str to ndarray
        What else the source said of each image: numbers, or objects that are str or None.
    landmarks : ndarray of intp, shape (m,), or None
        The items that t-SNE was fitted on, where the others were placed among them.
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
    columns: Mapping[str, NDArray[Any]] = field(repr=False, default_factory=dict)
    landmarks: NDArray[np.intp] | None = field(repr=False, default=None)

    def __len__(self) -> int:
        return len(self.positions)


def check_apart(output: Path, source: Path) -> None:
    """Raise InputError if the map would lie among the images it is made of."""
    if output.resolve().is_relative_to(source.resolve()):
        raise InputError(
            f"the output folder {printable(output)} lies inside {printable(source)}, where a "
            "later run would take its pictures for images. Choose a place outside with -o."
        )


@contextmanager
def new_map_folder(
    output: Path, *, force: bool, say: Callable[[str], None] | None = None
) -> Iterator[Path]:
    """Yield a folder to fill, and move it to `output` when the block ends well.

    Whatever ends the block early (an error, Ctrl-C, a full disk) removes the folder and leaves
    `output` as it was; what was put into `staging.kept_beside` is there again in the next call,
    which `say` is told. With `force` an older map at `output` is deleted only after the new one
    stands in its place. Open this first: it refuses a bad place before any long work.

    Raises
    ------
    InputError
        If `output` exists and `force` is not set; if it exists and is not a map, for only maps
        are ever replaced; if its parent is missing; if another run is writing to `output`; or if
        the disk is full or cannot be written.
    """

    def check() -> None:
        exists = os.path.lexists(output)
        if exists and not _is_map(output):
            raise InputError(
                f"{printable(output)} exists and is not a featscape map; only maps are replaced, "
                "and it was left as it is. Choose another output folder with -o."
            )
        if exists and not force:
            raise InputError(
                f"the map {printable(output)} exists already. "
                "Replace it with --force, or choose another output folder with -o."
            )

    with staged(output, check=check, say=say) as folder:
        yield folder


def write_features(folder: Path, features: NDArray[np.float32]) -> None:
    """Write features.npy: shape (n, d), float32."""
    with writing():
        np.save(folder / FEATURES, features, allow_pickle=False)


def write_embedding(
    folder: Path, embedding: Embedding, *, features: Features | None, labels: Sequence[str] | None
) -> None:
    """Write items.parquet and neighbors.npz.

    Parameters
    ----------
    folder : Path
    embedding : Embedding
    features : Features or None
        For the paths, splits, sizes, hashes and columns of the images; None for features made
        elsewhere.
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
    if features is not None and features.digests is not None:
        columns["sha256"] = pa.array([one.tobytes().hex() for one in features.digests])
    for axis, name in enumerate("xyz"[: embedding.positions.shape[1]]):
        columns[name] = pa.array(np.asarray(embedding.positions[:, axis], dtype=np.float32))
    if embedding.landmarks is not None:
        fitted = np.zeros(n_items, dtype=bool)
        fitted[embedding.landmarks] = True
        columns[_LANDMARK] = pa.array(fitted)
    for name, column in ({} if features is None else features.images.columns).items():
        kind = None if isinstance(column, np.ndarray) else pa.string()
        columns[name] = pa.array(column, kind, from_pandas=True)  # NaN is none
    with writing():
        pq.write_table(pa.table(columns), folder / ITEMS, compression="zstd")
        np.savez(
            folder / NEIGHBORS,
            indices=embedding.neighbors.indices,
            distances=embedding.neighbors.distances,
        )


def write_picture(folder: Path, name: str, picture: Image.Image) -> None:
    """Write one of the map's pictures as PNG."""
    with writing():
        picture.save(folder / name, format="PNG")


def write_run(
    folder: Path,
    embedding: Embedding,
    *,
    source: str,
    features: Features | None,
    labels: Sequence[str] | None,
    limit: int | None = None,
    thumbnail_px: int | None = None,
    agreement: Mapping[str, Any] | None,
    timings_s: Mapping[str, float],
) -> None:
    """Write run.json, the last file of a map: its presence says that the folder is one.

    Parameters
    ----------
    folder : Path
    embedding : Embedding
    source : str
        What the map is made of, in words or as a path.
    features : Features or None
        For the model, the kind of the source and the skipped files; None for features made
        elsewhere.
    labels : sequence of str or None
    limit : int or None
        How many images were asked for.
    thumbnail_px : int or None
        The longest side that the thumbnails were made for.
    agreement : mapping or None
        How often an item's nearest neighbours share its label.
    timings_s : mapping of str to float
        Seconds of each stage.
    """
    skipped = () if features is None else features.images.skipped
    run = {
        "format": FORMAT,
        "schema_version": SCHEMA_VERSION,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in _DISTRIBUTIONS},
        },
        "source": source,
        "source_kind": None if features is None else features.images.kind,
        "counts": {
            "items": len(embedding.positions),
            "classes": 0 if labels is None else len(set(labels)),
            "skipped": len(skipped),
        },
        "model": None if features is None else asdict(features.model),
        "thumbnail_px": thumbnail_px,
        "inference": None
        if features is None or features.inference is None
        else asdict(features.inference),
        "parameters": {"limit": limit, **embedding.parameters},
        "kl_divergence": embedding.kl_divergence,
        "n_iter": embedding.n_iter,
        "agreement": agreement,
        "timings_s": timings_s,
        "skipped": [asdict(one) for one in skipped],
    }
    text = json.dumps(run, indent=2, ensure_ascii=False, allow_nan=False)
    # a backslash in JSON is written as two
    text = valid_unicode(text, backslash=r"\\")
    with writing():
        (folder / RUN).write_text(text + "\n", encoding="utf-8")


def open_map(path: str | os.PathLike[str]) -> Map:
    """Read a map folder.

    Parameters
    ----------
    path : path
        A folder that `make_map` or another command wrote.

    Raises
    ------
    InputError
        If there is no such folder, if it is not a map, if a newer featscape wrote it, or if one
        of its files is missing or damaged.
    """
    folder = Path(path)
    run = read_run(folder)
    items, paths = _columns(read_items(folder))
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
        features=_read_array(folder / FEATURES),
        neighbors=_read_neighbors(folder / NEIGHBORS),
        paths=paths,
        labels=_strings(items["label"]),
        splits=_strings(items["split"]),
        sizes_px=sizes_px,
        thumbnails=_read_thumbnails(folder / THUMBNAILS),
        columns={name: items[name] for name in items if name not in OWN_COLUMNS},
        landmarks=np.flatnonzero(items[_LANDMARK]) if _LANDMARK in items else None,
    )
    for file, rows in (
        (FEATURES, len(opened.features)),
        (NEIGHBORS, len(opened.neighbors.indices)),
        (THUMBNAILS, n_items if opened.thumbnails is None else len(opened.thumbnails)),
    ):
        if rows != n_items:
            raise damaged(folder / file, f"it has {rows} rows for {n_items} items")
    return opened


def _is_map(folder: Path) -> bool:
    """Whether `folder` holds a run.json of ours, of any version."""
    try:
        content = json.loads((folder / RUN).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and content.get("format") == FORMAT


def read_run(folder: Path) -> dict[str, Any]:
    """Read run.json alone; raises InputError as `open_map` does."""
    if not os.path.lexists(folder):
        raise InputError(f"there is no map {printable(folder)}. Check the path.")
    if not _is_map(folder):
        raise InputError(
            f"{printable(folder)} is not a featscape map: it has no run.json of featscape's. "
            "Give the folder that featscape map wrote."
        )
    run: dict[str, Any] = json.loads((folder / RUN).read_text(encoding="utf-8"))
    version = run.get("schema_version")
    if version != SCHEMA_VERSION:
        raise InputError(
            f"the map {printable(folder)} has schema version {version}; this featscape reads "
            f"version {SCHEMA_VERSION}. Make the map again, or use the featscape that made it."
        )
    return run


def read_items(folder: Path) -> pa.Table:
    """Read items.parquet as it stands, a row an item; raises InputError if it is damaged."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = folder / ITEMS
    try:
        table = pq.read_table(file)
        table.validate(full=True)  # that text is text: from here on it is taken at its word
    except (OSError, pa.ArrowInvalid) as error:
        raise damaged(file, error) from error
    columns = {"id", "path", "label", "split", "width", "height", "x"}
    missing = columns.difference(table.column_names)
    if missing:
        raise damaged(file, f"it lacks the columns {', '.join(sorted(missing))}")
    return table


def read_digests(folder: Path) -> NDArray[np.uint8] | None:
    """Return the SHA-256 of each image's file, (n, 32); None where the map does not know them."""
    table = read_items(folder)
    if "sha256" not in table.column_names:
        return None
    try:
        digests = bytes.fromhex("".join(table["sha256"].to_pylist()))
        return np.frombuffer(digests, np.uint8).reshape(table.num_rows, -1)
    except (TypeError, ValueError) as error:
        raise damaged(folder / ITEMS, error) from error


def find_maps(output: Path, *, source: str) -> list[Path]:
    """Return the map at `output`, whatever it is of, and those beside it of the same source."""
    try:
        beside = sorted(folder for folder in output.parent.iterdir() if folder.name != output.name)
    except OSError:  # a folder may be written to and not be listed
        beside = []
    maps = [output] if _is_map(output) else []
    for folder in beside:
        if not folder.name.startswith(".") and _is_map(folder):
            run = json.loads((folder / RUN).read_text(encoding="utf-8"))
            if run.get("source") == valid_unicode(source):
                maps.append(folder)
    return maps


def _columns(table: pa.Table) -> tuple[dict[str, Any], tuple[str, ...] | None]:
    """Return the table's columns as arrays, and the exact paths."""
    columns = {name: table[name].to_numpy() for name in table.column_names}
    if "path_bytes" in columns:
        return columns, tuple(os.fsdecode(path) for path in columns["path_bytes"])
    return columns, _strings(columns["path"])


def _read_array(file: Path) -> NDArray[np.float32]:
    try:
        array: NDArray[np.float32] = np.load(file, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise damaged(file, error) from error
    return array


def _read_neighbors(file: Path) -> Neighbors:
    try:
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            return Neighbors(indices=arrays["indices"], distances=arrays["distances"])
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise damaged(file, error) from error


def _read_thumbnails(folder: Path) -> ImageSource | None:
    from featscape.thumbnails import Thumbnails

    return Thumbnails(folder) if folder.is_dir() else None


def _strings(column: NDArray[Any]) -> tuple[str, ...] | None:
    """Return a column of strings; None where it holds nothing."""
    return None if len(column) == 0 or column[0] is None else tuple(column)


def damaged(path: Path, reason: object) -> InputError:
    """Return the error that says so of a file of a map."""
    return InputError(
        f"the map's {printable(path)} is missing or damaged: {str(reason).rstrip('.')}. "
        "Make the map again with --force."
    )
