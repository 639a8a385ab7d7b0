import numpy as np
import pytest
from scipy.stats import rankdata

from featscape.findings.spaces import average_ranks


@pytest.mark.parametrize("values", [[3.0], [2, 2, 2], [0.5, -1, 0.5, 7, -1, 0.5], range(9, 0, -1)])
def test_the_ranks_are_those_of_scipy(values):
    values = np.array(values)
    np.testing.assert_array_equal(average_ranks(values), rankdata(values))
