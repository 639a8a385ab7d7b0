"""Static sites on two kinds of web server, one file, original images, and a token."""

import re

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


def test_a_site_opened_from_disk_reports_that_it_needs_a_web_server(look, digits_site):
    address = (digits_site / "index.html").as_uri()
    visit = look(address, wait=False, expected=["CORS", "Cross origin", "ERR_FAILED"])
    reason = visit.page.get_by_text("The page needs a web server")
    expect(reason).to_be_visible()
    expect(reason).to_have_css("animation-name", "none")  # shown without a delay
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
    visit = look(f"{here}?token={token}#item=3")  # another name of the server
    visit.until("document.querySelector('.fs-portrait a img')?.naturalWidth === 80")
    expect(visit.panel("Item").get_by_role("listitem")).to_have_count(12)
    visit.page.goto(here)  # the cookie replaces the token
    expect(visit.legend).not_to_have_count(0)
    other = look(here, wait=False, expected=["401"])
    expect(other.page.locator("body")).to_contain_text("token")
    assert other.page.locator(".featscape").count() == 0


def test_map_html_is_small_and_sends_no_requests(look, digits_file):
    file = digits_file.folder / "map.html"
    assert file.stat().st_size < 8_000_000
    visit = look(digits_file.address)
    scale = visit.scale
    visit.button("Zoom in").click()
    visit.becomes(lambda: visit.scale > scale, expected=True)
    assert {url.partition(":")[0] for url in visit.requests} <= {"file", "blob", "data"}
