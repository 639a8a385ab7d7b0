"""The scales of images, and the number of pairs that are expected to be false."""

import numpy as np
import pytest

from featscape.findings.duplicates.power_law import _overestimate, fill


def test_expected_false_pairs_that_all_pairs_outnumber_are_not_corrected():
    expected = np.concatenate([np.full(50, 1e-3), np.arange(1, 500)])  # 50 duplicates
    assert _overestimate(expected) == 1


def test_four_times_as_many_expected_false_pairs_as_pairs_are_corrected():
    assert 2.5 < _overestimate(4.0 * np.arange(1, 2000)) <= 4 / 1.25


@pytest.mark.parametrize("n_pairs", [0, 1, 29])
def test_few_pairs_are_not_corrected(n_pairs):
    assert _overestimate(100.0 * np.arange(1, n_pairs + 1)) == 1


def test_a_missing_scale_is_the_median_of_the_group_or_of_all():
    scales = np.array([1, np.nan, 2, 6, np.nan, 9, np.nan], np.float32)
    group = np.array([0, 0, 0, 0, 1, 2, 0])
    found = fill(scales, group, known=np.arange(6))
    np.testing.assert_array_equal(found, [1, 2, 2, 6, 4, 9, -np.inf])
