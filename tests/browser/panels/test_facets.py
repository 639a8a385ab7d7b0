"""The charts of the columns: they filter together, by pointer and by keyboard."""

import numpy as np
import pytest
from playwright.sync_api import expect

from featscape.bundle import open_bundle

N_ITEMS = 400
DAY_S = 86_400


@pytest.fixture(scope="module")
def columns():
    rng = np.random.default_rng(3)
    taken = np.datetime64("2024-01-01", "D") + rng.integers(0, 700, N_ITEMS)
    taken[5] = "NaT"
    return {
        "size": rng.integers(100, 900, N_ITEMS),
        "blurry": rng.random(N_ITEMS) < 0.25,
        "taken": taken,
    }


@pytest.fixture(scope="module")
def page(drawn_page, columns):
    return drawn_page(N_ITEMS, columns=columns)


def chart(visit, name):
    return visit.page.get_by_role("region", name=name, exact=True)


def brush(visit, name, start, end):
    """Drag over a histogram; `start` and `end` are shares of its width."""
    histogram = chart(visit, name).locator(".fs-histogram")
    expect(visit.page.locator(".fs-facet-wait")).to_have_count(0)  # charts above would move it
    histogram.scroll_into_view_if_needed()
    box = histogram.bounding_box()
    y = box["y"] + box["height"] / 2
    visit.drag((box["x"] + start * box["width"], y), (box["x"] + end * box["width"], y))
    visit.rest()


def kept(visit, name):
    return [float(end) for end in visit.shared[f"keep.{name}"].split("_")]


def test_filters_of_several_columns_combine(look, page, columns):
    visit = look(page.as_uri())
    brush(visit, "size", 0.3, 0.6)
    visit.becomes(lambda: "keep.size" in visit.shared, expected=True)
    lower, upper = kept(visit, "size")
    inside = (columns["size"] >= lower) & (columns["size"] <= upper)
    assert 80 < inside.sum() < 200
    expect(visit.page.get_by_text(f"{inside.sum()} of 400 shown")).to_be_visible()

    rows = chart(visit, "blurry").get_by_role("option")
    n_blurry = (inside & columns["blurry"]).sum()
    expect(rows.filter(has_text="true")).to_contain_text(f"{n_blurry} of {columns['blurry'].sum()}")
    rows.filter(has_text="true").dblclick()
    expect(visit.page.get_by_text(f"{n_blurry} of 400 shown")).to_be_visible()

    brush(visit, "taken", 0, 0.5)
    visit.becomes(lambda: "keep.taken" in visit.shared, expected=True)
    first, last = (np.datetime64(int(end), "s") for end in kept(visit, "taken"))
    early = (columns["taken"] >= first) & (columns["taken"] <= last)
    n_left = (inside & columns["blurry"] & early).sum()
    expect(visit.page.get_by_text(f"{n_left} of 400 shown")).to_be_visible()
    expect(chart(visit, "taken").locator(".fs-scale-ends")).to_contain_text("2024-01-")


def test_the_address_restores_the_filters(look, page, columns):
    day = np.datetime64("2024-06-01", "s").astype(int)
    visit = look(f"{page.as_uri()}#keep.taken={day}_{day + 30 * DAY_S}&hide.blurry=0")
    in_june = (columns["taken"] >= np.datetime64("2024-06-01")) & (
        columns["taken"] <= np.datetime64("2024-07-01")
    )
    n_shown = (in_june & columns["blurry"]).sum()
    expect(visit.page.get_by_text(f"{n_shown} of 400 shown")).to_be_visible()


def test_the_keyboard_moves_the_ends_of_a_range(look, page, columns):
    visit = look(page.as_uri())
    least = chart(visit, "size").get_by_role("slider", name="At least")
    least.focus()
    for _ in range(3):
        visit.page.keyboard.press("ArrowRight")
    visit.rest()  # the address may contain the first of the moves
    visit.becomes(lambda: "keep.size" in visit.shared, expected=True)
    lower, _ = kept(visit, "size")
    assert least.get_attribute("aria-valuetext") == f"{lower:.0f}"
    n_shown = (columns["size"] >= lower).sum()
    assert n_shown < N_ITEMS
    expect(visit.page.get_by_text(f"{n_shown} of 400 shown")).to_be_visible()
    focused = visit.picture(clip=least.bounding_box())
    least.evaluate("slider => slider.blur()")
    assert visit.picture(clip=least.bounding_box()) != focused  # the ring around the handle


def test_a_chart_colors_the_map_by_its_column(look, page):
    visit = look(f"{page.as_uri()}#view=points")
    visit.button("Color the map by taken").click()
    expect(visit.page.get_by_role("region", name="Legend")).to_contain_text("2024-01-")
    expect(visit.page.get_by_label("Color by")).to_have_value("taken")
    expect(chart(visit, "label")).to_be_visible()


def test_a_drag_also_colors_a_map_without_labels(look, drawn_page, columns):
    unlabelled = drawn_page(N_ITEMS, labels=None, columns=columns)
    visit = look(f"{unlabelled.as_uri()}#view=points")
    before = visit.n_colors()
    brush(visit, "size", 0.2, 0.8)
    expect(visit.page.get_by_label("Color by")).to_have_value("size")
    assert visit.n_colors() > before


def test_dates_are_in_the_card_of_an_item(look, page, columns):
    bundle = open_bundle(page.parent / "bundle")
    visit = look(f"{page.as_uri()}#view=points")
    items, places = visit.apart(bundle)
    row = bundle.array(bundle.manifest.ids)[items[0]]
    visit.hover_at(places[items[0]])
    expect(visit.page.locator(".fs-card")).to_contain_text(str(columns["taken"][row]))
