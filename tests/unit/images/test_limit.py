"""The limit of the number of images, and the maximum size of an image."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from featscape.errors import ImageError, InputError
from featscape.images import find_images
from featscape.records import ImageSet
from featscape.steps.facts.source import describe_found
from helpers.images.empty_images import make_files


def make_unbalanced(root):
    """Make 100 cats, 10 dogs and one emu."""
    cats = [f"cat/{i}.jpg" for i in range(100)]
    return make_files(root, *cats, *(f"dog/{i}.jpg" for i in range(10)), "emu/0.jpg")


def test_a_limit_depends_on_the_seed_and_keeps_the_order(tmp_path):
    make_unbalanced(tmp_path)
    everything = find_images(tmp_path)
    some = find_images(tmp_path, limit=20, random_state=1)
    assert len(some) == 20
    assert list(some.paths) == [path for path in everything.paths if path in set(some.paths)]
    assert all(path.startswith(label) for path, label in zip(some.paths, some.labels, strict=True))
    assert some.paths == find_images(tmp_path, limit=20, random_state=1).paths
    assert some.paths != find_images(tmp_path, limit=20, random_state=2).paths


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("limit", [3, 4, 20])
def test_a_limit_keeps_every_class_if_possible(tmp_path, limit, seed):
    images = find_images(make_unbalanced(tmp_path), limit=limit, random_state=seed)
    assert len(images) == limit
    assert set(images.labels) == {"cat", "dog", "emu"}


def test_a_limit_below_the_number_of_classes_keeps_one_image_of_each(tmp_path):
    images = find_images(make_unbalanced(tmp_path), limit=2)
    assert len(set(images.labels)) == 2
    (dropped,) = images.dropped_classes
    assert {dropped, *images.labels} == {"cat", "dog", "emu"}
    (line,) = [line for line in describe_found(images) if line.startswith("--limit 2 ")]
    assert f"no image of 1 of 3 classes: '{dropped}'; " in line


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (1, "keeps no image of 1 of 2 classes: 'dog'; no image without a label; at least"),
        (2, "keeps no image without a label; at least one image of each class needs --limit 3"),
    ],
)
def test_images_without_a_label_are_no_class_of_a_limit(limit, expected):
    labels = ("cat", "dog", "(no label)")
    images = ImageSet("photos", ("1.png", "2.png"), contents=None, decode=None)
    some = replace(images.select(range(limit)), labels=labels[:limit])
    some = replace(some, dropped_classes=labels[limit:])
    assert any(expected in line for line in describe_found(some))


def test_the_first_image_of_a_class_is_random(tmp_path):
    make_unbalanced(tmp_path)
    drawn = {find_images(tmp_path, limit=3, random_state=seed).paths[0] for seed in range(10)}
    assert len(drawn) > 5


def test_frequent_classes_are_sampled_in_proportion(tmp_path):
    make_unbalanced(tmp_path)
    n_dogs = [
        find_images(tmp_path, limit=57, random_state=s).labels.count("dog") for s in range(60)
    ]
    assert 4.5 < sum(n_dogs) / 60 < 5.7  # expected 57 * 10 / 111 = 5.1, standard error 0.2


def test_a_limit_works_without_labels(tmp_path):
    images = find_images(make_files(tmp_path, *(f"{i}.jpg" for i in range(50))), limit=7)
    assert len(set(images.paths)) == 7
    assert images.labels is None


@pytest.mark.parametrize("limit", [111, 1000, None])
def test_a_limit_that_is_not_reached_keeps_all_images(tmp_path, limit):
    assert len(find_images(make_unbalanced(tmp_path), limit=limit)) == 111


@pytest.mark.parametrize("limit", [0, -5])
def test_a_limit_below_one_is_an_error(tmp_path, limit):
    with pytest.raises(InputError, match=rf"limit must be at least 1 image; got {limit}"):
        find_images(make_files(tmp_path, "1.jpg"), limit=limit)


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_out_of_range_is_an_error(tmp_path, seed):
    with pytest.raises(InputError, match=rf"seed must be between 0 and 2\*\*32 - 1; got {seed}"):
        find_images(make_files(tmp_path, "1.jpg"), limit=1, random_state=seed)


@pytest.mark.parametrize("max_megapixels", [0, -1, float("inf"), float("nan")])
def test_max_megapixels_must_be_a_finite_number_above_0(tmp_path, max_megapixels):
    with pytest.raises(InputError, match=rf"a finite number above 0; got {max_megapixels}\."):
        find_images(make_files(tmp_path, "1.jpg"), max_megapixels=max_megapixels)


def test_a_jpeg_is_decoded_at_a_smaller_scale(tmp_path):
    Image.new("RGB", (400, 200)).save(tmp_path / "large.jpg")
    images = find_images(tmp_path)
    assert images.load(0).size == (400, 200)
    assert images.load(0, at_least_px=90).size == (200, 100)


def test_max_megapixels_applies_when_an_image_is_decoded(tmp_path):
    Image.new("RGB", (100, 50)).save(tmp_path / "large.png")
    Image.new("RGB", (10, 10)).save(tmp_path / "small.png")
    images = find_images(tmp_path, max_megapixels=0.001)
    assert images.load(1).size == (10, 10)
    with pytest.raises(ImageError, match=r"exceed the limit of 0\.001"):
        images.load(0)
    assert images.decode_plain is None  # the plain decoder supports no other limit than Pillow's
    with pytest.raises(InputError, match="must be a finite number above 0; got -1"):
        find_images(tmp_path, max_megapixels=-1)


@pytest.mark.parametrize("white", [0, -1, 2**32, 4095.0, True])
def test_white_must_be_an_integer_in_range(tmp_path, white):
    with pytest.raises(InputError, match=rf"white must be an integer between .*; got {white}\."):
        find_images(make_files(tmp_path, "1.jpg"), white=white)


def test_white_applies_when_an_image_is_decoded(tmp_path):
    Image.fromarray(np.array([[0, 4095]], dtype=np.uint16)).save(tmp_path / "1.png")
    assert find_images(tmp_path).load(0).getpixel((1, 0)) == (16, 16, 16)
    images = find_images(tmp_path, white=4095, max_megapixels=0.00001)
    assert images.load(0).getpixel((1, 0)) == (255, 255, 255)
    assert images.white == 4095
    with pytest.raises(ImageError, match="exceed the limit of 1e-06"):
        find_images(tmp_path, white=4095, max_megapixels=0.000001).load(0)
    assert find_images(tmp_path, white=4095).decode_plain is find_images(tmp_path).decode_plain
