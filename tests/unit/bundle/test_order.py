import itertools

import numpy as np
import pytest

from featscape.bundle.order import hilbert_codes, order_items


@pytest.mark.parametrize("n_dimensions", [2, 3])
def test_the_curve_visits_every_cell_in_steps_of_one(n_dimensions):
    cells = np.array(list(itertools.product(range(8), repeat=n_dimensions)))
    codes = hilbert_codes(cells, bits=3)
    assert sorted(codes.tolist()) == list(range(8**n_dimensions))
    walk = cells[np.argsort(codes)]
    assert (np.abs(np.diff(walk, axis=0)).sum(axis=1) == 1).all()


@pytest.mark.parametrize(
    ("n_items", "ends"),
    [
        (1, (1,)),
        (256, (256,)),
        (257, (256, 257)),
        (1500, (256, 512, 1024, 1500)),
        (2048, (256, 512, 1024, 2048)),
    ],
)
def test_each_level_doubles_the_number_of_items(n_items, ends):
    positions = np.zeros((n_items, 2), dtype=np.float32)
    order, level_ends = order_items(positions, seed=0)
    assert level_ends == ends
    assert sorted(order.tolist()) == list(range(n_items))


def test_every_level_is_a_sample_of_the_map():
    # both clusters have the same number of items, although the rows are sorted by cluster
    positions = np.repeat(np.float32([[-10, 0], [10, 0]]), 5000, axis=0)
    positions += np.random.default_rng(0).normal(size=positions.shape).astype(np.float32)
    order, level_ends = order_items(positions, seed=0)
    for end in level_ends:
        share = (positions[order[:end], 0] < 0).mean()
        assert abs(share - 0.5) < 3 * 0.5 / np.sqrt(end)


def test_a_level_follows_the_curve():
    positions = np.random.default_rng(0).uniform(size=(8192, 2)).astype(np.float32)
    order, level_ends = order_items(positions, seed=0)
    for start, end in itertools.pairwise(level_ends):
        level = positions[order[start:end]]
        steps = np.abs(np.diff(level, axis=0)).max(axis=1)
        # for random positions the mean step is 0.4
        assert steps.mean() < 2.5 / np.sqrt(end - start)


def test_the_seed_determines_the_order():
    positions = np.random.default_rng(0).normal(size=(1000, 2)).astype(np.float32)
    one, again, other = (order_items(positions, seed=seed)[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()
