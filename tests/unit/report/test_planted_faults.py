"""The report shows eleven planted faults of nine kinds, each in its section."""

import re

import numpy as np
import pytest
from PIL import Image, ImageFilter, ImageOps

from featscape.findings import (
    ItemData,
    arrange_findings,
    compute_findings,
    draw_difference,
    summarize_findings,
)
from featscape.findings.spaces import search_all_pairs
from featscape.report import ReportInput, render_report
from helpers.maps.planted import Pictures, clouds, named, pictures

N_ITEMS, N_CLASSES = 112, 4
FRAMED = 85  # a picture in a white frame
WARM = range(0, 40, N_CLASSES)  # ten of the 28 images of the first class


def planted():
    """Return items with faults; the copies are the last items."""
    features, codes = clouds(N_ITEMS, n_classes=N_CLASSES)
    images = pictures(N_ITEMS, size=(176, 132))
    labels = named(codes)
    splits = ["train"] * N_ITEMS
    labels[50], labels[67] = labels[51], labels[68]  # wrong labels
    for copy, original in ((109, 89), (110, 94), (111, 99)):
        features[copy] = features[original] + 0.01
        images[copy], labels[copy] = images[original].copy(), labels[original]
    images[110] = ImageOps.mirror(images[110])
    splits[110] = "test"  # a leak
    labels[111] = labels[100]  # a conflict
    random = np.random.default_rng(0)
    for foreign in (76, 77):
        features[foreign] = random.normal(size=features.shape[1])
    images[80] = images[80].filter(ImageFilter.GaussianBlur(4))
    images[81] = images[81].point(lambda level: level * 0.1)
    framed = images[FRAMED]
    images[FRAMED] = ImageOps.expand(framed.crop((20, 20, 156, 112)), 20, "white")
    for warm in WARM:
        levels = np.asarray(images[warm]) * np.array([1.3, 1, 0.7])
        images[warm] = Image.fromarray(np.clip(levels, 0, 255).astype(np.uint8))
    return ItemData(
        features=features,
        positions=features[:, :2].copy(),
        neighbors=search_all_pairs(features, 90).indices,
        labels=labels,
        splits=splits,
        paths=[f"{item}.png" for item in range(N_ITEMS)],
        thumbnails=Pictures(images),
        sizes_px=np.full((N_ITEMS, 2), 640, dtype=np.int32),
    )


@pytest.fixture(scope="module")
def sections():
    """Return the HTML of each section of the report by its name."""
    items = planted()
    findings = compute_findings(items, search=search_all_pairs, n_threads=1, random_state=0)
    content = render_report(
        ReportInput(
            title="planted",
            folder_argument="planted-map",
            facts={"dataset": "112 images", "made": "today"},
            sentences=summarize_findings(findings),
            findings=arrange_findings(findings),
            labels=items.labels,
            splits=items.splits,
            paths=items.paths,
            thumbnails=items.thumbnails,
            difference=draw_difference,
        )
    )
    parts = re.split(r'<section id="(\w+)"', content)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize(
    ("section", "shown"),
    [
        ("labels", ["Number 0<", "Number 1<", "50.png", "suggested", ">cat<"]),
        ("labels", ["67.png", "suggested", ">dog<"]),
        ("duplicates", ["89.png, 109.png are the same picture", ">difference<"]),
        ("leaks", ["94.png, 110.png may be mirrored copies", "train and test"]),
        ("conflicts", ["99.png, 111.png are the same picture", "with the labels dog and ant"]),
        ("off_topic", ["76.png"]),
        ("off_topic", ["77.png"]),
        ("off_topic", ["Other borders than most images", "85.png"]),
        ("quality", ["blurred <b>1</b>", "80.png"]),
        ("quality", ["dark <b>1</b>", "81.png"]),
        ("shortcuts", ["warmest (yellow to red) images", "have the label ant", "4.png"]),
    ],
)
def test_a_planted_fault_is_in_its_section(sections, section, shown):
    for text in shown:
        assert text in sections[section]
