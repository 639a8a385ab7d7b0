"""The lists of networks and layers, as Rich renderables."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from featscape.cli.screens.tables import add_row, new_table, stack, without_breaks
from featscape.defaults import DEFAULT_MODEL, INSTALLED_MODEL
from featscape.errors import install_command
from featscape.number_text import count_or_unknown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType
    from rich.table import Table

    from featscape.features import LayerTree, ModelEntry

_MAX_ON_DISK = 20  # networks listed without a pattern
# The names of the networks of each library, and a remark.
_LIBRARIES = {
    "torchvision": ("NAME or NAME:WEIGHTS", "torchvision"),
    "timm": ("timm:NAME", "timm"),
    "open_clip": ("open_clip:NAME/WEIGHTS", f"open_clip: {install_command('clip')}"),
    "installed": (INSTALLED_MODEL, "weights are installed with featscape"),
    "your own": ("MODULE:FACTORY", "your own"),
}
# One network of each kind, from the fastest to the most accurate.
_FIRST = {
    INSTALLED_MODEL,
    DEFAULT_MODEL,
    "timm:convnext_tiny.in12k_ft_in1k",
    "timm:vit_small_patch14_dinov2.lvd142m",
    "open_clip:ViT-B-32/laion2b_s34b_b79k",
}


def describe_models(entries: Sequence[ModelEntry]) -> RenderableType:
    """Return how to name a network, the number of networks, and a few examples."""
    counts = Counter(entry.library for entry in entries)
    kinds = new_table("--model", "networks", "library")
    for library, (name, remark) in _LIBRARIES.items():
        counted = f"{counts[library]:,}" if library in counts else ""
        add_row(kinds, name, counted, remark)
    first = [entry for entry in entries if entry.name in _FIRST]
    on_disk = [entry for entry in entries if entry.is_on_disk and entry not in first]
    n_more = len(on_disk) - _MAX_ON_DISK
    return stack(
        "Search with featscape models PATTERN. A pattern is a part of the name, or the whole name "
        "with * and ?:",
        "featscape models dinov2, featscape models 'timm:vit_small*'",
        "",
        kinds,
        "Examples, and networks whose weights are on this disk:",
        describe_entries([*first, *on_disk[:_MAX_ON_DISK]]),
        *([f"The weights of {n_more} more networks are on this disk."] if n_more > 0 else []),
    )


def describe_entries(entries: Sequence[ModelEntry]) -> Table:
    """Return the table of networks."""
    table = new_table("--model", "features", "input", "parameters", "on disk", "other weights")
    for entry in entries:
        add_row(
            table,
            entry.name,
            count_or_unknown(entry.n_features),
            f"{entry.input_size_px} px",
            _in_millions(entry.n_parameters),
            "yes" if entry.is_on_disk else "",
            " ".join(f":{weights}" for weights in entry.weights[1:]),
        )
    return without_breaks(table)


def describe_layers(tree: LayerTree, *, depth: int) -> RenderableType:
    """Return the table of the layers of a network whose names have at most `depth` parts."""
    from rich.text import Text

    shown = [layer for layer in tree.layers if layer.depth < depth]
    table = new_table("--layer", "kind", "output per image", "features")
    for layer in shown:
        parent, dot, own = layer.name.rpartition(".")
        table.add_row(
            Text.assemble((parent + dot, "dim"), own),
            Text(layer.kind),
            Text("" if layer.shape is None else " x ".join(map(str, layer.shape))),
            Text("" if layer.shape is None else count_or_unknown(layer.n_features)),
        )
    n_within = len(tree.layers) - len(shown)
    size_px = tree.input_size_px
    return stack(
        f"{tree.model}, for images of {size_px} x {size_px} pixels. Features by default: "
        f"{tree.default}. Early layers respond to edges, colors and textures, late layers to whole "
        "objects.",
        "",
        without_breaks(table),
        *([f"{n_within:,} more layers inside these: --depth {depth + 1}"] if n_within else []),
    )


def _in_millions(number: int | None) -> str:
    return "?" if number is None else f"{number / 1e6:.1f} million"
