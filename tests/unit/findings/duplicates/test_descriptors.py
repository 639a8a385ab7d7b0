import numpy as np
import pytest

from featscape.findings.duplicates.descriptors import largest


@pytest.mark.parametrize(("n_columns", "n_largest"), [(5, 9), (40, 6), (333, 1), (1000, 6)])
def test_the_largest_values_of_groups_are_the_largest_of_all(n_columns, n_largest):
    values = np.random.default_rng(0).normal(size=(50, n_columns)).astype(np.float32)
    found = np.take_along_axis(values, largest(values, n_largest), axis=1)
    np.testing.assert_array_equal(np.sort(found), np.sort(values)[:, -n_largest:])
