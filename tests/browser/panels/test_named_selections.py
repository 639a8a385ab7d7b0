"""Selections that the browser keeps under a name, and their file."""

import json

from playwright.sync_api import expect


def keep(visit, name):
    field = visit.page.get_by_label("Name of the selection")
    field.fill(name)
    field.press("Enter")


def row(visit, name):
    return visit.page.get_by_role("list", name="Selections").get_by_role("button", name=name)


def test_a_selection_is_kept_exported_and_imported(look, drawn_page, tmp_path):
    page = drawn_page(60)
    visit = look(page.as_uri())
    visit.legend.nth(3).dblclick()  # only this class
    visit.button("Select what is shown").click()
    keep(visit, "threes")
    visit.page.get_by_role("region", name="Legend").get_by_role("button", name="Show all").click()
    visit.legend.nth(3).click()  # hides this class
    expect(row(visit, "threes").first).to_contain_text("0 of 6")

    visit.page.reload()
    row(visit, "threes").first.click()
    expect(visit.panel("Selection")).to_contain_text("6 selected")

    name, content = visit.saved(visit.button("Export").click)
    assert name == "drawn-selections.json"
    (selection,) = json.loads(content)["selections"]
    assert selection.keys() == {"name", "ids", "paths"}
    assert (selection["name"], selection["ids"]) == ("threes", [3, 13, 23, 33, 43, 53])
    assert sorted(selection["paths"]) == [f"{i}.png" for i in (13, 23, 3, 33, 43, 53)]

    file = tmp_path / name
    file.write_bytes(content)
    other = look(drawn_page(60, title="the same images").as_uri())  # another browser profile
    assert row(other, "threes").count() == 0
    other.page.locator(".fs-named input[type=file]").set_input_files(file)
    expect(row(other, "threes").first).to_contain_text("6")

    later = look(drawn_page(70).as_uri())  # a map with the same paths and ten more
    later.page.locator(".fs-named input[type=file]").set_input_files(file)
    expect(row(later, "threes").first).to_contain_text("6")


def test_a_selection_is_deleted_by_keyboard(look, drawn_page):
    visit = look(drawn_page(60).as_uri())
    visit.page.keyboard.press("a")
    keep(visit, "all")
    visit.button("Delete all").focus()
    visit.page.keyboard.press("Enter")
    expect(row(visit, "all")).to_have_count(0)
    visit.page.reload()
    expect(visit.legend).not_to_have_count(0)
    assert row(visit, "all").count() == 0
