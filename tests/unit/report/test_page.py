"""The report as HTML: escaping, the limit of bytes, and maps without images, labels or findings."""

import base64
import io
import re
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from matplotlib import get_data_path
from PIL import Image, ImageFont

from featscape.findings import relate_classes
from featscape.findings.spaces import search_all_pairs
from featscape.records.shown_findings import (
    FindingsSection,
    ShownColumn,
    ShownFinding,
    ShownFindings,
)
from featscape.report import MARK, MapPicture, ReportInput, render_report
from featscape.report.diagram import lay_out
from featscape.report.explanations import explain
from helpers.maps.planted import clouds, named

HOSTILE = "</style><script>alert(1)</script><img src=x onerror=alert(1)>\"' {{ 7 * 7 }}\x1b\u202e"
VOID = {"meta", "link", "img", "br"}


class Images:
    """Noise, whose encoded images are large."""

    def __init__(self, n_images, size=(256, 256)):
        self._n_images, self._size = n_images, size

    def __len__(self):
        return self._n_images

    def load(self, index, *, at_least_px=0):
        del at_least_px
        return noise(index % 16, self._size).copy()


@cache
def noise(seed, size):
    width, height = size
    levels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(levels)


class Page(HTMLParser):
    """The elements and the text of a page."""

    def __init__(self, content):
        super().__init__()
        self.elements, self.attributes, self.text, self._open = [], [], "", []
        self.feed(content)
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.text += data


def finding(text="A sentence.", items=(0, 1, 2), suggested=None, faults=()):
    return ShownFinding(
        text=text, items=items, suggested=suggested, neighbors=(3, 4), faults=faults
    )


def section(name, layout, found, text="Some text."):
    return FindingsSection(
        name=name, title=f"Title of {name}", text=text, layout=layout, findings=tuple(found)
    )


def all_sections(found):
    return (
        section("labels", "items", [replace(one, suggested=one.text) for one in found]),
        section("leaks", "pairs", found),
        section("duplicates", "pairs", found),
        section("off_topic", "items", found),
        section("quality", "items", [replace(one, faults=(one.text,)) for one in found]),
        section("classes", "groups", found),
        section("split", "groups", found),
        section("exemplars", "groups", found),
        section("shortcuts", "groups", found),
        section("reliability", "texts", found),
    )


def given(n_items=8, *, sections=None, text="plain", images=True, **changes):
    columns = (
        ShownColumn(
            name="off_topic", title="", note="", values=np.arange(n_items, dtype=np.float32)
        ),
    )
    sections = all_sections([finding(text)]) if sections is None else sections
    fields = {
        "title": text,
        "folder_argument": text,
        "facts": {"dataset": text, "made": text},
        "sentences": (text,),
        "labels": (text,) * n_items,
        "splits": (text,) * n_items,
        "paths": (text,) * n_items,
        "thumbnails": Images(n_items) if images else None,
        "findings": ShownFindings(sections=tuple(sections), columns=columns),
        "difference": lambda first, _: first,
    }
    return ReportInput(**(fields | changes))


def related(n_classes, *, name="{}", most_classes=40):
    features, codes = clouds(3 * n_classes, n_classes=n_classes)
    near = search_all_pairs(features, 5).indices
    labels = [name.format(code) for code in codes]
    return relate_classes(
        features, near, labels, most_classes=most_classes, found=(), random_state=0
    )


def test_every_text_of_a_map_is_escaped():
    relations = related(4, name=HOSTILE + "{}")
    picture = Image.new("RGB", (8, 8))
    content = render_report(
        given(text=HOSTILE, relations=relations, pictures=[MapPicture(HOSTILE, picture)])
    )
    page = Page(content)
    plain = Page(
        render_report(given(relations=related(4), pictures=[MapPicture("plain", picture)]))
    )
    assert page.elements == plain.elements
    assert "script" not in page.elements
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert "{{ 7 * 7 }}" in page.text
    assert all(char.isprintable() or char == "\n" for char in content)


def test_a_dark_page_shows_the_dark_picture_and_the_page_on_paper_does_not():
    light, dark = (Image.new("RGB", (8, 8), color) for color in ("white", "black"))
    content = render_report(given(pictures=[MapPicture("a", light, dark), MapPicture("b", light)]))
    sources = re.findall(
        r'<source srcset="(data:[^"]+)" media="(.*?)"><img src="(data:.*?)"', content
    )
    ((in_dark, media, in_light),) = sources
    assert media == "screen and (prefers-color-scheme: dark)"
    for source, color in ((in_dark, (0, 0, 0)), (in_light, (255, 255, 255))):
        content = base64.b64decode(source.partition(",")[2])
        assert Image.open(io.BytesIO(content)).getpixel((4, 4)) == color


def test_the_page_loads_nothing_and_starts_with_its_mark():
    content = render_report(given())
    page = Page(content)
    assert content.startswith(MARK)
    policy = dict(page.attributes)["content"]
    assert policy
    sources = [value for name, value in page.attributes if name in ("src", "href")]
    assert all(value.startswith(("data:", "#")) for value in sources)
    assert "default-src 'none'" in content


def test_the_cards_have_the_number_of_images():
    sections = (
        section("duplicates", "pairs", [finding(items=tuple(range(7))), finding(items=(5, 6))]),
        section("labels", "items", [finding(items=(0, 1, 2), suggested="dog")]),
        section("quality", "items", [finding(items=(3, 4)), finding(items=(5,))]),
        section("classes", "groups", [finding(items=(0, 1))]),
    )
    page = Page(render_report(given(sections=sections)))
    assert re.findall(r"\d images(?=: A sentence)", page.text) == ["7 images", "2 images"]
    assert re.findall(r"and \d duplicates?", page.text) == ["and 2 duplicates", "and 1 duplicate"]


def test_each_kind_has_its_method_and_its_images():
    page = Page(render_report(given()))
    for kind in ("labels", "leaks", "off_topic", "quality", "classes", "exemplars", "shortcuts"):
        assert f"Title of {kind}" in page.text
    assert "without its own label" in page.text
    assert "can differ from the nearest neighbors on the page of the map" in page.text
    assert "facility location" in page.text
    assert page.elements.count("img") > 20


@pytest.mark.parametrize("names", [["classes", "groups"], ["groups"], []])
def test_the_first_section_about_several_classes_shows_the_matrix(names):
    sections = [section(name, "texts", [finding()]) for name in names]
    page = Page(render_report(given(sections=sections, relations=related(3))))
    assert page.elements.count("svg") == bool(names)


def test_a_report_of_500_images_that_compress_badly_is_below_5_mb():
    found = [finding(items=tuple(range(start, start + 20))) for start in range(0, 480, 2)]
    content = render_report(
        given(500, sections=all_sections(found)[:4], folder_argument="'my map'")
    )
    assert len(content.encode()) < 5_000_000
    assert "images are left out, to limit the size" in content
    assert "168 more: featscape findings &#39;my map&#39; --csv" in content


def test_long_texts_are_shortened():
    content = render_report(given(text="x" * 100_000, images=False, relations=related(3)))
    assert len(content) < 1_000_000


def test_a_map_without_images_has_names_only():
    page = Page(render_report(given(images=False)))
    assert "img" not in page.elements
    assert "no images, so the report has names only" in page.text


def test_the_report_of_a_map_without_images_speaks_of_items():
    names = "labels", "off_topic", "classes", "groups", "split", "exemplars", "shortcuts"
    layouts = ["items", "items", *["groups"] * 5]
    sections = [section(*of, [finding()]) for of in zip(names, layouts, strict=True)]
    shown = given(
        sections=sections, relations=related(4), images=False, paths=None, sentences=("One.",)
    )
    text = Page(render_report(shown)).text.replace("The map has no images, so the report", "")
    assert "image" not in text.lower()
    for words in (
        "Each item is classified",
        "The distance of an item is",
        "Farthest items, below the limit",
        "trees of items drawn at random",
        "class of the item;",
        ": 3 items",
        "typical items are chosen",
        "The items below or above",
        "Items with similar features",
    ):
        assert words in text


def test_kinds_without_findings_are_listed_with_the_reason():
    sections = (
        section("labels", "items", [], text="The items have no labels."),
        section("duplicates", "pairs", [], text="The map has no images."),
    )
    page = Page(
        render_report(given(sections=sections, labels=None, splits=None, paths=None, sentences=()))
    )
    assert "The items have no labels." in page.text
    assert "The map has no images." in page.text
    assert "The most useful findings" not in page.text


def test_items_without_paths_labels_and_splits_are_numbered():
    page = Page(render_report(given(labels=None, splits=None, paths=None)))
    assert "item 0" in page.text


@pytest.mark.parametrize("n_classes", [2, 3, 40])
def test_the_matrix_has_a_row_and_a_column_for_each_class(n_classes):
    relations = related(n_classes)
    page = Page(render_report(given(relations=relations)))
    assert page.elements.count("circle") == n_classes
    assert page.elements.count("path") == (n_classes - 1 if n_classes > 2 else 0)


def test_a_matrix_of_1000_classes_has_the_40_closest():
    relations = related(1_000)
    page = Page(render_report(given(relations=relations)))
    assert "The 40 closest of 1,000 classes." in page.text
    assert page.elements.count("circle") == 40


@pytest.mark.parametrize(
    "name",
    ["{}", "a class with the number {}", '<b>bird {}</b> & "colored"', "WOMBAT {} OF KYOGLE"],
)
def test_the_names_of_the_matrix_are_inside_the_picture(name):
    """The names of the columns are turned by 60 degrees."""
    diagram = lay_out(related(3, name=name), noun="image")
    font = ImageFont.truetype(Path(get_data_path(), "fonts/ttf/DejaVuSans.ttf"), 12.5)
    for row in diagram.rows:
        length = font.getlength(row.name)
        assert row.x + length / 2 < diagram.width
        assert diagram.rows[0].y - diagram.cell / 2 - 6 > 0.87 * length
        assert diagram.name_x + 10 + length < diagram.cells[0].x


def test_the_matrix_has_the_shades_of_the_picture_of_the_classes():
    shares = np.array([[0.8, 0.18, 0.01, 0.01], [0.2, 0.8, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    relations = replace(related(4), shares=shares)
    shades = relations.shades()
    assert (shades[1, 0], shades[0, 2], shades[0, 0]) == pytest.approx((1, 0.05, 0))
    cells = lay_out(relations, noun="image").cells
    # a share of 0 has no cell
    assert len(cells) == np.count_nonzero(shares)
    assert [cell.shade for cell in cells] == shades[shares > 0].round(2).tolist()
    assert sum(cell.is_own for cell in cells) == 4
    page = Page(render_report(given(relations=relations)))
    assert relations.describe_shades() in page.text


def test_supported_branches_are_marked():
    relations = replace(related(4), support=np.array([0.9, np.nan, np.nan]))
    content = render_report(given(relations=relations))
    assert content.count('class="branch supported"') == 1


def test_atypical_images_are_of_the_class_and_no_exemplars():
    labels = named(np.arange(12) % 2)
    sections = (section("exemplars", "groups", [finding(items=(0, 2))]),)
    content = render_report(
        given(12, sections=sections, labels=labels, paths=[f"{item}.png" for item in range(12)])
    )
    assert content.count("least typical</span>") == 2
    shown = [name for name in (f"{item}.png" for item in range(12)) if f">{name}<" in content]
    assert shown == ["0.png", "2.png", "8.png", "10.png"]


def test_the_farthest_images_follow_those_off_topic():
    """The scores ascend with the item: item 39 is listed, so 38 to 27 follow."""
    paths = [f"{item}.png" for item in range(40)]
    for found in ([finding(items=(39,))], []):
        sections = (section("off_topic", "items", found),)
        content = render_report(given(40, sections=sections, paths=paths))
        listed, _, farthest = content.partition("Farthest images, below the limit")
        assert ("39.png<" in listed) == bool(found)
        shown = [path for path in paths if f">{path}<" in farthest]
        first = 39 if found else 40
        assert shown == paths[first - 12 : first]


def test_the_farthest_images_of_each_class_are_among_the_farthest():
    """The scores ascend with the item: the two first of each class, and then six of ant."""
    labels = ["cat"] * 10 + ["bee"] * 10 + ["ant"] * 20
    sections = (section("off_topic", "items", [finding(items=(39,))]),)
    paths = [f"{item}.png" for item in range(40)]
    content = render_report(given(40, sections=sections, paths=paths, labels=labels))
    _, _, farthest = content.partition("Farthest images, below the limit")
    shown = [int(name) for name in re.findall(r">(\d+)\.png<", farthest)]
    assert shown == [*range(38, 30, -1), 19, 18, 9, 8]


def test_tiny_images_are_among_the_images_off_topic():
    faults = [("dark",), ("tiny",), ("noisy", "tiny"), ("tiny",)]
    sections = (
        section("off_topic", "items", [finding(items=(3,))]),
        section("quality", "items", [finding(items=(i,), faults=faults[i]) for i in range(4)]),
    )
    paths = [f"{item}.png" for item in range(4)]
    content = render_report(given(4, findings=ShownFindings(sections=sections), paths=paths))
    _, _, smaller = content.partition("Much smaller than the other images")
    smaller, _, _ = smaller.partition("</section>")
    assert [path for path in paths if f">{path}<" in smaller] == ["1.png", "2.png"]


def test_images_with_unusual_borders_are_among_the_images_off_topic():
    sections = (section("off_topic", "items", [finding(items=(3,))]),)
    paths = [f"{item}.png" for item in range(40)]
    shown = ShownFindings(sections=sections, unusual_borders=(7, 3, 2))
    content = render_report(given(40, findings=shown, paths=paths))
    _, _, borders = content.partition("Other borders than most images")
    borders, _, _ = borders.partition("</section>")
    assert [path for path in paths if f">{path}<" in borders] == ["2.png", "7.png"]
    assert borders.index(">7.png<") < borders.index(">2.png<")


def test_a_common_fault_hides_no_rare_fault():
    faults = ["blurred"] * 40 + ["dark"]
    found = [finding(items=(item,), faults=(fault,)) for item, fault in enumerate(faults)]
    page = Page(render_report(given(41, sections=[section("quality", "items", found)])))
    assert "blurred 12 of 40" in page.text
    assert "dark 1" in page.text
    assert page.elements.count("img") == 13
    assert "28 more: featscape findings plain --csv" in page.text


def test_the_difference_of_a_larger_group_is_that_of_its_first_images():
    for items, name in (((0, 1), ">difference<"), ((0, 1, 2), ">difference of the first two<")):
        sections = (section("duplicates", "pairs", [finding(items=items)]),)
        assert name in render_report(given(sections=sections))


@pytest.mark.parametrize("term", ["ridge regression", "bootstrap", "facility location"])
def test_the_methods_are_explained_in_words_before_the_term(term):
    texts = [explain(name, noun="image") for name in ("labels", "classes", "groups", "exemplars")]
    texts = [text for text in texts if term in text]
    assert texts
    assert all(text.count(term) == text.count(f" ({term})") for text in texts)
