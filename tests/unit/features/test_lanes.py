import threading

import numpy as np
import pytest

from featscape.features import extract
from featscape.features.lanes import Waits, in_lanes


def test_one_lane_is_the_callers_thread():
    seen = []

    def work(item):
        assert threading.current_thread() is threading.main_thread()
        seen.append(item)
        return -item

    assert list(in_lanes(work, range(4), n_lanes=1)) == [(0, 0), (1, -1), (2, -2), (3, -3)]


def test_two_lanes_work_at_once_and_keep_the_order():
    both = threading.Barrier(2, timeout=20)  # each waits for the other: it ends if both are at work

    def work(item):
        both.wait()
        return -item

    assert list(in_lanes(work, range(6), n_lanes=2)) == [(item, -item) for item in range(6)]


def test_an_item_is_taken_while_those_before_it_are_worked_on():
    taken = threading.Event()

    def items():
        yield 0
        yield 1
        taken.set()
        yield 2

    assert [made for _, made in in_lanes(lambda _: taken.wait(20), items(), n_lanes=2)] == [
        True
    ] * 3


@pytest.mark.parametrize("n_lanes", [1, 2])
def test_an_error_is_raised_by_the_loop(n_lanes):
    def work(item):
        if item == 2:
            raise ValueError("two")
        return item

    made = in_lanes(work, range(9), n_lanes=n_lanes)
    assert [next(made)[0], next(made)[0]] == [0, 1]
    with pytest.raises(ValueError, match="two"):
        next(made)


@pytest.mark.parametrize(
    ("inner_s", "outer_s", "told"),
    [(0.1, 0.1, ""), (3, 1, "reading"), (1, 3, "the network")],
)
def test_waits_tell_what_bounds_the_loop(inner_s, outer_s, told):
    now = 0.0

    def stage(items, seconds):
        nonlocal now
        for item in items:
            now += seconds
            yield item

    waits = Waits(inner="reading", outer="the network", clock=lambda: now)
    inner = waits.of_inner(stage(range(4), inner_s / 4))
    assert list(waits.of_outer(stage(inner, outer_s / 4))) == [0, 1, 2, 3]
    assert waits.told() == told


def test_the_features_do_not_depend_on_the_lanes(noise_images, quick_network):
    images = noise_images(23)
    once = extract(images, model=quick_network(), batch_size=3)
    two = quick_network()
    two.n_lanes = 2
    again = extract(images, model=two, batch_size=3)
    np.testing.assert_array_equal(once.values, again.values)
    assert once.images.paths == again.images.paths
