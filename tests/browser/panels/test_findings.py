"""The findings: panel, highlight, steps by keyboard and pointer, and colors."""

import re
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from featscape.bundle import open_bundle
from featscape.demo import write_digits
from featscape.records.shown_findings import (
    FindingsSection,
    ShownColumn,
    ShownFinding,
    ShownFindings,
)
from featscape.steps.findings import open_findings

DUPLICATE = "train/1/digit-copy.png"
CHANGED = "train/2/digit-changed.png"


@pytest.fixture(scope="module")
def planted(tmp_path_factory, map_of):
    """Make a map of digits with wrong labels, a leak between splits, and an edited copy."""
    plain = tmp_path_factory.mktemp("plain") / "digits"
    write_digits(plain)
    source = tmp_path_factory.mktemp("planted") / "digits"
    files = sorted(plain.rglob("*.png"))[::5]
    for number, file in enumerate(files):
        label = file.parent.name
        if number % 30 == 0:
            label = str((int(label) + 5) % 10)
        to = source / ("test" if number % 4 == 0 else "train") / label / file.name
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, to)
    leaked = min((source / "test" / "1").iterdir())
    shutil.copy(leaked, source / DUPLICATE)
    with Image.open(min((source / "train" / "2").iterdir())) as image:
        image.save(source / CHANGED, compress_level=1)  # the same pixels in another file
    made = map_of(source, tmp_path_factory.mktemp("maps") / "planted-map")
    return SimpleNamespace(**vars(made), findings=open_findings(made.map))


@pytest.fixture(scope="module")
def planted_file(planted):
    return SimpleNamespace(**vars(planted), address=(planted.folder / "map.html").as_uri())


@pytest.fixture(scope="module")
def served_planted(serve, planted):
    return SimpleNamespace(**vars(planted), address=serve(planted.folder))


@pytest.fixture(params=["served_planted", "planted_file"])
def anywhere(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def lattice(drawn_page):
    """Draw 200 items far apart: 20 wrong labels, rising suspicion, and false friends at one end.

    The neighbors of an item are the next twelve items, which a shuffle has moved elsewhere.
    """
    n_items = 200
    places = np.random.default_rng(3).permutation(n_items)
    share = np.arange(n_items) / n_items
    written = {"title": "Written", "note": "Written by the test."}
    sections = (
        FindingsSection(
            name="labels",
            title="Labels to check",
            text="Twenty labels.",
            layout="items",
            findings=tuple(
                ShownFinding(text="A label.", items=(row,)) for row in range(0, n_items, 10)
            ),
        ),
        FindingsSection(name="reliability", title="Reliability", text="Text.", layout="texts"),
    )
    columns = (
        ShownColumn(name="suspicion", values=8 * share - 4, threshold=0, **written),
        ShownColumn(name="false_friends", values=share, is_share=True, **written),
    )
    page = drawn_page(
        n_items,
        positions=np.stack([places % 20, places // 20], axis=1).astype(np.float32),
        findings=ShownFindings(sections=sections, columns=columns),
    )
    return SimpleNamespace(bundle=open_bundle(page.parent / "bundle"), address=page.as_uri())


def values_of(bundle, name):
    """Return the values of a column in the order of the bundle."""
    column = next(each for each in bundle.manifest.columns if each.name == name)
    return bundle.array(column.values)


def section_of(made, name):
    sections = made.bundle.manifest.findings.sections
    return next(section for section in sections if section.name == name)


def test_the_sections_have_the_numbers_of_the_map(look, anywhere):
    visit = look(anywhere.address)
    visit.button("Findings").click()
    panel = visit.panel("Findings")
    findings = anywhere.findings
    expect(panel.get_by_role("button", name="Labels to check")).to_contain_text(
        str(len(findings.labels))
    )
    expect(panel.get_by_role("button", name="Leaks between splits")).to_contain_text("1")
    expect(panel.get_by_text(section_of(anywhere, "labels").text)).to_be_visible()
    visit.button("Close").click()
    expect(panel).to_have_count(0)
    expect(visit.button("Findings")).to_be_visible()


def test_a_section_highlights_its_images_on_the_map(look, lattice):
    visit = look(f"{lattice.address}#view=points")
    ids = lattice.bundle.array(lattice.bundle.manifest.ids)
    visit.page.keyboard.press("f")
    visit.rest()
    visit.page.get_by_role("button", name="Labels to check").click()
    expect(visit.panel("Findings").locator(".fs-finding").first).to_be_visible()
    visit.rest()
    items, places = visit.apart(lattice.bundle)
    items = items[places[items, 0] < 850]  # left of the panel
    lit = ids[items] % 10 == 0
    assert lit.sum() > 5
    after = np.abs(visit.colors_at(items, places)).sum(axis=1)
    assert np.median(after[~lit]) < 0.6 * np.median(after[lit])
    visit.becomes(lambda: visit.shared.get("finding"), "labels")


def test_the_keyboard_steps_through_label_errors_and_opens_one(look, anywhere):
    visit = look(f"{anywhere.address}#finding=labels")
    first, second = anywhere.findings.labels[:2]
    panel = visit.panel("Findings")
    current = panel.locator("[aria-current]")
    expect(panel.get_by_role("listitem").first).to_be_visible()
    visit.page.keyboard.press("j")
    expect(current).to_contain_text(anywhere.map.paths[first.item])
    expect(current.locator(".fs-relabel")).to_have_text(
        f"label:{first.label}suggested:{first.suggested}"
    )
    visit.page.keyboard.press("j")
    expect(current).to_contain_text(anywhere.map.paths[second.item])
    expect(panel).to_contain_text(f"2 / {len(anywhere.findings.labels)}")
    visit.page.keyboard.press("k")
    expect(current).to_contain_text(anywhere.map.paths[first.item])
    visit.page.keyboard.press("Enter")
    expect(visit.panel("Item")).to_contain_text(anywhere.map.paths[first.item])
    visit.page.keyboard.press("j")  # the open item follows
    expect(visit.panel("Item")).to_contain_text(anywhere.map.paths[second.item])
    visit.page.keyboard.press("Escape")
    expect(current).to_contain_text(anywhere.map.paths[second.item])
    expect(current).to_be_in_viewport()
    visit.page.keyboard.press("Escape")
    expect(panel.get_by_role("button", name="Labels to check")).to_be_visible()
    visit.page.keyboard.press("Escape")
    expect(panel).to_have_count(0)


def test_the_pointer_steps_and_chooses_a_finding(look, planted_file):
    visit = look(f"{planted_file.address}#finding=labels")
    panel = visit.panel("Findings")
    current = panel.locator("[aria-current]")
    panel.locator(".fs-finding-text").nth(1).click()
    expect(current).to_contain_text(planted_file.map.paths[planted_file.findings.labels[1].item])
    visit.button("Previous finding").click()
    expect(panel).to_contain_text("1 / ")
    current.get_by_role("button").first.click()
    about = visit.panel("Item").get_by_role("region", name="Findings about the item")
    about.get_by_role("button", name="Labels to check").click()
    expect(panel).to_contain_text("1 / ")
    visit.button("All findings").click()
    expect(panel.get_by_role("button", name="Labels to check")).to_be_visible()


def test_a_leak_shows_two_images_and_their_difference(look, anywhere):
    visit = look(f"{anywhere.address}#finding=leaks")
    panel = visit.panel("Findings")
    row = panel.locator(".fs-finding")
    expect(row).to_have_count(1)
    expect(row).to_contain_text("in the splits test and train")
    captions = row.locator(".fs-pair-caption")
    expect(captions.nth(0)).to_contain_text("test")
    expect(captions.nth(1)).to_contain_text("train")
    expect(row).to_contain_text("No difference")
    expect(row.locator("img")).to_have_count(2)
    visit.page.keyboard.press("j")
    expect(visit.page.locator(".fs-stage svg path[visibility=visible]")).to_have_count(1)


def test_the_difference_of_two_images_is_drawn(look, drawn_page):
    sections = (
        FindingsSection(
            name="duplicates",
            title="Duplicates",
            text="One.",
            layout="pairs",
            findings=(ShownFinding(text="Two digits.", items=(3, 8)),),
        ),
    )
    page = drawn_page(40, findings=ShownFindings(sections=sections))
    visit = look(f"{page.as_uri()}#finding=duplicates")
    row = visit.panel("Findings").locator(".fs-finding")
    expect(row.locator("figcaption")).to_have_text("Difference")
    alpha = row.locator("canvas").evaluate(
        """canvas => [...canvas.getContext("2d").getImageData(0, 0, 128, 128).data]
            .filter((_, i) => i % 4 === 3)"""
    )
    share = np.mean(np.array(alpha) > 0)
    assert 0.02 < share < 0.9  # a 3 is an 8 in part


def test_the_findings_are_selected_and_color_the_map(look, planted_file):
    visit = look(f"{planted_file.address}#finding=labels")
    n_wrong = len(planted_file.findings.labels)
    visit.button("Color the map").click()
    expect(visit.page.get_by_label("Color by")).to_have_value("suspicion")
    legend = visit.page.get_by_role("region", name="Legend")
    expect(legend).to_contain_text("Above 0, the image resembles another class")
    visit.button(f"Select {n_wrong} images").click()
    expect(visit.panel("Selection").get_by_role("heading")).to_have_text(f"{n_wrong} selected")
    visit.button("Labels to check").click()
    expect(visit.panel("Findings")).to_be_visible()
    visit.button("Close").click()
    expect(visit.button("Labels to check")).to_have_count(0)  # the highlight has ended


def test_the_values_of_the_findings_are_colors(look, planted_file):
    visit = look(f"{planted_file.address}#view=points&color=suspicion")
    options = visit.page.get_by_label("Color by").locator("optgroup option")
    assert options.all_inner_texts() == [
        "label suspicion",
        "off topic",
        "torn",
        "false friends",
        "suggested label",
        "duplicates",
    ]


def test_suspicion_is_a_color_with_wrong_labels_at_its_end(look, lattice):
    visit = look(f"{lattice.address}#view=points&color=suspicion")
    items, places = visit.apart(lattice.bundle)
    values = values_of(lattice.bundle, "suspicion")[items]
    expect(visit.page.get_by_role("region", name="Legend").locator("svg")).to_be_visible()
    picture = visit.picture()
    colors = np.array([picture.getpixel(tuple(map(round, places[item]))) for item in items])
    redness = colors[:, 0] - colors[:, 2]
    assert np.corrcoef(values, redness)[0, 1] > 0.85
    assert redness[values > 1].min() > redness[values < -1].max()


def test_a_point_under_the_pointer_has_lines_to_its_torn_neighbors(look, lattice):
    visit = look(f"{lattice.address}#view=points")
    bundle = lattice.bundle
    positions = bundle.array(bundle.manifest.positions).astype(float)
    neighbors = bundle.array(bundle.manifest.neighbors.indices)

    def elsewhere(item):
        distances = np.linalg.norm(positions - positions[item], axis=1)
        limit = np.sort(distances)[30]  # the first is the item itself
        return int((distances[neighbors[item]] > limit).sum())

    items, places = visit.apart(bundle)
    item = max(items, key=elsewhere)
    n_torn = elsewhere(item)
    assert n_torn > 6
    visit.hover_at(places[item].tolist())
    card = visit.page.locator(".fs-card")
    expect(card).to_contain_text(f"{n_torn} of the 12 most similar images are elsewhere on the map")
    lines = visit.page.locator(".fs-stage svg path[visibility=visible]")
    expect(lines).to_have_count(n_torn)
    visit.hover_at((5, 790))
    expect(card).to_have_count(0)
    expect(lines).to_have_count(0)


def test_the_button_fades_false_friends_on_the_map(look, lattice):
    visit = look(f"{lattice.address}#view=points&finding=reliability")
    items, places = visit.apart(lattice.bundle)
    is_false = values_of(lattice.bundle, "false_friends")[items] > 0.5
    assert min(is_false.sum(), (~is_false).sum()) > 20

    def colors():
        picture = visit.picture()
        return np.array([picture.getpixel(tuple(map(round, places[item]))) for item in items])

    before = colors()
    button = visit.button("Fade false friends")
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    visit.becomes(lambda: (colors() != before).any(axis=1).tolist(), is_false.tolist())
    button.click()
    visit.becomes(lambda: colors().tolist(), before.tolist())


def test_a_static_site_shows_the_findings(look, planted, host_files, tmp_path):
    from featscape.steps.drawing import export_site

    export_site(planted.folder, tmp_path / "site")
    for knows_ranges in (True, False):
        address = host_files(tmp_path / "site", knows_ranges=knows_ranges)
        visit = look(f"{address}#finding=labels")
        visit.page.keyboard.press("j")
        expect(visit.panel("Findings").locator("[aria-current]")).to_be_visible()


def test_a_map_without_findings_has_a_remedy(look, drawn_page):
    visit = look(drawn_page(30).as_uri())
    visit.button("Findings").click()
    expect(visit.panel("Findings")).to_contain_text("featscape findings MAP lists them")


def test_a_map_of_one_hundred_thousand_findings_lists_the_first(look, drawn_page):
    findings = tuple(ShownFinding(text=f"Finding {i}.", items=(i % 60,)) for i in range(100_000))
    section = FindingsSection(
        name="labels", title="Labels to check", text="Many.", layout="items", findings=findings
    )
    page = drawn_page(60, findings=ShownFindings(sections=(section,)))
    visit = look(f"{page.as_uri()}#finding=labels")
    panel = visit.panel("Findings")
    expect(panel).to_contain_text("The list has the first 2,000 of 100,000")
    visit.page.keyboard.press("k")  # the last finding of the list
    expect(panel.locator("[aria-current]")).to_contain_text("Finding 1999.")
    expect(panel.locator("[aria-current]")).to_be_in_viewport()
    assert panel.locator(".fs-finding").count() < 30


def test_the_list_is_usable_on_a_phone(look, planted_file):
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True}
    visit = look(planted_file.address, **phone)
    visit.button("Findings").tap()
    visit.page.get_by_role("button", name="Labels to check").tap()
    panel = visit.panel("Findings")
    visit.button("Next finding").tap()
    current = panel.locator("[aria-current]")
    expect(current).to_be_in_viewport()
    widths = current.evaluate("row => [row.scrollWidth, row.clientWidth]")
    assert widths[0] <= widths[1]
    box = panel.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390


@pytest.mark.parametrize("panel", ["finding=labels", "item=0"])
def test_the_toolbar_covers_no_panel(look, lattice, panel):
    visit = look(f"{lattice.address}#{panel}")
    side = visit.page.locator(".fs-side")
    expect(side).to_be_visible()
    covered = []
    for width in range(900, 1520, 20):
        visit.page.set_viewport_size({"width": width, "height": 500})
        box, bar = side.bounding_box(), visit.page.get_by_role("toolbar").bounding_box()
        is_beside = bar["x"] + bar["width"] <= box["x"]
        assert box["y"] + box["height"] > 400  # as tall as the page allows
        if not is_beside and box["y"] + box["height"] > bar["y"]:
            covered.append(width)
    assert covered == []


@pytest.mark.parametrize("content", [b"{", b'[{"text": 1}]', b"\xff\xfe"])
def test_damaged_findings_are_reported_and_harm_nothing(
    look, planted, host_files, tmp_path, content
):
    from featscape.steps.drawing import export_site

    export_site(planted.folder, tmp_path / "site")
    file = tmp_path / "site" / "data" / "findings.bin"
    file.write_bytes(content.ljust(file.stat().st_size))
    visit = look(f"{host_files(tmp_path / 'site')}#finding=labels")
    expect(visit.page.get_by_role("alert")).to_contain_text(re.compile("is damaged.*Make the map"))
    visit.page.keyboard.press("j")
    visit.button("Close").first.click()
    assert open_bundle(planted.folder / "bundle").manifest.findings is not None


def test_texts_of_findings_are_never_html(look, drawn_page):
    evil = '<img src=x onerror="document.title=1"><script>document.title = 1</script>'
    section = FindingsSection(
        name=evil,
        title=evil,
        text=evil,
        layout="items",
        method=evil,
        findings=(ShownFinding(text=evil, items=(1,), suggested=evil),),
    )
    page = drawn_page(30, findings=ShownFindings(sections=(section,)))
    visit = look(page.as_uri())
    visit.page.keyboard.press("f")
    visit.panel("Findings").locator("button.fs-section-button").click()
    panel = visit.panel("Findings")
    expect(panel.locator(".fs-finding-text")).to_have_text(evil)
    assert panel.locator("script, img[src=x]").count() == 0
    assert visit.page.title() != "1"
