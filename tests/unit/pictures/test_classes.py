"""The picture of the matrix and the tree of the classes."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from featscape.errors import InputError
from featscape.findings import relate_classes
from featscape.findings.spaces import search_all_pairs
from featscape.pictures import draw_relations, draw_relations_in_axes
from helpers.maps.planted import clouds


def related(n_classes, *, name="class {}"):
    features, codes = clouds(5 * n_classes, n_classes=n_classes, spread=1.0)
    near = search_all_pairs(features, 3).indices
    labels = [name.format(code) for code in codes]
    return relate_classes(features, near, labels, most_classes=60, found=(), random_state=0)


@pytest.mark.parametrize("n_classes", [2, 3, 12, 60, 200])
def test_the_picture_is_at_most_as_large_as_requested(n_classes):
    picture = draw_relations(related(n_classes), size_px=1600, title="Title", caption="Caption")
    assert max(picture.size) <= 1600
    assert picture.mode == "RGB"
    # nothing is cut off: the edges have the color of the background
    assert np.unique(np.asarray(picture)[:, [0, -1]]).tolist() == [255]
    assert np.unique(np.asarray(picture)[[0, -1]]).tolist() == [255]


@pytest.mark.parametrize("noun", ["image", "item"])
def test_the_explanation_names_the_items(tmp_path, noun):
    draw_relations(related(3), path=tmp_path / "classes.svg", noun=noun)
    text = (tmp_path / "classes.svg").read_text(encoding="utf-8")
    assert f"Row: class of an {noun}." in text


@pytest.mark.parametrize("name", ["猫 {}", "قطة {}", "$x_{}$", "\n{}", "{} long" + " word" * 80])
def test_names_in_any_script_and_of_any_length_fit(name):
    picture = draw_relations(related(4, name=name))
    assert max(picture.size) <= 1600
    assert np.unique(np.asarray(picture)[[0, -1]]).tolist() == [255]


def test_frequent_neighbors_are_dark_on_a_light_page_and_rare_neighbors_are_not():
    relations = replace(related(4), colors=("#000000",) * 4)  # the first usual color is the shade
    shares = np.array([[0.8, 0.18, 0.01, 0.01], [0.2, 0.8, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    colors = set(draw_relations(replace(relations, shares=shares)).get_flattened_data())
    assert (10, 92, 214) in colors
    colors = set(draw_relations(replace(relations, shares=np.eye(4))).get_flattened_data())
    assert (10, 92, 214) not in colors


def test_the_shade_is_proportional_to_the_share_whatever_the_number_of_items():
    shares = np.array([[0.5, 0.32, 0.16, 0.02], [0.64, 0.36, 0, 0], [0, 0, 1, 0], [0.004, 0, 0, 1]])
    relations = replace(related(4), counts=np.array([20, 200, 2, 1]), shares=shares)
    expected = np.zeros((4, 4))
    expected[0, 1:], expected[1, 0] = (0.5, 0.25, 0.03125), 1  # 0.004 is shown as 0 %
    assert relations.shades() == pytest.approx(expected)
    assert relations.describe_shades() == (
        "A stronger color is a larger share, up to 64 %; gray: the class itself."
    )


def test_a_supported_branch_changes_the_picture():
    relations = related(4)
    plain = draw_relations(replace(relations, support=np.full(3, np.nan)))
    marked = draw_relations(replace(relations, support=np.array([0.9, np.nan, np.nan])))
    assert plain.tobytes() != marked.tobytes()


def test_a_dark_picture_has_a_dark_background():
    assert draw_relations(related(3), dark=True).getpixel((0, 0)) == (16, 18, 22)


def test_a_size_of_10_px_is_refused():
    with pytest.raises(InputError, match=r"size_px \(--size\) must be between"):
        draw_relations(related(3), size_px=10)


def column(relations, **given):
    """Return the axes of a figure of 8.5 x 7 cm with the picture."""
    axes = Figure(figsize=(8.5 / 2.54, 7 / 2.54), layout="constrained").add_subplot()
    draw_relations_in_axes(axes, relations, dark=False, **given)
    axes.figure.canvas.draw()
    return axes


@pytest.mark.parametrize("name", ["c{}", "class {}", "a very long name of the class {}"])
def test_names_in_a_column_have_at_least_6_points_and_fit_into_the_axes(name):
    relations = related(9, name=name)
    axes = column(relations)
    box = axes.get_window_extent().padded(1)
    for text in axes.texts:
        extent = text.get_window_extent()
        assert box.contains(extent.x0, extent.y0)
        assert box.contains(extent.x1, extent.y1)
    names = [text for text in axes.texts if not text.get_text().isdigit()]
    assert len(names) == 18  # rows and columns
    assert min(text.get_fontsize() for text in axes.texts) == pytest.approx(6, abs=0.1)


def test_more_classes_in_a_column_have_smaller_names_and_no_numbers():
    axes = column(related(40))
    assert len(axes.texts) == 80
    box = axes.get_window_extent().padded(1)
    corners = axes.transData.transform([[0, 0], [axes.get_xlim()[1], axes.get_ylim()[0]]])
    assert all(box.contains(*corner) for corner in corners)


@pytest.mark.parametrize("suffix", [".pdf", ".svg"])
def test_vector_files_have_the_names_as_text(tmp_path, suffix):
    path = tmp_path / f"classes{suffix}"
    draw_relations(related(4, name="$dog_{}$"), path=path, caption="The caption")
    first = path.read_bytes()
    if suffix == ".svg":
        assert first.count(b"$dog_3$") >= 2
        assert b"The caption" in first
    else:
        assert b"/CIDFontType2" in first  # TrueType
    draw_relations(related(4, name="$dog_{}$"), path=path, caption="The caption")
    assert path.read_bytes() == first


def test_an_image_file_has_300_pixels_per_inch(tmp_path):
    picture = draw_relations(related(4), path=tmp_path / "classes.png")
    with Image.open(tmp_path / "classes.png") as written:
        assert written.info["dpi"] == pytest.approx((300, 300), abs=0.1)
        assert written.tobytes() == picture.tobytes()
