"""Write the tables of a map."""

from __future__ import annotations

from typing import TYPE_CHECKING

from featscape import mapfolder
from featscape.mapfolder.findings_file import write_findings
from featscape.steps.tsne.adapter import measure_agreement

if TYPE_CHECKING:
    from pathlib import Path

    from featscape.findings import Findings
    from featscape.options import PictureOptions
    from featscape.progress import Stopwatch
    from featscape.records import Embedding, ItemSet


def store(
    folder: Path,
    embedding: Embedding,
    options: PictureOptions,
    *,
    source: str,
    items: ItemSet,
    findings: Findings | None,
    watch: Stopwatch,
) -> None:
    """Write the tables of a map, and run.json as the last file."""
    with watch.stage("agreement"):
        agreement = measure_agreement(embedding)
    with watch.stage("write"):
        columns = None
        if findings is not None:
            write_findings(folder, findings.to_json())
            columns = vars(findings.columns)
        mapfolder.write_embedding(folder, embedding, items=items, findings=columns)
    mapfolder.write_run(
        folder,
        embedding,
        source=source,
        parameters=options.recorded,
        pictures=options.pictures,
        thumbnail_px=None if items.images is None else options.pack_px,
        items=items,
        agreement=agreement,
        timings_s=watch.timings_s,
        note=options.reporter.note,
    )
