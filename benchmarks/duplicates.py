"""Measure how many planted near duplicates are found, and how many found pairs are false.

    .venv/bin/python benchmarks/duplicates.py FOLDER

Edited copies of some images of the folder are added to the images. The folder should have no near
duplicates of its own; `--list` prints the pairs that count as false. `--peers PYTHON` also runs
imagededup and CleanVision, if they are installed in the environment of that Python.
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Edit = Callable[[Image.Image, np.random.Generator], Image.Image]
    Pairs = set[tuple[int, int]]


def _jpeg(image: Image.Image, quality: int) -> Image.Image:
    encoded = io.BytesIO()
    image.save(encoded, "JPEG", quality=quality)
    return Image.open(encoded).convert("RGB")


def _crop(image: Image.Image, share: float, random: np.random.Generator) -> Image.Image:
    width, height = (int(side * share) for side in image.size)
    left = int(random.integers(0, image.width - width + 1))
    top = int(random.integers(0, image.height - height + 1))
    return image.crop((left, top, left + width, top + height))


def _add(image: Image.Image, change: NDArray[np.float64]) -> Image.Image:
    levels = np.asarray(image, dtype=np.float64) + change
    return Image.fromarray(np.clip(levels, 0, 255).astype(np.uint8))


def _tint(image: Image.Image, _: np.random.Generator) -> Image.Image:
    return _add(image, np.asarray(image) * np.array([0.2, 0.0, -0.2]))


def _noise(image: Image.Image, random: np.random.Generator) -> Image.Image:
    return _add(image, random.normal(0, 12, (image.height, image.width, 3)))


def _caption(image: Image.Image, _: np.random.Generator) -> Image.Image:
    image = image.copy()
    width, height = image.size
    draw = ImageDraw.Draw(image)
    draw.rectangle((0.05 * width, 0.85 * height, 0.5 * width, 0.95 * height), fill="white")
    draw.text((0.06 * width, 0.87 * height), "a sample caption", fill="black")
    return image


def _border(image: Image.Image, _: np.random.Generator) -> Image.Image:
    return ImageOps.expand(image, border=max(int(0.06 * min(image.size)), 1), fill="white")


def _half(image: Image.Image, _: np.random.Generator) -> Image.Image:
    return image.resize(
        (max(image.width // 2, 8), max(image.height // 2, 8)), Image.Resampling.BILINEAR
    )


EDITS: dict[str, Edit] = {
    "JPEG 50": lambda image, _: _jpeg(image, 50),
    "JPEG 15": lambda image, _: _jpeg(image, 15),
    "half size": _half,
    "brightness": lambda image, _: ImageEnhance.Brightness(image).enhance(1.35),
    "contrast": lambda image, _: ImageEnhance.Contrast(image).enhance(0.6),
    "gray": lambda image, _: image.convert("L").convert("RGB"),
    "mirror": lambda image, _: ImageOps.mirror(image),
    "crop 90 %": lambda image, random: _crop(image, 0.9, random),
    "crop 80 %": lambda image, random: _crop(image, 0.8, random),
    "rotation": lambda image, _: image.rotate(3, Image.Resampling.BICUBIC),
    "blur": lambda image, _: image.filter(ImageFilter.GaussianBlur(0.006 * max(image.size))),
    "noise": _noise,
    "tint": _tint,
    "caption": _caption,
    "border": _border,
}


def _frame(image: Image.Image, random: np.random.Generator) -> Image.Image:
    """Return a frame of a film: the camera moves by up to 4 % of the picture, and has noise."""
    frame = _crop(image, 0.96, random)
    return _jpeg(_add(frame, random.normal(0, 3, (frame.height, frame.width, 3))), 85)


_ALL: dict[str, Edit] = {**EDITS, "frame": _frame}


# Runs in another environment; prints pairs of file names per tool.
_PEERS = """
import contextlib, io, json, sys
folder, found = sys.argv[1], {}
with contextlib.redirect_stdout(io.StringIO()):
    try:
        from imagededup.methods import PHash
        copies = PHash(verbose=False).find_duplicates(image_dir=folder)
        found["imagededup PHash"] = [(a, b) for a, near in copies.items() for b in near]
    except ImportError:
        pass
    try:
        from pathlib import Path
        from cleanvision import Imagelab
        lab = Imagelab(data_path=folder)
        lab.find_issues({"near_duplicates": {}, "exact_duplicates": {}}, n_jobs=1)
        kinds = [kind for kind in lab.info if kind.endswith("duplicates")]
        sets = [one for kind in kinds for one in lab.info[kind]["sets"]]
        found["CleanVision"] = [
            (Path(a).name, Path(b).name) for one in sets for a in one for b in one if a < b
        ]
    except ImportError:
        pass
print(json.dumps(found))
"""


def main() -> None:
    options = _parse()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sources, edits = _plant(folder, options)
        truth = _pairs_within(sources)
        print(f"{len(sources):,} images, {len(truth):,} pairs of edited copies\n")
        print("| tool | pairs | precision | recall | seconds |\n|---|---|---|---|---|")
        started = time.perf_counter()
        found, copies, searching_s = _find(folder)
        _report("featscape", found, truth, searching_s)
        _report("featscape, without similar pictures", copies, truth, None)
        for tool, pairs in _run_peers(options.peers, folder).items():
            _report(tool, pairs, truth, None)
        print(f"\nfeatscape with decoding and features: {time.perf_counter() - started:.0f} s")
    print("\n| edit | recall of its pairs |\n|---|---|")
    for edit in _ALL:
        of_edit = {pair for pair in truth if edit in {edits[pair[0]], edits[pair[1]]}}
        if of_edit:
            print(f"| {edit} | {len(of_edit & found) / len(of_edit):.3f} |")
    if options.list:
        for first, second in sorted(found - truth):
            print(f"false: images {sources[first]} and {sources[second]} of the folder")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=1_000, help="originals")
    parser.add_argument("--planted", type=int, default=200, help="originals with edited copies")
    parser.add_argument("--copies", type=int, default=2, help="edited copies of each; 0 is allowed")
    parser.add_argument("--frames", action="store_true", help="copies are frames of a film")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--list", action="store_true", help="print the false pairs")
    parser.add_argument("--peers", help="a Python with imagededup or CleanVision")
    return parser.parse_args()


def _plant(folder: Path, options: argparse.Namespace) -> tuple[list[int], list[str]]:
    """Write originals and edited copies; return the original and the edit of each file."""
    from featscape import find_images

    random = np.random.default_rng(options.seed)
    images = find_images(options.folder, limit=options.images, random_state=options.seed)
    planted = set(random.permutation(len(images))[: options.planted].tolist())
    sources: list[int] = []
    edits: list[str] = []
    for source in range(len(images)):
        original = images.load(source)
        chosen = ["original"]
        if source in planted and options.frames:
            chosen += ["frame"] * options.copies
        elif source in planted:
            chosen += random.choice(list(EDITS), options.copies, replace=False).tolist()
        for edit in chosen:
            image = original if edit == "original" else _ALL[edit](original, random)
            image.save(folder / f"{len(sources):06}.png", compress_level=1)
            sources.append(source)
            edits.append(edit)
    return sources, edits


def _pairs_within(groups: list[int]) -> Pairs:
    members: dict[int, list[int]] = {}
    for item, group in enumerate(groups):
        members.setdefault(group, []).append(item)
    return _all_pairs(members.values())


def _all_pairs(groups: Any) -> Pairs:
    return {(a, b) for group in groups for a in group for b in group if a < b}


def _find(folder: Path) -> tuple[Pairs, Pairs, float]:
    """Return the pairs of items in the same group, also without similar pictures, and seconds."""
    from featscape import find_images
    from featscape.features import ExtractOptions, NetworkRequest, run_extraction
    from featscape.findings.duplicates.groups import find_duplicates
    from featscape.findings.pixels.survey import survey_thumbnails
    from featscape.images.decoding.thumbnails import ThumbnailPacker
    from featscape.mapfolder.thumbnails import Thumbnails
    from featscape.steps.tsne.adapter import search_neighbors

    with tempfile.TemporaryDirectory() as name:
        with ThumbnailPacker(Path(name) / "thumbnails", size_px=256) as pack:
            features = run_extraction(
                find_images(folder),
                NetworkRequest("efficientnet_lite0"),
                ExtractOptions(thumbnails=pack),
            ).values
        survey = survey_thumbnails(Thumbnails(Path(name) / "thumbnails"))
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    neighbors = search_neighbors(unit, min(90, len(unit) - 1)).indices
    started = time.perf_counter()
    part = find_duplicates(
        survey,
        features=unit,
        neighbors=neighbors,
        n_threads=2,
        random_state=0,
        values=None,
        digests=None,
        labels=None,
        splits=None,
        paths=None,
    )
    seconds = time.perf_counter() - started
    copies = [one.items for one in part.findings if one.kind != "similar"]
    return _all_pairs(one.items for one in part.findings), _all_pairs(copies), seconds


def _run_peers(python: str | None, folder: Path) -> dict[str, Pairs]:
    if python is None:
        return {}
    done = subprocess.run(
        [python, "-c", _PEERS, str(folder)], check=True, capture_output=True, text=True
    )
    found = json.loads(done.stdout.splitlines()[-1])
    return {
        tool: {(min(pair), max(pair)) for pair in ((int(a[:6]), int(b[:6])) for a, b in pairs)}
        for tool, pairs in found.items()
    }


def _report(tool: str, found: Pairs, truth: Pairs, seconds: float | None) -> None:
    right = len(found & truth)
    precision = f"{right / len(found):.4f}" if found else ""
    recall = f"{right / len(truth):.4f}" if truth else ""
    shown = "" if seconds is None else f"{seconds:.1f}"
    print(f"| {tool} | {len(found):,} | {precision} | {recall} | {shown} |", flush=True)


if __name__ == "__main__":
    main()
