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
    expect(visit.panel("Item").locator(".fs-facts dd").first).to_be_visible()
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


def test_the_mouse_on_the_map_closes_the_card_of_the_keyboard(look, digits_file):
    visit = look(f"{digits_file.address}#view=points")
    mouse = visit.page.mouse
    card = visit.page.locator(".fs-card")

    def open_card():
        visit.page.locator(".fs-stage").focus()
        visit.page.keyboard.press("ArrowRight")
        expect(card).to_be_visible()

    mouse.move(700, 30)  # no item is there
    uses = (lambda: mouse.move(690, 20), mouse.down, lambda: mouse.wheel(0, -100))
    for use in uses:
        open_card()
        use()
        expect(card).to_have_count(0)
        mouse.up()


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
