import numpy as np
from sklearn.datasets import load_digits

from featscape.demo import read_digits


def test_the_digits_are_those_of_scikit_learn():
    images, targets = read_digits()
    np.testing.assert_array_equal(images, load_digits().images)
    np.testing.assert_array_equal(targets, load_digits().target)
