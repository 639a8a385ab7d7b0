"""The names of the classes and regions on the map."""

from dataclasses import replace

import numpy as np
import pytest
from playwright.sync_api import expect

from featscape.records.regions import Region

N_CLASSES = 60
ARABIC = "شجرة"


@pytest.fixture(scope="module")
def page(drawn_page):
    """Return the address of a page with 60 classes; one has an Arabic name."""
    rng = np.random.default_rng(2)
    codes = np.arange(1200) % N_CLASSES
    codes[:60] = 0  # the largest class has its name on the map at every zoom
    centers = rng.uniform(-4, 4, (N_CLASSES, 2))
    positions = centers[codes] + rng.normal(size=(1200, 2)) * 0.05
    labels = [ARABIC if code == 0 else f"class number {code}" for code in codes]
    file = drawn_page(1200, images=False, positions=positions.astype(np.float32), labels=labels)
    return f"{file.as_uri()}#view=points"


def names(visit):
    """Return the text and the box of each visible name."""
    return visit.page.locator(".fs-map-names text[visibility=visible]").evaluate_all(
        "texts => texts.map(text => [text.textContent, text.getBoundingClientRect().toJSON()])"
    )


def n_overlaps(boxes):
    """Return the number of pairs of boxes that overlap, without the margins above the letters."""
    pairs = [(a, b) for i, a in enumerate(boxes) for b in boxes[:i]]
    return sum(
        a["left"] < b["right"]
        and b["left"] < a["right"]
        and a["top"] + 4 < b["bottom"] - 4
        and b["top"] + 4 < a["bottom"] - 4
        for a, b in pairs
    )


def test_zooming_in_shows_more_names_that_never_overlap(look, page):
    n_seen = []
    for scale in (40, 80):
        visit = look(f"{page}&at=0_0_0&scale={scale}")
        seen = names(visit)
        assert n_overlaps([box for _, box in seen]) == 0
        n_seen.append(len(seen))
    assert 0 < n_seen[0] < n_seen[1]


def test_panning_changes_no_name(look, page):
    visit = look(f"{page}&at=0_0_0&scale=80")
    before = dict(names(visit))
    visit.drag((700, 400), (760, 430))
    visit.rest()
    after = dict(names(visit))
    inside = [
        text for text, box in before.items() if 330 < box["left"] < 1000 and 100 < box["top"] < 600
    ]
    assert len(inside) > 5
    for text in inside:
        assert after[text]["left"] == pytest.approx(before[text]["left"] + 60, abs=2)


def test_no_name_is_under_a_panel(look, page):
    visit = look(f"{page}&at=0_0_0&scale=80")
    sidebar = visit.page.locator(".fs-sidebar").bounding_box()
    right = sidebar["x"] + sidebar["width"]
    n_beside = 0
    for _ in range(4):
        visit.drag((760, 400), (715, 400))
        visit.rest()
        lefts = [box["left"] for _, box in names(visit)]
        assert min(lefts) >= right - 1
        n_beside += sum(left < right + 4 for left in lefts)  # moved beside the panel
    assert n_beside > 0


def test_a_switch_removes_the_names_and_the_address_keeps_it(look, page):
    visit = look(page)
    visit.becomes(lambda: len(names(visit)) > 0, expected=True)
    visit.page.get_by_label("Names on the map").uncheck()
    visit.becomes(lambda: len(names(visit)), expected=0)
    visit.becomes(lambda: visit.shared.get("names"), expected="off")
    visit.page.reload()
    visit.rest()
    expect(visit.page.get_by_label("Names on the map")).not_to_be_checked()
    assert names(visit) == []
    visit.page.keyboard.press("m")
    visit.becomes(lambda: len(names(visit)) > 0, expected=True)


def test_a_hidden_class_has_no_name(look, page):
    everything = look(page)
    everything.becomes(lambda: ARABIC in dict(names(everything)), expected=True)
    visit = look(f"{page}&hide.label=59")  # the last class in natural order
    visit.becomes(lambda: len(names(visit)) > 0, expected=True)
    assert ARABIC not in dict(names(visit))


def test_a_map_without_labels_has_no_switch(look, drawn_page):
    visit = look(drawn_page(50, images=False, labels=None).as_uri())
    expect(visit.page.get_by_label("Names on the map")).to_have_count(0)


@pytest.fixture(scope="module")
def clusters():
    """Return the positions of 16 clusters in 4 groups, and the regions of both."""
    rng = np.random.default_rng(3)
    codes = np.arange(800) % 16
    groups = np.array([(0, 0), (40, 0), (0, 40), (40, 40)])
    inner = np.array([(0, 0), (8, 0), (0, 8), (8, 8)])
    centers = (groups[:, None] + inner).reshape(-1, 2)
    positions = (centers[codes] + rng.normal(size=(800, 2))).astype(np.float32)
    first = [Region(0, None, f"group {i}", (), 200, 4 * i, 4 * i) for i in range(4)]
    second = [Region(1, i // 4, f"kind {i}", (), 50, i + 16, i) for i in range(16)]
    return {"positions": positions, "regions": (*first, *second), "images": False}


def zoom_at(visit, text):
    """Zoom in at a name with the wheel."""
    box = dict(names(visit))[text]
    visit.page.mouse.move(box["left"] + box["width"] / 2, box["top"] + box["height"] / 2)
    visit.page.mouse.wheel(0, -500)
    visit.rest()


def test_a_map_without_labels_shows_regions_and_more_of_them_after_zooming_in(
    look, drawn_page, clusters
):
    file = drawn_page(800, labels=None, **clusters)
    visit = look(f"{file.as_uri()}#view=points")
    visit.becomes(lambda: sorted(dict(names(visit))), expected=[f"group {i}" for i in range(4)])
    zoom_at(visit, "group 0")
    visit.becomes(lambda: any(text.startswith("kind") for text, _ in names(visit)), expected=True)
    assert n_overlaps([box for _, box in names(visit)]) == 0
    expect(visit.page.get_by_label("Names on the map")).to_be_checked()


def test_the_name_of_a_region_shows_and_opens_its_typical_image(look, drawn_page, clusters):
    first, *others = clusters["regions"]
    regions = (replace(first, representative=480), *others)
    given = {**clusters, "regions": regions, "images": True}
    visit = look(f"{drawn_page(800, labels=None, **given).as_uri()}#view=points")
    visit.becomes(lambda: "group 0" in dict(names(visit)), expected=True)
    box = dict(names(visit))["group 0"]
    middle = (box["left"] + box["width"] / 2, box["top"] + box["height"] / 2)
    visit.hover_at(middle)
    card = visit.page.locator(".fs-card")
    expect(card).to_contain_text("group 0region of 200 images")
    expect(card.locator("img")).to_have_js_property("complete", True)
    visit.click_at(middle)
    expect(visit.panel("Item")).to_contain_text("480.png")


def test_a_map_with_labels_shows_its_classes_first(look, drawn_page, clusters):
    labels = [f"class {i % 16 // 4}" for i in range(800)]
    file = drawn_page(800, labels=labels, **clusters)
    visit = look(f"{file.as_uri()}#view=points")
    visit.becomes(lambda: sorted(dict(names(visit))), expected=[f"class {i}" for i in range(4)])
    zoom_at(visit, "class 0")
    visit.becomes(lambda: all(text.startswith("class") for text, _ in names(visit)), expected=False)
