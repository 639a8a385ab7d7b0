import numpy as np
from sklearn.datasets import load_digits

from featscape import find_images
from featscape.demo import read_digits, write_digits


def test_the_digits_are_those_of_scikit_learn():
    images, targets = read_digits()
    np.testing.assert_array_equal(images, load_digits().images)
    np.testing.assert_array_equal(targets, load_digits().target)


def test_a_limit_writes_the_digits_that_find_images_would_choose(tmp_path):
    write_digits(tmp_path / "all")
    write_digits(str(tmp_path / "some"), limit=30, random_state=3)
    chosen = find_images(tmp_path / "all", limit=30, random_state=3)
    written = find_images(tmp_path / "some", limit=30, random_state=3)
    assert written.paths == chosen.paths
    assert written.labels == chosen.labels


def test_a_limit_below_the_number_of_classes_writes_all_digits(tmp_path):
    write_digits(tmp_path, limit=9)
    assert len(find_images(tmp_path)) == 1797
