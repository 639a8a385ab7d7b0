import io
from functools import partial

import numpy as np
import pytest
from PIL import Image, ImageFilter
from sklearn.datasets import load_digits

from featscape.findings.pixels.quality import find_quality_problems, measure_faults
from featscape.findings.pixels.survey import MEASURES, survey_thumbnails
from featscape.images.decoding.thumbnails import make_thumbnail
from helpers.maps.planted import Pictures, average_precision, pictures


def darken(image):
    return Image.fromarray((np.asarray(image) * 0.12).astype(np.uint8))


def overexpose(image):
    return Image.fromarray((np.asarray(image) * 0.2 + 200).astype(np.uint8))


def flatten(image):
    return Image.new("RGB", image.size, (90, 120, 60))


def add_noise(image):
    noise = np.random.default_rng(0).normal(0, 60, np.shape(image))
    return Image.fromarray(np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8))


def blur(image):
    return image.filter(ImageFilter.GaussianBlur(6))


def blur_mildly(image):
    return image.filter(ImageFilter.GaussianBlur(1.25))


def desaturate(image):
    return image.convert("L").convert("RGB")


def problems(images, **options):
    part = find_quality_problems(survey_thumbnails(Pictures(images)), **options)
    return {one.item: one.kinds for one in part.findings}, part.reason


def sharp_pictures(n_images):
    """Return pictures of different sharpness, without faults."""
    return pictures(n_images, size=(192, 144), slopes=(1.0, 1.4))


def on_background(level, *, object_level, share):
    """Return an image of an object that covers a share of a uniform background."""
    image = np.full((128, 128, 3), level, dtype=np.uint8)
    side_px = round(128 * share**0.5)
    image[40 : 40 + side_px, 40 : 40 + side_px] = object_level
    return Image.fromarray(image)


def faults_of(image):
    """Return the faults of one image whose limits do not depend on the other images."""
    faults = measure_faults(survey_thumbnails(Pictures([image])), None)
    return {one.name for one in faults if one.values[0] > one.limit} & {"dark", "overexposed"}


@pytest.mark.parametrize(
    ("level", "object_level", "share"), [(255, 90, 0.04), (253, 150, 0.03), (0, 200, 0.008)]
)
def test_a_small_object_on_a_uniform_background_has_no_fault(level, object_level, share):
    image = on_background(level, object_level=object_level, share=share)
    assert faults_of(image) == set()


@pytest.mark.parametrize(
    ("level", "object_level", "kind"),
    [(255, 230, "overexposed"), (255, 255, "overexposed"), (0, 20, "dark"), (0, 0, "dark")],
)
def test_a_light_object_on_white_and_a_dark_object_on_black_are_found(level, object_level, kind):
    image = on_background(level, object_level=object_level, share=0.2)
    assert faults_of(image) == {kind}


@pytest.mark.parametrize(("level", "object_level"), [(255, 10), (0, 250)])
def test_an_object_of_another_brightness_than_its_background_has_no_fault(level, object_level):
    image = on_background(level, object_level=object_level, share=0.2)
    assert faults_of(image) == set()


@pytest.mark.parametrize(
    ("spoil", "kind"),
    [
        (darken, "dark"),
        (overexpose, "overexposed"),
        (flatten, "flat"),
        (add_noise, "noisy"),
        (blur, "blurred"),
        (desaturate, "gray"),
    ],
)
def test_a_planted_fault_is_the_only_finding(spoil, kind):
    images = sharp_pictures(40)
    images[7] = spoil(images[7])
    found, reason = problems(images)
    assert list(found) == [7]
    assert kind in found[7]
    assert reason is None


def with_strips(image, *, top, bottom, level=0, share=0.09):
    """Return an image with a strip of letters, drawn as bars, in the rows of an edge."""
    image = np.array(image)
    n_rows = round(share * len(image))
    strip = np.full((n_rows, *image.shape[1:]), level, dtype=np.uint8)
    strip[3:-3, 6:120:4] = 255 - level
    if top:
        image[:n_rows] = strip
    if bottom:
        image[-n_rows:] = strip
    return Image.fromarray(image)


def with_frame(image, *, level):
    image = np.array(image)
    height, width = image.shape[:2]
    rows, columns = round(0.09 * height), round(0.09 * width)
    image[:rows] = image[-rows:] = level
    image[:, :columns] = image[:, -columns:] = level
    return Image.fromarray(image)


EDGES = {
    "a strip at the bottom": partial(with_strips, top=False, bottom=True),
    "a white strip at the bottom": partial(with_strips, top=False, bottom=True, level=255),
    "a strip at the top": partial(with_strips, top=True, bottom=False),
    "two strips": partial(with_strips, top=True, bottom=True),
    "a gray frame": partial(with_frame, level=128),
    "a white frame": partial(with_frame, level=255),
    "a black frame": partial(with_frame, level=0),
}


@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize(
    ("spoil", "kind"),
    [(darken, "dark"), (overexpose, "overexposed"), (blur, "blurred"), (flatten, "flat")],
)
def test_a_strip_or_a_frame_hides_no_fault(edge, spoil, kind):
    images = sharp_pictures(40)
    images[7] = spoil(images[7])
    found, reason = problems([EDGES[edge](image) for image in images])
    assert [item for item, kinds in found.items() if kind in kinds] == [7]
    assert reason is None


def test_an_object_on_white_above_a_strip_is_not_overexposed():
    image = on_background(255, object_level=150, share=0.04)
    assert faults_of(with_strips(image, top=False, bottom=True)) == set()


def test_an_object_near_the_edge_of_a_white_image_is_not_overexposed():
    image = np.full((128, 128, 3), 255, dtype=np.uint8)
    image[4:26, 40:88] = 150
    assert faults_of(Image.fromarray(image)) == set()


def test_the_edges_of_small_images_are_measured():
    image = np.full((32, 32, 3), 5, dtype=np.uint8)
    image[:, -3:] = 200
    assert faults_of(Image.fromarray(image)) == set()


def test_mild_blur_is_ranked_first():
    images = sharp_pictures(120)
    blurred = np.zeros(120, dtype=bool)
    blurred[::20] = True
    images = [blur_mildly(one) if bad else one for one, bad in zip(images, blurred, strict=True)]
    faults = {one.name: one for one in measure_faults(survey_thumbnails(Pictures(images)), None)}
    assert average_precision(faults["blurred"].values, blurred) >= 0.93


def test_a_blurred_image_of_few_pixels_is_the_only_finding():
    images = [image.resize((40, 30)) for image in sharp_pictures(40)]
    images[7] = blur_mildly(images[7])
    assert problems(images)[0] == {7: ("blurred",)}


def test_stronger_blur_is_more_severe():
    images = sharp_pictures(40)
    radii = (2, 4, 8, 16)
    images[:4] = [images[0].filter(ImageFilter.GaussianBlur(radius)) for radius in radii]
    faults = {one.name: one for one in measure_faults(survey_thumbnails(Pictures(images)), None)}
    values = faults["blurred"].values[:4]
    assert (np.diff(values) > 0).all()
    assert (values > faults["blurred"].limit).all()


def enlarge(image):
    """Return an image whose pixels are those of a small image, as of a low resolution."""
    width, height = image.size
    return image.resize((width // 3, height // 3)).resize(image.size, Image.Resampling.BICUBIC)


def test_blurred_images_are_found_among_sharp_and_soft_images():
    images = sharp_pictures(60)
    images[::3] = [enlarge(image) for image in images[::3]]
    images[4], images[25] = blur(images[4]), blur(images[25])
    found, _ = problems(images)
    assert {4, 25} <= set(found)
    assert not set(found) - {4, 25, *range(0, 60, 3)}


def test_a_dataset_of_blurred_images_is_reported_once():
    found, reason = problems([blur(image) for image in sharp_pictures(40)])
    assert found == {}
    assert reason.startswith("100 % of the images are blurred")


def as_thumbnail(image):
    return Image.open(io.BytesIO(make_thumbnail(image))).convert("RGB")


def test_the_usual_detail_of_enlarged_digits_is_no_fault():
    levels = (255 - 15 * load_digits().images[:60]).astype(np.uint8)
    framed = [np.pad(image, 1, constant_values=255) for image in levels]
    small = [Image.fromarray(image).convert("RGB") for image in framed]
    images = [image.resize((80, 80), Image.Resampling.BICUBIC) for image in small]
    assert problems([as_thumbnail(image) for image in images]) == ({}, None)


def test_a_smooth_image_with_a_sharp_edge_is_not_blurred():
    rows = np.repeat(np.linspace(60, 90, 144)[:, None], 192, axis=1)
    rows[:, 96:] += 120
    images = [*sharp_pictures(40), Image.fromarray(rows.astype(np.uint8)).convert("RGB")]
    assert "blurred" not in problems(images)[0].get(40, ())


def test_sizes_and_shapes_that_differ_from_the_others_are_found():
    images = sharp_pictures(30)
    sizes = np.full((30, 2), (640, 480), dtype=np.int32)
    sizes[3], sizes[4] = (20, 16), (1200, 90)
    found, _ = problems(images, sizes_px=sizes)
    assert found == {3: ("tiny",), 4: ("of unusual shape",)}


def test_a_dataset_of_small_images_has_no_tiny_images():
    sizes = np.full((30, 2), 28, dtype=np.int32)
    assert problems(sharp_pictures(30), sizes_px=sizes)[0] == {}


def test_a_common_fault_is_reported_once_as_a_property_of_the_dataset():
    images = [darken(image) for image in pictures(20)] + pictures(20, seed=1)
    found, reason = problems(images)
    assert found == {}
    assert reason.startswith("50 % of the images are dark")


def drawing(seed):
    """Return a drawing of fine black and white lines on flat colors."""
    image = np.full((128, 128, 3), (200, 120, 60), dtype=np.uint8)
    image[:, :64] = np.random.default_rng(seed).integers(40, 200, 3)
    image[:80:2] = 0
    image[1:80:2] = 255
    return Image.fromarray(image)


def test_a_drawing_of_sharp_edges_is_not_noisy():
    images = [*sharp_pictures(40), drawing(0)]
    assert "noisy" not in problems(images)[0].get(40, ())


def page_of_text():
    """Return a page of rows of black letters, drawn as bars of 2 pixels, on white."""
    image = np.full((180, 240, 3), 255, dtype=np.uint8)
    rng = np.random.default_rng(0)
    for top in range(6, 170, 12):
        for left in range(6, 230, 6):
            image[top : top + 8, left : left + 2] = 0  # the stem, and two strokes
            image[top + rng.integers(0, 4, 2) * 2, left : left + 5] = 0
    return Image.fromarray(image)


def test_a_page_of_text_is_not_noisy():
    images = [blur(image) for image in pictures(40)]
    assert "noisy" not in problems([*images, page_of_text()])[0].get(40, ())
    assert "noisy" in problems([*images, add_noise(images[0])])[0][40]


@pytest.mark.parametrize("axis", [0, 1])
def test_stripes_are_no_noise(axis):
    shape = (1, 64) if axis else (64, 1)
    stripes = np.random.default_rng(0).integers(60, 200, shape).astype(np.uint8)
    image = Image.fromarray(np.broadcast_to(stripes, (64, 64)).copy()).convert("RGB")
    assert survey_thumbnails(Pictures([image])).measures["noise"][0] == 0


@pytest.mark.parametrize("level", [0.05, 0.2])
def test_the_noise_is_the_standard_deviation_of_planted_noise(level):
    noise = np.random.default_rng(0).normal(0, 255 * level, (240, 320, 1))
    image = np.clip(128 + np.zeros((240, 320, 3)) + noise, 0, 255).astype(np.uint8)
    measured = survey_thumbnails(Pictures([Image.fromarray(image)])).measures["noise"][0]
    assert measured == pytest.approx(level, rel=0.2)


def test_gray_images_are_a_fault_only_if_almost_all_images_have_colors():
    images = sharp_pictures(40)
    images[:4] = [desaturate(image) for image in images[:4]]
    assert problems(images)[0] == {}


def test_gray_images_of_a_gray_dataset_are_no_finding():
    assert problems([desaturate(image) for image in sharp_pictures(20)])[0] == {}


def test_the_text_names_the_image_and_all_its_faults():
    images = sharp_pictures(30)
    images[4] = desaturate(darken(images[4]))
    survey = survey_thumbnails(Pictures(images))
    paths = [f"{i}.jpg" for i in range(30)]
    (finding,) = find_quality_problems(survey, paths=paths).findings
    assert finding.text == "4.jpg is dark and gray."
    assert finding.kinds == ("dark", "gray")
    assert finding.evidence.score > 0


def test_identical_images_have_no_faults():
    assert problems([pictures(1)[0]] * 20, sizes_px=np.full((20, 2), 100, np.int32))[0] == {}


def test_a_map_without_images_gives_the_reason():
    assert find_quality_problems(None).reason == "The map has no images."


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (2, 2), (5, 3)])
def test_images_of_few_pixels_are_measured_without_blur(size):
    survey = survey_thumbnails(Pictures([Image.new("RGB", size, "white")]))
    assert set(survey.measures) == set(MEASURES)
    assert np.isnan(survey.measures["blur"][0])
    assert survey.measures["white"][0] == 1
    assert survey.grays.shape == (1, 48, 48)


def test_two_threads_measure_the_same_as_one():
    images = Pictures(pictures(150))
    one, two = (survey_thumbnails(images, n_threads=n) for n in (1, 2))
    np.testing.assert_array_equal(one.grays, two.grays)
    np.testing.assert_array_equal(one.digests, two.digests)
    for name in MEASURES:
        np.testing.assert_array_equal(one.measures[name], two.measures[name])


def test_an_image_of_one_color_comes_before_noisy_images_and_gray_images_come_last():
    images = pictures(40)
    images[:4] = [add_noise(image) for image in images[:4]]
    images[4] = Image.new("RGB", images[4].size, (230, 230, 230))
    images[5] = desaturate(images[5])
    images[6] = darken(images[6])
    part = find_quality_problems(survey_thumbnails(Pictures(images)))
    kinds = {one.item: one.kinds for one in part.findings}
    assert kinds[4] == ("overexposed", "flat", "gray")
    assert part.findings[0].item == 4
    assert set(kinds) >= {0, 1, 2, 3}
    texts = {one.item: one.text for one in part.findings}
    assert (texts[0], texts[6]) == ("item 0 may be noisy.", "item 6 is dark.")
    assert part.findings[-1].kinds == ("gray",)
    scores = [one.evidence.score for one in part.findings]
    assert scores == sorted(scores, reverse=True)
    assert 0 <= min(scores) <= max(scores) <= 1
