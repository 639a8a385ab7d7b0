"""Keys that are pressed before a slow web server has sent what they act on."""

import pytest
from playwright.sync_api import expect


@pytest.fixture
def hurry(look, digits_site, host_files):
    """Return a function that opens a slow site as far as its toolbar: fragment -> Visit."""
    address = host_files(digits_site, is_slow=True)

    def open_early(fragment):
        visit = look(f"{address}#{fragment}", wait=False)
        visit.page.locator(".fs-toolbar").wait_for()
        return visit

    return open_early


def test_keys_before_the_texts_are_read_act_on_what_the_search_finds(hurry, digits):
    visit = hurry("view=points")
    visit.page.get_by_label("Find in paths").fill("7/")
    for key in ("Escape", "j", "j", "Enter"):
        visit.page.keyboard.press(key)
    ids = digits.bundle.array(digits.bundle.manifest.ids)
    second = [row for row in ids if digits.map.paths[row].startswith("7/")][1]
    expect(visit.panel("Item")).to_contain_text(digits.map.paths[second])


def test_a_before_the_column_of_a_filter_is_read_selects_what_the_filter_shows(hurry, digits):
    visit = hurry("view=points&keep.agreement=0.9_1")
    visit.page.keyboard.press("a")
    manifest = digits.bundle.manifest
    column = next(each for each in manifest.columns if each.name == "agreement")
    n_shown = int((digits.bundle.array(column.values) >= 0.9).sum())
    assert n_shown < manifest.n_items
    expect(visit.panel("Selection").get_by_role("heading")).to_have_text(f"{n_shown} selected")


def test_a_grid_that_is_read_late_fills_the_page(look, hurry, digits_file):
    at_once = look(f"{digits_file.address}#view=grid")
    visit = hurry("view=grid")
    visit.becomes(lambda: visit.shared.get("scale"), at_once.shared["scale"])
