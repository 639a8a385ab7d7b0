"""The squares that the duplicates compare."""

import numpy as np
import pytest
from PIL import Image, ImageOps

from featscape.findings.pixels.survey import color_square, gray_square

# widths whose pixels do not fit into 48 columns, odd and even; heights above and below 48
SIZES = [(255, 193), (200, 151), (171, 256), (113, 49), (64, 47), (96, 96), (17, 30), (1, 5)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("square_of", [gray_square, color_square])
def test_the_square_of_the_mirror_image_is_the_mirror_image_of_the_square(square_of, size):
    levels = np.random.default_rng(0).integers(0, 256, (*size[::-1], 3)).astype(np.uint8)
    image = Image.fromarray(levels)
    square = square_of(image)
    assert np.array_equal(square_of(ImageOps.mirror(image)), square[:, ::-1])


@pytest.mark.parametrize("size", SIZES)
def test_the_squares_of_an_image_of_one_color_have_its_color(size):
    color = Image.new("RGB", (1, 1), (200, 60, 90))
    image = color.resize(size)
    light, blue, red = color.convert("YCbCr").getpixel((0, 0))
    assert (gray_square(image) == light).all()
    assert (color_square(image) == [blue, red]).all()
