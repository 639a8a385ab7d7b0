import numpy as np
import pytest
from PIL import Image, ImageOps

from featscape.findings.pixels.borders import find_unusual_borders
from featscape.findings.pixels.survey import survey_thumbnails
from helpers.maps.planted import Pictures, pictures


def framed(color, n_images):
    """Return pictures of the same content in frames of one color."""
    return [ImageOps.expand(image, 12, color) for image in pictures(n_images, size=(48, 48))]


def found(images, **options):
    return find_unusual_borders(
        survey_thumbnails(Pictures(images)), **options, random_state=0, n_threads=1
    )


def test_borders_unlike_most_are_found_the_most_different_first():
    images = framed("white", 60)
    images[10:12] = framed("black", 2)
    images[20] = framed((200, 200, 200), 1)[0]
    images[30] = pictures(1, size=(72, 72))[0]
    assert sorted(found(images)) == [10, 11, 20, 30]
    assert found(images)[-1] == 20


@pytest.mark.parametrize("n_images", [2, 19, 60])
def test_equal_borders_are_usual(n_images):
    assert found(framed("white", n_images)) == ()


def test_borders_that_differ_without_outliers_are_usual():
    assert found(pictures(40, size=(48, 48))) == ()


def test_a_few_images_have_no_usual_border():
    assert found([*framed("white", 18), *framed("black", 1)]) == ()


def test_a_class_of_borders_is_usual():
    """A tenth of the images has black frames: more than the 5 % that are compared."""
    assert found([*framed("white", 54), *framed("black", 6)]) == ()


def test_at_most_18_images_of_many_are_listed():
    """Every 40th border of 1,200 is unusual: 500 of the borders are compared."""
    grays = np.full((1_200, 48, 48), 255, np.uint8)
    grays[::40] = np.arange(30, dtype=np.uint8)[:, None, None] * 8
    survey = survey_thumbnails(Pictures([Image.new("RGB", (48, 48))]))
    many = type(survey)(grays, survey.colors, survey.digests, survey.measures)
    first = find_unusual_borders(many, random_state=0, n_threads=1)
    assert len(first) == 18
    assert {item % 40 for item in first} == {0}
    assert find_unusual_borders(many, n_threads=2, random_state=0) == first
