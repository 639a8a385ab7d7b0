"""The summary and the description of a map, as Rich renderables."""

from __future__ import annotations

import sys
from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Any

from featscape import mapfolder
from featscape.cli.screens.tables import add_row, new_table, stack
from featscape.labels.classes import N_AGREEING, can_agree, label_names
from featscape.number_text import count_or_unknown, percent, plural
from featscape.printable_names import as_argument, printable, separable
from featscape.progress import format_seconds
from featscape.records import count_reasons, count_skipped
from featscape.steps.facts.run import (
    checked_text,
    dataset_text,
    describe_layer,
    describe_renamed,
    landmarks_text,
    space_text,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType
    from rich.table import Table

    from featscape.mapfolder.read import Map

_BY_CLASS = ", colored by class"  # for maps with classes
_PICTURES = {
    mapfolder.SCATTER: "scatter plot" + _BY_CLASS,
    mapfolder.MOSAIC: "map made of the images",
    mapfolder.GRID: "grid of the images, without overlap",
    mapfolder.CLASSES: "which classes are close, as a matrix and a tree",
    mapfolder.PAGE: "interactive map in one file, for any browser",
}
_MAX_CLASSES = 20  # a longer table of classes shows the ten worst and the ten best classes
_MAX_REASONS = 6  # reasons for skipped files in the summary
_MAX_SKIPPED = 20  # skipped files listed by `info`
_MAX_NAMES = 6  # regions named by `info`


def summarize(made: Map) -> RenderableType:
    """Return the summary of a new map: pictures, counts, label agreement, timings, next step."""
    return stack(
        "",
        f"{_count(made)}: {printable(made.folder)}/",
        _pictures(made),
        *_without_font(made.labels),
        *_agreement(made),
        *_skipped_reasons(made),
        *_findings(made),
        _timings(made.run),
        f"Next: featscape serve {as_argument(made.folder)}",
    )


def describe(opened: Map) -> RenderableType:
    """Return how a map was made, what it contains, and which files were skipped."""
    run = opened.run
    facts = new_table()
    add_row(facts, "source", printable(run["source"]))
    if run.get("renamed_labels"):
        add_row(facts, "labels", describe_renamed(run["renamed_labels"]))
    made = f"{_local_time(run['created'])} by featscape {run['versions']['featscape']}"
    add_row(facts, "made", made)
    if run["model"] is not None:
        model = run["model"]
        add_row(facts, "model", model["name"])
        weights = f"{printable(model['weights'])}, SHA-256 {model['weights_sha256'][:16]}..."
        add_row(facts, "weights", weights)
        add_row(facts, "preprocessing", model["preprocessing"])
    for fact, words in _inference(run):
        add_row(facts, fact, words)
    origin = printable(run["parameters"].get("features_source") or "")
    if run["model"] is not None:
        origin = describe_layer(run["model"]["layer"])
    origin = f"{origin}: " if origin else ""
    kind = "item" if opened.paths is None else "image"
    n_features = opened.features.shape[1]
    add_row(facts, "features", f"{origin}{n_features:,} per {kind}, {opened.features.dtype}")
    add_row(
        facts,
        "t-SNE",
        f"perplexity {_rounded(run['parameters'].get('perplexity'))}, "
        f"seed {count_or_unknown(run['parameters'].get('seed'))}, "
        f"{run['n_iter']:,} iterations, KL divergence {run['kl_divergence']:.3f}"
        f"{landmarks_text(opened.landmarks)}{_on_gpu(run)}",
    )
    if run.get("neighbors") is not None:
        n_neighbors = f"{run['neighbors']['n_neighbors']:,} per {kind}"
        add_row(facts, "neighbors", f"{n_neighbors}, nearest {space_text(run['neighbors'])}")
    for words in _regions(opened):
        add_row(facts, "regions", words)
    if checked := checked_text(opened):
        add_row(facts, "checked", checked)
    return stack(
        f"{_count(opened)}: {printable(opened.folder)}/",
        _pictures(opened),
        facts,
        *_agreement(opened),
        *_skipped_files(run),
        _timings(run),
    )


def _regions(opened: Map) -> Iterator[str]:
    """Yield the number of named regions and the largest names; nothing without regions."""
    from featscape.mapfolder.regions_file import read_regions

    regions = read_regions(opened.folder, n_items=len(opened))
    if regions:
        names = dict.fromkeys(region.name for region in regions)
        listed = ", ".join(separable(list(names)[:_MAX_NAMES]))
        more = ", ..." if len(names) > _MAX_NAMES else ""
        yield f"{len(regions):,} with a name: {listed}{more}"


def _on_gpu(run: dict[str, Any]) -> str:
    """Return ", on" and the GPU that ran t-SNE; "" for the CPU and for maps without this entry."""
    device = run.get("tsne_device", "cpu")
    return "" if device == "cpu" else f", on {device}"


def _local_time(created: str) -> str:
    """Return the time of run.json in the local time zone; other text is returned unchanged."""
    try:
        time = datetime.fromisoformat(created).astimezone()
    except (ValueError, OverflowError):  # the file may be damaged
        return created
    return f"{time:%Y-%m-%d %H:%M %Z}"


def _rounded(number: float | None) -> str:
    return "?" if number is None else f"{round(number, 2):g}"


def _count(opened: Map) -> str:
    return dataset_text(len(opened), "item" if opened.paths is None else "image", opened.labels)


def _pictures(opened: Map) -> Table:
    table = new_table()
    for name, content in _PICTURES.items():
        if (opened.folder / name).exists():
            add_row(table, name, content if opened.labels else content.replace(_BY_CLASS, ""))
    return table


def _without_font(labels: Sequence[str] | None) -> Iterator[str]:
    """Yield the number of class names that the pictures cannot write, an example and a remedy."""
    from featscape.pictures import without_font

    missing = without_font(sorted(set(labels or ())))
    if missing:
        name, characters = next(iter(missing.items()))
        names = plural(len(missing), "class name")
        yield (
            f"No installed font contains every character of {names}, for example "
            f"{printable(name)}: the pictures write U+{ord(characters[0]):04X} instead of the "
            "character. Install a font for these names, such as Noto, and make the map again."
        )


def _inference(run: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the engine and the precision of the network; nothing for maps without this entry."""
    inference = run.get("inference")
    if inference is not None:
        fallback = f" ({inference['fallback']})" if inference["fallback"] else ""
        yield "engine", inference["engine"] + fallback
        yield "precision", f"{inference['precision']}: {inference['reason']}"


def _agreement(opened: Map) -> Iterator[RenderableType]:
    """Yield the label agreement of the nearest neighbors, overall and by class."""
    agreement = opened.run["agreement"]
    kind = "item" if opened.paths is None else "image"
    if len(label_names(opened.labels)) < 2:
        return
    if not can_agree(opened.labels):
        yield (
            f"Label agreement: not computed, because less than half of the {kind}s are in classes "
            f"of at least {N_AGREEING + 1} {kind}s."
        )
        return
    if agreement is None:
        return
    n_neighbors = agreement["n_neighbors"]
    majority = n_neighbors // 2 + 1
    kinds = "neighbors" if opened.landmarks is None else "nearest landmarks"
    chance = agreement.get("chance")
    by_chance = "" if chance is None else f" ({percent(chance)} by chance, with permuted labels)"
    overall = percent(agreement["overall"])
    yield f"{n_neighbors}-nearest-neighbor label agreement: {overall}{by_chance}"
    yield (
        f"This is the share of {kind}s for which at least {majority} of the {n_neighbors} {kinds} "
        f"{space_text(opened.run.get('neighbors'))} have the same label."
    )
    yield from _class_agreement(opened, majority=majority, kind=kind)


def _class_agreement(opened: Map, *, majority: int, kind: str) -> Iterator[RenderableType]:
    """Yield the label agreement of each class; of more than 20, the worst and the best classes."""
    agreement = opened.run["agreement"]
    sizes = Counter(opened.labels or ())
    ranked = sorted(agreement["by_class"].items(), key=lambda item: (item[1], item[0]))
    if len(ranked) > _MAX_CLASSES:
        # an item of a class of s items has s - 1 neighbors with its label at most
        n_classes = len(ranked)
        ranked = [one for one in ranked if sizes[one[0]] > majority]
        n_small = n_classes - len(ranked)
        if n_small:
            yield (
                f"{plural(n_small, 'class', 'classes')} of {majority} or fewer {kind}s: always "
                f"0 %, because {majority} neighbors with the same label do not exist."
            )
        if len({share for _, share in ranked}) < 2:
            if ranked:
                others = "other " if n_small else ""
                yield f"Each of the {others}{len(ranked):,} classes: {percent(ranked[0][1])}"
            return
    yield "The worst classes come first:"
    n_hidden = max(0, len(ranked) - _MAX_CLASSES)
    n_first = _MAX_CLASSES // 2 if n_hidden else len(ranked)
    shown = ranked[:n_first] + ranked[n_first + n_hidden :]
    table = new_table()
    for rank, (label, share) in enumerate(shown):
        if n_hidden and rank == n_first:
            add_row(table, "...", "", f"{n_hidden:,} more classes in run.json")
        counted = f"of {plural(sizes[label], kind)}"
        # an item of a class of s items has s - 1 neighbors with its label at most
        if sizes[label] <= majority:
            counted += " *"
        add_row(
            table, printable(label), f"{percent(share):>5}", counted, _bar() * round(20 * share)
        )
    yield table
    if any(sizes[label] <= majority for label, _ in shown):
        yield (
            f"* always 0 %: a class of {majority} or fewer {kind}s has too few {kind}s for "
            f"{majority} neighbors with the same label."
        )


def _bar() -> str:
    """Return the character of the bars: a line if the encoding of the screen contains it."""
    line = "━"
    return line if line.encode(sys.stdout.encoding or "ascii", "ignore") else "="


def _skipped_reasons(made: Map) -> Iterator[RenderableType]:
    """Yield the number of skipped files, rows and columns, and the most common reasons.

    A reason with a single file, such as an unclosed quote in a table, is shown with its path.
    """
    run = made.run
    if not run["skipped"]:
        return
    reasons = count_reasons(one["reason"] for one in run["skipped"])
    yield f"{_skipped_sentence(run)}; {printable(made.folder)}/run.json lists them all:"
    table = new_table()
    for reason, count in reasons[:_MAX_REASONS]:
        paths = [one["path"] for one in run["skipped"] if one["reason"] == reason]
        words = f"{paths[0]}: {reason}" if count == 1 else reason
        add_row(table, f"{count:,}", printable(words))
    if len(reasons) > _MAX_REASONS:
        add_row(table, "...", f"{len(reasons) - _MAX_REASONS} more reasons")
    yield table


def _skipped_sentence(run: dict[str, Any]) -> str:
    counted = count_skipped(one["reason"] for one in run["skipped"])
    return counted[0].upper() + counted[1:]


def _skipped_files(run: dict[str, Any]) -> Iterator[RenderableType]:
    """Yield the skipped files with their reasons."""
    if not run["skipped"]:
        return
    yield f"{_skipped_sentence(run)}:"
    table = new_table()
    for skipped in run["skipped"][:_MAX_SKIPPED]:
        add_row(table, printable(skipped["path"]), printable(skipped["reason"]))
    if len(run["skipped"]) > _MAX_SKIPPED:
        add_row(table, "...", f"{len(run['skipped']) - _MAX_SKIPPED} more in run.json")
    yield table


def _findings(made: Map) -> Iterator[RenderableType]:
    """Yield the most useful findings, and the command that reports all findings."""
    from rich.text import Text

    from featscape.findings import summarize_findings
    from featscape.steps.findings import read_stored

    findings = read_stored(made)
    if findings is None:
        return
    sentences = summarize_findings(findings)
    if sentences:
        yield "Findings:"
        yield Text("\n".join(map(printable, sentences)))
    yield f"All findings: featscape findings {as_argument(made.folder)}"


def _timings(run: dict[str, Any]) -> str:
    """Return the total time, and the time of each stage that took at least 1 % of it."""
    timings_s = run["timings_s"]
    total_s = sum(timings_s.values())
    stages = [f"{name} {format_seconds(s)}" for name, s in timings_s.items() if s >= total_s / 100]
    return f"Took {format_seconds(total_s)}: {', '.join(stages)}"
