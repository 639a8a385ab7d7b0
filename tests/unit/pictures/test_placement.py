"""The positions of the names relative to the items of their classes."""

import numpy as np
import pytest

from featscape.pictures import placement
from featscape.pictures.names import NameSizes, lay_out_names
from featscape.pictures.placement import Arrangement, Coverage, NameBox
from featscape.pictures.text import format_text
from featscape.pictures.theme import LIGHT

BOX = 600, 600
TEXT_PX = 20.0


def laid_out(positions, labels, side_px=12.0):
    """Return the names, by class, and the coverage by the items of each class."""
    centers = np.array(positions, dtype=float)
    arrangement = Arrangement(np.arange(len(centers)), centers, side_px)
    classes = LIGHT.count_classes(labels, len(labels))
    names = lay_out_names(arrangement, classes, NameSizes(BOX, TEXT_PX))
    coverage = Coverage(arrangement, BOX, cell_px=2)
    own = {name: coverage.only(np.array(labels) == name) for name in set(labels)}
    by_class = {classes.names[name.name_id]: name for name in names}
    return by_class, coverage, own


def around(x, y, n_items, radius):
    """Return items on a circle."""
    angles = 2 * np.pi * np.arange(n_items) / n_items
    return [(x + radius * np.cos(angle), y + radius * np.sin(angle)) for angle in angles]


def test_the_name_of_a_single_item_is_nearer_to_the_item_than_to_others():
    # other items at the left and below; the right is free
    others = [(x, y) for x in (200, 230, 260) for y in range(200, 420, 20)]
    others += [(x, 340) for x in range(280, 420, 20)]
    positions = [*others, (290, 290)]
    names, coverage, own = laid_out(positions, ["birds"] * len(others) + ["lizard"])
    name = names["lizard"]
    box = np.array([name.box])
    to_own, to_others = coverage.distances(box, own["lizard"], around_px=100)
    assert to_own[0] < to_others[0]
    assert coverage.share(box)[0] == 0
    assert name.leader is None


def test_a_name_that_cannot_be_beside_its_only_item_has_a_line_to_the_item():
    others = around(300, 300, 14, 30) + around(300, 300, 28, 45)
    positions = [*others, (300, 300)]
    names, coverage, _ = laid_out(positions, ["birds"] * len(others) + ["lizard"])
    name = names["lizard"]
    assert coverage.share(np.array([name.box]))[0] < 0.05
    *start, x, y = name.leader
    assert (x, y) == (300, 300)
    left, top, right, bottom = name.box
    assert left <= start[0] <= right
    assert top <= start[1] <= bottom


@pytest.mark.parametrize("item", [(100.0, 190.0), (700.0, 220.0), (290.0, 20.0), (350.0, 500.0)])
def test_a_line_starts_at_the_edge_in_the_direction_from_the_middle(item):
    name = NameBox((format_text("lizards", 20),), 300.0, 200.0, 0, 20.0)
    *start, x, y = placement._leader(name, np.array([item, (300.0, 2000.0)]))
    assert (x, y) == item
    edges = np.array(name.box).reshape(2, 2)
    assert np.abs(edges - start).min() < 1e-6
    assert (x - 300) * (start[1] - 200) == pytest.approx((y - 200) * (start[0] - 300))


@pytest.mark.parametrize("side_px", [12.0, 60.0])
def test_the_name_of_a_class_is_in_a_gap_between_its_items(side_px):
    columns = 45 + 75 * np.arange(7)
    positions = [(x, y) for x in columns for y in columns if not (y == 270 and 120 < x < 400)]
    names, coverage, own = laid_out(positions, ["mammals"] * len(positions), side_px)
    box = np.array([names["mammals"].box])
    assert coverage.share(box)[0] == 0
    assert coverage.distances(box, own["mammals"], around_px=100)[0][0] < 2 * TEXT_PX


def test_a_name_that_hides_items_everywhere_is_small():
    steps = np.arange(0, 601, 12)
    positions = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    names, _, _ = laid_out(positions, ["mammals"] * len(positions))
    assert names["mammals"].size_px == pytest.approx(1.8 * TEXT_PX)
    few, _, _ = laid_out(positions, ["mammals"] * (len(positions) - 1) + ["cat"])
    assert few["cat"].size_px == pytest.approx(0.85 * TEXT_PX)


def test_distances_are_those_of_rectangles_to_squares():
    centers = np.array([[100.0, 100.0], [300.0, 100.0]])
    coverage = Coverage(Arrangement(np.arange(2), centers, 20), BOX, cell_px=1)
    own = coverage.only(np.array([True, False]))
    boxes = np.array([[150.0, 90.0, 190.0, 110.0], [150.0, 160.0, 190.0, 180.0]])
    to_own, to_other = coverage.distances(boxes, own, around_px=300)
    assert to_own == pytest.approx([40, np.hypot(40, 50)], abs=2)
    assert to_other == pytest.approx([100, np.hypot(100, 50)], abs=2)
    nothing = coverage.only(np.zeros(2, dtype=bool))
    assert coverage.distances(boxes, nothing, around_px=300)[0].tolist() == [np.inf, np.inf]
