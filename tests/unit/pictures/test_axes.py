"""Maps in axes of matplotlib: figures of several panels, the legend and its handles."""

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from PIL import Image

from featscape import find_images
from featscape.pictures import class_colors, draw_mosaic, draw_scatter
from featscape.pictures.legend.in_axes import AxesLegend
from featscape.pictures.theme import LIGHT

CM = 1 / 2.54
CORNERS = np.array([[0.0, 0.0], [4.0, 0.0], [8.0, 1.0], [2.0, 5.0]])
POSITIONS = np.concatenate([CORNERS + 0.1 * shift for shift in np.eye(2)])
LABELS = ["mammals", "amphibians", "marsupials", "fish"] * 2


def texts_of(axes):
    """Return the names, and the corners of their boxes in pixels from the corner of the axes."""
    corner = axes.get_window_extent().p0
    boxes = [text.get_window_extent().get_points() - corner for text in axes.texts]
    names = [text.get_text() for text in axes.texts]
    return names, np.array(boxes)


class TestPanels:
    @pytest.mark.parametrize("layout", [None, "constrained", "compressed", "tight"])
    @pytest.mark.parametrize("names", [True, False])
    def test_panels_of_one_map_are_equal(self, layout, names):
        figure = Figure(figsize=(8.5 * CM, 8.5 * CM), layout=layout)
        panels = list(figure.subplots(2, 2).flat)
        for letter, axes in zip("abcd", panels, strict=True):
            axes.set_title(letter, loc="left")
        for axes in panels:
            draw_scatter(POSITIONS, LABELS, ax=axes, names=names)
        figure.canvas.draw()
        first = panels[0]
        for axes in panels[1:]:
            assert axes.get_xlim() == pytest.approx(first.get_xlim(), rel=1e-3)
            assert axes.get_ylim() == pytest.approx(first.get_ylim(), rel=1e-3)
            size = axes.get_window_extent().size
            np.testing.assert_allclose(size, first.get_window_extent().size, atol=0.1)
            assert texts_of(axes)[0] == texts_of(first)[0]
            np.testing.assert_allclose(texts_of(axes)[1], texts_of(first)[1], atol=0.5)

    def test_a_panel_keeps_the_size_for_which_it_is_planned(self):
        figure = Figure(figsize=(17 * CM, 6 * CM), layout="constrained")
        first, *others = figure.subplots(1, 3)
        draw_scatter(POSITIONS, LABELS, ax=first)
        planned = np.divide(np.ptp([first.get_xlim()]), np.ptp([first.get_ylim()]))
        for axes in others:
            draw_scatter(POSITIONS, LABELS, ax=axes)
        figure.canvas.draw()
        box = first.get_position(original=True)
        assert box.width * 17 / (box.height * 6) == pytest.approx(planned, rel=0.01)

    def test_other_panels_keep_their_ticks(self):
        figure = Figure(layout="constrained")
        panel, drawn, empty = figure.subplots(1, 3)
        drawn.plot([0, 1000], [0, 1000])
        empty.xaxis.set_major_locator(MaxNLocator(3))
        before = drawn.get_xticks().tolist(), empty.get_xticks().tolist()
        draw_scatter(POSITIONS, LABELS, ax=panel)
        assert (drawn.get_xticks().tolist(), empty.get_xticks().tolist()) == before
        figure.canvas.draw()
        assert panel.get_window_extent().x1 < drawn.yaxis.get_tightbbox().x0


class TestLegend:
    @pytest.mark.parametrize("names", [True, False])
    def test_axes_without_a_legend_have_all_the_room(self, names):
        labels = [*LABELS, *"abcdefgh"]  # more names than fit
        positions = np.concatenate([POSITIONS, POSITIONS + 0.01])
        axes = Figure(figsize=(4 * CM, 4 * CM)).add_subplot()
        draw_scatter(positions, labels, ax=axes, names=names, legend=False)
        assert axes.get_legend() is None
        assert bool(axes.texts) == names
        shown = axes.transData.transform(positions)
        assert np.ptp(shown[:, 0]) > 0.9 * axes.get_window_extent().width

    def test_axes_without_a_color_bar_have_all_the_room(self):
        axes = Figure(figsize=(4 * CM, 4 * CM)).add_subplot()
        draw_scatter(POSITIONS, values=np.arange(8), ax=axes, legend=False)
        assert not axes.images
        shown = axes.transData.transform(POSITIONS)
        assert np.ptp(shown[:, 0]) > 0.9 * axes.get_window_extent().width

    def test_a_picture_without_a_legend_shows_only_the_map(self):
        alone = draw_scatter(POSITIONS, size_px=300)
        for given in ({"labels": LABELS, "names": False}, {"values": np.arange(8)}):
            picture = draw_scatter(POSITIONS, **given, size_px=300, legend=False)
            assert picture.size == alone.size

    def test_each_class_has_one_handle_for_a_shared_legend(self):
        figure = Figure(figsize=(17 * CM, 7 * CM), layout="constrained")
        panels = figure.subplots(1, 2)
        for axes in panels:
            draw_scatter(POSITIONS, LABELS, ax=axes, names=False, legend=False)
        handles, labels = panels[0].get_legend_handles_labels()
        assert dict(zip(labels, (one.get_color() for one in handles), strict=True)) == (
            class_colors(LABELS)
        )
        shared = figure.legend(handles, labels, loc="outside lower center", ncols=4)
        figure.canvas.draw()
        top = shared.get_window_extent().y1
        for axes in panels:
            assert axes.transData.transform(POSITIONS)[:, 1].min() > top
        first, second = (axes.transData.transform(POSITIONS) for axes in panels)
        np.testing.assert_allclose(np.ptp(first, axis=0), np.ptp(second, axis=0), rtol=0.01)

    def test_images_have_handles_too(self):
        axes = Figure(figsize=(8 * CM, 8 * CM)).add_subplot()
        images = find_images([Image.new("RGB", (8, 6))] * 8)
        draw_mosaic(POSITIONS, images, LABELS, ax=axes, names=False, legend=False)
        assert axes.get_legend() is None
        assert sorted(axes.get_legend_handles_labels()[1]) == sorted(set(LABELS))

    def test_a_legend_of_many_classes_has_columns_of_small_text(self):
        figure = Figure(figsize=(17 * CM, 12 * CM), layout="constrained")
        axes = figure.add_subplot()
        positions = np.random.default_rng(0).uniform(size=(100, 2))
        labels = [f"class number {i}" for i in range(100)]
        draw_scatter(positions, labels, ax=axes, names=False)
        legend = axes.get_legend()
        assert {text.get_text() for text in legend.get_texts()} == set(labels)
        assert {text.get_fontsize() for text in legend.get_texts()} == {6.0}
        extent, box = legend.get_window_extent(), axes.get_window_extent().padded(1)
        assert box.x0 <= extent.x0 <= extent.x1 <= box.x1
        assert box.y0 <= extent.y0 <= extent.y1 <= box.y1
        shown = axes.transData.transform(positions)
        assert shown[:, 0].max() < extent.x0
        assert np.ptp(shown[:, 1]) > 0.5 * box.height

    def test_a_legend_without_room_leaves_most_of_a_column_to_the_map(self):
        axes = Figure(figsize=(8.5 * CM, 8.5 * CM), layout="constrained").add_subplot()
        positions = np.random.default_rng(0).uniform(size=(100, 2))
        labels = [f"class number {i}" for i in range(100)]
        draw_scatter(positions, labels, ax=axes, names=False)
        *rows, last = [text.get_text() for text in axes.get_legend().get_texts()]
        assert last == f"and {100 - len(rows)} more classes"
        assert len(rows) > 15
        shown = axes.transData.transform(positions)
        assert np.ptp(shown, axis=0).min() > 0.65 * axes.get_window_extent().width

    @pytest.mark.parametrize(
        ("layout", "panels", "size_cm"),
        [
            (None, (1, 3), (17, 6)),
            ("constrained", (1, 2), (17, 8)),
            ("tight", (1, 3), (17, 6)),
            ("compressed", (2, 2), (17, 15)),
        ],
    )
    def test_the_legend_of_many_classes_is_inside_its_panel(self, layout, panels, size_cm):
        width, height = size_cm
        figure = Figure(figsize=(width * CM, height * CM), layout=layout)
        first, *others = figure.subplots(*panels).flat
        for axes in others:
            axes.set(xticks=[], yticks=[])  # as in a panel with a map
        positions = np.random.default_rng(0).uniform(size=(89, 2))
        draw_scatter(positions, [f"class {i}" for i in range(10, 99)], ax=first, names=False)
        legend = first.get_legend()
        assert legend.get_texts()[-1].get_text().endswith("more classes")
        for dpi in (100, 150):
            figure.dpi = dpi
            figure.draw_without_rendering()
            box = first.get_window_extent().padded(0.5)
            for part in (legend, *legend.get_texts(), *legend.legend_handles):
                extent = part.get_window_extent()
                assert box.x0 <= extent.x0 <= extent.x1 <= box.x1
                assert box.y0 <= extent.y0 <= extent.y1 <= box.y1

    def test_the_number_of_other_classes_is_shortened_in_the_narrowest_axes(self):
        axes = Figure(figsize=(2 * CM, 2 * CM)).add_axes((0, 0, 1, 1))
        positions = np.random.default_rng(0).uniform(size=(100, 2))
        draw_scatter(positions, [f"class {i}" for i in range(100)], ax=axes, names=False)
        legend = axes.get_legend()
        assert "…" in legend.get_texts()[-1].get_text()
        assert legend.get_window_extent().width <= axes.get_window_extent().width

    def test_the_legend_lists_only_classes_without_a_name_on_the_map(self):
        axes = Figure(figsize=(5 * CM, 5 * CM), layout="constrained").add_subplot()
        positions = np.random.default_rng(0).uniform(size=(45, 2)).repeat(2, axis=0)
        labels = np.repeat([f"kind {i}" for i in range(45)], 2)
        draw_scatter(positions, labels, ax=axes)
        named = {text.get_text() for text in axes.texts}
        *listed, last = [text.get_text() for text in axes.get_legend().get_texts()]
        assert named <= set(labels)
        assert not named & set(listed)
        assert last == f"and {45 - len(named) - len(listed)} more classes"

    def test_a_legend_without_classes_is_removed(self):
        axes = Figure().add_subplot()
        classes = LIGHT.count_classes(LABELS, 8)
        legend = AxesLegend(axes, classes, LIGHT, 10.0, 6.0, 300.0)
        codes = np.arange(4)
        room, choice = legend.place(codes, (1000, 1000), spans=np.array([1.0, 1.0]))
        assert min(room) < 1000
        legend.add(codes[:0], choice, (1000, 1000))
        assert axes.get_legend() is None


class TestFont:
    @pytest.mark.parametrize(
        "given",
        [
            {"labels": LABELS},
            {"labels": LABELS, "names": False},
            {"values": np.arange(8), "values_name": "price", "item_names": {0: "dog"}},
        ],
    )
    def test_all_texts_in_axes_have_the_font_of_the_settings(self, given):
        with mpl.rc_context({"font.family": "serif", "font.serif": ["DejaVu Serif"]}):
            axes = Figure(figsize=(8 * CM, 6 * CM)).add_subplot()
            draw_scatter(POSITIONS, **given, ax=axes)
            legend = axes.get_legend()
            texts = [*axes.texts, *(legend.get_texts() if legend else ())]
            assert texts
            assert {text.get_fontproperties().get_name() for text in texts} == {"DejaVu Serif"}

    def test_a_character_that_the_font_lacks_is_in_another_font(self):
        with mpl.rc_context({"font.family": "serif", "font.serif": ["DejaVu Serif"]}):
            axes = Figure().add_subplot()
            draw_scatter(POSITIONS, ["قطة"] * 8, ax=axes)
        assert {text.get_fontfamily()[0] for text in axes.texts} == {"DejaVu Sans"}


def test_points_in_axes_have_the_given_size_and_colors():
    axes = Figure().add_subplot()
    own = dict.fromkeys(LABELS, "gray") | {"fish": "red"}
    draw_scatter(POSITIONS, LABELS, ax=axes, point_size=3, colors=own)
    (points,) = axes.collections
    assert points.get_sizes() == pytest.approx([9])
    shown = {tuple(color) for color in points.get_facecolor()[:, :3].round(2).tolist()}
    assert shown == {(1.0, 0.0, 0.0), (0.5, 0.5, 0.5)}


def test_the_borders_of_images_have_own_colors():
    axes = Figure(figsize=(8 * CM, 8 * CM)).add_subplot()
    images = find_images([Image.new("RGB", (8, 6))] * 8)
    draw_mosaic(POSITIONS, images, LABELS, ax=axes, names=False, colors=["#ff00ff"] * 4)
    (picture,) = axes.images
    assert (np.asarray(picture.get_array())[..., :3] == (255, 0, 255)).all(axis=-1).any()
