import xml.etree.ElementTree as ET

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image, ImageColor

from featscape.errors import InputError
from featscape.labels.value_scale import N_COLORS, scale_values
from featscape.pictures import draw_scatter, points
from featscape.pictures.legend.color_bar import ColorBar
from featscape.pictures.theme import DARK, LIGHT
from helpers.images.colors import colors_in

POSITIONS = np.random.default_rng(0).normal(size=(41, 2))
VALUES = np.r_[np.linspace(0, 100, 40), np.nan]
DATES = np.r_[np.datetime64("2020-01-01") + np.arange(0, 4000, 100), [np.datetime64("NaT")]]
CM = 1 / 2.54


def bar_of(values, *, name="price", text_px=20.0, theme=LIGHT):
    scale = scale_values(values, len(values), is_dark=theme.is_dark)
    return ColorBar(scale, name, theme, text_px)


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_the_colors_beside_the_ticks_are_those_of_the_values(theme):
    bar = bar_of(np.linspace(0, 100, 101), theme=theme)
    picture = Image.new("RGB", (300, 400))
    placed = bar.place(10, 20, 360)
    placed.draw(picture)
    for value, tick in zip([0, 25, 50, 75, 100], placed.ticks, strict=True):
        expected = ImageColor.getrgb(bar.scale.colors[min(int(value * N_COLORS / 100), 127)])
        y = min(int(tick.ends[1]), placed.strips[0].box[3] - 1)
        assert np.abs(np.subtract(picture.getpixel((15, y)), expected)).max() < 12


def test_the_bar_is_as_wide_and_high_as_it_reports():
    bar = bar_of(VALUES)
    placed = bar.place(10, 20, bar.least_height_px)
    assert [text.line.text for text in placed.texts][::5] == ["price", "100"]
    assert placed.texts[-1].line.text == "no value"
    for text in placed.texts:
        assert text.x + text.line.width_px <= 10 + bar.width_px + 1
        assert text.y - 0.4 * text.line.font.size >= 20
        assert text.y + 0.4 * text.line.font.size <= 20 + bar.least_height_px
    (_, top, _, bottom), _ = placed.strips[0]
    assert bottom - top == pytest.approx(6 * bar.text_px, abs=2)


@pytest.mark.parametrize("name", ["x" * 200, "$x_1$", "a\nb", "", "قطة"])
def test_any_name_can_be_drawn(name):
    picture = draw_scatter(POSITIONS, values=VALUES, values_name=name, size_px=400)
    assert max(picture.size) == pytest.approx(400, abs=4)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("positions", [POSITIONS, POSITIONS[:, :1], np.c_[POSITIONS, POSITIONS]])
def test_the_page_has_a_bar_with_all_colors(positions, dark):
    positions = positions[:, :3]
    picture = draw_scatter(positions, values=VALUES, size_px=800, dark=dark)
    assert max(picture.size) == pytest.approx(800, abs=4)
    colors = scale_values(VALUES, 41, is_dark=dark).colors
    assert {ImageColor.getrgb(color) for color in colors} <= colors_in(picture)


def test_an_svg_contains_the_name_and_the_ticks_as_text(tmp_path):
    file = tmp_path / "map.svg"
    draw_scatter(POSITIONS, values=DATES, values_name="taken", path=file)
    texts = [*ET.parse(file).getroot().iter("{http://www.w3.org/2000/svg}text")]
    written = ["".join(text.itertext()) for text in texts]
    assert written[0] == "taken"
    assert {"2020", "2024", "2028", "no value"} <= set(written)


@pytest.mark.parametrize("n_dimensions", [1, 2, 3])
@pytest.mark.parametrize("many_points", [20, 50_000])
def test_points_without_a_value_are_below_the_others(monkeypatch, n_dimensions, many_points):
    monkeypatch.setattr(points, "MANY_POINTS", many_points)
    positions = np.zeros((40, n_dimensions))
    positions[0] = 1
    values = np.full(40, np.nan)
    values[1] = 1.0
    picture = draw_scatter(positions, values=values, size_px=400)
    pixels = np.asarray(picture).astype(int)[:, : picture.width // 2]  # without the bar
    assert (np.abs(pixels - ImageColor.getrgb("#440154")).max(axis=2) < 60).any()


@pytest.mark.parametrize("size", [(8.5, 7), (8.5, 4), (17, 6), (3, 3), (30, 30)])
def test_the_texts_in_axes_are_inside_the_axes_and_legible(size):
    figure = Figure(figsize=(size[0] * CM, size[1] * CM), layout="constrained")
    axes = figure.add_subplot()
    draw_scatter(POSITIONS, values=VALUES, values_name="price", ax=axes)
    box = axes.get_window_extent()
    assert {"price", "0", "50", "100", "no value"} <= {text.get_text() for text in axes.texts}
    for text in axes.texts:
        extent = text.get_window_extent()
        assert box.x0 - 1 <= extent.x0 < extent.x1 <= box.x1 + 1
        assert text.get_fontsize() >= 5.9
    assert len(axes.images) == 2
    assert axes.get_aspect() == 1


def test_names_of_items_are_beside_the_bar():
    axes = Figure(figsize=(8.5 * CM, 7 * CM)).add_subplot()
    draw_scatter(POSITIONS, values=VALUES, item_names={3: "dog"}, ax=axes)
    texts = {text.get_text(): text.get_window_extent() for text in axes.texts}
    assert texts["dog"].x1 < texts["50"].x0


def test_labels_and_values_exclude_each_other():
    with pytest.raises(InputError, match="labels and values must not both be given"):
        draw_scatter([[0, 0]], ["a"], values=[1])
    with pytest.raises(InputError, match="values_name must be None without values; got 'price'"):
        draw_scatter([[0, 0]], values_name="price")


def test_numbers_as_labels_are_an_error_that_names_the_values():
    with pytest.raises(InputError, match="pass numbers and dates to draw_scatter as values"):
        draw_scatter([[0, 0]], [1.5])
