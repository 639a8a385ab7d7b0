from pathlib import Path

import pytest

from featscape.checks import check_apart, check_perplexity, check_sizes
from featscape.errors import InputError


@pytest.mark.parametrize(
    ("perplexity", "n_items", "words"),
    [
        (30, 60, r"below \(n - 1\) / 3 = 19.7 for 60 items; got 30.* --perplexity 9, or add"),
        (0.5, 60, "at least 1 .* got 0.5"),
        (float("nan"), 60, "got nan"),
        (30, 2, "at least 5 items.* got 2. Add"),
    ],
)
def test_perplexity(perplexity, n_items, words):
    with pytest.raises(InputError, match=words):
        check_perplexity(perplexity, n_items)


def test_perplexity_that_holds():
    check_perplexity(30, 92)
    check_perplexity(1, 5)


@pytest.mark.parametrize("output", ["photos", "photos/m", "photos/cats/m", "other/../photos/m"])
def test_a_map_among_its_images(tmp_path, output):
    with pytest.raises(InputError, match=r"lies inside .*photos, where a later run"):
        check_apart(tmp_path / output, tmp_path / "photos")


def test_a_map_beside_its_images(tmp_path):
    check_apart(tmp_path / "photos-map", tmp_path / "photos")
    check_apart(Path("photos-map"), tmp_path)


@pytest.mark.parametrize(
    ("size_px", "thumbnail_px", "words"),
    [
        (10, None, "between 200 and 20,000 pixels; got 10"),
        (50_000, None, "got 50,000"),
        (600, 7, "between 8 and a sixth of the picture = 100 pixels; got 7"),
        (600, 101, "got 101"),
    ],
)
def test_sizes(size_px, thumbnail_px, words):
    with pytest.raises(InputError, match=words):
        check_sizes(size_px, thumbnail_px)


def test_sizes_that_can_be_drawn():
    check_sizes(600, 8)
    check_sizes(600, 100)
    check_sizes(200, None)
