"""Compare featscape with a published tutorial, from a folder of images to the pictures.

    python benchmarks/whole_job.py                          500 images, ResNet101, 2 threads
    python benchmarks/whole_job.py --weights resnet101.pth --repeats 3
    python benchmarks/whole_job.py --images 100 --noisy     to try the script out

Both programs use the same images and the same weights, in separate processes that run alternately.
The features are compared before the times are reported. Without --weights the weights are random:
the map has no meaning, but the amount of work is the same. The table is Markdown, for RESULTS.md.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from machine import check_quiet, describe, environment, peak_memory_bytes, seconds, table, timed
from photographs import write_photographs

if TYPE_CHECKING:
    from collections.abc import Sequence

SEED = 10
PACKAGES = (
    "featscape",
    "openvino",
    "torch",
    "torchvision",
    "scikit-learn",
    "numpy",
    "pillow",
    "matplotlib",
)
MIN_COSINE = {"fp32": 0.999, "bf16": 0.99, "auto": 0.99}
BLOCK_SHARE = 0.2  # standard deviation that a block of the random network adds to its input
N_FITTED = 32  # images for the statistics of the random network's batch normalization
# The tutorial's two pictures, and featscape's three.
PICTURES = {
    "tutorial": ("points.png", "images.png"),
    "featscape": ("scatter.png", "images.png", "images-grid.png"),
}

Record = dict[str, Any]


def run_tutorial(
    folder: Path, weights: Path, output: Path, *, n_threads: int, precision: str
) -> Record:
    del precision  # the tutorial uses fp32
    began = perf_counter()
    import torch

    from tutorial_way import make_two_pictures

    import_s = perf_counter() - began
    torch.set_num_threads(n_threads)
    stages_s: dict[str, float] = {}
    total_s: dict[str, float] = {}
    output.mkdir()
    with timed(total_s, "total"):
        paths, features = make_two_pictures(folder, weights, output, seed=SEED, stages_s=stages_s)
    np.save(output / "features.npy", features)
    names = [path.relative_to(folder).as_posix() for path in paths]
    return {"import_s": import_s, "total_s": total_s["total"], "stages_s": stages_s, "paths": names}


def run_featscape(
    folder: Path, weights: Path, output: Path, *, n_threads: int, precision: str
) -> Record:
    began = perf_counter()
    # featscape imports these libraries later; the tutorial imports its libraries at the start.
    import matplotlib.figure  # noqa: F401
    import pyarrow.parquet  # noqa: F401
    import torch
    import torchvision  # noqa: F401

    from featscape.features.openvino_import import import_openvino

    import_openvino()
    import featscape.bundle
    import featscape.distribute
    import featscape.images  # noqa: F401
    from featscape import TSNE, draw_mosaic, draw_scatter, extract, make_map  # noqa: F401

    import_s = perf_counter() - began
    torch.set_num_threads(n_threads)
    total_s: dict[str, float] = {}
    with timed(total_s, "total"):
        made = make_map(
            folder, output, weights=weights, random_state=SEED, device="cpu", precision=precision
        )
    return {
        "import_s": import_s,
        "total_s": total_s["total"],
        "stages_s": made.run["timings_s"],
        "inference": "{engine} in {precision}: {reason}".format(**made.run["inference"]),
        "paths": list(made.paths or ()),
    }


SIDES = {"tutorial": run_tutorial, "featscape": run_featscape}


def run(
    side: str, images: Path, weights: Path, folder: Path, *, n_threads: int, precision: str
) -> Record:
    """Run one program in a separate process; return its times and its features."""
    output = folder / side
    command: list[str | Path] = [sys.executable, __file__, "--side", side]
    command += ["--threads", str(n_threads), "--precision", precision]
    command += ["--images-folder", images, "--weights", weights, "--output", output]
    began = perf_counter()
    subprocess.run(command, check=True, env=environment(n_threads))
    process_s = perf_counter() - began
    missing = [name for name in PICTURES[side] if not (output / name).exists()]
    if missing:
        raise SystemExit(f"{side} did not draw {missing}.")
    record: Record = json.loads((folder / f"{side}.json").read_text())
    return record | {"process_s": process_s, "features": np.load(output / "features.npy")}


def check_agreement(
    records: dict[str, Record], n_images: int, *, precision: str
) -> tuple[float, float]:
    """Compare the features of the two programs; exit if they differ.

    The mean over the images is subtracted first, because features that are never negative have a
    high cosine similarity for any two images.

    Returns
    -------
    least : float
        The smallest cosine similarity between the two features of an image.
    largest : float
        The largest difference of a feature, in standard deviations over the images.
    """
    centered = []
    for side, record in records.items():
        if len(record["features"]) != n_images or len(record["paths"]) != n_images:
            raise SystemExit(f"{side} must have {n_images} features; got {len(record['paths'])}.")
        features = record["features"][np.argsort(record["paths"])].astype(np.float64)
        centered.append(features - features.mean(axis=0))
    one, other = centered
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    least = float(((one * other).sum(axis=1) / lengths).min())
    if (
        not least >= MIN_COSINE[precision]
        or len({tuple(sorted(r["paths"])) for r in records.values()}) > 1
    ):
        raise SystemExit(f"the features differ; the smallest cosine similarity is {least:.6f}.")
    largest = float((np.abs(one - other).max(axis=0) / one.std(axis=0).clip(1e-9)).max())
    return least, largest


def times_table(runs: dict[str, list[Record]]) -> str:
    """Return the table with one row per stage, followed by the totals."""
    rows = []
    names = dict.fromkeys(name for one in runs.values() for name in one[0]["stages_s"])
    for name in names:
        cells = [
            [run["stages_s"][name] for run in runs[side] if name in run["stages_s"]]
            for side in SIDES
        ]
        rows.append([name, *(_cell(values) for values in cells), _ratio(*cells)])
    for title, key in (
        ("**total without imports**", "total_s"),
        ("imports", "import_s"),
        ("process", "process_s"),
    ):
        cells = [[run[key] for run in runs[side]] for side in SIDES]
        rows.append([title, *(_cell(values) for values in cells), _ratio(*cells)])
    memory = [max(run["peak_memory_bytes"] for run in runs[side]) for side in SIDES]
    rows.append(["peak memory", *(f"{value / 1e6:,.0f} MB" for value in memory), ""])
    return table(["stage", "tutorial", "featscape", "ratio"], rows)


def _cell(values: Sequence[float]) -> str:
    return seconds(values) if values else ""


def _ratio(tutorial: Sequence[float], own: Sequence[float]) -> str:
    if not (tutorial and own):
        return ""
    return f"{np.median(tutorial) / max(np.median(own), 1e-3):.2f}"


def write_random_weights(path: Path, images: Path) -> None:
    """Save ResNet101 with seeded random weights, which take as much work as trained weights.

    The batch normalization is fitted to some of the images: otherwise the features grow from layer
    to layer and depend mainly on the brightness of the image. Each block adds little to its input,
    as in trained networks: otherwise the 33 blocks amplify the rounding of a few pixels until half
    of the features are noise.
    """
    import torch
    from torchvision.models import resnet101
    from torchvision.models.resnet import Bottleneck

    from tutorial_way import FolderPerClass

    torch.manual_seed(SEED)
    network = resnet101(weights=None)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None  # the statistics are plain means
        if isinstance(module, Bottleneck):
            torch.nn.init.constant_(module.bn3.weight, BLOCK_SHARE)
    dataset = FolderPerClass(images)
    sample = range(0, len(dataset), max(1, len(dataset) // N_FITTED))
    with torch.no_grad():
        network.train()(torch.stack([dataset[i][0] for i in sample]))
    torch.save(network.state_dict(), path)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=500, help="number of images")
    parser.add_argument("--weights", type=Path, help="torchvision's file for ResNet101")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--precision", choices=MIN_COSINE, default="auto")
    parser.add_argument("--keep", type=Path, help="write images and results into this new folder")
    parser.add_argument("--noisy", action="store_true", help="allow a busy machine")
    inner = parser.add_argument_group("for the processes that this script starts")
    inner.add_argument("--side", choices=SIDES)
    inner.add_argument("--images-folder", type=Path)
    inner.add_argument("--output", type=Path)
    return parser.parse_args()


def compare(arguments: argparse.Namespace, folder: Path) -> None:
    images, weights = folder / "photographs", arguments.weights
    write_photographs(images, arguments.images, seed=SEED)
    if weights is None:
        weights = folder / "resnet101-random.pth"
        write_random_weights(weights, images)
    runs: dict[str, list[Record]] = {side: [] for side in SIDES}
    for repeat in range(arguments.repeats):
        here = folder / f"run-{repeat}"
        here.mkdir()
        sides = list(SIDES) if repeat % 2 == 0 else list(reversed(SIDES))
        records = {
            side: run(
                side,
                images,
                weights,
                here,
                n_threads=arguments.threads,
                precision=arguments.precision,
            )
            for side in sides
        }
        cosine, difference = check_agreement(
            records, arguments.images, precision=arguments.precision
        )
        for side in SIDES:
            runs[side].append(records[side])
    kind = "random weights" if arguments.weights is None else arguments.weights.name
    print(
        f"\n{arguments.images} images, ResNet101 ({kind}), {arguments.repeats} repetitions. The "
        "features agree: the smallest cosine similarity of the centered features of an image is "
        f"{cosine:.7f}, and the largest difference of a feature is {difference:.1e} standard "
        f"deviations. featscape used {runs['featscape'][0]['inference']}."
        f"\n\n{times_table(runs)}"
    )


def main() -> None:
    arguments = parse()
    if arguments.side:
        record = SIDES[arguments.side](
            arguments.images_folder,
            arguments.weights,
            arguments.output,
            n_threads=arguments.threads,
            precision=arguments.precision,
        )
        record["peak_memory_bytes"] = peak_memory_bytes()
        arguments.output.with_suffix(".json").write_text(json.dumps(record))
        return
    check_quiet(noisy=arguments.noisy, n_threads=arguments.threads)
    print(describe(PACKAGES, n_threads=arguments.threads), flush=True)
    if arguments.keep:
        arguments.keep.mkdir(parents=True)
        compare(arguments, arguments.keep)
        return
    with TemporaryDirectory(prefix="featscape-bench-") as folder:
        compare(arguments, Path(folder))


if __name__ == "__main__":
    main()
