import math

import numpy as np
import pytest
from PIL import Image

from featscape.errors import InputError
from featscape.labels.classes import count_classes
from featscape.pictures.legend.rows import MAX_LEGEND_ROWS
from featscape.pictures.page import check_sizes, plan_page


@pytest.mark.parametrize("aspect", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("n_classes", [0, 1, 12, 500])
@pytest.mark.parametrize("size_px", [200, 1600])
def test_the_longer_side_is_the_size(aspect, n_classes, size_px):
    labels = [f"a class with a rather long name {i}" for i in range(n_classes)] or None
    classes = count_classes(labels, n_classes)
    page = plan_page(size_px, aspect=aspect, title="Title", classes=classes)
    assert size_px - 4 <= max(page.width_px, page.height_px) <= size_px + 2
    assert page.map_width / page.map_height == pytest.approx(aspect, rel=0.03)
    assert page.map_left + page.map_width < page.width_px
    assert page.map_top + page.map_height < page.height_px


@pytest.mark.parametrize("size_px", [0, 199, 20_001])
def test_sizes_out_of_range(size_px):
    with pytest.raises(InputError, match=r"size_px \(--size\) must be between 200 and 20,000; got"):
        plan_page(size_px, aspect=1, title=None, classes=None)


def test_a_short_legend_lists_every_class():
    classes = count_classes(["class10", "class9", "class10"], 3)
    legend = plan_page(1600, aspect=1, title=None, classes=classes).legend.rows
    assert [(row.name, row.count, row.color) for row in legend] == [
        ("class9", "1", classes.colors[0]),
        ("class10", "2", classes.colors[1]),
    ]


def test_a_legend_of_a_hundred_classes_has_columns_of_small_text():
    classes = count_classes([f"class number {i}" for i in range(100)], 100)
    page = plan_page(1600, aspect=1, title=None, classes=classes)
    assert [row.name for row in page.legend.rows] == list(classes.names)
    assert page.legend.n_columns == 2
    assert 15 < page.legend.text_px < page.text_px
    assert page.map_width > 0.6 * page.width_px
    texts = page.texts(caption=None)
    assert len(texts) == 200  # with the numbers of items
    names, counts = texts[::2], texts[1::2]
    assert all(text.x > page.map_left + page.map_width for text in names)
    assert all(text.x < page.width_px for text in counts)
    assert names[0].x == names[49].x < counts[0].x < names[50].x
    assert names[0].y == names[50].y
    for name, count in zip(names, counts, strict=True):
        assert name.x + name.line.width_px < count.x - count.line.width_px


def test_a_long_legend_lists_the_largest_and_counts_the_others():
    labels = np.repeat([f"c{i}" for i in range(500)], np.arange(1, 501))
    classes = count_classes(labels, len(labels))
    rows = plan_page(1600, aspect=1, title=None, classes=classes).legend.rows
    assert 50 < len(rows) <= MAX_LEGEND_ROWS
    n_more = 500 - len(rows) + 1
    assert [row.name for row in rows[:-1]] == [f"c{i}" for i in range(n_more, 500)]
    assert rows[-1].name == f"and {n_more} more classes"


def test_the_picture_is_inside_its_box():
    page = plan_page(300, aspect=1.5, title=None, classes=None)
    finished = page.finish(Image.new("RGB", (page.map_width, page.map_height), "red"))
    white = np.asarray(finished) == 255
    rows, columns = np.nonzero(~white.all(axis=2))
    assert (columns.min(), columns.max() + 1) == (page.map_left, page.map_left + page.map_width)
    assert (rows.min(), rows.max() + 1) == (page.map_top, page.map_top + page.map_height)


def test_title_legend_and_caption_are_drawn_inside_the_page():
    classes = count_classes(["x" * 300, "$a_b\n🦒"], 2)
    page = plan_page(600, aspect=1, title="A title " * 50, classes=classes)
    blank = Image.new("RGB", (page.map_width, page.map_height), "white")
    inked = np.asarray(page.finish(blank, caption="showing 1 of 2 images")) < 250
    inked = inked.any(axis=2)
    assert inked[: page.map_top].any()
    assert inked[page.map_top + page.map_height :].any()
    assert inked[:, page.map_left + page.map_width :].any()
    edge = round(page.text_px / 2)
    inked[edge:-edge, edge:-edge] = False
    assert not inked.any()


@pytest.mark.parametrize("aspect", [0.5, 2.0])
def test_a_long_legend_stays_on_the_page(aspect):
    classes = count_classes([f"class {i}" for i in range(80)], 80)
    page = plan_page(480, aspect=aspect, title=None, classes=classes)
    blank = Image.new("RGB", (page.map_width, page.map_height), "white")
    inked = np.flatnonzero((np.asarray(page.finish(blank)) < 250).any(axis=(1, 2)))
    assert inked[0] > page.text_px
    assert inked[-1] < page.height_px - page.text_px
    # the first row, and the last row of the first column
    n_rows = math.ceil(len(page.legend.rows) / page.legend.n_columns)
    assert np.ptp(inked) > (n_rows - 1) * 1.65 * page.legend.text_px


@pytest.mark.parametrize(
    ("size_px", "thumbnail_px", "words"),
    [
        (10, None, r"size_px \(--size\) must be between 200 and 20,000; got 10"),
        (50_000, None, "got 50,000"),
        (
            600,
            7,
            r"\(--thumbnail\) must be .* of the picture = 100; got 7\. .* size_px \(--size\)",
        ),
        (600, 101, "got 101"),
    ],
)
def test_sizes(size_px, thumbnail_px, words):
    with pytest.raises(InputError, match=words):
        check_sizes(size_px, thumbnail_px)


def test_sizes_that_can_be_drawn():
    check_sizes(600, 8)
    check_sizes(600, 100)
    check_sizes(200, None)


def test_a_page_on_which_all_classes_have_names_has_no_legend():
    classes = count_classes(["cat", "dog"], 2)
    page = plan_page(400, aspect=1, title=None, classes=classes, heading="other classes")
    assert page.legend.rows[0].name == "other classes"
    page = page.with_legend_of(classes, np.arange(0))
    assert page.texts(caption=None) == page.disks() == []
