"""The number of pairs that are expected to be false."""

import numpy as np
import pytest

from featscape.findings.duplicates.near_pairs import _overestimate


def test_expected_false_pairs_that_all_pairs_outnumber_are_not_corrected():
    expected = np.concatenate([np.full(50, 1e-3), np.arange(1, 500)])  # 50 duplicates
    assert _overestimate(expected) == 1


def test_four_times_as_many_expected_false_pairs_as_pairs_are_corrected():
    assert 2.5 < _overestimate(4.0 * np.arange(1, 2000)) <= 4 / 1.25


@pytest.mark.parametrize("n_pairs", [0, 1, 29])
def test_few_pairs_are_not_corrected(n_pairs):
    assert _overestimate(100.0 * np.arange(1, n_pairs + 1)) == 1
