"""Write the report of a map: its findings as one HTML file."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from featscape import mapfolder
from featscape.errors import InputError
from featscape.files.folder_handle import FolderHandle
from featscape.findings.wording import noun_of
from featscape.mapfolder.read import open_map, open_picture
from featscape.mapfolder.staging import staged_file
from featscape.printable_names import as_argument, printable, separable
from featscape.records import PictureSettings, count_skipped
from featscape.steps.facts.run import checked_text, dataset_text, describe_layer, landmarks_text
from featscape.steps.findings import open_findings, relate_map
from featscape.steps.map_pictures import draw_picture

if TYPE_CHECKING:
    from collections.abc import Iterator

    from featscape.mapfolder.read import Map
    from featscape.report import MapPicture, ReportInput

_MOST_CLASSES = 40  # in the matrix: the names of more classes are too small on paper


def write_report(
    folder: str | os.PathLike[str],
    file: str | os.PathLike[str] | None = None,
    *,
    force: bool = False,
) -> Path:
    """Write the findings of a map as one HTML file, for reading and printing without any program.

    Parameters
    ----------
    folder : path
        A map folder.
    file : path, optional
        The file to write; by default NAME-report.html beside the map NAME-map.
    force : bool
        Replace an earlier report at `file`.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InputError
        If the map is damaged, if `file` exists and is no report, or is a report without `force`, or
        if the file cannot be written.
    """
    from featscape.report import render_report

    made = open_map(folder)
    title = made.folder.resolve().name.removesuffix("-map")
    output = made.folder.resolve().parent / f"{title}-report.html" if file is None else Path(file)
    _check(output, made, force=force)
    content = render_report(_gather(made, title))
    with staged_file(output) as new:
        new.write_text(content, encoding="utf-8")
    return output


def _gather(made: Map, title: str) -> ReportInput:
    from featscape.findings import arrange_findings, draw_difference, summarize_findings
    from featscape.report import ReportInput

    findings = open_findings(made)
    return ReportInput(
        title=title,
        folder_argument=as_argument(made.folder.resolve().name),
        facts=_facts(made),
        sentences=summarize_findings(findings),
        findings=arrange_findings(findings, for_report=True),
        labels=made.labels,
        splits=made.splits,
        paths=made.paths,
        thumbnails=made.thumbnails,
        pictures=list(_pictures(made)),
        relations=relate_map(made, findings, most_classes=_MOST_CLASSES),
        difference=draw_difference,
    )


def _facts(made: Map) -> dict[str, str]:
    """Return what the dataset is and how the map was made; without facts about the computer."""
    run = made.run
    noun = noun_of(made.paths)
    facts = {"dataset": dataset_text(len(made), noun, made.labels)}
    if made.splits is not None:
        names, counts = np.unique(np.array(made.splits, dtype=object), return_counts=True)
        facts["splits"] = ", ".join(
            f"{name} {count:,}" for name, count in zip(separable(names[:20]), counts, strict=False)
        )
    if checked := checked_text(made):
        facts["checked"] = checked
    if run["counts"]["skipped"]:
        counted = count_skipped(one["reason"] for one in run["skipped"])
        facts["skipped"] = counted.removeprefix("skipped ")
    if run["model"] is not None:
        model = run["model"]
        facts["network"] = f"{Path(model['name']).name}, {describe_layer(model['layer'])}"
    facts["features"] = f"{made.features.shape[1]:,} per {noun}"
    facts["t-SNE"] = (
        f"{run['n_iter']:,} iterations, KL divergence {run['kl_divergence']:.3f}"
        f"{landmarks_text(made.landmarks)}"
    )
    facts["made"] = f"{run['created'][:10]} by featscape {run['versions']['featscape']}"
    return facts


def _pictures(made: Map) -> Iterator[MapPicture]:
    """Yield the pictures of the map, with a variant for a dark page.

    The pictures of a map of an earlier release, which did not record their options, have no
    variant.
    """
    from PIL import Image

    from featscape.mapfolder.regions_file import read_regions
    from featscape.report import MapPicture

    recorded = made.run.get("pictures")
    regions = read_regions(made.folder, n_items=len(made)) or ()
    folder = FolderHandle(made.folder)
    noun = noun_of(made.paths)
    by_class = "" if made.labels is None else ", colored by class"
    captions = {
        mapfolder.SCATTER: f"One point per {noun}{by_class}",
        mapfolder.MOSAIC: "The map made of the images",
    }
    for name, caption in captions.items():
        if not folder.exists(name) or (name != mapfolder.SCATTER and made.thumbnails is None):
            continue
        with open_picture(folder, name) as file, Image.open(file) as opened:
            image = opened.convert("RGB")
        if recorded is None:
            yield MapPicture(caption, image)
            continue
        settings = PictureSettings(**recorded)
        other = draw_picture(
            name,
            made,
            replace(settings, dark=not settings.dark),
            regions=regions,
            thumbnails=made.thumbnails,
        )
        light, dark = (other, image) if settings.dark else (image, other)
        yield MapPicture(caption, light, dark)


def _check(file: Path, made: Map, *, force: bool) -> None:
    """Raise InputError unless `file` is free, or is a report that may be replaced."""
    from featscape.report import MARK

    if not file.parent.is_dir():
        raise InputError(
            f"the folder of the report must exist; {printable(file.parent)} does not. "
            "Make the folder, or choose another file with -o."
        )
    if not os.path.lexists(file):
        return
    try:
        with file.open("rb") as existing:
            is_report = existing.read(len(MARK)) == MARK.encode()
    except OSError:
        is_report = False
    if not is_report:
        raise InputError(
            f"{printable(file)} exists and is not a report that featscape wrote, so featscape does "
            "not replace it. Choose another file with -o."
        )
    if not force:
        raise InputError(
            f"the report {printable(file)} already exists{_age(file, made)}. "
            "Replace the report with --force, or choose another file with -o."
        )


def _age(report: Path, made: Map) -> str:
    """Return that a report is older than the map; "" for a newer report or an unknown time."""
    try:
        created = datetime.fromisoformat(made.run["created"]).timestamp()
    except (ValueError, OverflowError):  # the file may be damaged
        return ""
    is_older = report.stat().st_mtime < created
    return ", and is older than the map: the report describes an earlier map" if is_older else ""
