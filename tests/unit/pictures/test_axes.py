"""Maps in axes of matplotlib: figures of several panels, the legend and its handles."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from featscape.pictures import draw_scatter

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
