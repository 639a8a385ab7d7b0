"""Write a bundle: the files of a map for the browser."""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from featscape.bundle.blocks import write_array
from featscape.bundle.contract import (
    AGREEMENT,
    FORMAT,
    MANIFEST,
    N_AGREEING,
    NO_ITEM,
    VERSION,
    ClassName,
    Grid,
    Manifest,
    NeighborGraph,
    RegionName,
)
from featscape.bundle.images import write_thumbnails
from featscape.bundle.items.column_files import (
    code_labels,
    exact_values,
    share_of_label,
    write_columns,
    write_strings,
)
from featscape.bundle.items.findings_file import mark_findings, write_findings
from featscape.bundle.items.vectors_file import write_vectors
from featscape.bundle.items.words_file import write_words
from featscape.bundle.order import order_items
from featscape.errors import InputError
from featscape.labels.classes import NO_LABEL, can_agree
from featscape.labels.name_anchors import find_name_anchors
from featscape.mapfolder.staging import writing
from featscape.printable_names import encodable
from featscape.thumbnail_layout import FAST_PAIRS, snap_to_grid

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from featscape.bundle.contract import ClassEntry
    from featscape.progress import Progress
    from featscape.records import ComparableWords, NamedClasses, Neighbors
    from featscape.records.regions import Region
    from featscape.records.shown_findings import ShownColumn, ShownFindings

MAX_NEIGHBORS = 12
GRID_SLACK = 1.4  # cells per item: empty cells preserve the shape of the clusters


def write_bundle(
    folder: Path,
    *,
    title: str,
    positions: NDArray[np.float32],
    neighbors: Neighbors,
    seed: int,
    labels: Sequence[str] | None,
    paths: Sequence[str] | None,
    columns: Mapping[str, Sequence[str | None] | NDArray[Any]] | None,
    thumbnails: Callable[[int], Sequence[bytes]] | None,
    facts: Mapping[str, str] | None,
    findings: ShownFindings | None,
    words: NamedClasses | None,
    vectors: ComparableWords | None,
    regions: Sequence[Region],
    progress: Progress | None,
) -> Manifest:
    """Write the files of docs/explanation/viewer.md into a new folder: see `Manifest`.

    Parameters
    ----------
    folder : Path
    title : str
    positions : ndarray of float32, shape (n, 1), (n, 2) or (n, 3)
        Finite; one-dimensional positions are drawn at y = 0.
    neighbors : Neighbors
        In feature space; the nearest `MAX_NEIGHBORS` are written. A negative index is an empty
        entry.
    seed : int
        Seed of the random assignment of items to levels.
    labels, paths : sequence of str or None
        n strings.
    columns : mapping or None
        See `write_columns`.
    thumbnails : callable or None
        See `write_thumbnails`.
    facts : mapping of str to str or None
    findings : ShownFindings or None
        The first `MOST_LISTED` findings of each section are written.
    words : NamedClasses or None
        Of n items, for the search of the page.
    vectors : ComparableWords or None
        Of n items, for a search of the page without the text tower.
    regions : sequence of Region
        The regions whose names are on the map.
    progress : Progress or None

    Raises
    ------
    InputError
        If n is 0, the length of an argument is not n, or a number or the name of a column is
        invalid.
    """
    points = _check(positions, neighbors=neighbors.indices, labels=labels, paths=paths)
    with writing():
        folder.mkdir()
    order, level_ends = order_items(points, seed=seed)
    rank = np.empty(len(order), dtype=np.uint32)  # the row of each item in the bundle
    rank[order] = np.arange(len(order), dtype=np.uint32)
    nearest = _nearest(neighbors.indices, order, rank)
    coded = None if labels is None else code_labels(labels)
    manifest = Manifest(
        format=FORMAT,
        version=VERSION,
        title=encodable(title),
        thumbnails=write_thumbnails(folder, thumbnails, order, progress=progress),
        **_write_positions(folder, points, order, level_ends),
        **_write_table(
            folder,
            order,
            nearest,
            labels=labels,
            coded=coded,
            paths=paths,
            columns=columns or {},
            found=() if findings is None else findings.columns,
        ),
        names=[] if coded is None else _names(points[order], coded[0], coded[1][order]),
        regions=_region_names(regions, rank),
        neighbors=_write_neighbors(folder, nearest, neighbors.distances[order, :MAX_NEIGHBORS]),
        facts={encodable(name): encodable(fact) for name, fact in (facts or {}).items()},
        findings=None if findings is None else write_findings(folder, findings.sections, rank),
        words=None if words is None else write_words(folder, words, order),
        vectors=None if vectors is None else write_vectors(folder, vectors, order),
        items_digest=_digest_items(points, paths),
    )
    with writing():
        (folder / MANIFEST).write_text(manifest.model_dump_json(), encoding="utf-8")
    return manifest


def _digest_items(points: NDArray[np.float32], paths: Sequence[str] | None) -> str:
    if paths is None:
        return hashlib.sha256(points.astype("<f4").tobytes()).hexdigest()
    return hashlib.sha256(
        "\0".join(map(encodable, paths)).encode()
    ).hexdigest()  # no path contains \0


def _write_positions(
    folder: Path,
    points: NDArray[np.float32],
    order: NDArray[np.intp],
    level_ends: Sequence[int],
) -> dict[str, Any]:
    """Write the positions, the ids and the grid, and return the manifest's entries."""
    is_flat = points.shape[1] == 2
    return {
        "n_items": len(points),
        "n_dimensions": points.shape[1],
        "level_ends": list(level_ends),
        "lower": points.min(axis=0).tolist(),
        "upper": points.max(axis=0).tolist(),
        "positions": write_array(folder, "positions.bin", points[order]),
        "ids": write_array(folder, "ids.bin", order.astype(np.uint32)),
        "grid": _write_grid(folder, points[order]) if is_flat else None,
    }


def _names(
    points: NDArray[np.float32], classes: Sequence[ClassEntry], codes: NDArray[np.uint16]
) -> list[ClassName]:
    """Return the names of the classes on the map; both arrays are in the order of the bundle."""
    labeled = np.where(_has_label(classes, codes), codes.astype(np.intp), -1)
    return [
        ClassName(item=anchor.item, code=anchor.name_id, n_items=anchor.n_items)
        for anchor in find_name_anchors(points, labeled)
    ]


def _has_label(classes: Sequence[ClassEntry], codes: NDArray[np.uint16]) -> NDArray[np.bool_]:
    return np.array([entry.name != NO_LABEL for entry in classes], dtype=bool)[codes]


def _region_names(regions: Sequence[Region], rank: NDArray[np.uint32]) -> list[RegionName]:
    """Return the names of regions on the map."""
    return [
        RegionName(
            item=int(rank[region.anchor]),
            name=encodable(region.name),
            level=region.level,
            n_items=region.n_items,
            image=int(rank[region.representative]),
        )
        for region in regions
    ]


def _write_neighbors(
    folder: Path, nearest: NDArray[np.uint32], distances: NDArray[np.float32]
) -> NeighborGraph:
    return NeighborGraph(
        indices=write_array(folder, "neighbors.bin", nearest),
        distances=write_array(folder, "distances.bin", distances),
    )


def _write_table(
    folder: Path,
    order: NDArray[np.intp],
    nearest: NDArray[np.uint32],
    *,
    labels: Sequence[str] | None,
    coded: tuple[list[ClassEntry], NDArray[np.uint16]] | None,
    paths: Sequence[str] | None,
    columns: Mapping[str, Sequence[str | None] | NDArray[Any]],
    found: Sequence[ShownColumn],
) -> dict[str, Any]:
    """Write the columns of the items, and return the manifest's entries."""
    reserved = ("path", "label", AGREEMENT, *(column.name for column in found))
    taken = set(reserved) & columns.keys()
    if taken:
        raise InputError(
            f"the column names {', '.join(reserved[:-1])} and {reserved[-1]} are reserved; "
            f"got {min(taken)!r}. Rename the column."
        )
    columns = {name: exact_values(values) for name, values in columns.items()}
    strings: dict[str, Any] = {} if paths is None else {"path": paths}
    class_codes = None
    if coded is not None:
        codes = coded[1][order]
        class_codes = write_array(folder, "classes.bin", codes)
        if can_agree(labels):
            agreement = np.empty(len(order), dtype=np.float32)
            shares = share_of_label(nearest[:, :N_AGREEING], codes)
            agreement[order] = np.where(_has_label(coded[0], codes), shares, np.nan)
            columns = {**columns, AGREEMENT: agreement}
    elif labels is not None:
        strings["label"] = labels  # too many classes for codes of 16 bits
    columns = {**columns, **{column.name: column.values for column in found}}
    described = mark_findings(
        write_columns(folder, columns, order), found, () if coded is None else coded[0]
    )
    texts = {column.name for column in described if column.kind == "text"}
    strings |= {name: values for name, values in columns.items() if encodable(name) in texts}
    return {
        "classes": None if coded is None else coded[0],
        "class_codes": class_codes,
        "columns": described,
        "strings": write_strings(folder, strings, order),
    }


def _write_grid(folder: Path, points: NDArray[np.float32]) -> Grid:
    """Write the grid cell of each point; `points` are in the order of the bundle."""
    low = points.min(axis=0).astype(np.float64)
    span = points.max(axis=0) - low
    extended = span > 0
    aspect = span[0] / span[1] if extended.all() else (2.0 if extended[0] else 0.5)
    aspect = float(np.clip(aspect, 0.5, 2.0)) if extended.any() else 1.0
    n_cells = GRID_SLACK * len(points)
    n_columns = math.ceil(math.sqrt(n_cells * aspect))
    n_rows = math.ceil(n_cells / n_columns)
    room = np.array([n_columns - 1, n_rows - 1])
    scale = (room[extended] / span[extended]).min() if extended.any() else 0.0
    centered = (points - low - span / 2) * scale + np.array([n_columns, n_rows]) / 2
    cells = snap_to_grid(centered, n_columns=n_columns, n_rows=n_rows, max_pairs=FAST_PAIRS)
    return Grid(
        cells=write_array(folder, "grid.bin", cells.astype(np.uint16)),
        n_columns=n_columns,
        n_rows=n_rows,
    )


def _nearest(
    indices: NDArray[Any], order: NDArray[np.intp], rank: NDArray[np.uint32]
) -> NDArray[np.uint32]:
    """Return the nearest neighbors of each item, as indices in the order of the bundle."""
    rows = np.asarray(indices[:, :MAX_NEIGHBORS])[order]
    nearest: NDArray[np.uint32] = np.where(rows < 0, np.uint32(NO_ITEM), rank[rows])
    return nearest


def _check(positions: NDArray[np.float32], **given: Any) -> NDArray[np.float32]:
    """Return the positions as float32, shape (n, 2) or (n, 3).

    Raises InputError if the positions are invalid, or if the length of another argument is not n.
    """
    points = np.asarray(positions, dtype=np.float32)
    if points.ndim != 2 or points.shape[1] not in (1, 2, 3) or not len(points):
        raise InputError(
            "positions must have shape (n, 1), (n, 2) or (n, 3), with n at least 1; "
            f"got {points.shape}. Pass one row per item."
        )
    if not np.isfinite(points).all():
        raise InputError("positions must be finite; got NaN or infinity. Leave these items out.")
    if points.shape[1] == 1:
        points = np.column_stack([points, np.zeros_like(points)])
    for name, values in given.items():
        if values is not None and len(values) != len(points):
            raise InputError(
                f"{name} must have one entry per item, {len(points):,} in total; "
                f"got {len(values):,}. Pass the entries in the order of the positions."
            )
    return points
