"""Hostile and damaged maps, and browsers without WebGL."""

import io
import re
import shutil
import zipfile

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

LABELS = [
    "<script>document.title = 'owned'</script>",
    "</script><img src=x onerror=\"document.title = 'owned'\">",
    "<!--<script>",
    "${document.title = 'owned'}",
]
PATHS = ["a\n\"b'.png", "<b>c</b>\t&amp;.png", "=1+1|d.png", "-->]]>\\u003c/script>.png"]


def test_hostile_names_are_text(look, drawn_page):
    n_items = 40
    page = drawn_page(
        n_items,
        title="</title><script>document.title = 'owned'</script>",
        labels=[LABELS[row % 4] for row in range(n_items)],
        paths=[f"{row} {PATHS[row % 4]}" for row in range(n_items)],
        columns={"<i>column</i>": [LABELS[row % 4] for row in range(n_items)]},
    )
    visit = look(page.as_uri())
    names = visit.legend.locator("[dir=auto]").all_inner_texts()
    assert sorted(names) == sorted(LABELS)
    heading = visit.page.get_by_role("heading", level=1)
    expect(heading).to_have_text("</title><script>document.title = 'owned'</script>")
    visit.button("Select with a rectangle").click()
    visit.drag((340, 70), (1200, 690))
    _, content = visit.saved(visit.button("Paths").click)
    assert PATHS[3] in content.decode()
    _, content = visit.saved(visit.button("CSV").click)
    assert "\"'=" not in content.decode()
    visit.panel("Selection").locator(".fs-image-grid button").first.click()
    panel = visit.panel("Item")
    expect(panel.get_by_role("listitem")).to_have_count(12)
    assert visit.page.title() != "owned"
    assert visit.page.locator("script").count() == len(_scripts_of(page))
    assert visit.page.locator(".featscape :is(b, i:not([class]), img[src=x])").count() == 0


@pytest.fixture(scope="module")
def hostile_map(tmp_path_factory, map_of):
    """Make a map of images whose folders and files have hostile names."""
    source = tmp_path_factory.mktemp("hostile") / "<b>source"
    rng = np.random.default_rng(2)
    for folder in ("<img src=x onerror=alert(1)>", "two\nlines", "'\"; DROP TABLE items; --"):
        (source / folder).mkdir(parents=True)
        for number, name in enumerate(("q\"uo'te", "new\nline", "<script>alert(1)<", "%2e%2e?#")):
            pixels = rng.integers(0, 256, (24, 24, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(source / folder / f"{number}{name}.png")
    return map_of(source, source.parent / "hostile-map", perplexity=3)


def test_files_with_hostile_names_are_served(look, serve, hostile_map):
    visit = look(serve(hostile_map.folder))
    names = visit.legend.locator("[dir=auto]").all_text_contents()
    assert sorted(names) == sorted(set(hostile_map.map.labels))
    find = visit.page.get_by_label("Find in paths")
    for text, n_found in (("q\"uo'te", 3), ("<script>alert(1)<", 3), ("DROP TABLE items; --", 4)):
        find.fill(text)
        expect(visit.page.locator(".fs-search-found")).to_contain_text(f"{n_found} found")
    find.fill("")
    visit.button("Select with a rectangle").click()
    visit.drag((300, 20), (1270, 735))
    heading = visit.panel("Selection").get_by_role("heading")
    expect(heading).to_have_text("12 selected")
    _, content = visit.saved(visit.button("ZIP").click)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert len(archive.namelist()) == 12
        assert not [name for name in archive.namelist() if set(name) & set('\n"<>?')]
    for row in range(12):
        visit.page.evaluate(f"location.hash = 'item={row}'")
        panel = visit.panel("Item")
        expect(panel.locator("figure img").last).to_have_attribute("src", f"api/items/{row}/image")
        visit.until("document.querySelector('figure a img')?.naturalWidth === 24")
        path = panel.locator(".fs-facts dd").first
        visit.becomes(path.text_content, hostile_map.map.paths[row])
    assert visit.page.locator(".featscape :is(b, img[src=x], script)").count() == 0


def _scripts_of(page):
    return re.findall(r"^<script", page.read_text(encoding="utf-8"), re.MULTILINE)


def test_5000_classes(look, drawn_page):
    page = drawn_page(5000, images=False, labels=[f"class {row}" for row in range(5000)])
    visit = look(page.as_uri())
    legend = visit.page.get_by_role("listbox")
    expect(visit.page.get_by_text("5,000 classes", exact=True)).to_be_visible()
    visit.becomes(lambda: 5 < legend.get_by_role("option").count() < 100, expected=True)
    legend.focus()
    visit.page.keyboard.press("End")
    expect(legend.get_by_role("option").last).to_have_attribute("aria-posinset", "5000")
    visit.page.get_by_label("Filter the list of label").fill("class 4321")
    expect(legend.get_by_role("option")).to_have_count(1)
    legend.get_by_role("option").dblclick()
    expect(visit.page.get_by_text("1 of 5,000 classes shown")).to_be_visible()
    visit.becomes(lambda: len(visit.shared.get("hide.label", 20 * "x")) < 20, expected=True)
    visit.page.reload()
    expect(visit.page.get_by_text("1 of 5,000 classes shown")).to_be_visible()


def test_long_names_with_the_same_beginning_are_distinguishable(look, drawn_page):
    long = "Straßenbahnhaltestellenüberdachung mit Fahrgastinformation, Nürnberg"
    labels = [f"{long} Nord", f"{long} Süd", f"{long} West", "قطة صغيرة تجلس على السجادة أ", "a"]
    labels.append("قطة صغيرة تجلس على السجادة ب")
    visit = look(drawn_page(60, labels=[labels[row % 6] for row in range(60)]).as_uri())
    legend = visit.page.get_by_role("region", name="Map").bounding_box()
    for end in ("Nord", "Süd", "West", "أ", "ب"):
        name = visit.legend.locator(".fs-name-tail", has_text=re.compile(f"^{end}$"))
        box = name.bounding_box()
        assert legend["x"] < box["x"] < box["x"] + box["width"] < legend["x"] + legend["width"] - 30
        shown = name.evaluate("name => name.scrollWidth <= name.clientWidth")
        assert shown
    first = visit.legend.filter(has_text="Nord")
    beginning = first.locator(".fs-name-parts > :first-child")
    assert beginning.evaluate("name => name.scrollWidth > name.clientWidth")  # an ellipsis
    assert beginning.bounding_box()["width"] > 60


@pytest.mark.parametrize("n_items", [1, 12])
def test_few_items_of_one_class(look, drawn_page, n_items):
    page = drawn_page(n_items, labels=["only"] * n_items)
    visit = look(page.as_uri())
    expect(visit.legend).to_have_text(f"only{n_items}")
    noun = "image" if n_items == 1 else "images"
    expect(visit.page.get_by_text(f"{n_items} {noun} · 1 class")).to_be_visible()
    for view in ("Points", "Images", "Grid"):
        visit.button(view).click()
        visit.becomes(lambda: visit.n_colors() > 5, expected=True)
    visit.page.locator(".fs-stage").focus()
    visit.page.keyboard.press("ArrowRight")
    visit.page.keyboard.press("Enter")
    panel = visit.panel("Item")
    expect(panel).to_be_visible()
    expect(panel.get_by_role("listitem")).to_have_count(min(12, n_items - 1))


def test_without_labels_and_images(look, drawn_page):
    visit = look(drawn_page(30, labels=None, paths=None, images=False).as_uri())
    assert visit.legend.count() == 0
    expect(visit.button("Images")).to_have_count(0)
    visit.page.locator(".fs-stage").focus()
    visit.page.keyboard.press("ArrowRight")
    visit.page.keyboard.press("Enter")
    expect(visit.panel("Item").get_by_role("heading", level=2)).to_contain_text("Item ")


@pytest.fixture
def damaged_site(digits_site, tmp_path):
    return shutil.copytree(digits_site, tmp_path / "site")


def test_a_missing_pack_of_thumbnails(look, damaged_site, host_files):
    for size in (32, 64, 128):
        (damaged_site / "data" / f"thumbnails-{size}.bin").unlink()
    visit = look(host_files(damaged_site), expected=["404"])
    expect(visit.legend).not_to_have_count(0)
    visit.becomes(lambda: visit.n_colors() > 50, expected=True)  # the page shows points
    visit.page.locator(".fs-stage").focus()
    visit.page.keyboard.press("ArrowRight")
    visit.page.keyboard.press("Enter")
    expect(visit.panel("Item")).to_contain_text("digit-")


def test_a_truncated_file(look, damaged_site, host_files):
    file = damaged_site / "data" / "positions.bin"
    file.write_bytes(file.read_bytes()[:1000])
    visit = look(
        host_files(damaged_site, knows_ranges=False), wait=False, expected=["positions.bin"]
    )
    alert = visit.page.get_by_role("alert")
    expect(alert).to_contain_text("positions.bin must hold 4000 bytes; got 1000")
    expect(visit.button("Try again")).to_be_visible()
    expect(visit.page.get_by_alt_text("The map as a picture")).to_be_visible()


def test_a_truncated_page_reports_an_error(look, digits, tmp_path):
    content = (digits.folder / "map.html").read_bytes()
    file = tmp_path / "map.html"
    file.write_bytes(content[: len(content) // 2])
    visit = look(file.as_uri(), wait=False)
    expect(visit.page.get_by_text("this file is incomplete")).to_be_visible()


def test_a_lost_context_is_restored(look, digits_file):
    visit, intact = look(digits_file.address), look(digits_file.address)
    lose = """() => {
        const canvas = document.querySelector(".fs-stage canvas");
        window.lost = canvas.getContext("webgl2").getExtension("WEBGL_lose_context");
        window.lost.loseContext();
    }"""
    visit.page.evaluate(lose)
    interrupted = visit.page.get_by_text("The graphics context was lost")
    expect(interrupted).to_be_visible()
    visit.page.evaluate("window.lost.restoreContext()")
    expect(interrupted).to_have_count(0)

    def difference():
        one, other = (np.asarray(each.picture()).astype(int) for each in (visit, intact))
        return np.abs(one - other).mean()

    visit.becomes(lambda: difference() < 0.05, expected=True)
    visit.button("Grid").click()
    visit.becomes(lambda: difference() > 1, expected=True)


@pytest.fixture(scope="module")
def blind(chromium):
    """Start a browser without WebGL."""
    browser = chromium("--disable-gpu", "--disable-3d-apis")
    yield browser
    browser.close()


@pytest.mark.parametrize("place", ["served_digits", "digits_file"])
def test_a_browser_without_webgl(look, blind, request, place):
    address = request.getfixturevalue(place).address
    visit = look(address, on=blind, wait=False, expected=["WebGL"])
    expect(visit.page.get_by_role("alert")).to_contain_text("does not offer WebGL 2")
    picture = visit.page.get_by_alt_text("The map as a picture")
    expect(picture).to_be_visible()
    visit.until("document.querySelector('.fs-failure img').naturalWidth > 200")
    assert picture.bounding_box()["height"] > 300


def test_a_server_that_does_not_answer_is_reported(look, served_digits):
    visit = look(served_digits.address, expected=["Failed to load", "ERR_"])
    visit.page.context.set_offline(True)
    visit.page.get_by_label("Find in paths").fill("7")
    expect(visit.page.get_by_role("alert")).to_contain_text("The server does not answer")
    visit.page.context.set_offline(False)
    visit.page.get_by_label("Find in paths").fill("7/")
    expect(visit.page.locator(".fs-search-found")).to_contain_text("found")
