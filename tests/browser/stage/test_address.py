"""The address of the page contains the view, and the browser's Back and Forward change the view."""

from playwright.sync_api import expect


def test_the_address_restores_the_view(look, digits_file):
    visit = look(f"{digits_file.address}#view=points")
    visit.button("Zoom in").click()
    visit.drag((640, 400), (700, 450))
    visit.page.get_by_label("Color by").select_option("agreement")
    visit.page.get_by_label("Find in paths").fill("7/")
    expect(visit.page.locator(".fs-search-found")).to_contain_text("found")
    visit.page.keyboard.press("Enter")  # to the list
    expect(visit.panel("Found").locator("[aria-current] button")).to_be_focused()
    visit.page.keyboard.press("Enter")
    expect(visit.panel("Item")).to_be_visible()
    visit.button("Dark").click()
    expected = {"at", "scale", "view", "color", "item", "of", "find", "theme"}
    visit.becomes(lambda: set(visit.shared), expected)
    shared = visit.shared
    again = look(f"{digits_file.address}{visit.page.evaluate('location.hash')}")
    assert again.shared == shared
    expect(again.panel("Item")).to_be_visible()
    expect(again.page.get_by_label("Color by")).to_have_value("agreement")
    expect(again.page.locator(".featscape")).to_have_attribute("data-theme", "dark")
    expect(again.page.get_by_label("Find in paths")).to_have_value("7/")


def test_back_closes_a_panel_and_only_then_leaves(look, digits_file):
    visit = look(f"{digits_file.address}#view=points")
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
