import numpy as np
import pytest
from PIL import Image, ImageOps

from featscape.findings.duplicates.alignment import Aligner
from featscape.findings.duplicates.descriptors import describe, mirror, nearest_descriptors
from featscape.findings.pixels.survey import survey_thumbnails
from helpers.maps.planted import Pictures, pictures


def grays(images):
    return survey_thumbnails(Pictures(images)).grays


def aligned(first, second):
    found = Aligner(grays([first, second])).align(np.array([[0, 1]]))
    return {name: values[0] for name, values in found._asdict().items()}


@pytest.fixture(scope="module")
def picture():
    return pictures(1, size=(96, 96), slopes=(1.6, 1.6))[0]


def test_a_crop_is_aligned_by_its_scale_and_shift(picture):
    found = aligned(picture.crop((10, 4, 90, 84)), picture)
    assert found["correlation"] > 0.99
    assert found["scale"] == pytest.approx(80 / 96, abs=0.01)
    # the center of the crop is at (50, 44) of 96 pixels
    assert found["shift"] == pytest.approx((50 - 48) / 48 + 1j * (44 - 48) / 48, abs=0.01)
    assert not found["mirrored"]


def test_a_rotation_is_aligned_by_its_angle(picture):
    found = aligned(picture.rotate(5, Image.Resampling.BICUBIC), picture)
    assert found["correlation"] > 0.98
    assert np.degrees(np.angle(found["scale"])) == pytest.approx(5, abs=0.3)


def test_a_mirrored_and_brighter_image_is_aligned(picture):
    changed = ImageOps.mirror(picture).point(lambda level: level * 0.6 + 60)
    found = aligned(picture, changed)
    assert found["correlation"] > 0.99
    assert found["mirrored"]


def test_a_caption_lowers_only_the_plain_correlation(picture):
    caption = picture.copy()
    caption.paste("white", (5, 75, 60, 88))
    found = aligned(picture, caption)
    assert found["correlation"] > 0.98
    assert found["plain"] < 0.95


def test_different_and_flat_images_do_not_correlate():
    images = [*pictures(2), Image.new("RGB", (64, 64), "gray")]
    found = Aligner(grays(images)).align(np.array([[0, 1], [0, 2]]))
    assert found.correlation[0] < 0.8
    assert found.correlation[1] == -1


def test_two_threads_align_like_one_and_no_pairs_are_accepted():
    aligner = Aligner(grays(pictures(30)))
    pairs = np.stack(np.triu_indices(30, 1), axis=1)  # two batches
    one, two = (aligner.align(pairs, n_threads=n) for n in (1, 2))
    np.testing.assert_array_equal(one.correlation, two.correlation)
    assert len(aligner.align(np.zeros((0, 2), dtype=np.intp)).correlation) == 0


def test_neighbors_by_descriptor_are_those_of_a_comparison_of_all_pairs():
    descriptors = describe(grays(pictures(60)))
    similarity = np.maximum(descriptors @ descriptors.T, descriptors @ mirror(descriptors).T)
    np.fill_diagonal(similarity, -np.inf)
    expected = np.argsort(-similarity, axis=1)[:, :4]
    np.testing.assert_array_equal(nearest_descriptors(descriptors, 4, random_state=0), expected)
    of = np.arange(60) % 3 == 0
    expected[~of] = np.flatnonzero(~of)[:, None]
    nearest = nearest_descriptors(descriptors, 4, of=of, random_state=0)
    np.testing.assert_array_equal(nearest, expected)


def test_cells_find_the_copies_among_many_images():
    rng = np.random.default_rng(0)
    levels = rng.integers(0, 256, (6000, 12, 12)).astype(np.uint8)
    levels[3000:3300] = np.clip(levels[:300] + rng.normal(0, 20, (300, 12, 12)), 0, 255)
    levels[3300:3600] = levels[300:600, :, ::-1]
    near = nearest_descriptors(describe(levels), 6, random_state=0)
    is_found = (near[3000:3600] == np.arange(600)[:, None]).any(axis=1)
    assert is_found.mean() > 0.95
    assert (near != np.arange(6000)[:, None]).mean() > 0.99


def test_an_image_without_other_images_is_its_own_neighbor():
    assert nearest_descriptors(np.eye(1, 144, dtype=np.float32), 3, random_state=0).tolist() == [
        [0, 0, 0]
    ]


def test_fine_alignment_raises_the_correlation_of_rotated_small_images():
    small = [one.resize((28, 28), Image.Resampling.BOX) for one in pictures(20)]
    turned = [one.rotate(5, Image.Resampling.BICUBIC) for one in small]
    aligner = Aligner(grays(small + turned))
    pairs = np.stack([np.arange(20), 20 + np.arange(20)], axis=1)
    coarse, fine = (aligner.align(pairs, is_fine=is_fine).correlation for is_fine in (False, True))
    assert fine.mean() > coarse.mean()
    assert (fine > coarse - 1e-3).all()
