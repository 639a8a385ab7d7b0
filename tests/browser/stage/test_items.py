"""The hover card and the panel of an item, and the item's place on the map."""

import numpy as np
import pytest
from playwright.sync_api import expect


def test_an_item_is_shown_on_the_map_from_near(look, digits_file):
    visit = look(digits_file.address)
    row = int(np.argmax(digits_file.map.positions[:, 0]))
    scale = visit.scale
    visit.page.evaluate(f"location.hash += '&item={row}'")
    visit.button("Show on map").click()
    visit.becomes(lambda: visit.scale > 3 * scale, expected=True)
    at = visit.places(digits_file.map.positions[row])
    left = visit.page.get_by_role("region", name="Map").bounding_box()
    right = visit.panel("Item").bounding_box()
    middle = (left["x"] + left["width"] + right["x"]) / 2
    assert at[0] == pytest.approx(middle, abs=2)
    before = visit.scale
    visit.button("Zoom in").click()
    visit.becomes(lambda: visit.scale > before, expected=True)
    nearer = visit.scale
    visit.button("Show on map").click()
    visit.rest()
    assert visit.scale == pytest.approx(nearer)


def test_hover_shows_the_image_and_its_details(look, anywhere):
    visit = look(f"{anywhere.address}#view=points")
    found, places = visit.apart(anywhere.bundle)
    item = found[0]
    row = anywhere.bundle.array(anywhere.bundle.manifest.ids)[item]
    visit.hover_at(places[item])
    card = visit.page.locator(".fs-card")
    expect(card).to_contain_text(anywhere.map.paths[row])
    expect(card).to_contain_text(anywhere.map.labels[row])
    expect(card).to_contain_text("neighbors share its label")
    values = "[...document.querySelectorAll('.fs-card-columns dd')]"
    visit.until(f"{values}.every(value => value.scrollHeight <= value.clientHeight)")
    visit.until("document.querySelector('.fs-card img')?.naturalWidth >= 64")
    visit.hover_at((640, 5))
    expect(card).to_have_count(0)


def test_the_card_shows_the_item_under_the_pointer_after_the_wheel_moves_the_map(look, digits_file):
    visit = look(f"{digits_file.address}#view=points")
    found, places = visit.apart(digits_file.bundle)
    ids = digits_file.bundle.array(digits_file.bundle.manifest.ids)
    card = visit.page.locator(".fs-card")
    visit.hover_at(places[found[0]])
    expect(card).to_contain_text(digits_file.map.paths[ids[found[0]]])
    visit.page.mouse.wheel(0, -300)
    visit.rest()
    expect(card).to_contain_text(digits_file.map.paths[ids[found[0]]])
    visit.page.mouse.wheel(0, 1200)
    visit.page.keyboard.press("0")
    visit.rest()
    expect(visit.page.locator(".fs-stage svg rect[visibility=visible]")).to_have_count(
        2 * card.count()  # no ring without an item under the pointer
    )


def test_a_click_opens_the_item_and_its_neighbors_can_be_opened(look, anywhere):
    visit = look(f"{anywhere.address}#view=points")
    found, places = visit.apart(anywhere.bundle)
    ids = anywhere.bundle.array(anywhere.bundle.manifest.ids)
    row = ids[found[0]]
    visit.click_at(places[found[0]])
    panel = visit.panel("Item")
    expect(panel).to_contain_text(anywhere.map.paths[row])
    expect(panel.get_by_role("listitem")).to_have_count(12)
    visit.becomes(lambda: visit.shared.get("item"), str(row))
    order = anywhere.map.neighbors.indices[row, :12]
    buttons = panel.get_by_role("listitem").get_by_role("button")

    def names():
        return [each.get_attribute("aria-label").partition(", distance ") for each in buttons.all()]

    visit.becomes(
        lambda: [name for name, _, _ in names()],
        [f"{anywhere.map.labels[other]}, {anywhere.map.paths[other]}" for other in order],
    )
    distances = [float(distance) for _, _, distance in names()]
    assert distances == pytest.approx(
        anywhere.map.neighbors.distances[row, :12], rel=0.01, abs=0.06
    )
    panel.get_by_role("listitem").nth(4).get_by_role("button").click()
    expect(panel).to_contain_text(anywhere.map.paths[order[4]])
    visit.button("Back").click()
    expect(panel.locator(".fs-facts")).to_contain_text(anywhere.map.paths[row])
    visit.button("Forward").click()
    expect(panel.locator(".fs-facts")).to_contain_text(anywhere.map.paths[order[4]])
    visit.button("Close").click()
    expect(panel).to_have_count(0)


def test_the_server_shows_the_original(look, served_digits):
    visit = look(f"{served_digits.address}#item=3")
    portrait = visit.panel("Item").locator("figure a img")
    expect(portrait).to_have_attribute("src", "api/items/3/image")
    visit.becomes(lambda: portrait.bounding_box()["height"], pytest.approx(240, abs=1))
    visit.until("document.querySelector('figure a img').naturalWidth === 80")
