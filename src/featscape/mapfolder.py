"""Records -> a map folder on disk; `maps` reads it again.

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
import warnings
import zlib
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from featscape.errors import InputError, first_line
from featscape.filenames import printable, valid_unicode
from featscape.folder_handle import FolderHandle
from featscape.seal import is_sealed, make_seal
from featscape.staging import staged, writing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import BinaryIO

    from numpy.typing import NDArray
    from PIL import Image

    from featscape.options import EmbeddingOptions
    from featscape.records import Embedding, Features

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

_DISTRIBUTIONS = (
    "featscape",
    "torch",
    "torchvision",
    "timm",
    "numpy",
    "scipy",
    "scikit-learn",
    "meshtsne",
    "pillow",
    "simplejpeg",
)


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


@contextmanager
def new_map_folder(
    output: Path, *, force: bool, say: Callable[[str], None] | None = None
) -> Iterator[Path]:
    """Yield a folder to fill, and move it to `output` when the block ends well.

    Whatever ends the block early (an error, Ctrl-C, a full disk) removes the folder and leaves
    `output` as it was; what was put into `staging.kept_beside` is there again in the next call,
    which `say` reports. With `force` an older map at `output` is deleted only after the new map is
    in its place. Open this context first: it refuses a bad place before any long work.

    Raises
    ------
    InputError
        If `output` exists and `force` is not set; if it exists and is not a map, for only maps
        are ever replaced; if it holds files that featscape did not write; if its parent is
        missing; if another run is writing to `output`; or if the disk is full or cannot be written.
    """

    def check(place: Path) -> None:
        older = find_run(place)
        if older is None and os.path.lexists(place):
            raise InputError(
                f"{printable(place)} exists and is not a featscape map; only maps are replaced, "
                "and it was left as it is. Choose another output folder with -o (output=)."
            )
        if older is not None and not force:
            source = printable(str(older.get("source")))
            raise InputError(
                f"the map {printable(place)} exists already, of {source}. "
                "Replace it with --force (force=True), or choose another place with -o (output=)."
            )

    with staged(output, check=check, files=MAP_FILES, say=say) as folder:
        yield folder


def write_features(folder: Path, features: NDArray[np.float32]) -> None:
    """Write features.npy: shape (n, d), float32."""
    with writing():
        np.save(folder / FEATURES, features, allow_pickle=False)


def write_embedding(folder: Path, embedding: Embedding, *, features: Features | None) -> None:
    """Write items.parquet and neighbors.npz.

    Parameters
    ----------
    folder : Path
    embedding : Embedding
    features : Features or None
        For the paths, splits, sizes, hashes and columns of the images; None for features made
        elsewhere.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    n_items = len(embedding.positions)
    columns: dict[str, Any] = {"id": pa.array(np.arange(n_items, dtype=np.int32))}
    paths = None if features is None else features.images.paths
    splits = None if features is None else features.images.splits
    sizes_px = None if features is None else features.sizes_px
    for name, strings in (("path", paths), ("label", embedding.labels), ("split", splits)):
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
        columns[LANDMARK] = pa.array(fitted)
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
    # Z_RLE takes half as long; photographs become no larger, 200,000 points by a quarter
    with writing():
        picture.save(folder / name, format="PNG", compress_type=zlib.Z_RLE)


def write_run(
    folder: Path,
    embedding: Embedding,
    options: EmbeddingOptions,
    *,
    source: str,
    features: Features | None,
    agreement: Mapping[str, Any] | None,
    timings_s: Mapping[str, float],
) -> None:
    """Write run.json, the last file of a map: its presence says that the folder is one.

    Parameters
    ----------
    folder : Path
    embedding : Embedding
    options : EmbeddingOptions
    source : str
        What the map is made of, in words or as a path.
    features : Features or None
        For the model, the kind of the source and the skipped files; None for features made
        elsewhere.
    agreement : mapping or None
        How often an item's nearest neighbours share its label.
    timings_s : mapping of str to float
        Seconds of each stage.
    """
    skipped = () if features is None else features.images.skipped
    source = valid_unicode(source)
    kind = None if features is None else features.images.kind
    with (folder / ITEMS).open("rb") as items:
        seal = make_seal(source, kind=kind, items=items)
    run = {
        "format": FORMAT,
        "schema_version": SCHEMA_VERSION,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in _DISTRIBUTIONS},
        },
        "source": source,
        "source_kind": kind,
        "seal": seal,
        "counts": {
            "items": len(embedding.positions),
            "classes": len(set(embedding.labels or ())),
            "skipped": len(skipped),
        },
        "model": None if features is None else asdict(features.model),
        "thumbnail_px": options.pack_px,
        "inference": None
        if features is None or features.inference is None
        else asdict(features.inference),
        "parameters": {**options.recorded, **embedding.parameters},
        "kl_divergence": embedding.kl_divergence,
        "n_iter": embedding.n_iter,
        "tsne_device": embedding.device,
        "neighbors_recall": round(embedding.neighbors_recall, 4),
        "agreement": agreement,
        "timings_s": timings_s,
        "skipped": [asdict(one) for one in skipped],
    }
    text = json.dumps(run, indent=2, ensure_ascii=False, allow_nan=False)
    # a backslash in JSON is written as two
    text = valid_unicode(text, backslash=r"\\")
    with writing():
        (folder / RUN).write_text(text + "\n", encoding="utf-8")


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
        f"the map's {printable(path)} is missing or damaged: {reason.rstrip('.')}. "
        "Make the map again with --force (force=True)."
    )
