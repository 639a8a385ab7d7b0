"""The checks of the options of a map, before any image is read."""

import pytest

from featscape.errors import InputError
from featscape.options import MapOptions
from featscape.steps.tsne.embedding import choose_tsne_device


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"limit": 1}, "limit must be at least 2 images for a map; got 1. Raise --limit"),
        (
            {"limit": 9, "perplexity": 9},
            r"greater than the perplexity, 9; got 9\. Raise --limit .* or",
        ),
    ],
)
def test_a_limit_that_is_too_low_for_a_map_names_the_limit(tmp_path, options, words):
    with pytest.raises(InputError, match=words):
        MapOptions(tmp_path, "m", model="efficientnet_lite0", **options)


def test_the_lowest_limit_is_the_lowest_number_of_items(tmp_path):
    options = MapOptions(tmp_path, "m", model="efficientnet_lite0", limit=2)
    choose_tsne_device(options, n_items=2)
    with pytest.raises(InputError, match="at least 2 items"):
        choose_tsne_device(options, n_items=1)
