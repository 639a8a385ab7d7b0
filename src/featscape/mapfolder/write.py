"""Write records to a map folder; the module `read` reads the folder.

A folder is written beside its final name and moved there once it is complete: see `staging`.
"""

from __future__ import annotations

import json
import os
import platform
import zlib
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from featscape.errors import InputError
from featscape.labels.classes import label_names
from featscape.mapfolder.layout import (
    FEATURES,
    FORMAT,
    ITEMS,
    LANDMARK,
    MAP_FILES,
    NEIGHBORS,
    RUN,
    SCHEMA_VERSION,
    find_run,
)
from featscape.mapfolder.seal import key_file, make_seal
from featscape.mapfolder.staging import staged, writing
from featscape.printable_names import printable, valid_unicode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa
    from numpy.typing import NDArray
    from PIL import Image

    from featscape.records import Embedding, ItemSet, PictureSettings

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


@contextmanager
def new_map_folder(
    output: Path, *, force: bool, note: Callable[[str], None] | None
) -> Iterator[Path]:
    """Yield an empty folder, and move it to `output` if the block succeeds.

    If the block ends with an error, Ctrl-C or a full disk, the new folder is deleted and `output`
    is unchanged. The next call can use the files in `staging.kept_beside`. Enter this context
    first, so that an unusable output is refused before any long work.

    Parameters
    ----------
    output : Path
    force : bool
        Replace an older map at `output`. The older map is deleted once the new map is in its place.
    note : callable or None
        Receives one line about the kept files of an interrupted run, and one line about an older
        map that received another file right before the replacement and was therefore moved aside.

    Raises
    ------
    InputError
        If `output` exists and `force` is false; if `output` exists and is not a map; if the older
        map contains files that featscape did not write; if the parent folder is missing; if another
        process is writing to `output`; or if the disk is full or cannot be written.
    """

    def check(folder: Path) -> None:
        older = find_run(folder)
        if older is None and os.path.lexists(folder):
            raise InputError(
                f"{printable(folder)} exists and is not a featscape map; only maps are replaced. "
                "Choose another output folder with -o (output=)."
            )
        if older is not None and not force:
            source = printable(str(older.get("source")))
            raise InputError(
                f"the map {printable(folder)} of {source} exists already. "
                "Replace it with --force (force=True), or choose another folder with -o (output=)."
            )

    with staged(output, check=check, files=MAP_FILES, note=note) as folder:
        yield folder


def write_features(folder: Path, features: NDArray[np.float32]) -> None:
    """Write features.npy.

    Parameters
    ----------
    folder : Path
    features : ndarray of float32, shape (n, d)
    """
    with writing():
        np.save(folder / FEATURES, features, allow_pickle=False)


def write_embedding(
    folder: Path,
    embedding: Embedding,
    *,
    items: ItemSet,
    findings: Mapping[str, Any] | None,
) -> None:
    """Write items.parquet and neighbors.npz.

    Parameters
    ----------
    folder : Path
    embedding : Embedding
    items : ItemSet
    findings : mapping of str to (ndarray or sequence of (str or None)) or None
        The columns of `FINDING_COLUMNS`, length n. NaN and negative integers become null.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    n_items = len(embedding.positions)
    columns: dict[str, Any] = {"id": pa.array(np.arange(n_items, dtype=np.int32))}
    paths, sizes_px = items.paths, items.sizes_px
    for name, strings in (("path", paths), ("label", embedding.labels), ("split", items.splits)):
        shown = [None] * n_items if strings is None else [valid_unicode(s) for s in strings]
        columns[name] = pa.array(shown, pa.string())
    if paths is not None and any(valid_unicode(path) != path for path in paths):
        columns["path_bytes"] = pa.array([os.fsencode(path) for path in paths], pa.binary())
    for axis, name in enumerate(("width", "height")):
        values = [None] * n_items if sizes_px is None else sizes_px[:, axis]
        columns[name] = pa.array(values, pa.int32())
    if items.digests is not None:
        columns["sha256"] = pa.array([digest.tobytes().hex() for digest in items.digests])
    for axis, name in enumerate("xyz"[: embedding.positions.shape[1]]):
        columns[name] = pa.array(np.asarray(embedding.positions[:, axis], dtype=np.float32))
    if embedding.landmarks is not None:
        fitted = np.zeros(n_items, dtype=bool)
        fitted[embedding.landmarks] = True
        columns[LANDMARK] = pa.array(fitted)
    columns |= {name: _nullable(column) for name, column in (findings or {}).items()}
    for name, column in items.columns.items():
        data_type = None if isinstance(column, np.ndarray) else pa.string()
        columns[name] = pa.array(column, data_type, from_pandas=True)  # NaN becomes null
    with writing():
        pq.write_table(pa.table(columns), folder / ITEMS, compression="zstd")
        np.savez(
            folder / NEIGHBORS,
            indices=embedding.neighbors.indices,
            distances=embedding.neighbors.distances,
        )


def _nullable(column: NDArray[Any] | Sequence[str | None]) -> pa.Array:
    """Return a column in which NaN, None and negative integers are null."""
    import pyarrow as pa

    if not isinstance(column, np.ndarray):
        texts = [None if text is None else valid_unicode(text) for text in column]
        return pa.array(texts, pa.string())
    if column.dtype.kind == "i":
        return pa.array(column, mask=column < 0)
    return pa.array(column, from_pandas=True)


def write_picture(folder: Path, name: str, picture: Image.Image) -> None:
    """Write a picture of the map as PNG.

    Parameters
    ----------
    folder : Path
        The map.
    name : str
        The name of the new file.
    picture : PIL.Image.Image

    Raises
    ------
    WriteError
        If the system refuses to write.
    """
    # Z_RLE halves the time of the compression. The files of maps made of photographs keep their
    # size; the file of a scatter plot of 200,000 points grows by 25 %.
    with writing():
        picture.save(folder / name, format="PNG", compress_type=zlib.Z_RLE)


def write_run(
    folder: Path,
    embedding: Embedding,
    *,
    source: str,
    items: ItemSet,
    parameters: Mapping[str, Any],
    pictures: PictureSettings,
    thumbnail_px: int | None,
    agreement: Mapping[str, Any] | None,
    timings_s: Mapping[str, float],
    note: Callable[[str], None],
) -> None:
    """Write run.json, the last file of a map. A folder with this file is a map.

    Parameters
    ----------
    folder : Path
    embedding : Embedding
    source : str
        The source of the images or features, in words or as a path.
    items : ItemSet
    parameters : mapping
        The parameters to record beside those of the embedding.
    pictures : PictureSettings
        How the pictures and map.html were made.
    thumbnail_px : int or None
        Longest side of the thumbnails in pixels; None without images.
    agreement : mapping or None
        The label agreement of the nearest neighbors.
    timings_s : mapping of str to float
        Seconds of each stage.
    note : callable
        Receives one line if the map cannot be sealed: see `make_seal`.
    """
    source = valid_unicode(source)
    kind = None if items.images is None else items.images.kind
    with (folder / ITEMS).open("rb") as table:
        seal = make_seal(source, kind=kind, items=table)
    if seal is None:
        note(
            f"featscape serve will not show the original images, because the key {key_file()} can "
            "be neither read nor written; name the images with --originals"
        )
    run = {
        **_describe_origin(),
        "source": source,
        "source_kind": kind,
        "seal": seal,
        "counts": _count(embedding, items),
        **_describe_model(items, thumbnail_px),
        **_describe_embedding(embedding, parameters),
        "pictures": asdict(pictures),
        "agreement": agreement,
        "timings_s": timings_s,
        **_describe_images(items),
    }
    write_json(folder / RUN, run, indent=2)


def write_json(file: Path, content: Mapping[str, Any], *, indent: int) -> None:
    """Write a JSON file of a map; undecodable bytes of file names become escape sequences.

    Parameters
    ----------
    file : Path
    content : mapping
        Without NaN and infinity.
    indent : int
        Number of spaces per level.
    """
    text = json.dumps(content, indent=indent, ensure_ascii=False, allow_nan=False)
    # JSON writes a backslash as two backslashes
    text = valid_unicode(text, backslash=r"\\")
    with writing():
        file.write_text(text + "\n", encoding="utf-8")


def current_versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries, as run.json has them."""
    return {"python": platform.python_version(), **dict(_library_versions())}


@cache
def _library_versions() -> tuple[tuple[str, str], ...]:
    """Return the name and the version of each library. The first call takes 0.1 s."""
    return tuple((name, version(name)) for name in _DISTRIBUTIONS)


def _describe_origin() -> dict[str, Any]:
    """Return the format of run.json, the time, and the versions of the programs."""
    return {
        "format": FORMAT,
        "schema_version": SCHEMA_VERSION,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": current_versions(),
    }


def _count(embedding: Embedding, items: ItemSet) -> dict[str, int]:
    return {
        "items": len(embedding.positions),
        "classes": len(label_names(embedding.labels)),
        "skipped": len(items.skipped),
    }


def _describe_model(items: ItemSet, thumbnail_px: int | None) -> dict[str, Any]:
    """Return the entries of the network; None for features that another program computed."""
    return {
        "model": None if items.model is None else asdict(items.model),
        "thumbnail_px": thumbnail_px,
        "inference": None if items.inference is None else asdict(items.inference),
    }


def _describe_embedding(embedding: Embedding, parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "parameters": {**parameters, **embedding.parameters},
        "kl_divergence": embedding.kl_divergence,
        "n_iter": embedding.n_iter,
        "tsne_device": embedding.device,
        "neighbors_recall": round(embedding.neighbors_recall, 4),
        "neighbors": embedding.neighbors_space,
    }


def _describe_images(items: ItemSet) -> dict[str, Any]:
    """Return the renamed labels, if there are any, and the skipped files."""
    renamed = {} if items.images is None else dict(items.images.renamed_labels)
    return {
        **({"renamed_labels": renamed} if renamed else {}),
        "skipped": [asdict(image) for image in items.skipped],
    }
