"""Compute the findings of a map on disk."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from featscape.findings import Items, compute_findings
from featscape.mapfolder.read import read_digests
from featscape.steps.tsne import search_neighbors

if TYPE_CHECKING:
    from featscape.findings import Findings
    from featscape.mapfolder.read import Map


def find_in_map(made: Map) -> Findings:
    """Compute the findings of a map.

    Parameters
    ----------
    made : Map
        The result of `open_map`.

    Returns
    -------
    Findings
    """
    return compute_findings(
        Items(
            features=made.features,
            positions=made.positions,
            # the neighbors in a map with landmarks are landmarks, not the nearest items
            neighbors=made.neighbors.indices if made.landmarks is None else None,
            labels=made.labels,
            splits=made.splits,
            paths=made.paths,
            digests=read_digests(made.folder),
            thumbnails=made.thumbnails,
            sizes_px=made.sizes_px,
            columns=made.columns,
        ),
        search=search_neighbors,
        n_threads=os.cpu_count() or 1,
    )
