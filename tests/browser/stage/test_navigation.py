"""Pan, zoom, hover and click, by pointer, keys and touch."""

import numpy as np
import pytest
from playwright.sync_api import expect

from featscape.bundle import open_bundle


def test_drag_and_wheel_move_and_zoom(look, digits_file):
    visit = look(digits_file.address)
    center, scale = visit.center, visit.scale
    visit.drag((700, 400), (800, 350))
    moved = pytest.approx([-100, -50], abs=1)
    visit.becomes(lambda: list((visit.center - center)[:2] * scale), moved)
    assert visit.scale == pytest.approx(scale)
    under = np.array([640 + 200, 400])
    before = visit.center[:2] + (under - [640, 400]) / visit.scale * [1, -1]
    visit.page.mouse.move(*under.tolist())
    visit.page.mouse.wheel(0, -240)
    visit.becomes(lambda: visit.scale > 1.4 * scale, expected=True)
    after = visit.center[:2] + (under - [640, 400]) / visit.scale * [1, -1]
    assert (after - before) * visit.scale == pytest.approx([0, 0], abs=1)


def test_zoom_buttons_and_show_all(look, digits_file):
    visit = look(digits_file.address)
    center, scale = visit.center, visit.scale
    visit.button("Zoom in").click()
    visit.becomes(lambda: visit.scale, pytest.approx(1.5 * scale, rel=1e-3))
    visit.drag((640, 400), (900, 500))
    visit.button("Show all").click()
    visit.becomes(lambda: visit.scale, pytest.approx(scale, rel=1e-3))
    assert visit.center == pytest.approx(center, rel=1e-3, abs=1e-3)
    visit.page.mouse.dblclick(640, 60)
    visit.becomes(lambda: visit.scale, pytest.approx(2 * scale, rel=1e-3))


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


def test_the_first_view_shows_all_of_a_large_map(look, drawn_page):
    rng = np.random.default_rng(3)
    positions = rng.normal(size=(4000, 2)).astype(np.float32)
    positions[[17, 1234]] = [[0, 9], [0, -9]]  # far from all other items
    visit = look(drawn_page(4000, images=False, positions=positions).as_uri())
    places = visit.places(positions)
    toolbar = visit.page.get_by_role("toolbar").bounding_box()
    assert places[:, 1].min() > 10
    assert places[:, 1].max() < toolbar["y"] - 10
    assert places[:, 1].max() - places[:, 1].min() > 600


def test_the_first_view_contains_complete_images(look, drawn_page):
    page = drawn_page(60)
    visit = look(page.as_uri())
    bundle = open_bundle(page.parent / "bundle")
    places = visit.places(bundle.array(bundle.manifest.positions))
    left = visit.page.get_by_role("region", name="Map").bounding_box()
    toolbar = visit.page.get_by_role("toolbar").bounding_box()
    half = 36 + 3  # of the largest image, and its border
    assert places[:, 0].min() - half >= left["x"] + left["width"]
    assert places[:, 0].max() + half <= 1280
    assert places[:, 1].min() - half >= 0
    assert places[:, 1].max() + half <= toolbar["y"]


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
    visit.until("document.querySelector('.fs-card img').naturalWidth >= 64")
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


def test_an_empty_view_offers_to_show_the_map(look, digits_file):
    lower = np.array(digits_file.bundle.manifest.lower)
    upper = np.array(digits_file.bundle.manifest.upper)
    x, y = upper + 0.15 * (upper - lower)
    visit = look(f"{digits_file.address}#at={x}_{y}_0&scale=1000")
    message = visit.page.get_by_role("status").filter(has_text="No items in view")
    message.get_by_role("button", name="Show all").click()
    expect(message).to_have_count(0)
    visit.becomes(lambda: visit.n_colors() > 100, expected=True)


def test_the_grid_is_centered_on_the_item_in_the_center_of_the_map(look, digits_file):
    manifest = digits_file.bundle.manifest
    positions = digits_file.bundle.array(manifest.positions)
    lower, upper = np.array(manifest.lower), np.array(manifest.upper)
    x, y = positions[7]
    scale = 8 * 600 / (upper - lower).max()
    visit = look(f"{digits_file.address}#view=points&at={x}_{y}_0&scale={scale}")
    visit.button("Grid").click()
    n_cells = np.array([manifest.grid.n_columns, manifest.grid.n_rows])
    cell = ((upper - lower) / n_cells).min()
    first = (lower + upper) / 2 - cell * (n_cells - 1) / 2
    there = first + cell * digits_file.bundle.array(manifest.grid.cells)[7]
    visit.becomes(lambda: visit.center[:2], pytest.approx(there, rel=1e-3, abs=0.02 * cell))
    for _ in range(12):
        visit.button("Zoom in").click()
    visit.rest()
    assert visit.scale == pytest.approx(
        256 / cell, rel=1e-3
    )  # the maximum: larger images are blurred
    visit.button("Points").click()
    visit.becomes(lambda: visit.center[:2], pytest.approx([x, y], rel=1e-3, abs=0.02 * cell))


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


def test_the_map_can_be_used_with_keys_only(look, digits_file):
    visit = look(digits_file.address)
    press = visit.page.keyboard.press
    press("Tab")
    visit.page.locator(".fs-stage").focus()
    red, _, blue = visit.picture().getpixel((0, 600))
    assert blue - red > 100  # the outline of the focus
    press("ArrowRight")
    card = visit.page.locator(".fs-card")
    expect(card).to_be_visible()
    first = card.locator(".fs-path").text_content()
    press("ArrowRight")
    expect(card.locator(".fs-path")).not_to_have_text(first)
    press("Enter")
    expect(visit.panel("Item")).to_be_visible()
    press("Space")
    expect(visit.page.get_by_text("1 selected")).to_have_count(
        2
    )  # announced to screen readers, and shown
    press("Escape")
    press("Escape")
    expect(visit.page.get_by_role("complementary")).to_have_count(0)
    press("?")
    expect(visit.page.get_by_role("dialog", name="Help")).to_be_visible()
    press("Escape")
    expect(visit.page.get_by_role("dialog")).to_have_count(0)
    visit.page.wait_for_timeout(1_000)  # the closed panel made the map larger
    visit.rest()
    scale = visit.scale
    press("+")
    press("Shift+ArrowLeft")
    press("3")
    press("t")
    visit.becomes(lambda: visit.scale, pytest.approx(1.5 * scale, rel=1e-3))
    visit.becomes(lambda: (visit.shared["view"], visit.shared.get("theme")), ("grid", "dark"))
    press("/")
    expect(visit.page.get_by_label("Find in paths")).to_be_focused()
    visit.page.keyboard.type("digit")
    expect(visit.page.get_by_text("500 found").first).to_be_visible()


def test_touch_pans_pinches_and_taps(look, digits_file):
    visit = look(f"{digits_file.address}#view=points", has_touch=True)
    found, places = visit.apart(digits_file.bundle)
    scale, center = visit.scale, visit.center
    fingers = visit.page.context.new_cdp_session(visit.page)

    def touch(kind, *points):
        at = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})

    touch("touchStart", (600, 400), (700, 400))
    touch("touchMove", (550, 400), (750, 400))
    touch("touchEnd")
    visit.becomes(lambda: visit.scale, pytest.approx(2 * scale, rel=0.02))
    touch("touchStart", (600, 400))
    touch("touchMove", (640, 400))
    touch("touchMove", (700, 400))
    touch("touchEnd")
    visit.becomes(lambda: visit.center[0] < center[0], expected=True)
    visit.button("Show all").click()
    visit.becomes(lambda: visit.scale, pytest.approx(scale, rel=1e-3))
    visit.page.touchscreen.tap(*places[found[0]])
    expect(visit.panel("Item")).to_be_visible()


def test_the_address_restores_the_view(look, digits_file):
    visit = look(f"{digits_file.address}#view=points")
    visit.button("Zoom in").click()
    visit.drag((640, 400), (700, 450))
    visit.page.get_by_label("Color by").select_option("agreement")
    visit.page.get_by_label("Find in paths").fill("7/")
    expect(visit.page.locator(".fs-search-found")).to_contain_text("found")
    visit.page.keyboard.press("Enter")
    visit.button("Dark").click()
    expected = {"at", "scale", "view", "color", "item", "find", "theme"}
    visit.becomes(lambda: set(visit.shared), expected)
    shared = visit.shared
    again = look(f"{digits_file.address}{visit.page.evaluate('location.hash')}")
    assert again.shared == shared
    expect(again.panel("Item")).to_be_visible()
    expect(again.page.get_by_label("Color by")).to_have_value("agreement")
    expect(again.page.locator(".featscape")).to_have_attribute("data-theme", "dark")
    expect(again.page.get_by_label("Find in paths")).to_have_value("7/")


def test_back_closes_a_panel_and_only_then_leaves(look, digits_file):
    visit = look(digits_file.address)
    x, y = visit.places(digits_file.map.positions[3])
    visit.page.mouse.click(x, y)
    expect(visit.panel("Item")).to_be_visible()
    visit.becomes(lambda: "item" in visit.shared, expected=True)
    item = visit.shared["item"]
    visit.page.evaluate("history.back()")
    expect(visit.panel("Item")).to_be_hidden()
    assert visit.page.url != "about:blank"
    visit.becomes(lambda: "item" in visit.shared, expected=False)
    visit.page.evaluate("history.forward()")
    expect(visit.panel("Item")).to_be_visible()
    assert visit.shared["item"] == item
    visit.button("Close").click()  # goes back too, so that the next Back leaves the page
    visit.becomes(lambda: visit.page.evaluate("history.state.depth"), expected=0)
    visit.page.go_back(wait_until="commit")
    assert visit.page.url == "about:blank"
