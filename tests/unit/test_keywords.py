"""The keywords of the public functions."""

import pytest

from featscape import make_map
from featscape.feature_options import FeatureMapOptions
from featscape.keywords import describe
from featscape.options import MapOptions


def test_a_misspelled_keyword_names_the_function_and_the_nearest_keyword():
    message = r"make_map\(\) got an unexpected keyword argument 'modle'\. Did you mean 'model'\?"
    with pytest.raises(TypeError, match=message):
        make_map("photos", modle=3)


def test_an_option_that_a_class_defines_again_has_the_help_of_that_class():
    texts = [
        {option.name: text.text for option, text in describe(options)}["device"]
        for options in (MapOptions, FeatureMapOptions)
    ]
    assert ["network" in text for text in texts] == [True, False]
