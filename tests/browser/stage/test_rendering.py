"""Pictures of the map without panels, because fonts differ between machines."""

import pytest
from playwright.sync_api import expect


@pytest.fixture(scope="module")
def page(drawn_page):
    return drawn_page(600).as_uri()


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("points", "view=points&theme=light"),
        ("images", "view=images&theme=light"),
        ("images-close", "at=1_-1_0&scale=140&view=images&theme=dark"),
        ("grid", "view=grid&theme=dark"),
    ],
)
def test_views(look, page, compare, name, address):
    visit = look(f"{page}#{address}")
    visit.until(f"location.hash.endsWith('{address.partition('view=')[2]}')")
    with visit.without_panels():
        compare(name, visit.picture)


def test_selected_items_are_highlighted(look, page, compare):
    visit = look(f"{page}#view=points")
    visit.button("Select with a rectangle").click()
    visit.drag((400, 100), (700, 400))
    expect(visit.panel("Selection")).to_be_visible()
    visit.hover_at((640, 790))
    with visit.without_panels():
        compare("selected", visit.picture)


def test_three_dimensions(look, drawn_page, compare):
    page = drawn_page(600, n_dimensions=3)
    visit = look(f"{page.as_uri()}#view=points&at=0_0_0&scale=30&turn=0.2_0.3_0.1_0.9")
    with visit.without_panels():
        compare("three-dimensions", visit.picture)


def test_a_grid_shows_1500_images(look, drawn_page):
    visit = look(f"{drawn_page(1500).as_uri()}#view=grid")
    visit.becomes(lambda: visit.n_colors() > 200, expected=True)


def test_a_grid_with_small_cells_asks_to_zoom_in(look, drawn_page):
    visit = look(f"{drawn_page(12_000, image_px=32).as_uri()}#view=grid")
    message = visit.page.get_by_text("Zoom in to see images")
    expect(message).to_be_visible()
    for _ in range(3):
        visit.button("Zoom in").click()
    expect(message).to_be_hidden()
    visit.becomes(lambda: visit.n_colors() > 200, expected=True)
