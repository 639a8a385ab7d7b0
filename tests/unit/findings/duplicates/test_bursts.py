"""Groups of many near duplicates that a gap separates from all other images."""

import numpy as np
import pytest

from featscape.findings.duplicates.bursts import (
    Bursts,
    connect_before_gaps,
    connect_copies,
    pairs_outside,
    rank_in,
    share_missed,
)

N_OTHERS = 200  # images outside of the bursts


def compared(n_bursts, size, *, gap, n_outside=12):
    """Return n, and the pairs and log distances of bursts, whose images have others outside."""
    random = np.random.default_rng(0)
    n_members = n_bursts * size
    burst = np.repeat(np.arange(n_bursts), size)
    first, second = np.nonzero(np.triu(burst[:, None] == burst, k=1))
    inside = np.stack([first, second], axis=1)
    outside = np.stack(
        [
            np.repeat(np.arange(n_members), n_outside),
            n_members + random.integers(0, N_OTHERS, n_members * n_outside),
        ],
        axis=1,
    )
    logs = [-1 - gap - random.random(len(inside)) / 4, -0.5 - random.random(len(outside)) / 2]
    pairs = np.concatenate([inside, outside])
    return n_members + N_OTHERS, pairs, np.concatenate(logs).astype(np.float32)


@pytest.mark.parametrize("size", [5, 15])
def test_a_gap_separates_the_images_of_a_burst(size):
    n_images, pairs, logs = compared(6, size, gap=1.5)
    burst = connect_before_gaps(n_images, pairs, logs, far=-0.4)
    expected = np.concatenate([np.repeat(np.arange(6), size), 6 + np.arange(N_OTHERS)])
    np.testing.assert_array_equal(np.unique(burst, return_inverse=True)[1], expected)


def test_a_small_gap_and_a_pair_of_duplicates_are_no_bursts():
    for size, gap in ((15, 0.5), (2, 1.5)):
        n_images, pairs, logs = compared(6, size, gap=gap)
        burst = connect_before_gaps(n_images, pairs, logs, far=-0.4)
        assert len(np.unique(burst)) == n_images


@pytest.mark.parametrize(("gap", "n_bursts"), [(2.5, 6), (1.5, 0)])
def test_images_with_pairs_only_inside_a_burst_need_a_larger_gap(gap, n_bursts):
    n_images, pairs, logs = compared(6, 20, gap=gap, n_outside=0)
    size = np.bincount(connect_before_gaps(n_images, pairs, logs, far=-0.4))
    assert (size > 1).sum() == n_bursts


def test_images_with_few_pairs_are_in_no_burst():
    n_images, pairs, logs = compared(6, 8, gap=2.5, n_outside=0)
    burst = connect_before_gaps(n_images, pairs, logs, far=-0.4)
    assert len(np.unique(burst)) == n_images
    assert not len(connect_before_gaps(0, np.empty((0, 2), int), np.empty(0), far=0.0))


def test_the_missed_images_are_those_outside_the_group_of_their_burst():
    bursts = Bursts.of(np.array([3, 3, 3, 3, 1, 7]))
    assert share_missed(bursts, np.array([5, 5, 5, 6, 7, 8])) == 1 / 6
    assert share_missed(Bursts.of(np.arange(4)), np.arange(4)) == 0


def test_some_images_of_each_burst_are_compared_with_images_outside():
    descriptors = np.random.default_rng(0).normal(size=(60, 144)).astype(np.float32)
    bursts = Bursts.of(np.concatenate([np.zeros(20, int), 1 + np.arange(40)]))
    pairs = pairs_outside(bursts, descriptors, random_state=0, n_threads=1)
    assert set(pairs[:, 0].tolist()) == {0, 1, 2}
    assert (pairs[:, 1] >= 20).all()
    assert np.bincount(pairs[:, 0]).min() >= 11


def test_the_rank_counts_the_earlier_images_of_the_group():
    np.testing.assert_array_equal(rank_in(np.array([3, 0, 3, 3, 0])), [0, 0, 1, 2, 1])


def two_bursts(size, *, n_between, distance, is_certain=True):
    """Return the groups of two bursts, whose frames are all near, and some pairs between them."""
    within = [
        (first + start, second + start)
        for start in (0, size)
        for first in range(size)
        for second in range(first + 1, size)
    ]
    between = [(first, size + second) for first in range(size) for second in range(size)]
    pairs = np.array(within + between[:n_between])
    distances = np.array([0.01] * len(within) + [distance] * n_between, dtype=np.float32)
    certain = np.array([True] * len(within) + [is_certain] * n_between)
    return connect_copies(2 * size + 1, pairs, distances, certain)


@pytest.mark.parametrize(
    ("size", "n_between", "distance", "n_groups"),
    [
        pytest.param(12, 71, 0.05, 2, id="far pairs of less than half of the images"),
        pytest.param(12, 72, 0.05, 1, id="far pairs of half of the images"),
        pytest.param(12, 1, 0.03, 1, id="one pair with near features, as of a pan"),
        pytest.param(30, 3, 0.05, 2, id="three far pairs of bursts with all candidates inside"),
        pytest.param(30, 4, 0.05, 1, id="four far pairs of bursts with all candidates inside"),
        pytest.param(3, 1, 0.05, 1, id="groups of three images"),
    ],
)
def test_far_pairs_connect_bursts_only_if_there_are_many(size, n_between, distance, n_groups):
    group = two_bursts(size, n_between=n_between, distance=distance)
    assert len(set(group[:size])) == len(set(group[size : 2 * size])) == 1
    assert len(set(group)) == n_groups + 1  # one image has no pair


def test_uncertain_pairs_support_a_connection_and_do_not_connect():
    assert len(set(two_bursts(4, n_between=16, distance=0.05, is_certain=False))) == 3
    pairs = np.array([(0, 1), (1, 2), (2, 3), (4, 5), (5, 6), (6, 7), (0, 4)])
    distances = np.array([0.01] * 6 + [0.05], dtype=np.float32)
    uncertain = np.array([(0, second) for second in (5, 6, 7)] + [(1, 4), (1, 5), (1, 6), (1, 7)])
    alone = connect_copies(8, pairs, distances, np.ones(7, dtype=bool))
    supported = connect_copies(
        8,
        np.concatenate([pairs, uncertain]),
        np.append(distances, [0.05] * 7).astype(np.float32),
        np.arange(14) < 7,
    )
    assert (len(set(alone)), len(set(supported))) == (2, 1)


def test_equal_features_are_not_infinitely_nearer_than_others():
    pairs = np.array([(0, 1), (1, 2), (2, 3), (4, 5), (5, 6), (6, 7), (0, 4)])
    distances = np.array([0] * 6 + [3e-4], dtype=np.float32)
    assert len(set(connect_copies(8, pairs, distances, np.ones(7, dtype=bool)))) == 1
