"""A static site on two kinds of web server, photographs, a phone, three dimensions."""

import re

import numpy as np
import pytest
from playwright.sync_api import expect


@pytest.mark.parametrize("knows_ranges", [True, False])
def test_a_static_site(look, digits, digits_site, host_files, knows_ranges):
    visit = look(f"{host_files(digits_site, knows_ranges=knows_ranges)}#view=points")
    items, places = visit.apart(digits.bundle)
    row = digits.bundle.array(digits.bundle.manifest.ids)[items[0]]
    visit.click_at(places[items[0]].tolist())
    panel = visit.panel("Item")
    expect(panel).to_contain_text(digits.map.paths[row])
    expect(panel.get_by_role("listitem")).to_have_count(12)
    visit.until("document.querySelector('.fs-portrait img')?.naturalWidth > 64")
    assert not any("/api/" in url for url in visit.requests)


def test_a_site_opened_from_disk_says_what_it_needs(look, digits_site):
    address = (digits_site / "index.html").as_uri()
    visit = look(address, wait=False, expected=["CORS", "Cross origin", "ERR_FAILED"])
    expect(visit.page.get_by_text("The page needs a web server")).to_be_visible(timeout=2000)
    picture = visit.page.get_by_role("img", name="the items as points")
    expect(picture).to_be_visible()
    visit.until("document.querySelector('#featscape-static').naturalWidth > 200")


def test_the_originals_of_photographs(look, served_animals):
    sizes = served_animals.map.sizes_px
    for row in (int(sizes[:, 0].argmax()), int(sizes[:, 1].argmax())):
        visit = look(f"{served_animals.address}#item={row}")
        original = "document.querySelector('.fs-portrait a img')"
        visit.until(f"{original}?.naturalWidth === {sizes[row, 0]}")
        assert visit.page.evaluate(f"{original}.naturalHeight") == sizes[row, 1]


def test_the_address_for_other_machines_contains_a_token(look, serve, digits):
    address = serve(digits.folder, "--host", "0.0.0.0")
    port, token = re.search(r":(\d+)/\?token=(\S+)", address).groups()
    here = f"http://127.0.0.1:{port}/"
    visit = look(f"{here}?token={token}#item=3")  # another name for where it serves
    visit.until("document.querySelector('.fs-portrait a img')?.naturalWidth === 80")
    expect(visit.panel("Item").get_by_role("listitem")).to_have_count(12)
    visit.page.goto(here)  # the cookie serves from now on
    expect(visit.legend).not_to_have_count(0)
    stranger = look(here, wait=False, expected=["401"])
    expect(stranger.page.locator("body")).to_contain_text("token")
    assert stranger.page.locator(".featscape").count() == 0


def test_map_html_is_small_and_asks_nobody(look, digits_file):
    file = digits_file.folder / "map.html"
    assert file.stat().st_size < 8_000_000
    visit = look(digits_file.address)
    scale = visit.scale
    visit.button("Zoom in").click()
    visit.becomes(lambda: visit.scale > scale, expected=True)
    assert {url.partition(":")[0] for url in visit.requests} <= {"file", "blob", "data"}


def test_on_a_phone(look, digits_file):
    size = {"width": 390, "height": 844}
    visit = look(digits_file.address, viewport=size, has_touch=True, device_scale_factor=2)
    assert visit.page.evaluate("document.documentElement.scrollWidth") == size["width"]
    assert visit.page.get_by_role("region", name="Map").count() == 0  # the map has the room
    visit.page.touchscreen.tap(195, 350)
    visit.page.touchscreen.tap(195, 350)
    visit.button("Open the legend").click()
    box = visit.page.get_by_role("region", name="Map").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= size["width"]
    visit.legend.first.click()
    expect(visit.page.get_by_text("9 of 10 classes shown")).to_be_visible()
    visit.page.get_by_label("Find in paths and labels").fill("7/")
    visit.button("Next match").click()
    expect(visit.page.get_by_label("Color by")).to_be_hidden()
    search = visit.page.get_by_role("region", name="Map").bounding_box()
    sheet = visit.panel("Item").bounding_box()
    assert sheet["y"] - (search["y"] + search["height"]) > 150  # of the map, between the two
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


def test_on_a_phone_all_is_seen_again_once_an_item_is_closed(look, digits_file):
    size = {"width": 390, "height": 844}
    visit = look(digits_file.address, viewport=size, has_touch=True)
    center, scale = visit.shared["at"], visit.scale
    positions = digits_file.map.positions
    lowest = (positions[positions[:, 1].argmin()] - visit.center[:2]) * scale * [1, -1]
    x, y = lowest + np.array([size["width"], size["height"]]) / 2
    visit.page.touchscreen.tap(x, y)
    expect(visit.panel("Item")).to_be_visible()
    visit.becomes(lambda: visit.shared["at"] != center, expected=True)  # the sheet covered it
    visit.button("Close").click()
    visit.becomes(lambda: visit.shared["at"], center)
    assert visit.scale == scale


def test_a_map_of_three_dimensions_turns(look, drawn_page):
    visit = look(drawn_page(200, n_dimensions=3, images=False).as_uri())
    expect(visit.button("Grid")).to_have_count(0)
    before, view = visit.picture(), visit.shared
    assert "turn" not in view
    visit.drag((700, 400), (820, 440))
    visit.becomes(lambda: "turn" in visit.shared, expected=True)
    turned = visit.shared
    assert np.linalg.norm([float(part) for part in turned["turn"].split("_")]) == pytest.approx(
        1, abs=1e-4
    )
    assert (turned["at"], turned["scale"]) == (view["at"], view["scale"])
    after = visit.picture()
    assert np.abs(np.asarray(after).astype(int) - before).mean() > 0.5
    visit.page.keyboard.down("Shift")
    visit.drag((700, 400), (760, 400))
    visit.page.keyboard.up("Shift")
    visit.becomes(lambda: visit.shared["at"] != turned["at"], expected=True)
    assert visit.shared["turn"] == turned["turn"]


def test_views_move_smoothly_from_one_to_the_next(look, drawn_page):
    page = drawn_page(300, images=False)
    visit = look(page.as_uri(), reduced_motion="no-preference")
    frames = visit.page.evaluate(
        """() => new Promise(done => {
            const canvas = document.querySelector(".fs-stage canvas"), seen = new Set();
            const began = performance.now();
            document.querySelector("[aria-label=Grid]").click();
            (function frame() {
                seen.add(canvas.toDataURL("image/webp", 0.5));
                if (performance.now() - began > 1500) done(seen.size);
                else requestAnimationFrame(frame);
            })();
        })"""
    )
    assert frames > 4  # from the map, over what lies between, to the grid
    expect(visit.button("Grid")).to_have_attribute("aria-pressed", "true")


def test_each_control_has_a_name_and_a_place_in_the_order(look, served_digits):
    visit = look(f"{served_digits.address}#item=3")
    expect(visit.panel("Item").get_by_role("listitem")).to_have_count(12)

    def reached(key):
        """Return what has the focus after the key, again and again until the page is left."""
        names = []
        for _ in range(60):
            visit.page.keyboard.press(key)
            name = visit.page.evaluate(
                """() => {
                    const at = document.activeElement;
                    const label = at.ariaLabel || at.labels?.[0]?.innerText;
                    return at === document.body ? null : label || at.innerText || at.title || "";
                }"""
            )
            if name is None or name in names[:1]:
                break
            names.append(name)
        assert all(names)
        return names

    names = reached("Tab")
    order = [names.index(one) for one in ("Find in paths and labels", "Show on map", "Points")]
    assert len(set(names)) > 15
    assert names[0].startswith("Map of 500 items")
    assert order == sorted(order)
    visit.button("Points").focus()
    tools = reached("ArrowRight")
    assert (tools[0], tools[-1], len(tools)) == ("Images", "Points", 13)


def test_on_a_phone_a_reload_after_the_legend_was_open_shows_all(look, digits_file):
    size = {"width": 390, "height": 844}
    visit = look(digits_file.address, viewport=size, has_touch=True)
    center, scale = visit.center, visit.scale
    visit.button("Open the legend").click()
    visit.becomes(lambda: visit.scale < 0.9 * scale, expected=True)
    again = look(
        f"{digits_file.address}{visit.page.evaluate('location.hash')}",
        viewport=size,
        has_touch=True,
    )
    again.becomes(lambda: again.scale, pytest.approx(scale, rel=1e-3))
    assert again.center == pytest.approx(center, rel=1e-3, abs=1e-3)


def test_the_whole_map_is_shown_next_to_an_open_panel(look, digits_file):
    visit = look(digits_file.address)
    items, places = visit.apart(digits_file.bundle)
    visit.points()
    visit.click_at(places[items[0]].tolist())
    expect(visit.panel("Item")).to_be_visible()
    positions = digits_file.bundle.array(digits_file.bundle.manifest.positions)

    def covered():
        return (visit.places(positions)[:, 0] > visit.panel("Item").bounding_box()["x"]).sum()

    visit.becomes(covered, expected=0)


def test_lines_lead_from_the_open_item_to_its_twelve_neighbors(look, digits_file):
    visit = look(f"{digits_file.address}#view=points&item=3")
    lines = "document.querySelectorAll('.fs-stage svg g > path[visibility=visible]').length"
    visit.becomes(lambda: visit.page.evaluate(lines), expected=12)
    visit.button("Close").click()
    visit.becomes(lambda: visit.page.evaluate(lines), expected=0)
