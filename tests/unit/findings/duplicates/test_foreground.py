import io
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image, ImageChops, ImageDraw, ImageEnhance, ImageOps

from featscape.findings.duplicates.foreground import ForegroundMatch, compare_foregrounds
from featscape.findings.pixels.survey import survey_thumbnails
from helpers.maps.planted import Pictures, pictures


def drawing(*, missing=0, color=(40, 70, 160), size=96):
    """Return bars on white; a bar may be missing, as for the letters E and F."""
    image = Image.new("RGB", (size, size), "white")
    draw = ImageDraw.Draw(image)
    for number, box in enumerate([(20, 10, 34, 86), (20, 10, 70, 24), (20, 40, 60, 54)]):
        if number != missing:
            draw.rectangle(box, fill=color)
    draw.line((10, 92, 86, 92), fill="black")
    return image


def compare(first, second):
    survey = survey_thumbnails(Pictures([first, second]))
    found = compare_foregrounds(survey.grays, survey.colors, np.array([[0, 1]]))
    return SimpleNamespace(
        **{name: values[0] for name, values in found._asdict().items()}, agrees=found.agrees()[0]
    )


def stamp():
    """Return a drawing of several levels on white."""
    image = drawing(missing=9)
    ImageDraw.Draw(image).ellipse((40, 44, 90, 84), fill=(230, 160, 60))
    ImageDraw.Draw(image).ellipse((56, 52, 80, 70), fill=(90, 120, 30))
    return image


def animal(seed=0, size=96):
    """Return a colored texture in an ellipse on white."""
    levels = np.random.default_rng(seed).integers(20, 200, (12, 12, 3)).astype(np.uint8)
    levels[..., 2] //= 2
    skin = Image.fromarray(levels).resize((size, size), Image.Resampling.BICUBIC)
    outline = Image.new("L", (size, size))
    ImageDraw.Draw(outline).ellipse((10, 24, 86, 80), fill=255)
    return Image.composite(skin, Image.new("RGB", (size, size), "white"), outline)


def with_caption(image):
    image = image.copy()
    ImageDraw.Draw(image).rectangle((5, 70, 60, 84), fill="white")
    ImageDraw.Draw(image).text((6, 71), "a caption", fill="black")
    return image


def multiply(image, *factors):
    levels = np.asarray(image) * np.array(factors)
    return Image.fromarray(np.clip(levels, 0, 255).astype(np.uint8))


EDITS = {
    "caption": with_caption,
    "gray": lambda image: image.convert("L").convert("RGB"),
    "more light": lambda image: multiply(image, 1.35, 1.35, 1.35),
    "tint": lambda image: multiply(image, 1.2, 1, 0.8),
}


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_that_changes_the_foreground_keeps_the_texture(name):
    found = compare(animal(), EDITS[name](animal()))
    assert found.is_plain
    assert found.has_equal_texture
    assert found.agrees


def test_equal_outlines_with_other_textures_or_colors_do_not_agree():
    assert not compare(animal(), animal(seed=1)).agrees
    light, blue, red = animal().convert("YCbCr").split()
    other_colors = Image.merge("YCbCr", (light, red, blue)).convert("RGB")
    assert not compare(animal(), other_colors).agrees
    assert not compare(drawing(), with_caption(drawing())).has_equal_texture


def test_no_pairs_are_compared():
    survey = survey_thumbnails(Pictures([stamp()]))
    none = np.zeros((0, 2), dtype=np.intp)
    assert compare_foregrounds(survey.grays, survey.colors, none).agrees().shape == (0,)


def test_an_edited_copy_of_a_drawing_agrees():
    for copy in (
        ImageOps.mirror(stamp()),
        ImageEnhance.Contrast(stamp()).enhance(0.7),
        stamp().resize((72, 72)),
        stamp().crop((6, 6, 96, 96)),
    ):
        found = compare(stamp(), copy)
        assert found.is_plain
        assert found.agrees, found


def test_doubtful_pairs_need_a_higher_correlation_of_the_foreground():
    yes, no = np.ones(4, dtype=bool), np.zeros(4, dtype=bool)
    correlation = np.float32([0.975, 0.985, 0.985, 0.995])
    match = ForegroundMatch(yes, correlation, np.ones(4), np.zeros(4), no, no, no)
    assert match.is_equal(np.float32([2, 2, 4, 4])).tolist() == [False, True, False, True]
    assert not match._replace(is_plain=no).is_equal(np.float32([2] * 4)).any()
    other_color = match._replace(color=np.full(4, 99), has_equal_texture=yes)
    assert other_color.agrees().all()
    assert not other_color.is_equal(np.float32([2] * 4)).any()


def test_a_missing_part_lowers_the_correlation_of_the_foreground():
    found = compare(drawing(missing=9), drawing(missing=2))
    assert found.correlation < 0.6
    assert not found.agrees


def test_another_color_is_a_difference_of_the_foreground():
    found = compare(drawing(missing=9), drawing(missing=9, color=(150, 40, 60)))
    assert found.correlation > 0.95
    assert found.color > 20
    assert not found.agrees


def test_another_contrast_is_a_difference_of_the_foreground():
    light = drawing(missing=9, color=(185, 190, 205))
    found = compare(drawing(missing=9), light)
    assert found.gain < 0.5
    assert not found.agrees


def test_the_mirror_image_of_a_sign_may_be_another_sign():
    sign = drawing(missing=9, color="black")
    other = ImageChops.offset(ImageOps.mirror(sign), 1, 0)
    found = compare(sign, other)
    assert found.is_other_sign
    assert found.correlation > 0.955  # so only the sign decides
    assert not found.agrees
    assert not compare(sign, sign).is_other_sign
    assert not compare(stamp(), ImageOps.mirror(stamp())).is_other_sign


def test_the_mirror_image_of_a_sign_with_a_slightly_moved_edge_is_another_sign():
    sign = drawing(missing=9, color="black")
    other = ImageOps.mirror(sign)
    # the letters b and d of a font: at 48 px, 22 of 255 levels less beside an edge
    ImageDraw.Draw(other).rectangle((18, 10, 19, 80), fill=(233, 233, 233))
    assert compare(sign, other).is_other_sign
    compressed = io.BytesIO()
    ImageOps.mirror(sign).save(compressed, "JPEG", quality=20)
    assert not compare(sign, Image.open(compressed).convert("RGB")).is_other_sign


@pytest.mark.parametrize("picture", [animal().convert("L"), drawing(missing=9, color="black")])
def test_the_exact_mirror_image_of_a_gray_picture_is_a_copy(picture):
    picture = picture.convert("RGB")
    found = compare(picture, ImageOps.mirror(picture))
    assert found.is_plain
    assert found.is_mirrored
    assert not found.is_other_sign
    assert found.agrees


def test_the_smaller_mirror_image_of_a_gray_picture_with_texture_is_a_copy():
    gray = animal().convert("L").convert("RGB")
    found = compare(gray, ImageOps.mirror(gray).resize((72, 72)).crop((2, 0, 72, 72)))
    assert found.is_other_sign
    assert found.has_equal_texture
    assert found.agrees


def test_the_background_of_a_photograph_is_compared_too():
    photograph = pictures(1)[0]
    found = compare(photograph, ImageOps.mirror(photograph))
    assert not found.is_plain
    assert found.correlation > 0.95
    assert found.agrees


def test_a_tint_of_the_whole_picture_is_no_difference_of_the_foreground():
    tinted = Image.fromarray((np.asarray(stamp()) * [1, 0.95, 0.85]).astype(np.uint8))
    assert compare(stamp(), tinted).agrees


@pytest.mark.parametrize("level", [0, 255])
def test_pictures_without_foreground_do_not_agree(level):
    blank = Image.new("RGB", (64, 64), (level,) * 3)
    assert not compare(blank, blank).agrees
