"""The scales of images, and the number of pairs that are expected to be false."""

from types import SimpleNamespace

import numpy as np
import pytest

from featscape.findings.duplicates.near_pairs import _usual_law
from featscape.findings.duplicates.power_law import (
    Groups,
    _overestimate,
    _sort_by_image,
    choose,
    fill,
    fit,
)


def test_expected_false_pairs_that_all_pairs_outnumber_are_not_corrected():
    expected = np.concatenate([np.full(50, 1e-3), np.arange(1, 500)])  # 50 duplicates
    assert _overestimate(expected) == 1


def test_four_times_as_many_expected_false_pairs_as_pairs_are_corrected():
    assert 2.5 < _overestimate(4.0 * np.arange(1, 2000)) <= 4 / 1.25


@pytest.mark.parametrize("n_pairs", [0, 1, 29])
def test_few_pairs_are_not_corrected(n_pairs):
    assert _overestimate(100.0 * np.arange(1, n_pairs + 1)) == 1


def test_a_missing_scale_is_the_median_of_the_group_or_of_all():
    scales = np.array([1, np.nan, 2, 6, np.nan, 9, np.nan, 7], np.float32)
    group = np.array([0, 0, 0, 0, 1, 2, 0, 3])
    found = fill(scales, group, known=np.arange(6))
    np.testing.assert_array_equal(found, [1, 2, 2, 6, 4, 9, 2, -np.inf])
    assert (fill(scales, group, known=np.arange(0)) == -np.inf).all()


def test_pairs_are_chosen_again_without_the_chosen_pairs():
    # 100 duplicates, and then a tenth of the pairs that the power law expects
    expected = np.concatenate([np.geomspace(1e-4, 40, 100), np.arange(40, 20_000, 10)])
    pairs = np.arange(2 * len(expected)).reshape(-1, 2)
    n_images = pairs.size
    log_p = np.log(expected / (5 * n_images))
    counts = [
        choose(log_p, pairs, n_images, most_false=0.1, n_corrections=n).sum() for n in (0, 1, 20)
    ]
    assert counts == sorted(set(counts))
    assert 90 < counts[-1] < 110


def test_pairs_whose_expected_number_is_zero_are_chosen():
    pairs = np.arange(200).reshape(-1, 2)
    log_p = np.full(len(pairs), -800, np.float32)  # exp(-800) is 0 in float32 and in float64
    assert choose(log_p, pairs, pairs.size, most_false=0.1, n_corrections=2).all()


def test_the_usual_exponent_is_that_of_the_images_without_duplicates():
    random = np.random.default_rng(0)
    exponents = np.where(np.arange(200) < 150, 0.5, 4)  # three quarters are in groups of duplicates
    scales = np.where(np.arange(200) < 150, -4.0, -1)
    logs = scales[:, None] + np.log(random.random((200, 12))) / exponents[:, None]
    pairs = np.stack([np.repeat(np.arange(200), 12), 200 + np.arange(2400)], axis=1)
    table = SimpleNamespace(n_images=2600, pairs=pairs)
    distances = logs.ravel().astype(np.float32)
    alone = Groups(np.arange(2600))
    assert fit(pairs, distances, groups=alone, of=np.arange(200))[1] < 1
    usual, exponent = _usual_law(table, distances, alone, np.arange(200))
    assert exponent == pytest.approx(4, rel=0.25)
    assert -1.5 < usual < -1


@pytest.mark.parametrize(("count_once", "rank"), [(True, 10), (False, 2)])
def test_the_images_of_a_burst_count_once(count_once, rank):
    random = np.random.default_rng(1)
    n_bursts, size = 40, 5
    group = np.concatenate([np.arange(100), np.repeat(100 + np.arange(n_bursts), size)])
    near = np.log(random.random((100, n_bursts))) / 4  # of each image to each burst
    first = np.repeat(np.arange(100), n_bursts * size)
    second = np.tile(100 + np.arange(n_bursts * size), 100)
    logs = np.repeat(near.ravel(), size).astype(np.float32)
    groups = Groups(group, count_once=count_once)
    scales, exponent = fit(
        np.stack([first, second], axis=1), logs, groups=groups, of=np.arange(100)
    )
    np.testing.assert_allclose(scales[:100], np.sort(near, axis=1)[:, rank], rtol=1e-6)
    if count_once:
        assert exponent == pytest.approx(4, rel=0.25)


def test_images_of_different_groups_count_separately_if_the_numbers_exceed_the_images():
    groups = Groups(np.array([10, 11, 8, 2, 2, 2]), count_once=True)
    logs = np.array([-1, -2], dtype=np.float32)
    images, _ = _sort_by_image(np.array([[0, 2], [1, 3]]), logs, groups)
    np.testing.assert_array_equal(images, [0, 1, 2, 3])
