"""Three dimensions, transitions, panels beside the map, and the names of the controls."""

import numpy as np
import pytest
from playwright.sync_api import expect

FIND = "Find in paths, labels and content"


def test_a_map_of_three_dimensions_turns(look, drawn_page):
    visit = look(drawn_page(200, n_dimensions=3, images=False).as_uri())
    expect(visit.button("Grid")).to_have_count(0)
    before, view = visit.picture(), visit.shared
    assert "turn" not in view
    visit.drag((700, 400), (820, 440))
    visit.becomes(lambda: "turn" in visit.shared, expected=True)
    visit.rest()
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
    pictures = visit.page.evaluate(
        """async () => {
            const canvas = document.querySelector(".fs-stage canvas"), seen = new Set();
            // A busy machine may draw no frame during one transition.
            for (let round = 0; round < 5 && seen.size < 3; round++) {
                for (const view of ["Points", "Grid"]) {
                    document.querySelector(`[aria-label=${view}]`).click();
                    const began = performance.now();
                    while (performance.now() - began < 1500) {
                        await new Promise(requestAnimationFrame);
                        seen.add(canvas.toDataURL("image/webp", 0.5));
                    }
                }
            }
            return seen.size;
        }"""
    )
    assert pictures > 2  # the map, the grid, and a frame between them
    expect(visit.button("Grid")).to_have_attribute("aria-pressed", "true")


def test_each_control_has_a_name_and_a_position_in_the_tab_order(look, served_digits):
    visit = look(f"{served_digits.address}#item=3")
    expect(visit.panel("Item").get_by_role("listitem")).to_have_count(12)

    def reached(key):
        """Press the key until the focus leaves the page; return the names of the controls."""
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
    order = [names.index(one) for one in (FIND, "Show on map", "Points")]
    assert len(set(names)) > 15
    assert names[0].startswith("Map of 500 items")
    assert order == sorted(order)
    visit.button("Points").focus()
    tools = reached("ArrowRight")
    assert (tools[0], tools[-1], len(tools)) == ("Images", "Points", 13)


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
