"""The page on a phone: touch, sheets, and room for the map."""

import re

import numpy as np
import pytest
from playwright.sync_api import expect


def test_on_a_phone(look, digits_file):
    size = {"width": 390, "height": 844}
    visit = look(digits_file.address, viewport=size, has_touch=True, device_scale_factor=2)
    assert visit.page.evaluate("document.documentElement.scrollWidth") == size["width"]
    assert visit.page.get_by_role("region", name="Map").count() == 0  # the legend is closed
    from_center = (digits_file.map.positions - visit.center[:2]) * [visit.scale, -visit.scale]
    nearest = from_center[np.abs(from_center).sum(axis=1).argmin()]
    visit.page.touchscreen.tap(195 + nearest[0], 422 + nearest[1])
    expect(visit.panel("Item")).to_be_visible()
    visit.button("Close").click()
    visit.button("Open the legend").click()
    box = visit.page.get_by_role("region", name="Map").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= size["width"]
    visit.legend.first.click()
    expect(visit.page.get_by_text("9 of 10 classes shown")).to_be_visible()
    visit.page.get_by_label("Find in paths").fill("7/")
    expect(visit.panel("Found")).to_be_visible()
    visit.button("Next match").click()
    expect(visit.page.get_by_label("Color by")).to_be_hidden()
    search = visit.page.get_by_role("region", name="Map").bounding_box()
    sheet = visit.panel("Item").bounding_box()
    assert sheet["y"] - (search["y"] + search["height"]) > 150  # a part of the map between them
    visit.button("Close").click()
    expect(visit.panel("Found")).to_be_visible()
    visit.button("Close").click()
    expect(visit.page.get_by_label("Color by")).to_be_visible()
    visit.button("Select", exact=True).first.click()
    expect(visit.panel("Selection")).to_be_visible()
    expect(visit.page.get_by_role("region", name="Map")).to_have_count(0)


def test_on_a_phone_the_map_makes_room_for_the_legend(look, digits_file):
    visit = look(digits_file.address, viewport={"width": 390, "height": 844}, has_touch=True)
    before = visit.shared["at"]
    visit.button("Open the legend").click()
    visit.becomes(lambda: visit.shared["at"] != before, expected=True)
    legend = visit.page.get_by_role("region", name="Map").bounding_box()
    highest = digits_file.map.positions[:, 1].max()
    top = 844 / 2 - (highest - visit.center[1]) * visit.scale
    assert top > legend["y"] + legend["height"]
    visit.button("Close the legend").click()
    visit.becomes(lambda: visit.shared["at"], before)


def test_on_a_phone_an_item_closes_the_legend(look, digits_file):
    visit = look(digits_file.address, viewport={"width": 390, "height": 844}, has_touch=True)
    visit.button("Open the legend").click()
    visit.page.locator(".fs-stage").focus()
    visit.page.keyboard.press("ArrowRight")
    visit.page.keyboard.press("Enter")
    expect(visit.panel("Item")).to_be_visible()
    expect(visit.page.get_by_role("region", name="Map")).to_have_count(0)


def test_a_phone_shows_touch_help_and_its_own_picture_sizes(look, digits_file):
    size = {"width": 390, "height": 844}
    visit = look(digits_file.address, viewport=size, has_touch=True, device_scale_factor=2)
    visit.button("Help").click()
    expect(visit.page.get_by_role("dialog")).to_contain_text("Tap an image")
    expect(visit.page.get_by_role("dialog")).not_to_contain_text("Shift")
    visit.button("Close").click()
    visit.button("Save a picture").click()
    expect(visit.button(re.compile("^Screen size"), exact=False)).to_contain_text("780 × 1688")
    printed = visit.button("For print", exact=False).inner_text().split()
    assert max(int(word) for word in printed if word.isdigit()) == pytest.approx(6000, abs=2)


def test_on_a_phone_closing_an_item_shows_the_whole_map_again(look, digits_file):
    size = {"width": 390, "height": 844}
    visit = look(digits_file.address, viewport=size, has_touch=True)
    center, scale = visit.shared["at"], visit.scale
    positions = digits_file.map.positions
    lowest = (positions[positions[:, 1].argmin()] - visit.center[:2]) * scale * [1, -1]
    x, y = lowest + np.array([size["width"], size["height"]]) / 2
    visit.page.touchscreen.tap(x, y)
    expect(visit.panel("Item")).to_be_visible()
    visit.becomes(
        lambda: visit.shared["at"] != center, expected=True
    )  # because the sheet covers the item
    visit.button("Close").click()
    visit.becomes(lambda: visit.shared["at"], center)
    assert visit.scale == scale


def test_on_a_phone_a_reload_after_the_legend_was_open_shows_all(look, digits_file):
    size = {"width": 390, "height": 844}
    visit = look(digits_file.address, viewport=size, has_touch=True)
    center, scale, before = visit.center, visit.scale, visit.shared["at"]
    visit.button("Open the legend").click()
    visit.becomes(lambda: visit.shared["at"] != before, expected=True)
    again = look(
        f"{digits_file.address}{visit.page.evaluate('location.hash')}",
        viewport=size,
        has_touch=True,
    )
    again.becomes(lambda: again.scale, pytest.approx(scale, rel=1e-3))
    assert again.center == pytest.approx(center, rel=1e-3, abs=1e-3)


@pytest.mark.parametrize("width", [760, 900])
def test_in_a_narrow_window_the_button_of_the_selection_is_beside_the_findings(
    look, digits_file, width
):
    visit = look(digits_file.address, viewport={"width": width, "height": 700})
    visit.page.keyboard.press("a")
    visit.page.keyboard.press("f")
    expect(visit.panel("Findings")).to_be_visible()
    pill = visit.page.locator(".fs-pill").bounding_box()
    assert pill["x"] + pill["width"] <= visit.panel("Findings").bounding_box()["x"]
