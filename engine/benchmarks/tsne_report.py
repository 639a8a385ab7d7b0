"""The tables and pictures of `tsne_cpu.py`."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Any

from machine import seconds, table
from tsne_peer import IMPLEMENTATIONS, PACKAGES

if TYPE_CHECKING:
    from pathlib import Path

LABELS = PACKAGES | {"opentsne_tuned": "openTSNE, tuned"}
COLORS = dict(
    zip(
        IMPLEMENTATIONS,
        # meshtsne first; Tableau's colors for the others
        ("#d55e00", "#4e79a7", "#76b7b2", "#59a14f", "#7fb069", "#b07aa1", "#9c755f", "#79706e",
         "#e15759"),
        strict=True,
    )
)  # fmt: skip
MARKERS = dict(zip(IMPLEMENTATIONS, "osD^vP<X>", strict=True))

Record = dict[str, Any]


def curve_table(records: dict[str, list[Record]]) -> str:
    """Return a table with the time and the quality for each number of iterations."""
    rows = [
        [
            f"{LABELS[name]} {one['version']}",
            str(one["n_iter"]),
            seconds([one["total_s"]]),
            f"{one['kl']:.4f}",
            f"{one['recall']:.4f}",
        ]
        for name, runs in records.items()
        for one in runs
    ]
    return table(["", "iterations", "time", "KL, common P", "10-NN recall"], rows)


def comparison_table(records: dict[str, list[Record]]) -> str:
    """Return a table with a row per implementation: times, ratio to meshtsne, memory, quality."""
    rows = []
    own_s = middle(records["meshtsne"], "total_s") if "meshtsne" in records else None
    for name, runs in records.items():
        rows.append(
            [
                f"{LABELS[name]} {runs[0]['version']}",
                str(runs[0]["n_iter"]),
                f"{seconds([one['total_s'] for one in runs])}, {len(runs)} x",
                f"{middle(runs, 'total_s') / own_s:.2f}" if own_s else "",
                _stages(runs),
                f"{middle(runs, 'import_s'):.1f} s",
                f"{middle(runs, 'busy_cores'):.2f}",
                f"{middle(runs, 'peak_memory_bytes') / 1e6:.0f} MB",
                f"{middle(runs, 'kl'):.4f}",
                f"{middle(runs, 'recall'):.4f}",
                f"{middle(runs, 'accuracy'):.4f}",
            ]
        )
    header = ["", "iterations", "time, median (range)", "ratio", "by stage, s", "import, warm-up"]
    header += ["busy cores", "peak memory", "KL, common P", "10-NN recall", "10-NN accuracy"]
    return table(header, rows)


def middle(runs: list[Record], key: str) -> float:
    """Return the median of an entry of the runs."""
    return float(median(one[key] for one in runs))


def _stages(runs: list[Record]) -> str:
    return ", ".join(
        f"{stage} {median(one['stages_s'][stage] for one in runs):.3g}"
        for stage in runs[0]["stages_s"]
    )


def growth_table(records: dict[int, Record]) -> str:
    """Return a table of meshtsne's runs by size; growth is relative to a time proportional to n."""
    smallest = min(records)
    rows = []
    for n, record in sorted(records.items()):
        growth = record["total_s"] / records[smallest]["total_s"] / (n / smallest)
        rows.append(
            [
                f"{n:,}",
                seconds([record["total_s"]]),
                f"{growth:.2f}",
                _stages([record]),
                f"{record['peak_memory_bytes'] / 1e9:.2f} GB",
                f"{record['kl_divergence']:.4f}",
            ]
        )
    header = ["n", "time", "growth / n's", "by stage, s", "peak memory", "KL, own P"]
    return table(header, rows)


def write_pictures(
    times_s: dict[str, list[tuple[float, float]]], lines: dict[str, list[Record]], folder: Path
) -> None:
    """Draw time against n as tsne_cpu.png, and KL divergence against time as tsne_quality.png."""
    figure = line_plot(
        times_s,
        labels=("points of Fashion-MNIST", "seconds, neighbors included"),
        scales=("log", "log"),
    )
    figure.savefig(folder / "tsne_cpu.png")
    if lines:
        points = {
            name: [(one["total_s"], one["kl"]) for one in runs] for name, runs in lines.items()
        }
        figure = line_plot(
            points,
            labels=("seconds, neighbors included", "KL divergence, 70,000 points"),
            scales=("log", "linear"),
        )
        figure.savefig(folder / "tsne_quality.png")


def line_plot(
    lines: dict[str, list[tuple[float, float]]],
    *,
    labels: tuple[str, str],
    scales: tuple[str, str],
) -> Any:
    """Return a figure with one line per implementation.

    The figure is narrow, so that its texts can be read on a phone.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.2, 5), dpi=140, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot(
        xscale=scales[0], yscale=scales[1], xlabel=labels[0], ylabel=labels[1]
    )
    for name, line in lines.items():
        own = name == "meshtsne"
        x, y = zip(*line, strict=True)
        axes.plot(
            x,
            y,
            marker=MARKERS[name],
            color=COLORS[name],
            label=LABELS[name],
            lw=2.6 if own else 1.5,
            ms=6 if own else 4,
        )
    axes.minorticks_off()
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(
            lambda value, _: f"{value:,.0f}" if value >= 1000 else f"{value:g}"
        )
    axes.grid(color="#dddddd", lw=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside upper left", ncols=2, frameon=False, labelcolor="linecolor")
    return figure
