"""The keywords of the public functions."""

import pytest

from featscape import make_map


def test_a_misspelled_keyword_names_the_function_and_the_nearest_keyword():
    message = r"make_map\(\) got an unexpected keyword argument 'modle'\. Did you mean 'model'\?"
    with pytest.raises(TypeError, match=message):
        make_map("photos", modle=3)
