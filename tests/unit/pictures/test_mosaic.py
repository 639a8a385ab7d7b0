import re
import time
from contextlib import contextmanager

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image, ImageColor
from scipy import ndimage

from featscape.errors import ImageError, InputError
from featscape.labels.classes import NO_LABEL, Classes
from featscape.pictures import class_colors, draw_mosaic, mosaic
from featscape.pictures.page import Page, plan_page
from featscape.pictures.placement import Arrangement
from featscape.pictures.plane import project_to_plane
from featscape.pictures.points import Line
from featscape.progress import SilentProgress
from helpers.images.colors import colors_in
from helpers.notes import Notes

BLACK, GRAY = (0, 0, 0), (128, 128, 128)


class Plain:
    """Images of one color each; `loaded` stores the indices of the loaded images."""

    def __init__(self, n_images, size=(40, 30), colors=(BLACK,)):
        self.n_images, self.size, self.colors = n_images, size, colors
        self.loaded = []

    def __len__(self):
        return self.n_images

    def load(self, index, *, at_least_px=0):
        del at_least_px
        self.loaded.append(index)
        return Image.new("RGB", self.size, self.colors[index % len(self.colors)])


@pytest.fixture
def captions(monkeypatch):
    """The captions of the pictures drawn in a test."""
    seen = []
    finish = Page.finish

    def remember(page, picture, *, caption=None):
        seen.append(caption)
        return finish(page, picture, caption=caption)

    monkeypatch.setattr(Page, "finish", remember)
    return seen


def points(n_items, n_dimensions=2):
    return np.random.default_rng(0).normal(size=(n_items, n_dimensions))


def ink(image):
    return (np.asarray(image) < 250).any(axis=2)


def draw_at(centers, source, colors, side_px=50, size=(200, 200), *, lines=()):
    """Draw each image with a border of its own color, or all images without borders."""
    picture = Image.new("RGB", size, "white")
    codes = np.arange(len(source))
    classes = Classes(tuple(map(str, codes)), tuple(colors), codes, np.ones_like(codes))
    mosaic.draw_thumbnails(
        picture,
        Arrangement(codes, np.array(centers, dtype=float), side_px),
        lines,
        images=source,
        classes=None if None in colors else classes,
        background="#ffffff",
        description="Map of images",
        progress=SilentProgress(),
    )
    return np.asarray(picture)


def test_a_line_covers_the_images_between_its_ends_and_ends_at_the_edge_of_its_image():
    line = Line((190.0, 100.0, 40.0, 100.0), "#ff0000", 2)
    borders = ["#0000ff", "#00ff00", "#0000ff"]
    pixels = draw_at([(120, 100), (40, 100), (120, 30)], Plain(3), borders, lines=[line])
    is_red = (pixels == (255, 0, 0)).all(axis=2)
    columns = np.flatnonzero(is_red.any(axis=0))
    # the image at the end has a side of 50 pixels: its edge is at 65
    assert columns.tolist() == list(range(65, 191))
    covered = pixels[:, 120]
    rows = np.flatnonzero(is_red[:, 120])
    assert (covered[[rows[0] - 1, rows[-1] + 1]] == 255).all()  # between black pixels
    assert (covered[[rows[0] - 8, rows[-1] + 8]] == 0).all()


@pytest.mark.parametrize("layout", ["map", "grid"])
@pytest.mark.parametrize("n_items", [1, 2, 3, 45, 46, 200])
@pytest.mark.parametrize("n_dimensions", [1, 2, 3])
def test_every_image_is_drawn_once(layout, n_items, n_dimensions, captions):
    images = Plain(n_items)
    image = draw_mosaic(points(n_items, n_dimensions), images, layout=layout, size_px=600)
    assert image.mode == "RGB"
    assert abs(max(image.size) - 600) <= 4
    assert sorted(images.loaded) == list(range(n_items))
    assert captions == [None]


@pytest.mark.parametrize("layout", ["map", "grid"])
@pytest.mark.parametrize("size", [(40, 40), (300, 20), (20, 300), (5000, 1), (1, 1)])
def test_no_image_is_cut_at_the_edge(layout, size):
    corners_and_center = np.array([[0, 0], [0, 1], [1, 0], [1, 1], [0.5, 0.5]])
    image = draw_mosaic(corners_and_center, Plain(5, size), layout=layout, size_px=500)
    parts, n_parts = ndimage.label(ink(image))
    assert n_parts == 5
    shapes = {tuple(s.stop - s.start for s in part) for part in ndimage.find_objects(parts)}
    assert len(shapes) == 1  # images in the corners are complete, like the image in the center


def test_proportions_are_kept_inside_a_frame_of_the_class_color():
    drawn = draw_at([(100, 100)], Plain(1, (80, 20)), ["#ff0000"], side_px=90)
    rows, columns = np.nonzero((drawn == BLACK).all(axis=2))
    width, height = np.ptp(columns) + 1, np.ptp(rows) + 1
    assert width / height == pytest.approx(4, rel=0.05)
    red_rows, red_columns = np.nonzero((drawn == (255, 0, 0)).all(axis=2))
    frame = rows.min() - red_rows.min()
    assert frame == red_rows.max() - rows.max() == columns.min() - red_columns.min() >= 4
    assert np.ptp(red_columns) + 1 == 88  # and a white hairline on each side


@pytest.mark.parametrize("side_px", [12, 24, 30, 36])
def test_borders_of_small_images_are_one_pixel_wide(side_px):
    drawn = draw_at([(100, 100)], Plain(1, (40, 40)), ["#ff0000"], side_px=side_px)
    red = (drawn == (255, 0, 0)).all(axis=2)
    side = np.ptp(np.flatnonzero(red.any(axis=0))) + 1
    assert red.sum() == 4 * (side - 1)


@pytest.mark.parametrize("layout", ["map", "grid"])
def test_images_without_a_class_have_no_borders(layout):
    image = draw_mosaic(points(9), Plain(9), layout=layout, size_px=600)
    assert colors_in(image) == {BLACK, (255, 255, 255)}


def test_an_image_without_a_label_has_no_border():
    labels = ["cat", NO_LABEL, "cat"]
    image = draw_mosaic(points(3), Plain(3), labels, names=False, layout="grid", size_px=600)
    map_part = np.asarray(image)[:, : image.width // 2].reshape(-1, 3)
    everywhere = colors_in(map_part)
    colors = class_colors(labels)
    assert ImageColor.getrgb(colors["cat"]) in everywhere
    assert ImageColor.getrgb(colors[NO_LABEL]) not in everywhere


def test_the_name_of_a_class_does_not_hide_its_only_image():
    positions = [[0, 0], [0, 1], [1, 0], [1, 1]]
    image = draw_mosaic(positions, Plain(4), ["a", "b", "c", "d"], size_px=600)
    blank = draw_mosaic(positions, Plain(4), size_px=600)
    shares = [(np.asarray(one) == BLACK).all(axis=2).sum() for one in (image, blank)]
    assert shares[0] > 0.8 * shares[1]  # the borders take the other pixels


def test_a_dark_map_has_a_dark_background():
    image = draw_mosaic(points(9), Plain(9), size_px=600, dark=True)
    assert colors_in(image) == {BLACK, (16, 18, 22)}


def test_the_caption_precedes_the_number_of_shown_images(captions):
    draw_mosaic(np.zeros((60, 2)), Plain(60), size_px=300, caption="Sixty")
    assert captions == ["Sixty · showing 1 of 60 images"]


def test_the_last_image_is_drawn_on_top():
    drawn = draw_at([(90, 90), (110, 110)], Plain(2, colors=(BLACK, GRAY)), ["red", "blue"])
    assert tuple(drawn[100, 100]) == GRAY


def test_which_image_is_read_first_does_not_matter():
    n_images = 2 * mosaic.CHUNK_IMAGES + 5
    centers = np.random.default_rng(0).uniform(30, 170, size=(n_images, 2))
    colors = ["red", "blue", "green"] * n_images
    levels = [(level, level, level) for level in range(n_images)]

    class Uneven(Plain):
        def load(self, index, *, at_least_px=0):
            del at_least_px
            time.sleep(0.003 * (index % 4 == 0))
            return super().load(index)

    uneven = draw_at(centers, Uneven(n_images, colors=levels), colors[:n_images])
    one_by_one = Image.new("RGB", (200, 200), "white")
    for index, center in enumerate(centers):
        thumbnail = mosaic._add_border(
            Plain(1, colors=levels[index:]).load(0), 50, colors[index], "#ffffff"
        )
        corner = center - np.array(thumbnail.size) / 2
        one_by_one.paste(thumbnail, (round(corner[0]), round(corner[1])))
    np.testing.assert_array_equal(uneven, np.asarray(one_by_one))


def test_images_are_stored_in_chunks():
    n_images = 5 * mosaic.CHUNK_IMAGES
    images = Plain(n_images)
    n_ahead = []

    class Watching(SilentProgress):
        n_drawn = 0

        @contextmanager
        def task(self, task):
            del task
            yield self.advance

        def advance(self, n):
            self.n_drawn += n
            n_ahead.append(len(images.loaded) - self.n_drawn)

    draw_mosaic(points(n_images), images, layout="grid", size_px=600, progress=Watching())
    assert len(n_ahead) == n_images
    assert max(n_ahead) < mosaic.CHUNK_IMAGES


def test_small_images_keep_their_pixels():
    class Checkered(Plain):
        def load(self, index, *, at_least_px=0):
            del index, at_least_px
            return Image.fromarray(np.array([[0, 255], [255, 0]], np.uint8)).convert("RGB")

    drawn = draw_at([(100, 100)], Checkered(1), ["#ff0000"], side_px=100)
    assert colors_in(drawn) == {BLACK, (255, 255, 255), (255, 0, 0)}


@pytest.mark.parametrize("side_px", [20, 50, 120])
def test_images_are_asked_for_little_larger_than_they_are_drawn(side_px):
    class Asked(Plain):
        def load(self, index, *, at_least_px=0):
            del index
            asked.add(at_least_px)
            return Image.new("RGB", (at_least_px, at_least_px // 2))

    asked = set()
    drawn = draw_at([(70, 70)], Asked(1), ["red"], side_px=side_px)
    seen_px = (drawn == BLACK).all(axis=2).any(axis=0).sum()
    assert 1.4 * seen_px <= asked.pop() <= 2 * seen_px
    assert not asked


def test_borders_have_the_colors_of_the_scatter_plot():
    labels = ["b", "a", "b"]
    image = draw_mosaic(points(3), Plain(3), labels, size_px=600)
    seen = colors_in(image)
    assert {ImageColor.getrgb(color) for color in class_colors("ab").values()} <= seen


def test_images_of_the_grid_do_not_overlap():
    n_items = 120
    image = draw_mosaic(
        np.zeros((n_items, 2)), Plain(n_items, (30, 30)), layout="grid", size_px=800
    )
    drawn = (np.asarray(image) == BLACK).all(axis=2).sum()
    single = draw_at([(100, 100)], Plain(1, (30, 30)), [None], side_px=thumbnail_side(n_items))
    assert drawn == n_items * (single == BLACK).all(axis=2).sum()


def thumbnail_side(n_items):
    plane = project_to_plane(np.zeros((n_items, 2)))
    page = plan_page(800, aspect=1, title=None, classes=None)
    return mosaic._on_grid(plane, (page.map_width, page.map_height), None).side_px


@pytest.mark.parametrize("layout", ["map", "grid"])
def test_too_many_images_are_thinned_out_and_counted(layout, captions):
    n_items = 12_000
    images = Plain(n_items, (4, 4))
    notes = Notes()
    draw_mosaic(points(n_items), images, layout=layout, size_px=300, thumbnail_px=8, progress=notes)
    assert 200 < len(images.loaded) < 1000
    assert len(set(images.loaded)) == len(images.loaded)
    assert captions == [f"showing {len(images.loaded):,} of 12,000 images"]
    assert notes.lines == [
        f"the {layout} of images shows {len(images.loaded):,} of 12,000 images: no room for more"
    ]
    again = Plain(n_items, (4, 4))
    draw_mosaic(points(n_items), again, layout=layout, size_px=300, thumbnail_px=8)
    assert set(again.loaded) == set(images.loaded)


def test_images_that_would_hide_one_another_are_thinned_out(captions):
    crowd = Plain(60)
    draw_mosaic(np.zeros((60, 2)), crowd, size_px=300)
    assert captions == ["showing 1 of 60 images"]


def test_thinning_out_keeps_sparse_regions():
    rng = np.random.default_rng(0)
    crowd = rng.normal(size=(20_000, 2))
    lonely = [[30.0, 30.0], [-30.0, 20.0]]
    images = Plain(20_002, (4, 4))
    draw_mosaic(np.vstack([crowd, lonely]), images, size_px=300)
    assert {20_000, 20_001} <= set(images.loaded)


@pytest.mark.parametrize("layout", ["map", "grid"])
def test_thumbnails_have_the_size_asked_for(layout):
    # Without its hairlines, a thumbnail of 100 pixels has 98 pixels.
    image = draw_mosaic([[0, 0]], Plain(1), layout=layout, size_px=600, thumbnail_px=100)
    rows, columns = np.nonzero(ink(image))
    assert np.ptp(columns) + 1 == 98
    assert 70 < np.ptp(rows) + 1 < 85


def test_large_thumbnails_of_the_grid_leave_images_out(captions):
    images = Plain(100)
    draw_mosaic(points(100), images, layout="grid", size_px=600, thumbnail_px=100)
    assert len(images.loaded) < 36
    assert captions == [f"showing {len(images.loaded)} of 100 images"]


@pytest.mark.parametrize("layout", ["map", "grid"])
def test_progress_names_the_layout_and_counts_each_image(layout):
    class Counting(SilentProgress):
        total, done = 0, 0

        @contextmanager
        def task(self, task):
            assert (task.description, task.unit) == (f"{layout.capitalize()} of images", "images")
            self.total = task.total
            yield self.advance

        def advance(self, n):
            self.done += n

    progress = Counting()
    draw_mosaic(points(12), Plain(12), layout=layout, size_px=300, progress=progress)
    assert (progress.total, progress.done) == (12, 12)


def test_an_image_that_cannot_be_read_stops_the_picture():
    class Broken(Plain):
        def load(self, index, *, at_least_px=0):
            del at_least_px
            time.sleep(0.05 * (index == 1))
            if index in (1, 2):
                raise ImageError(f"truncated {index}")
            return super().load(index)

    with pytest.raises(ImageError, match="truncated 1"):
        draw_at([(90, 90)] * 4, Broken(4), ["red"] * 4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"positions": [[0, np.inf]], "images": Plain(1)}, "positions must be finite"),
        ({"positions": points(2), "images": Plain(3)}, "equal the number of positions = 2; got 3"),
        ({"positions": points(2), "images": Plain(2), "labels": ["a"]}, "one label per item = 2"),
        ({"positions": points(2), "images": Plain(2), "layout": "heap"}, "got 'heap'"),
        (
            {"positions": points(2), "images": Plain(2), "thumbnail_px": 4},
            r"\(--thumbnail\) must be between 8 and half of the shorter side = .*; got 4",
        ),
        ({"positions": points(2), "images": Plain(2), "thumbnail_px": 5000}, "got 5000"),
        (
            {"positions": points(2), "images": Plain(2), "size_px": 1},
            r"size_px \(--size\) must be between",
        ),
    ],
)
def test_invalid_arguments_are_errors(arguments, message):
    with pytest.raises(InputError, match=message):
        draw_mosaic(**arguments)


def test_the_picture_is_also_written_to_a_file(tmp_path):
    picture = draw_mosaic(points(9), Plain(9), size_px=300, path=tmp_path / "x.png")
    with Image.open(tmp_path / "x.png") as written:
        assert written.tobytes() == picture.tobytes()
    with pytest.raises(InputError, match=r"path must end with \.png or another"):
        draw_mosaic(points(9), Plain(9), size_px=300, path=tmp_path / "x.svg")


def test_a_path_instead_of_images_is_an_error():
    with pytest.raises(InputError, match=r"got the type str. Pass find_images\(SOURCE\)"):
        draw_mosaic(np.zeros((6, 2)), "photos")


class TestAxes:
    def column(self, **given):
        """Return the axes of a figure of 8.5 x 7 cm with nine images of two classes."""
        axes = Figure(figsize=(8.5 / 2.54, 7 / 2.54), layout="constrained").add_subplot()
        labels = ["cat", "$dog$", "cat"] * 3
        assert draw_mosaic(points(9), Plain(9), labels, ax=axes, **given) is None
        axes.figure.canvas.draw()
        return axes

    @pytest.mark.parametrize("layout", ["map", "grid"])
    def test_the_images_have_300_pixels_per_inch(self, layout):
        axes = self.column(layout=layout)
        (image,) = axes.images
        height, width, _ = image.get_array().shape
        shown = axes.transData.transform([[0, height], [width, 0]]) / axes.figure.dpi  # inches
        assert np.ptp(shown, axis=0) * 300 == pytest.approx((width, height), rel=0.01)
        assert {BLACK} < colors_in(Image.fromarray(np.asarray(image.get_array())))

    def test_the_names_are_text_at_their_images(self):
        axes = self.column()
        assert {text.get_text() for text in axes.texts} == {"cat", "$dog$"}
        assert axes.get_legend() is None

    def test_without_names_the_legend_is_beside_the_images(self):
        axes = self.column(names=False)
        assert not axes.texts
        assert [text.get_text() for text in axes.get_legend().get_texts()] == ["$dog$", "cat"]
        (image,) = axes.images
        left, right, bottom, top = image.get_extent()
        corners = axes.transData.transform([[left, bottom], [right, top]])
        legend = axes.get_legend().get_window_extent()
        assert corners[1, 0] < legend.x0 or corners[0, 1] > legend.y1

    def test_hidden_images_are_reported(self):
        axes = Figure(figsize=(2, 2)).add_subplot()
        notes = Notes()
        draw_mosaic(np.zeros((60, 2)), Plain(60), ax=axes, progress=notes)
        assert notes.lines == ["the map of images shows 1 of 60 images: no room for more"]

    @pytest.mark.parametrize("given", [{"title": "t"}, {"caption": "c"}, {"path": "map.png"}])
    def test_texts_and_files_belong_to_the_owner_of_the_axes(self, given):
        with pytest.raises(InputError, match="title, caption and path must be None with ax"):
            self.column(**given)


def test_files_have_300_pixels_per_inch(tmp_path):
    draw_mosaic(points(9), Plain(9), size_px=300, path=tmp_path / "x.png")
    with Image.open(tmp_path / "x.png") as written:
        assert written.info["dpi"] == pytest.approx((300, 300), abs=0.1)
    picture = draw_mosaic(points(9), Plain(9), size_px=300, path=tmp_path / "x.pdf")
    width, height = (side * 72 / 300 for side in picture.size)
    box = re.search(rb"/MediaBox \[ ([\d. ]+) \]", (tmp_path / "x.pdf").read_bytes())[1]
    assert [float(number) for number in box.split()] == pytest.approx([0, 0, width, height])
