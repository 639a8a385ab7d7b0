"""Lasso and rectangle, the use of a selection, search, and saved pictures."""

import csv
import io
import re
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from featscape.bundle import open_bundle
from featscape.steps.content.search import Searcher

LOW, HIGH = (420, 120), (760, 520)
PAGE_GRAY = (247, 247, 245)  # the background of the page in the light theme


def rows_within(visit, bundle, inside):
    places = visit.places(bundle.array(bundle.manifest.positions))
    return sorted(bundle.array(bundle.manifest.ids)[inside(places)].tolist())


def in_rectangle(places):
    return ((places >= LOW) & (places <= HIGH)).all(axis=1)


def in_triangle(places):
    """Return whether positions are in the triangle of the lasso below."""
    x, y = places.T
    return (y > 150) & (y < 550) & (np.abs(x - 650) < (y - 150) * 200 / 400)


def test_a_rectangle_and_its_exports(look, anywhere):
    visit = look(anywhere.address)
    rows = rows_within(visit, anywhere.bundle, in_rectangle)
    assert 20 < len(rows) < 0.8 * len(anywhere.map.paths)
    visit.button("Select with a rectangle").click()
    visit.drag(LOW, HIGH)
    panel = visit.panel("Selection")
    expect(panel.get_by_role("heading")).to_have_text(f"{len(rows)} selected")
    counts = Counter(anywhere.map.labels[row] for row in rows)
    shown = panel.get_by_label("Classes of the selection").get_by_role("listitem")
    visit.becomes(
        lambda: dict(text.split("\n") for text in shown.all_inner_texts()),
        {name: str(count) for name, count in counts.items()},
    )
    visit.until("document.querySelectorAll('.fs-image-grid img').length > 11")

    name, content = visit.saved(visit.button("CSV").click)
    assert name.endswith("-selection.csv")
    table = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))
    assert [int(line["id"]) for line in table] == rows
    assert [line["path"] for line in table] == [anywhere.map.paths[row] for row in rows]
    assert [line["label"] for line in table] == [anywhere.map.labels[row] for row in rows]
    name, content = visit.saved(visit.button("Paths").click)
    assert content.decode().splitlines() == [anywhere.map.paths[row] for row in rows]

    visit.button("Clear").click()
    expect(panel).to_have_count(0)


def turned_places(visit, positions):
    """Return the places of positions on a turned map, shape (n, 2), in pixels of the page."""
    x, y, z, w = (float(part) for part in visit.shared["turn"].split("_"))
    right = [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)]
    up = [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)]
    offset = (positions - visit.center) @ np.array([right, up]).T * visit.scale
    size = visit.page.viewport_size
    return offset * [1, -1] + [size["width"] / 2, size["height"] / 2]


def test_a_lasso_on_a_turned_map_of_three_dimensions(look, drawn_page):
    page = drawn_page(400, n_dimensions=3, images=False)
    visit = look(page.as_uri())
    visit.drag((600, 400), (760, 330))
    visit.rest()
    bundle = open_bundle(page.parent / "bundle")
    places = turned_places(visit, bundle.array(bundle.manifest.positions).astype(float))
    rows = np.flatnonzero(in_triangle(places))
    assert 20 < len(rows) < 380
    visit.button("Select with a lasso").click()
    visit.drag((650, 150), (850, 550), (450, 550), (650, 150))
    visit.becomes(lambda: _selected(visit), pytest.approx(len(rows), abs=2))
    _, content = visit.saved(visit.button("Paths").click)
    ids = {int(path.removesuffix(".png")) for path in content.decode().split()}
    found = set(bundle.array(bundle.manifest.ids)[rows].tolist())
    assert len(ids ^ found) <= 2  # the pointer moves in whole pixels


def test_a_lasso_and_more_with_shift(look, digits_file):
    visit = look(digits_file.address)
    rows = rows_within(visit, digits_file.bundle, in_triangle)
    visit.button("Select with a lasso").click()
    items, places = visit.apart(digits_file.bundle)
    visit.hover_at(places[items[0]])
    card = visit.page.locator(".fs-card")
    expect(card).to_be_visible()
    visit.page.mouse.down()
    visit.page.mouse.move(650, 150, steps=4)
    expect(card).to_have_count(0)  # the card would cover the lasso
    visit.page.mouse.up()
    visit.page.keyboard.press("Escape")
    visit.button("Select with a lasso").click()
    visit.drag((650, 150), (850, 550), (450, 550), (650, 150))
    found = _selected(visit)
    visit.page.wait_for_timeout(1_000)  # the whole map is fitted next to the panel
    visit.rest()
    more = rows_within(visit, digits_file.bundle, in_rectangle)
    assert found == pytest.approx(len(rows), abs=2)  # the pointer moves in whole pixels
    visit.button("Select with a rectangle").click()
    visit.page.keyboard.down("Shift")
    visit.drag(LOW, HIGH)
    visit.page.keyboard.up("Shift")
    both = set(rows) | set(more)
    visit.becomes(lambda: _selected(visit), pytest.approx(len(both), abs=3))
    visit.page.keyboard.press("v")
    before = _selected(visit)
    visit.points()
    items, places = visit.apart(digits_file.bundle)
    outside = next(
        item
        for item in items
        if int(digits_file.bundle.array(digits_file.bundle.manifest.ids)[item]) not in both
    )
    visit.page.keyboard.down("Shift")
    visit.click_at(places[outside].tolist())
    visit.page.keyboard.up("Shift")
    visit.becomes(lambda: _selected(visit), before + 1)


def _selected(visit):
    heading = visit.panel("Selection").get_by_role("heading")
    expect(heading).to_contain_text("selected")
    return int(heading.inner_text().split()[0])


def test_a_zip_of_originals(look, served_digits):
    visit = look(served_digits.address)
    rows = rows_within(visit, served_digits.bundle, in_rectangle)
    visit.button("Select with a rectangle").click()
    visit.drag(LOW, HIGH)
    name, content = visit.saved(visit.button("ZIP").click)
    assert name.endswith("-selection.zip")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = archive.namelist()
        first = archive.read(names[0])
    assert sorted(names) == sorted(served_digits.map.paths[row] for row in rows)
    assert first.startswith(b"\x89PNG")


def test_an_image_in_the_selection_opens_it_and_closes_back(look, digits_file):
    visit = look(digits_file.address)
    visit.button("Select with a rectangle").click()
    visit.drag(LOW, HIGH)
    visit.panel("Selection").locator(".fs-image-grid button").first.click()
    expect(visit.panel("Item")).to_be_visible()
    visit.button("Close").click()
    expect(visit.panel("Selection")).to_be_visible()


def test_the_search_highlights_the_matches(look, anywhere):
    visit = look(f"{anywhere.address}#view=points")
    items, places = visit.apart(anywhere.bundle)
    ids = anywhere.bundle.array(anywhere.bundle.manifest.ids)
    before = np.abs(visit.colors_at(items, places)).sum(axis=1)
    sought = anywhere.map.labels[len(anywhere.map.labels) * 3 // 4]  # 7, or mammals
    visit.page.get_by_label("Find in paths").fill(f"PNG {sought.upper()}/")
    n_matches = sum(path.startswith(f"{sought}/") for path in anywhere.map.paths)
    found = visit.page.locator(".fs-search-found")
    expect(found).to_contain_text(f"{n_matches} found")
    visit.button("Close").click()  # the panel of the search: the map returns to its place
    visit.rest()
    after = np.abs(visit.colors_at(items, places)).sum(axis=1)
    lit = np.array([anywhere.map.labels[ids[item]] == sought for item in items])
    assert 0 < lit.sum() < len(lit)
    assert (after[~lit] < 0.6 * before[~lit]).all()
    assert (after[lit] > 0.9 * before[lit]).all()
    visit.button("Next match").click()
    expect(found).to_contain_text(f"1 of {n_matches}")
    expect(visit.panel("Item")).to_contain_text(f"{sought}/")
    visit.button("Select", exact=True).first.click()
    assert _selected(visit) == n_matches
    visit.page.get_by_label("Find in paths").fill("no such thing")
    expect(found).to_contain_text("Nothing found")


@pytest.mark.parametrize("shown", ["served_animals", "animals_file"])
def test_the_search_finds_what_the_network_recognizes(look, request, shown):
    animals = request.getfixturevalue(shown)
    recognized = Searcher(animals.map).search("animal")
    n_found = (recognized.scores >= 0.1).sum()
    assert not any("animal" in path for path in animals.map.paths)
    visit = look(f"{animals.address}#view=points")
    field = visit.page.get_by_label("Find in paths, labels and content")
    field.fill("animals")
    found = visit.page.locator(".fs-search-found")
    expect(found).to_contain_text(f"{n_found} by content")
    listed = visit.panel("Found").get_by_role("listitem")
    expect(listed).to_have_count(50)
    percent = round(100 * float(recognized.scores[0]))
    expect(listed.first).to_contain_text(f"{percent}%")
    expect(visit.page.get_by_role("region", name="Legend")).to_contain_text("“animals”")
    visit.page.keyboard.press("Escape")  # leaves the field
    expect(field).not_to_be_focused()
    expect(visit.panel("Found")).to_have_count(1)
    visit.page.keyboard.press("Escape")
    expect(visit.panel("Found")).to_have_count(0)
    field.fill("annimal")
    expect(visit.page.locator(".fs-suggestions button").first).to_have_text("animal")


def test_the_panel_lists_the_matches_by_text_and_by_content(look, animals_file):
    recognized = Searcher(animals_file.map).search("fish")
    wanted = set(recognized.items[recognized.scores >= 0.1].tolist())
    named = {row for row, path in enumerate(animals_file.map.paths) if "fish" in path}
    n_text, n_content = len(named), len(wanted - named)
    assert n_text > n_content > 0
    visit = look(f"{animals_file.address}#view=points")
    visit.page.get_by_label("Find in paths, labels and content").fill("fish")
    found = visit.page.locator(".fs-search-found")
    expect(found).to_contain_text(f"{n_text} by text, {n_content} by content")
    panel = visit.panel("Found")
    expect(panel).to_contain_text(f"{n_content} by content, with the network's probability")
    expect(panel.get_by_role("listitem")).to_have_count(min(n_text, 50) + n_content)
    # most matches have no probability: the labels color the map
    expect(visit.page.get_by_role("region", name="Legend")).to_contain_text("mammals")


def test_the_view_as_a_png_of_any_size(look, digits_file):
    visit = look(digits_file.address)
    for choice, size in (("^Screen size", (1280, 800)), ("^Twice the screen size", (2560, 1600))):
        visit.button("Save a picture").click()
        visit.page.get_by_label("With the legend").uncheck()
        name, content = visit.saved(visit.button(re.compile(choice), exact=False).click)
        assert name.endswith(f"-{size[0]}x{size[1]}.png")
        picture = Image.open(io.BytesIO(content))
        assert picture.info["dpi"] == pytest.approx((300, 300), abs=0.1)
        picture = picture.convert("RGB")
        assert picture.size == size
        assert max(picture.getcolors(1 << 24))[1] == (255, 255, 255)
        # a small copy of the picture has about the colors of the page, whose background is gray
        small = np.asarray(picture.resize((64, 40))).astype(int)

        def difference(small=small):
            page = np.array(visit.picture())
            page[(page == PAGE_GRAY).all(axis=2)] = 255
            return np.abs(small - np.asarray(Image.fromarray(page).resize((64, 40)))).mean()

        with visit.without_panels():
            visit.becomes(lambda: difference() < 6, expected=True)


def test_the_png_has_the_legend_of_the_shown_classes(look, digits_file):
    visit = look(f"{digits_file.address}#view=points&hide.label=1")
    visit.button("Save a picture").click()
    _, content = visit.saved(visit.button("Twice the screen size", exact=False).click)
    picture = Image.open(io.BytesIO(content)).convert("RGB")
    classes = digits_file.bundle.manifest.classes
    shown = [each.color for code, each in enumerate(classes) if code != 1]
    swatches = [picture.getpixel((62, 2 * (62 + 24 * row))) for row in range(9)]
    assert ["#{:02x}{:02x}{:02x}".format(*color) for color in swatches] == shown
    visit.page.get_by_label("Color by").select_option("agreement")
    visit.button("Save a picture").click()
    _, content = visit.saved(visit.button(re.compile("^Screen size"), exact=False).click)
    picture = Image.open(io.BytesIO(content)).convert("RGB")
    scale = [picture.getpixel((x, 62)) for x in range(30, 214, 20)]
    assert len(set(scale)) == len(scale)


def test_an_image_dropped_on_the_page(look, served_digits):
    visit = look(served_digits.address, expected=["422"])
    path = served_digits.map.paths[5]
    content = (_source(served_digits) / path).read_bytes()
    visit.button("Grid").click()  # the grid cannot show a new image
    _drop(visit, content)
    panel = visit.panel("New image")
    expect(panel.get_by_role("listitem")).to_have_count(12, timeout=60_000)
    nearest = panel.get_by_role("listitem").first.get_by_role("button")
    twin = re.escape(f"{served_digits.map.labels[5]}, {path}, distance ")
    expect(nearest).to_have_attribute("aria-label", re.compile(twin))
    assert float(nearest.get_attribute("aria-label").rpartition(" ")[2]) < 1e-3
    visit.becomes(lambda: visit.shared["view"], "images")
    expect(visit.page.locator(".fs-stage svg g g rect")).to_be_visible()  # the image's frame
    visit.button("Show on map").click()
    # the mark is next to its twin, in the middle of the free area
    twin_at = served_digits.map.positions[5]
    visit.becomes(lambda: np.linalg.norm(visit.places(twin_at) - [624, 360]) < 60, True)
    _drop(visit, b"GIF89a, but no image")
    expect(visit.page.get_by_role("alert")).to_contain_text("image")


def test_a_page_without_a_server_reports_that_it_cannot_place_images(look, digits_file):
    visit = look(digits_file.address)
    _drop(visit, b"any content")
    expect(visit.page.get_by_role("alert")).to_contain_text("featscape serve")


def _source(made):
    return Path(made.map.run["source"])


def _drop(visit, content):
    transfer = visit.page.evaluate_handle(
        """bytes => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([new Uint8Array(bytes)], "new.png", { type: "image/png" }));
            return transfer;
        }""",
        list(content),
    )
    stage = visit.page.locator(".fs-stage")
    stage.dispatch_event("dragover", {"dataTransfer": transfer})
    expect(visit.page.locator(".fs-drop-card")).to_be_visible()
    stage.dispatch_event("drop", {"dataTransfer": transfer})


def test_the_shown_items_are_selected_and_the_address_restores_the_selection(look, digits_file):
    visit = look(digits_file.address)
    visit.legend.nth(3).dblclick()  # only this class
    visit.button("Select what is shown").click()
    n_shown = digits_file.bundle.manifest.classes[3].count
    assert _selected(visit) == n_shown
    visit.rest()
    again = look(f"{digits_file.address}#{visit.page.evaluate('location.hash.slice(1)')}")
    assert _selected(again) == n_shown


def test_alt_removes_from_the_selection(look, digits_file):
    visit = look(digits_file.address)
    rows = rows_within(visit, digits_file.bundle, in_rectangle)
    visit.page.keyboard.press("a")
    assert _selected(visit) == len(digits_file.map.paths)
    visit.button("Close").click()
    visit.rest()
    visit.button("Select with a rectangle").click()
    visit.page.keyboard.down("Alt")
    visit.drag(LOW, HIGH)
    visit.page.keyboard.up("Alt")
    left = len(digits_file.map.paths) - len(rows)
    visit.becomes(lambda: _selected(visit), pytest.approx(left, abs=2))
