"""Plant ten faults of eight kinds in a copy of a dataset, and write its report for a blind reading.

    python benchmarks/blind_report.py FOLDER FOREIGN OUT [--seed N]

FOLDER is a source of images with labels; FOREIGN is a source of images of another kind. The copy
gets new names of its files, so that the report alone shows the faults. Read OUT/report.html, and
then compare with OUT/truth.csv. The script prints which section of the
report shows the images of each fault, if --blind is not given: the section of its kind or, for an
edited copy, "similar". The sentences of similar pictures also name their splits and labels.
"""

from __future__ import annotations

import argparse
import csv
import io
import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image, ImageFilter

from featscape import find_images, make_map
from featscape.steps.report import write_report

if TYPE_CHECKING:
    from collections.abc import Iterator

LEAST_OF_CLASS = 20
TEST_SHARE = 0.3
LEAST_PX = 128  # side of the images to blur
LEAST_OF_CAST = 3  # images with a color cast that the report must show


class Fault(NamedTuple):
    """A planted fault: its kind, the section of the report, the new images and their origin."""

    kind: str
    section: str
    images: tuple[int, ...]


class Planter:
    """The images of the copy, with class and split of each."""

    def __init__(self, folder: Path, foreign: str, *, seed: int, limit: int | None) -> None:
        self.random = np.random.default_rng(seed)
        source = find_images(folder, limit=limit)
        self.foreign = find_images(foreign)
        names, counts = np.unique(source.labels or (), return_counts=True)
        self.classes = names[counts >= LEAST_OF_CLASS].tolist()
        if len(self.classes) < 3:
            raise SystemExit(
                f"FOLDER must have three classes of {LEAST_OF_CLASS} images; got "
                f"{len(self.classes)}. Use a larger folder."
            )
        kept = [at for at, name in enumerate(source.labels or ()) if name in self.classes]
        self.images = [source.load(at) for at in kept]
        self.labels = [(source.labels or ())[at] for at in kept]
        is_test = self.random.random(len(kept)) < TEST_SHARE
        self.splits = ["test" if one else "train" for one in is_test]
        self.unused = self.random.permutation(len(kept)).tolist()

    def take(self, *, least_px: int = 0) -> int:
        """Return an image without faults."""
        at = next(one for one in self.unused if min(self.images[one].size) >= least_px)
        self.unused.remove(at)
        return int(at)

    def add(self, image: Image.Image, label: str, split: str) -> int:
        """Add an image, and return its number."""
        self.images.append(image)
        self.labels.append(label)
        self.splits.append(split)
        return len(self.images) - 1

    def other(self, values: list[str], value: str) -> str:
        """Return another class or split."""
        return str(self.random.choice([one for one in values if one != value]))

    def faults(self) -> Iterator[Fault]:
        """Plant ten faults."""
        cast_class = str(self.random.choice(self.classes))
        for _ in range(2):
            at = self.take()
            self.labels[at] = self.other(self.classes, self.labels[at])
            yield Fault("wrong label", "labels", (at,))
        at = self.take()
        same = self.add(self.images[at], self.labels[at], self.splits[at])
        yield Fault("equal images", "duplicates", (at, same))
        at = self.take()
        split = self.other(["train", "test"], self.splits[at])
        yield Fault(
            "copy in another split", "leaks", (at, self._edited(at, self.labels[at], split))
        )
        at = self.take()
        label = self.other(self.classes, self.labels[at])
        copy = self.add(compressed(self.images[at], 85), label, self.splits[at])
        yield Fault("copy with another label", "conflicts", (at, copy))
        for which in self.random.choice(len(self.foreign), 2, replace=False).tolist():
            label = str(self.random.choice(self.classes))
            yield Fault(
                "foreign", "off_topic", (self.add(self.foreign.load(which), label, "train"),)
            )
        yield self._spoiled()
        at = self.take()
        self.images[at] = self.images[at].point(lambda level: level * 0.12)
        yield Fault("dark", "quality", (at,))
        of_class = [one for one in self.unused if self.labels[one] == cast_class]
        warm = of_class[: max(5, len(of_class) // 5)]
        for one in warm:
            levels = np.asarray(self.images[one]) * np.array([1.3, 1.0, 0.7])
            self.images[one] = Image.fromarray(np.clip(levels, 0, 255).astype(np.uint8))
        yield Fault(f"warm color cast in {cast_class}", "shortcuts", tuple(warm))

    def _spoiled(self) -> Fault:
        """Blur an image, or make an image of a dataset of small images flat."""
        if max(min(one.size) for one in self.images) < LEAST_PX:
            at = self.take()
            self.images[at] = self.images[at].point(lambda level: level * 0.02 + 110)
            return Fault("flat", "quality", (at,))
        at = self.take(least_px=LEAST_PX)
        radius = max(self.images[at].size) / 128
        self.images[at] = self.images[at].filter(ImageFilter.GaussianBlur(radius))
        return Fault("blurred", "quality", (at,))

    def _edited(self, at: int, label: str, split: str) -> int:
        """Add a copy that is cropped, reduced and compressed."""
        image = self.images[at]
        width, height = image.size
        small = image.crop((0, 0, round(0.94 * width), round(0.94 * height)))
        small = small.resize((max(8, round(0.8 * width)), max(8, round(0.8 * height))))
        return self.add(compressed(small, 60), label, split)


def compressed(image: Image.Image, quality: int) -> Image.Image:
    """Return the image after JPEG compression."""
    encoded = io.BytesIO()
    image.save(encoded, "JPEG", quality=quality)
    return Image.open(encoded).convert("RGB")


def plant(planter: Planter, out: Path) -> dict[Fault, tuple[str, ...]]:
    """Write the images with the faults, and return the paths of each fault."""
    faults = list(planter.faults())
    numbers = planter.random.permutation(len(planter.images))
    paths = []
    for number, image, label, split in zip(
        numbers, planter.images, planter.labels, planter.splits, strict=True
    ):
        path = f"{split}/{label}/{number:04d}.png"
        (out / "images" / path).parent.mkdir(parents=True, exist_ok=True)
        image.save(out / "images" / path)
        paths.append(path)
    found = {fault: tuple(paths[at] for at in fault.images) for fault in faults}
    with (out / "truth.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["kind", "section", "paths"])
        for fault, of_fault in found.items():
            writer.writerow([fault.kind, fault.section, " ".join(of_fault)])
    return found


def check(report: str, planted: dict[Fault, tuple[str, ...]]) -> Iterator[str]:
    """Yield one line per fault: whether its section of the report shows its images."""
    parts = re.split(r'<section id="(\w+)"', report)
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    n_shown, n_in_section = 0, 0
    for fault, paths in planted.items():
        least = LEAST_OF_CAST if fault.section == "shortcuts" else len(paths)
        places = [fault.section, *(["similar"] if "copy" in fault.kind else [])]
        shown = [
            name
            for name in places
            if sum(f">{path}<" in sections.get(name, "") for path in paths) >= least
        ]
        n_shown += bool(shown)
        n_in_section += fault.section in shown
        yield f"{fault.kind}: {'in ' + shown[0] if shown else 'not in ' + fault.section}"
    yield f"{n_shown} of {len(planted)}, {n_in_section} in the section of the kind"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path, help="a source of images with labels")
    parser.add_argument("foreign", help="a source of images of another kind")
    parser.add_argument("out", type=Path, help="a new folder")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=int, help="number of images of FOLDER, drawn at random")
    parser.add_argument("--blind", action="store_true", help="do not print the places")
    options = parser.parse_args()
    options.out.mkdir(parents=True)
    planter = Planter(options.folder, options.foreign, seed=options.seed, limit=options.limit)
    planted = plant(planter, options.out)
    make_map(options.out / "images", options.out / "map", model="efficientnet_lite0")
    write_report(options.out / "map", options.out / "report.html")
    if not options.blind:
        report = (options.out / "report.html").read_text(encoding="utf-8")
        print("\n".join(check(report, planted)))


if __name__ == "__main__":
    main()
