import numpy as np
import pytest

from featscape.findings.duplicates.pair_table import unique_pairs


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([[3, 1], [0, 2], [1, 3], [2, 0], [0, 1]], [[0, 1], [0, 2], [1, 3]]),
        ([[0, 0]], [[0, 0]]),
        (np.empty((0, 2), dtype=np.int32), np.empty((0, 2))),
    ],
)
def test_each_pair_is_kept_once_and_ascending(pairs, expected):
    np.testing.assert_array_equal(unique_pairs(np.array(pairs)), expected)


def test_the_pairs_of_a_million_images_are_different():
    last = 999_999
    pairs = np.array([[last, last - 1], [last - 1, last - 2], [last, last - 1]], dtype=np.int32)
    expected = [[last - 2, last - 1], [last - 1, last]]
    np.testing.assert_array_equal(unique_pairs(pairs), expected)
