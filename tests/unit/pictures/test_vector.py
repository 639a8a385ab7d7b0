import xml.etree.ElementTree as ET
from io import BytesIO

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from featscape import find_images
from featscape.errors import InputError
from featscape.pictures import draw_mosaic, draw_scatter, vector

LABELS = ["cat", "قطة", "$x_1$"]
CORNERS = [[0, 0], [1, 0], [0, 2]]


def texts_in(file):
    root = ET.parse(file).getroot()
    return ["".join(text.itertext()) for text in root.iter("{http://www.w3.org/2000/svg}text")]


def axes_of(size=(6, 5)):
    return Figure(figsize=size).add_subplot()


def test_an_svg_contains_names_title_and_caption_as_text(tmp_path):
    draw_scatter(
        CORNERS, LABELS, title="$t_1$", caption="A caption", path=tmp_path / "map.svg", size_px=400
    )
    assert {*LABELS, "$t_1$", "A caption"} <= set(texts_in(tmp_path / "map.svg"))


def test_an_svg_without_names_contains_the_legend_as_text(tmp_path):
    draw_scatter(CORNERS, LABELS, names=False, path=tmp_path / "map.svg", size_px=400)
    assert sorted(texts_in(tmp_path / "map.svg")) == sorted([*LABELS, "1", "1", "1"])


def test_many_points_of_an_svg_are_an_image(tmp_path, monkeypatch):
    draw_scatter(CORNERS, path=tmp_path / "few.svg", size_px=400)
    monkeypatch.setattr(vector, "MAX_VECTOR_POINTS", 2)
    draw_scatter(CORNERS, path=tmp_path / "many.svg", size_px=400)
    assert "<image" not in (tmp_path / "few.svg").read_text()
    assert "<image" in (tmp_path / "many.svg").read_text()


@pytest.mark.parametrize("suffix", ["svg", "pdf"])
def test_vector_files_have_the_same_bytes_every_time(tmp_path, suffix):
    for name in "ab":
        draw_scatter(CORNERS, LABELS, path=tmp_path / f"{name}.{suffix}", size_px=300, dark=True)
    assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix}").read_bytes()
    start = (tmp_path / f"a.{suffix}").read_bytes()[:5]
    assert start == (b"<?xml" if suffix == "svg" else b"%PDF-")


def test_a_suffix_may_have_capital_letters(tmp_path):
    draw_scatter(CORNERS, path=tmp_path / "map.PDF", size_px=300)
    assert (tmp_path / "map.PDF").read_bytes().startswith(b"%PDF-")


def test_a_png_is_the_returned_picture(tmp_path):
    picture = draw_scatter(CORNERS, LABELS, path=tmp_path / "map.png", size_px=300)
    with Image.open(tmp_path / "map.png") as written:
        assert written.tobytes() == picture.tobytes()


@pytest.mark.parametrize("name", ["map.docx", "map"])
def test_an_unknown_suffix_is_an_error(tmp_path, name):
    with pytest.raises(InputError, match=r"path must end with \.svg, \.pdf, \.png"):
        draw_scatter(CORNERS, path=tmp_path / name)


def test_a_file_object_is_an_error():
    with pytest.raises(InputError, match=r"path must be the path of a file; got a BytesIO\. Save"):
        draw_scatter(CORNERS, path=BytesIO())


def test_points_in_axes_have_the_coordinates_of_the_data_and_are_visible():
    axes = axes_of()
    positions = np.array(CORNERS, dtype=float) * [100, 50] + [1000, -7]
    assert draw_scatter(positions, LABELS, ax=axes) is None
    (points,) = axes.collections
    assert sorted(points.get_offsets().tolist()) == sorted(positions.tolist())
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    assert left < 1000
    assert right > 1100
    assert bottom < -7
    assert top > 93
    assert axes.get_aspect() == 1  # also after a change of the size
    width, height = axes.get_window_extent().size
    assert (right - left) / width == pytest.approx((top - bottom) / height, rel=0.01)


def test_names_in_axes_are_near_their_points():
    axes = axes_of()
    draw_scatter(CORNERS, LABELS, ax=axes)
    positions = {text.get_text(): text.get_position() for text in axes.texts}
    assert positions.keys() == set(LABELS)
    for label, corner in zip(LABELS, CORNERS, strict=True):
        assert np.linalg.norm(np.subtract(positions[label], corner)) < 0.3
    assert axes.get_legend() is None


def name_sizes(axes):
    return [text.get_fontsize() for text in axes.texts]


def test_names_in_axes_of_a_column_of_a_paper_have_6_to_7_points():
    axes = axes_of(size=(8.5 / 2.54, 7 / 2.54))
    positions, labels = np.tile(CORNERS, (20, 1)), LABELS * 20
    draw_scatter(positions, labels, ax=axes)
    assert max(name_sizes(axes)) == pytest.approx(7.06, abs=0.25)
    draw_scatter([*positions, [0.5, 0.5]], [*labels, "rare"], ax=axes)
    assert min(name_sizes(axes)) == pytest.approx(6, abs=0.01)


def test_names_in_large_axes_are_proportional_to_the_axes():
    sizes = []
    for side in (20, 40):
        axes = axes_of(size=(side, side))
        draw_scatter(CORNERS, LABELS, ax=axes)
        sizes.append(max(name_sizes(axes)))
    assert sizes[1] == pytest.approx(2 * sizes[0], rel=0.02)
    assert sizes[0] > 20


def test_the_legend_in_small_axes_is_as_small_as_the_names():
    axes = axes_of(size=(3, 3))
    draw_scatter(CORNERS, LABELS, names=False, ax=axes)
    sizes = {round(text.get_fontsize(), 1) for text in axes.get_legend().get_texts()}
    assert sizes == {7.1}


@pytest.mark.parametrize("n_dimensions", [1, 3])
def test_axes_show_one_and_three_dimensions(n_dimensions):
    axes = axes_of()
    draw_scatter(np.random.default_rng(0).normal(size=(30, n_dimensions)), ax=axes)
    assert len(axes.collections[0].get_offsets()) == 30


def test_axes_without_names_have_a_legend():
    axes = axes_of()
    draw_scatter(CORNERS, LABELS, names=False, ax=axes)
    axes.figure.canvas.draw()  # "$x_1$" is not parsed
    assert [text.get_text() for text in axes.get_legend().get_texts()] == sorted(LABELS)
    assert not axes.texts


def test_identical_points_fit_into_axes():
    axes = axes_of()
    draw_scatter(np.ones((3, 2)), ax=axes)
    assert axes.get_xlim()[0] < 1 < axes.get_xlim()[1]


@pytest.mark.parametrize("given", [{"title": "t"}, {"caption": "c"}, {"path": "map.svg"}])
def test_texts_and_files_belong_to_the_owner_of_the_axes(given):
    with pytest.raises(InputError, match="title, caption and path must be None with ax"):
        draw_scatter(CORNERS, ax=axes_of(), **given)


@pytest.mark.parametrize(
    ("ax", "message"),
    [
        (Figure().subplots(2, 3), r"got an array of shape \(2, 3\)\. Pass one element, such as"),
        (Figure(), r"got a Figure\. Pass plt\.gca\(\), for example\."),
        ([axes_of()], r"got a list\. Pass plt\.gca\(\), for example\."),
        *(
            (Figure().add_subplot(projection=projection), f"'rectilinear'; got '{projection}'")
            for projection in ("3d", "polar")
        ),
    ],
)
def test_another_object_than_flat_axes_is_refused(ax, message):
    message = f"ax must be .*{message}"
    with pytest.raises(InputError, match=message):
        draw_scatter(CORNERS, ax=ax)
    images = [Image.new("RGB", (8, 6))] * len(CORNERS)
    with pytest.raises(InputError, match=message):
        draw_mosaic(CORNERS, find_images(images), ax=ax)


def column(**given):
    """Return the axes of a figure of 8.5 x 7 cm with three clusters."""
    axes = Figure(figsize=(8.5 / 2.54, 7 / 2.54), layout="constrained").add_subplot()
    positions = np.concatenate([np.add(CORNERS, shift) for shift in ([0, 0], [0.1, 0.1])])
    labels = ["mammals", "amphibians", "marsupials"] * 2
    draw_scatter(positions, labels, ax=axes, **given)
    axes.figure.canvas.draw()
    return axes


def span_px(axes):
    """Return the width and height of the points in pixels."""
    (points,) = axes.collections
    return np.ptp(axes.transData.transform(points.get_offsets()), axis=0)


def test_the_layout_of_the_figure_does_not_move_names_away_from_points():
    axes = column()
    width, height = axes.get_window_extent().size
    before = axes.get_xlim(), axes.get_ylim()
    assert width == pytest.approx(axes.figure.bbox.width, rel=0.1)
    assert (width, height) == pytest.approx(tuple(axes.figure.bbox.size), rel=0.1)
    assert (axes.get_xlim(), axes.get_ylim()) == before


def test_the_legend_of_a_narrow_figure_leaves_the_height_to_a_high_map():
    axes = column(names=False)
    extent = axes.get_legend().get_window_extent()
    assert extent.width < 0.3 * axes.figure.bbox.width
    assert span_px(axes)[1] > 0.85 * axes.figure.bbox.height  # that of a map without a legend
    points = axes.transData.transform(axes.collections[0].get_offsets())
    assert points[:, 0].max() < extent.x0


def test_the_legend_of_a_wide_map_is_below_in_columns():
    axes = Figure(figsize=(8.5 / 2.54, 7 / 2.54), layout="constrained").add_subplot()
    positions = [[0, 0], [4, 0], [8, 1], [2, 3]]
    draw_scatter(positions, ["mammals", "amphibians", "marsupials", "fish"], names=False, ax=axes)
    axes.figure.canvas.draw()
    extent = axes.get_legend().get_window_extent()
    points = axes.transData.transform(axes.collections[0].get_offsets())
    assert points[:, 1].min() > extent.y1
    assert extent.height < 0.15 * axes.figure.bbox.height
    assert np.ptp(points[:, 0]) > 0.9 * axes.figure.bbox.width


def test_a_leader_is_below_the_points(monkeypatch):
    from featscape.pictures import placement

    monkeypatch.setattr(placement, "_GAP_WITH_LEADER", -1.0)
    axes = axes_of()
    draw_scatter(CORNERS, LABELS, ax=axes)
    leaders = [line for line in axes.lines if len(line.get_xydata())]
    assert len(leaders) == 3
    ends = {tuple(line.get_xydata()[1].round(6)) for line in leaders}
    assert ends == {tuple(map(float, corner)) for corner in CORNERS}
    assert max(line.get_zorder() for line in leaders) < axes.collections[0].get_zorder()


def test_a_legend_of_many_long_names_fits_into_a_small_figure():
    axes = Figure(figsize=(8.5 / 2.54, 7 / 2.54), layout="constrained").add_subplot()
    positions = np.random.default_rng(0).uniform(size=(60, 2))
    labels = [f"a class {code} with a name of many words" for code in range(60)]
    draw_scatter(positions, labels, names=False, ax=axes)
    axes.figure.canvas.draw()
    extent = axes.get_legend().get_window_extent()
    points = axes.transData.transform(axes.collections[0].get_offsets())
    assert points[:, 0].max() < extent.x0 or points[:, 1].min() > extent.y1
    assert extent.height <= axes.figure.bbox.height
    assert extent.width <= axes.figure.bbox.width
    assert np.ptp(points[:, 0]) > 0.6 * axes.figure.bbox.height  # 0.9 without a legend
    assert axes.get_legend().get_texts()[-1].get_text().endswith("more classes")
