import threading

import numpy as np
import pytest

from featscape.features import extract
from featscape.features.extraction.prefetch import BottleneckMeter, map_ahead


def test_one_item_at_a_time_is_processed_in_the_callers_thread():
    seen = []

    def work(item):
        assert threading.current_thread() is threading.main_thread()
        seen.append(item)
        return -item

    assert list(map_ahead(work, range(4), n_concurrent=1)) == [(0, 0), (1, -1), (2, -2), (3, -3)]


def test_two_items_are_processed_at_the_same_time_in_order():
    both = threading.Barrier(2, timeout=20)  # passes only if both threads wait at the same time

    def work(item):
        both.wait()
        return -item

    assert list(map_ahead(work, range(6), n_concurrent=2)) == [(item, -item) for item in range(6)]


def test_the_next_item_is_taken_while_earlier_items_are_processed():
    taken = threading.Event()

    def items():
        yield 0
        yield 1
        taken.set()
        yield 2

    assert [made for _, made in map_ahead(lambda _: taken.wait(20), items(), n_concurrent=2)] == [
        True
    ] * 3


@pytest.mark.parametrize("n_concurrent", [1, 2])
def test_an_exception_of_the_work_is_raised_in_the_loop(n_concurrent):
    def work(item):
        if item == 2:
            raise ValueError("two")
        return item

    made = map_ahead(work, range(9), n_concurrent=n_concurrent)
    assert [next(made)[0], next(made)[0]] == [0, 1]
    with pytest.raises(ValueError, match="two"):
        next(made)


@pytest.mark.parametrize(
    ("inner_s", "outer_s", "expected"),
    [(0.1, 0.1, ""), (3, 1, "reading"), (1, 3, "the network")],
)
def test_the_slower_stage_is_reported_as_the_bottleneck(inner_s, outer_s, expected):
    now = 0.0

    def stage(items, seconds):
        nonlocal now
        for item in items:
            now += seconds
            yield item

    meter = BottleneckMeter(inner="reading", outer="the network", clock=lambda: now)
    inner = meter.time_inner(stage(range(4), inner_s / 4))
    assert list(meter.time_outer(stage(inner, outer_s / 4))) == [0, 1, 2, 3]
    assert meter.describe() == expected


def test_features_do_not_depend_on_the_number_of_concurrent_batches(noise_images, quick_network):
    images = noise_images(23)
    once = extract(images, model=quick_network(), batch_size=3)
    two = quick_network()
    two.n_concurrent = 2
    again = extract(images, model=two, batch_size=3)
    np.testing.assert_array_equal(once.values, again.values)
    assert once.images.paths == again.images.paths
