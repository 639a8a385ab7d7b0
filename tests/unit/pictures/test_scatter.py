from functools import partial

import matplotlib as mpl
import matplotlib.figure
import numpy as np
import pytest
import torch
from PIL import ImageColor

from featscape.errors import InputError
from featscape.labels.classes import NO_LABEL, count_classes
from featscape.labels.colors import lighten
from featscape.pictures import class_colors, draw_scatter, points, scatter
from featscape.pictures.names import ItemNames, NameSizes, check_item_names, lay_out_names, plan_map
from featscape.pictures.placement import Arrangement, Coverage
from featscape.pictures.plane import project_to_plane
from featscape.pictures.points import draw_points, marker_px
from featscape.pictures.theme import LIGHT
from helpers.images.colors import colors_in


def plan(positions, labels, size_px=800):
    plane = project_to_plane(positions)
    return plan_map(
        partial(scatter._arrange, plane, np.arange(len(plane.xy)), None),
        size_px=size_px,
        aspect=plane.aspect,
        title=None,
        classes=count_classes(labels, len(plane.xy)),
        theme=LIGHT,
        names=True,
        legend=True,
        item_names=None,
    )


def blobs(n_points, n_classes=10):
    rng = np.random.default_rng(0)
    codes = rng.integers(0, n_classes, n_points)
    return rng.uniform(-30, 30, (n_classes, 2))[codes] + rng.normal(size=(n_points, 2)) * 3, codes


@pytest.mark.parametrize("n_dimensions", [1, 2, 3])
@pytest.mark.parametrize("n_points", [1, 2, 40])
def test_any_number_of_points_and_dimensions(n_points, n_dimensions):
    positions = np.random.default_rng(0).normal(size=(n_points, n_dimensions))
    image = draw_scatter(positions, ["a"] * n_points, size_px=300)
    assert image.mode == "RGB"
    assert abs(max(image.size) - 300) <= 4
    assert len(colors_in(image)) > 10


def test_identical_positions_are_one_point():
    image = np.asarray(draw_scatter(np.zeros((5, 2)), size_px=300))
    rows, columns = np.nonzero((image < 250).any(axis=2))
    assert np.ptp(rows) < 12
    assert np.ptp(columns) < 12
    assert abs(rows.mean() - image.shape[0] / 2) < 2
    assert abs(columns.mean() - image.shape[1] / 2) < 2


def test_no_point_is_cut_at_the_edge():
    angles = np.linspace(0, 2 * np.pi, 60)
    image = np.asarray(draw_scatter(np.c_[np.cos(angles), np.sin(angles)], size_px=400))
    inked = (image < 250).any(axis=2)
    assert not inked[[0, -1]].any()
    assert not inked[:, [0, -1]].any()
    rows, columns = np.nonzero(inked)
    assert np.ptp(rows) == pytest.approx(np.ptp(columns), abs=2)  # a circle stays a circle


def test_the_same_points_give_the_same_picture():
    positions, codes = blobs(300)
    first, second = (draw_scatter(positions, codes, size_px=300) for _ in range(2))
    assert first.tobytes() == second.tobytes()


def test_inputs_are_not_changed():
    positions, codes = blobs(50)
    before = positions.copy(), codes.copy()
    draw_scatter(positions, codes, size_px=200)
    np.testing.assert_array_equal(positions, before[0])
    np.testing.assert_array_equal(codes, before[1])


def test_each_class_is_drawn_in_its_color():
    image = draw_scatter([[0, 0], [1, 1]], ["dog", "cat"], size_px=800, names=False)
    seen = colors_in(image)
    assert {ImageColor.getrgb(color) for color in class_colors(["cat", "dog"]).values()} <= seen


@pytest.mark.parametrize("dark", [False, True])
def test_own_colors_are_those_of_the_points_and_of_the_legend(dark):
    own = {"cat": "#ff00ff", "dog": "#00ff00"}
    picture = draw_scatter(
        [[0, 0], [1, 1]], ["dog", "cat"], size_px=800, names=False, colors=own, dark=dark
    )
    assert {ImageColor.getrgb(color) for color in own.values()} <= colors_in(picture)


def test_values_have_the_colors_of_a_colormap():
    values = np.arange(3)
    picture = draw_scatter([[0, 0], [1, 1], [2, 0]], values=values, cmap="cividis", size_px=800)
    ends = np.rint(255 * mpl.colormaps["cividis"]([0.0, 1.0])[:, :3]).astype(int)
    assert {tuple(end) for end in ends.tolist()} <= colors_in(picture)
    same = mpl.colormaps["cividis"]
    assert picture == draw_scatter([[0, 0], [1, 1], [2, 0]], values=values, cmap=same, size_px=800)


def test_the_size_of_points_is_their_diameter_in_points():
    image = np.asarray(draw_scatter([[0, 0], [1, 1]], size_px=800, point_size=18))
    rows, columns = np.nonzero((image < 250).any(axis=2))
    left = columns < image.shape[1] / 2
    for pixels in (rows[left], columns[left]):
        assert np.ptp(pixels) + 1 == pytest.approx(18 * 100 / 72, abs=2)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"colors": ["red"]}, "colors must be None without labels"),
        ({"values": [1, 2], "colors": ["red"]}, "colors must be None without labels"),
        ({"labels": [1, 2], "cmap": "magma"}, "cmap must be None without values; got 'magma'"),
        ({"values": [1, 2], "cmap": "x"}, "cmap must be a colormap of matplotlib; got 'x'"),
        ({"values": [1, 2], "cmap": ["r", "b"]}, r"a colormap of matplotlib; got \['r', 'b'\]"),
        *(
            ({"point_size": size}, "point_size must be more than 0")
            for size in (0, 21, np.nan, "1")
        ),
    ],
)
def test_invalid_looks_are_errors(given, message):
    with pytest.raises(InputError, match=message):
        draw_scatter([[0, 0], [1, 1]], **given)


def test_no_class_is_always_drawn_on_top():
    positions = np.zeros((2000, 2))
    positions[:, 0] = np.repeat(np.arange(50), 40)
    labels = np.tile([0, 1], 1000)
    image = np.asarray(draw_scatter(positions, labels, size_px=800)).reshape(-1, 3).astype(int)
    blue, orange = ((image[:, 2] - image[:, 0]) > 60, (image[:, 0] - image[:, 2]) > 60)
    assert 0.3 < blue.sum() / (blue.sum() + orange.sum()) < 0.7


def test_nearer_points_of_three_dimensions_are_drawn_on_top():
    # x and y are the principal axes; two points at the center, one above the other.
    corners = [[9, 0, 0], [-9, 0, 0], [0, 6, 0], [0, -6, 0]]
    for heights, nearest in (((1, -1), "b"), ((-1, 1), "c")):
        center = [[0, 0, height] for height in heights]
        image = np.asarray(
            draw_scatter([*corners, *center], [*"aaaabc"], size_px=500, names=False)
        ).astype(int)
        inked = (image < 250).any(axis=2)
        column = round(np.flatnonzero(inked[np.flatnonzero(inked.any(axis=1))[0]]).mean())
        row = round(np.flatnonzero(inked[:, np.flatnonzero(inked.any(axis=0))[0]]).mean())
        differences = {
            name: np.abs(image[row, column] - ImageColor.getrgb(color)).sum()
            for name, color in class_colors("abc").items()
        }
        assert min(differences, key=differences.get) == nearest


def test_many_points_are_drawn_about_as_one_by_one(monkeypatch):
    positions, codes = blobs(20_000)
    one_by_one = np.asarray(draw_scatter(positions, codes, size_px=400), dtype=float)
    monkeypatch.setattr(points, "MANY_POINTS", 10_000)
    in_shares = np.asarray(draw_scatter(positions, codes, size_px=400), dtype=float)
    assert not np.array_equal(one_by_one, in_shares)
    height, width = (side // 8 for side in one_by_one.shape[:2])
    difference = (one_by_one - in_shares)[: height * 8, : width * 8]
    blocks = difference.reshape(height, 8, width, 8, 3).mean(axis=(1, 3))
    assert np.abs(blocks).mean() < 3
    assert np.abs(blocks).max() < 60


def test_more_points_have_smaller_markers():
    sizes = [marker_px(n, 1400) for n in (1, 10, 500, 10_000, 1_000_000)]
    assert sizes == sorted(sizes, reverse=True)
    assert 25 < sizes[1] < 35
    assert 1 < sizes[-1] < 2


def test_every_class_has_its_name_on_the_map_and_no_legend():
    positions, codes = blobs(600, 12)
    labels = np.array([f"class {code}" for code in codes])
    image = draw_scatter(positions, labels, size_px=900)
    ink = (np.asarray(image) < 250).any(axis=2)
    points_only = (np.asarray(draw_scatter(positions, size_px=900)) < 250).any(axis=2)
    columns, columns_without = (np.flatnonzero(part.any(axis=0)) for part in (ink, points_only))
    assert columns.max() <= columns_without.max() + 2  # no legend at the right
    dark = (np.asarray(image).max(axis=2) < 160).sum()
    assert dark > 500  # only text: every marker is lighter


def test_classes_without_a_name_are_in_the_legend():
    n_classes = 150
    labels = [f"a class with a long name {i}" for i in range(n_classes)]
    positions = np.random.default_rng(0).uniform(size=(n_classes, 2))
    planned = plan(positions, labels, size_px=400)
    named = {labels[name.name_id] for name in planned.names}
    assert 10 < len(named) < n_classes
    heading, *rows, last = planned.page.legend.rows
    assert heading.name == "other classes"
    assert not named & {row.name for row in rows}
    assert last.name == f"and {n_classes - len(named) - len(rows)} more classes"


def test_items_without_a_label_have_no_name_on_the_map():
    planned = plan([[0, 0], [1, 1], [2, 0]], ["cat", NO_LABEL, NO_LABEL])
    assert [name.name_id for name in planned.names] == [1]
    assert [row.name for row in planned.page.legend.rows] == ["other classes", NO_LABEL]


def test_unlabeled_points_are_colored_by_position():
    image = draw_scatter([[-1, -1], [-1, 1], [1, -1], [1, 1]], size_px=400)
    height, width = image.height // 2, image.width // 2
    corners = {
        max(
            image.crop((x, y, x + width, y + height)).getcolors(100_000),
            key=lambda entry: entry[0] * (entry[1] != (255, 255, 255)),
        )[1]
        for x in (0, width)
        for y in (0, height)
    }
    assert len(corners) == 4


def test_a_caption_is_below_the_map():
    plain, captioned = (
        np.asarray(draw_scatter([[0, 0], [1, 1]], size_px=400, caption=caption))
        for caption in (None, "500 images")
    )
    changed = np.flatnonzero((plain != captioned).any(axis=(1, 2)))
    assert changed.min() > 0.9 * len(plain)


def test_a_dark_picture_has_lighter_colors():
    image = draw_scatter([[0, 0], [1, 1]], ["cat", "dog"], size_px=800, dark=True)
    assert image.getpixel((0, 0)) == ImageColor.getrgb("#101216")
    expected = {ImageColor.getrgb(lighten(c)) for c in class_colors(["cat", "dog"]).values()}
    assert not expected & set(map(ImageColor.getrgb, class_colors(["cat", "dog"]).values()))
    seen = np.array(sorted(colors_in(image)))
    for color in expected:  # the markers are slightly transparent
        assert np.abs(seen - color).sum(axis=1).min() < 60


@pytest.mark.parametrize(
    "label", ["$x_1", "\\frac{", "_", "🦒", "猫", "قطة", "a\nb", "", "x" * 500, "\udce9"]
)
def test_any_label_can_be_drawn(label):
    labels = [label, *(f"{label}{i}" for i in range(40))]
    positions = np.random.default_rng(0).normal(size=(41, 2))
    assert draw_scatter(positions, labels, size_px=400, title=label).mode == "RGB"


SETTINGS = {"figure.facecolor": "black", "savefig.dpi": 10, "font.size": 40, "font.family": "serif"}


def test_settings_of_matplotlib_do_not_change_the_picture():
    positions, codes = blobs(100)
    plain = draw_scatter(positions, codes, size_px=300)
    with mpl.rc_context(SETTINGS):
        assert draw_scatter(positions, codes, size_px=300).tobytes() == plain.tobytes()


def test_pyplot_gets_no_figure():
    import sys

    draw_scatter([[0, 0]], size_px=200)
    pyplot = sys.modules.get("matplotlib.pyplot")
    assert pyplot is None or not pyplot.get_fignums()


def test_points_are_drawn_at_their_positions():
    image = draw_points(
        np.array([[20.0, 30.0]]),
        np.array([0]),
        ("#000000",),
        size_px=(100, 80),
        marker_px=6,
    )
    assert image.size == (100, 80)
    rows, columns = np.nonzero(np.asarray(image.convert("L")) < 200)
    assert (columns.mean() + 0.5, rows.mean() + 0.5) == pytest.approx((20, 30), abs=0.5)


def test_invalid_arguments_are_errors():
    with pytest.raises(InputError, match="positions must be finite"):
        draw_scatter([[0, np.nan]])
    with pytest.raises(
        InputError, match=r"positions must .* Pass tensor\.detach\(\)\.cpu\(\), with"
    ):
        draw_scatter(torch.zeros(1, 2, requires_grad=True))
    with pytest.raises(InputError, match="labels must contain one label"):
        draw_scatter([[0, 0]], ["a", "b"])
    with pytest.raises(InputError, match=r"size_px \(--size\) must be between"):
        draw_scatter([[0, 0]], size_px=10)


def test_a_picture_in_a_missing_folder_is_an_error(tmp_path):
    with pytest.raises(InputError, match=r"the folder of path must exist; got '.*gone/x\.svg'"):
        draw_scatter([[0, 0], [1, 1]], path=tmp_path / "gone" / "x.svg")


def test_a_name_in_the_middle_of_a_cluster_without_gaps_is_moved_beside_the_cluster():
    steps = 12 * (np.arange(14) - 6.5) + 300
    centers = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    arrangement = Arrangement(np.arange(196), centers, side_px=12)
    names = ItemNames({7 * 14 + 7: "birds"}, centers)
    (name,) = names.lay_out(arrangement, NameSizes((600, 600), 20))
    coverage = Coverage(arrangement, (600, 600), cell_px=2)
    assert coverage.share(np.array([name.box]))[0] <= 0.1


@pytest.mark.parametrize(("side_px", "least", "most"), [(10, 0.2, 0.3), (90, 0.08, 0.15)])
def test_long_names_of_many_classes_cover_a_tenth_of_the_map_and_then_empty_areas(
    side_px, least, most
):
    positions = np.random.default_rng(0).uniform(size=(300, 2))
    labels = [f"a long name of a class with many words {i}" for i in range(300)]
    classes = LIGHT.count_classes(labels, 300)
    box = 1500, 1500
    arrangement = Arrangement(np.arange(300), positions * 1400 + 50, side_px=side_px)
    names = lay_out_names(arrangement, classes, NameSizes(box, 25))
    covered = sum(name.area_px for name in names) / (box[0] * box[1])
    assert least <= covered <= most
    assert all(name.half_width_px <= 8 * name.size_px for name in names)


def test_further_names_of_a_class_are_added_only_on_a_tenth_of_the_map():
    # three clusters of each class, and room for the names of all clusters
    positions = np.random.default_rng(0).uniform(size=(90, 2)).repeat(8, axis=0)
    codes = np.repeat(np.arange(90) % 30, 8)
    classes = LIGHT.count_classes([f"a name {code}" for code in codes], 720)
    arrangement = Arrangement(np.arange(720), positions * 900 + 50, side_px=4)
    names = lay_out_names(arrangement, classes, NameSizes((1000, 1000), 20))
    assert 30 < len(names) < 90
    assert {name.name_id for name in names} == set(range(30))
    assert sum(name.area_px for name in names) <= 0.1 * 1000**2


class TestItemNames:
    def test_a_map_without_labels_has_the_names_at_their_items(self):
        positions, codes = blobs(600, n_classes=3)
        items = {int(np.flatnonzero(codes == code)[0]): f"blob {code}" for code in range(3)}
        plane = project_to_plane(positions)
        page = plan_map(
            partial(scatter._arrange, plane, np.arange(len(plane.xy)), None),
            size_px=800,
            aspect=plane.aspect,
            title=None,
            classes=None,
            theme=LIGHT,
            names=True,
            legend=True,
            item_names=check_item_names(items, plane.xy),
        )
        assert [name.name_id for name in page.names] == [0, 1, 2]
        centers = dict(zip(page.arrangement.items, page.arrangement.centers, strict=True))
        for name, item in zip(page.names, items, strict=True):
            distance = np.hypot(*(centers[item] - (name.x, name.y)))
            assert distance < 5 * name.size_px
        boxes = np.array([name.box for name in page.names])
        for i, one in enumerate(boxes):
            for other in boxes[:i]:
                assert (one[:2] >= other[2:]).any() or (other[:2] >= one[2:]).any()

    def test_the_names_are_on_the_picture_unless_they_are_switched_off(self):
        positions, _ = blobs(100)
        plain = draw_scatter(positions, size_px=300)
        assert draw_scatter(positions, item_names={5: "dog"}, size_px=300) != plain
        assert draw_scatter(positions, item_names={5: "dog"}, names=False, size_px=300) == plain
        assert draw_scatter(positions, item_names={}, size_px=300) == plain

    def test_the_names_of_classes_replace_them(self):
        positions, codes = blobs(100, n_classes=2)
        named = draw_scatter(positions, codes, item_names={5: "dog"}, size_px=300)
        assert named == draw_scatter(positions, codes, size_px=300)

    def test_axes_show_them(self):
        axes = mpl.figure.Figure().add_subplot()
        positions, _ = blobs(100)
        draw_scatter(positions, item_names={5: "dog"}, ax=axes)
        assert "dog" in [text.get_text() for text in axes.texts]

    @pytest.mark.parametrize("item", [-1, 100])
    def test_an_item_must_exist(self, item):
        positions, _ = blobs(100)
        with pytest.raises(InputError, match=f"from 0 to 99; got {item}"):
            draw_scatter(positions, item_names={item: "dog"}, size_px=300)
