"""Thumbnails: size, encoding, colors, and the pack that stores them."""

import io
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from featscape.errors import InputError
from featscape.images import ThumbnailPacker, make_thumbnail
from featscape.mapfolder.thumbnails import Thumbnails


def smooth(width, height):
    y, x = np.mgrid[0:height, 0:width]
    channels = [255 * x / width, 255 * y / height, 255 * (x + y) / (width + height)]
    return Image.fromarray(np.stack(channels, -1).astype(np.uint8))


def decode(encoded):
    with Image.open(io.BytesIO(encoded)) as image:
        image.load()
        return image


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((1024, 512), (256, 128)),
        ((300, 1000), (77, 256)),
        ((257, 257), (256, 256)),
        ((256, 100), (256, 100)),
        ((70, 30), (70, 30)),
        ((4000, 2), (256, 1)),
        ((1, 1), (1, 1)),
    ],
)
def test_the_longer_side_is_at_most_256_pixels_and_no_image_is_enlarged(size, expected):
    assert decode(make_thumbnail(smooth(*size))).size == expected


def test_the_size_can_be_chosen():
    assert decode(make_thumbnail(smooth(300, 200), size_px=30)).size == (30, 20)
    assert decode(make_thumbnail(smooth(1500, 1000), size_px=600)).size == (600, 400)


@pytest.mark.parametrize(("size", "format_"), [((64, 8), "PNG"), ((8, 65), "JPEG")])
def test_only_small_originals_are_stored_without_loss(size, format_):
    image = smooth(*size)
    thumbnail = decode(make_thumbnail(image))
    assert thumbnail.format == format_
    assert thumbnail.mode == "RGB"
    if format_ == "PNG":
        assert thumbnail.tobytes() == image.tobytes()


def test_the_colors_are_those_of_the_original():
    image = smooth(1000, 700)
    thumbnail = decode(make_thumbnail(image))
    exact = image.resize(thumbnail.size, Image.Resampling.BOX)
    difference = np.asarray(thumbnail).astype(int) - np.asarray(exact)
    assert np.abs(difference).max() <= 8
    assert np.abs(difference).mean() < 1


def test_fine_stripes_become_gray_without_aliasing():
    stripes = np.zeros((1000, 1000, 3), dtype=np.uint8)
    stripes[:, ::2] = 255
    thumbnail = np.asarray(decode(make_thumbnail(Image.fromarray(stripes))))
    assert thumbnail.min() > 115
    assert thumbnail.max() < 140


def test_the_original_is_not_changed():
    image = smooth(500, 400)
    before = image.tobytes()
    make_thumbnail(image)
    assert image.size == (500, 400)
    assert image.tobytes() == before


@pytest.mark.parametrize("size_px", [0, -1])
def test_a_size_below_one_is_an_error_before_anything_is_written(tmp_path, size_px):
    with pytest.raises(InputError, match=rf"at least 1 pixel; got {size_px}"):
        make_thumbnail(smooth(5, 5), size_px=size_px)
    with pytest.raises(InputError, match=rf"at least 1 pixel; got {size_px}"):
        ThumbnailPacker(tmp_path / "pack", size_px=size_px)
    assert not (tmp_path / "pack").exists()


def test_a_pack_stores_the_thumbnails_that_threads_made(tmp_path):
    images = [smooth(20 + 10 * i, 30) for i in range(12)]
    with ThumbnailPacker(tmp_path / "pack", size_px=80) as pack, ThreadPoolExecutor(4) as pool:
        for encoded in pool.map(pack.make, images):
            pack.append(encoded)
    thumbnails = Thumbnails(tmp_path / "pack")
    assert len(thumbnails) == 12
    widths = [thumbnails.load(i).width for i in range(12)]
    assert widths == [20, 30, 40, 50, 60, 70, 80, 80, 80, 80, 80, 80]
    assert thumbnails.encoded(11) == make_thumbnail(images[11], size_px=80)


def test_memory_does_not_grow_with_the_pack(tmp_path):
    encoded = bytes(10_000)
    with ThumbnailPacker(tmp_path / "pack") as pack:
        tracemalloc.start()
        for _ in range(1000):
            pack.append(encoded)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 100_000  # bytes; 10 MB were written
