"""Measure how certain the shortcuts are, and how many planted color casts are found.

    .venv/bin/python benchmarks/shortcuts.py SOURCE N [--labels TABLE COLUMN]

Twice N images are drawn 20 times from a source with labels, without repetition. Output: the number
of shortcuts of the first N images, how many are also found in the other N, how often both have the
same first shortcut, and how often the ranges contain the shares among all images of the source that
were not drawn. Then a color cast of 30 % and of 20 % and a darkening to 60 % are planted in a fifth
of one class of twice N images, for each class of at least 20 images and three times.
"""

from __future__ import annotations

import argparse
import csv
import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image

from featscape import find_images
from featscape.findings.pixels.survey import Survey, survey_thumbnails
from featscape.findings.shortcuts.cells import find_shortcuts
from featscape.findings.shortcuts.properties import collect_properties
from featscape.labels.classes import count_classes
from findings_sets import Pictures

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from featscape.findings.records import Shortcut

    Items = NDArray[np.intp]
    Measures = Mapping[str, NDArray[np.float32]]

N_DRAWS, N_PLANTINGS = 20, 3
NOT_FOUND = 1_000
THUMBNAIL_PX = 256
LEAST_OF_CLASS, PLANTED_SHARE, LEAST_PLANTED = 20, 0.2, 5
EDITS = {  # factors of red, green and blue; the property and the words of its tail
    "color cast of 30 %": ((1.3, 1.0, 0.7), "warmest (yellow to red)"),
    "color cast of 20 %": ((1.2, 1.0, 0.8), "warmest (yellow to red)"),
    "darkened to 60 %": ((0.6, 0.6, 0.6), "darkest"),
}
TEXT = re.compile(r"Of the (\d+) % (.+) (?:images|items), \d+ % \((\d+) to (\d+) %\)")


class Images(NamedTuple):
    """The images of a source: labels, sizes (n, 2), measures, and measures after each edit."""

    labels: NDArray[np.str_]
    sizes_px: NDArray[np.int32]
    measures: Measures
    edited: Mapping[str, Measures]


def load(source: str, labels_of: dict[str, str] | None) -> Images:
    """Measure all images of a source as thumbnails."""
    found = find_images(source)
    images, sizes = [], []
    for item in range(len(found)):
        image = found.load(item)
        sizes.append(image.size)
        image.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX))
        images.append(image)
    labels = found.labels or ()
    if labels_of is not None:
        labels = tuple(labels_of[path] for path in found.paths)
    edited = {name: survey(images, factors) for name, (factors, _) in EDITS.items()}
    return Images(np.array(labels), np.array(sizes, np.int32), survey(images), edited)


def survey(images: list[Image.Image], factors: tuple[float, ...] = (1.0, 1.0, 1.0)) -> Measures:
    """Return the measures of images whose channels are multiplied by factors."""

    def scaled(image: Image.Image) -> Image.Image:
        levels = np.asarray(image) * np.array(factors)
        return Image.fromarray(np.clip(levels, 0, 255).astype(np.uint8))

    return survey_thumbnails(Pictures([scaled(one) for one in images])).measures


def cells(
    images: Images, items: Items, measures: Measures, labels: NDArray[np.str_]
) -> list[Shortcut]:
    """Return the shortcuts of some items that predict a label."""
    no_pixels = np.zeros((len(items), 1), np.uint8)
    some = Survey(no_pixels, no_pixels, no_pixels, {k: v[items] for k, v in measures.items()})
    classes = count_classes(labels[items].tolist(), len(items))
    near = np.zeros((len(items), 1), np.int32)  # the order of the neighbors is not measured
    found = find_shortcuts(
        some, classes, neighbors=near, sizes_px=images.sizes_px[items], random_state=0
    )
    return [one for one in found.findings if one.label]


def draws(images: Images, n_items: int) -> Iterator[str]:
    """Yield how stable the shortcuts of samples are, and how often their ranges are right."""
    found_again: list[bool] = []
    same_first: list[bool] = []
    in_range: list[bool] = []
    numbers = []
    for seed in range(N_DRAWS):
        order = np.random.default_rng(seed).permutation(len(images.labels))
        first, second = (
            cells(images, items, images.measures, images.labels)
            for items in (order[:n_items], order[n_items : 2 * n_items])
        )
        numbers.append(len(first))
        names = {(one.property_name, one.label) for one in second}
        found_again += [(one.property_name, one.label) in names for one in first]
        if first and second:
            same_first.append((first[0].property_name, first[0].label)
                              == (second[0].property_name, second[0].label))  # fmt: skip
        if len(order) > 3 * n_items:
            in_range += [is_in_range(images, order[2 * n_items :], one) for one in first]
    yield f"{np.mean(numbers):.1f} listed; {share(found_again)} found again"
    yield f"the same first: {share(same_first)}; in the range: {share(in_range)}"


def is_in_range(images: Images, items: Items, one: Shortcut) -> bool:
    """Return whether the range of a shortcut contains the share among other items."""
    parsed = TEXT.match(one.text)
    if parsed is None:
        raise SystemExit(f"a shortcut must have a range; got {one.text!r}.")
    percentage, word, low, high = parsed.groups()
    no_pixels = np.zeros((len(items), 1), np.uint8)
    measures = {name: values[items] for name, values in images.measures.items()}
    some = Survey(no_pixels, no_pixels, no_pixels, measures)
    properties = collect_properties(some, sizes_px=images.sizes_px[items])
    of = next(found for found in properties if found.name == one.property_name)
    is_high = of.tails is not None and word == of.tails[1]
    order = np.argsort(-of.values if is_high else of.values, kind="stable")
    tail = items[order[: round(int(percentage) / 100 * len(items))]]
    found = 100 * (images.labels[tail] == one.label).mean()
    return bool(int(low) - 0.5 <= found <= int(high) + 0.5)


def plantings(images: Images, n_items: int) -> Iterator[str]:
    """Yield which share of the planted effects is listed, and is among the first three."""
    for name, (_, word) in EDITS.items():
        places: list[int] = []
        for seed in range(N_PLANTINGS):
            random = np.random.default_rng(seed)
            items = random.permutation(len(images.labels))[: 2 * n_items]
            names, counts = np.unique(images.labels[items], return_counts=True)
            for label in names[counts >= LEAST_OF_CLASS]:
                of_class = random.permutation(items[images.labels[items] == label])
                chosen = of_class[: max(LEAST_PLANTED, round(PLANTED_SHARE * len(of_class)))]
                measures = {key: values.copy() for key, values in images.measures.items()}
                for key, values in measures.items():
                    values[chosen] = images.edited[name][key][chosen]
                found = cells(images, items, measures, images.labels)
                matches = [at for at, one in enumerate(found)
                           if one.label == label and f" {word} items" in one.text]  # fmt: skip
                places.append(min(matches, default=NOT_FOUND))
        at = np.array(places)
        yield f"{name}: in the first ten {share(at < 10)}, in the first three {share(at < 3)}"


def share(values: list[bool] | NDArray[np.bool_]) -> str:
    """Return for example ".85 of 20"."""
    return f"{np.mean(values):.2f} of {len(values)}" if len(values) else "none"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("source", help="a source of images with labels")
    parser.add_argument("n_items", type=int, help="images of a sample; at most half of the source")
    parser.add_argument("--labels", nargs=2, metavar=("TABLE", "COLUMN"), help="labels by path")
    options = parser.parse_args()
    labels_of = None
    if options.labels:
        table, column = options.labels
        with Path(table).open(newline="", encoding="utf-8") as file:
            labels_of = {row["path"]: row[column] for row in csv.DictReader(file)}
    images = load(options.source, labels_of)
    for line in (*draws(images, options.n_items), *plantings(images, options.n_items)):
        print(line, flush=True)


if __name__ == "__main__":
    main()
