"""Compute the findings of a map, and open stored findings."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np

from featscape import mapfolder
from featscape.cores import count_cores
from featscape.findings import ItemColumns, ItemData, compute_findings, from_json, relate_classes
from featscape.findings.spaces import blocks
from featscape.mapfolder.findings_file import read_findings
from featscape.mapfolder.layout import damaged
from featscape.mapfolder.read import read_digests, seed_of
from featscape.records.images import PIXEL_KINDS
from featscape.steps.tsne.adapter import search_neighbors
from featscape.threads import one_blas_thread

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from featscape.findings import Findings
    from featscape.mapfolder.read import Map
    from featscape.records import Embedding, ItemSet
    from featscape.records.class_relations import ClassRelations
    from featscape.records.images import Column

_FEW_ITEMS = 2_000  # with small matrices: see `one_blas_thread`


def find_in_folder(folder: Path, embedding: Embedding, *, items: ItemSet) -> Findings:
    """Compute the findings of a map that is being written.

    Parameters
    ----------
    folder : Path
        Contains features.npy, and the thumbnails if there are any.
    embedding : Embedding
    items : ItemSet
    """
    from featscape.mapfolder.thumbnails import Thumbnails

    thumbnails = None if items.images is None else Thumbnails(folder / mapfolder.THUMBNAILS)
    return _compute(
        ItemData(
            features=np.load(folder / mapfolder.FEATURES, mmap_mode="r"),
            positions=embedding.positions,
            # the neighbors in a map with landmarks are landmarks, not the nearest items
            neighbors=embedding.neighbors.indices if embedding.landmarks is None else None,
            landmarks=embedding.landmarks,
            labels=embedding.labels,
            splits=items.splits,
            paths=items.paths,
            digests=_digests_of_files(
                items.digests, kind=None if items.images is None else items.images.kind
            ),
            thumbnails=thumbnails,
            sizes_px=items.sizes_px,
            columns=_as_arrays(items.columns),
        ),
        random_state=embedding.parameters["seed"],
    )


def open_findings(made: Map) -> Findings:
    """Return the stored findings of a map, or compute the findings of a map without any.

    Parameters
    ----------
    made : Map
        The result of `open_map`.

    Raises
    ------
    InputError
        If a file of the map is missing or damaged.
    """
    stored = read_stored(made)
    if stored is not None:
        return stored
    _check_finite(made)
    return _compute(
        ItemData(
            features=made.features,
            positions=made.positions,
            neighbors=made.neighbors.indices if made.landmarks is None else None,
            landmarks=made.landmarks,
            labels=made.labels,
            splits=made.splits,
            paths=made.paths,
            digests=_digests_of_files(read_digests(made.folder), kind=made.run.get("source_kind")),
            thumbnails=made.thumbnails,
            sizes_px=made.sizes_px,
            columns=made.columns,
        ),
        # the findings of a map are equal whether they are stored or computed again
        random_state=seed_of(made),
    )


def read_stored(made: Map) -> Findings | None:
    """Return the stored findings of a map; None if the map was made without findings.

    Raises
    ------
    InputError
        If a file of the map is missing or damaged.
    """
    read = read_findings(made.folder)
    if read is None:
        return None
    content, columns = read
    try:
        return from_json(content, columns=ItemColumns.from_stored(columns), paths=made.paths)
    except ValueError as error:
        raise damaged(made.folder / mapfolder.FINDINGS, error) from error


def relate_map(made: Map, findings: Findings, *, most_classes: int) -> ClassRelations | None:
    """Return which classes of a map are close; None for fewer than two classes.

    Parameters
    ----------
    made : Map
    findings : Findings
        Those of the map.
    most_classes : int
        Of more classes, those that are close to another class.
    """
    return relate_classes(
        made.features,
        made.neighbors.indices,
        made.labels,
        most_classes=most_classes,
        found=findings.classes,
        random_state=seed_of(made),
    )


def _check_finite(made: Map) -> None:
    for block in blocks(len(made.features)):
        bad = np.flatnonzero(~np.isfinite(made.features[block]).all(axis=1))
        if len(bad):
            row = block.start + bad[0]
            raise damaged(
                made.folder / mapfolder.FEATURES, f"its row {row} contains NaN or infinity"
            )


def _digests_of_files(
    digests: NDArray[np.uint8] | None, *, kind: str | None
) -> NDArray[np.uint8] | None:
    """Return the hashes of the files, (n, 32); None if the images are no files but pixels."""
    return None if kind in PIXEL_KINDS else digests


def _as_arrays(columns: Mapping[str, Column]) -> dict[str, NDArray[Any]]:
    """Return the columns of a source as `Map.columns` has them."""
    return {
        name: column if isinstance(column, np.ndarray) else np.array(column, dtype=object)
        for name, column in columns.items()
    }


def _compute(items: ItemData, *, random_state: int) -> Findings:
    with one_blas_thread() if len(items) <= _FEW_ITEMS else nullcontext():
        return compute_findings(
            items, search=search_neighbors, n_threads=count_cores(), random_state=random_state
        )
