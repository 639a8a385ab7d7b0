"""The pass that reads images without a network."""

import re

import numpy as np
import pytest
from PIL import Image

from featscape.features import read_images
from featscape.images import ThumbnailPacker, find_images
from featscape.mapfolder.thumbnails import Thumbnails
from featscape.progress import SilentProgress
from helpers.notes import Notes


def test_a_large_photograph_is_decoded_at_a_smaller_scale_once(tmp_path):
    (tmp_path / "photos").mkdir()
    Image.linear_gradient("L").resize((1200, 900)).save(tmp_path / "photos" / "a.jpg")
    images = find_images(tmp_path / "photos")
    calls = []

    def decode(content, *, at_least_px=0):
        calls.append(at_least_px)
        return find_images(tmp_path / "photos").decode(content, at_least_px=at_least_px)

    counted = images.select([0])
    object.__setattr__(counted, "decode", decode)
    with ThumbnailPacker(tmp_path / "pack", size_px=64) as thumbnails:
        items, kept = read_images(counted, thumbnails=thumbnails, progress=SilentProgress())
    assert calls == [64]
    assert items.sizes_px.tolist() == [[1200, 900]]
    assert Thumbnails(tmp_path / "pack").load(0).size == (64, 48)
    assert kept.tolist() == [0]


@pytest.mark.parametrize(
    ("largest", "white", "expected"),
    [
        ([900], None, r"looks dark \('0.png'\): repeat the "),
        ([900, 1_023], None, r"--white 1023 \(white=1023\)$"),
        ([900, 1_024], None, r"--white 4095 \(white=4095\)$"),
        ([4_096], None, r"--white 16383 \(white=16383\)$"),
        ([16_383, 16_384], None, r"^1 image uses at most a .* dark \('0.png'\): other"),
        ([900, 7_000, 65_535], None, "2 images use at most .* have values up to 65535, so scale"),
        ([16_384, 65_535], None, None),
        ([900, 4_095], 4095, None),
        ([4_095, 4_096], 4095, r"above --white 4095, .* \('1.tif'\); its largest .* is 4096"),
        ([65_535], 65_535, None),
        ([900], 70_000, "1 image has 16 bits .*, .* --white 70000 makes this image darker; repeat"),
        (
            [900, 65_535],
            65_536,
            r"have 16 bits \('0.png' and 1 more\), .* with --white 65535 \(white=65535\) or",
        ),
        ([9_000, 5_000], 4095, "2 images have values above --white 4095, .*; their .* is 9000"),
    ],
)
def test_the_largest_values_of_16_bit_images_are_reported(tmp_path, largest, white, expected):
    (tmp_path / "scans").mkdir()
    for number, value in enumerate(largest):
        values = np.array([[0, value]], dtype=np.uint16)
        Image.fromarray(values).save(tmp_path / "scans" / f"{number}.{('png', 'tif')[number % 2]}")
    Image.new("L", (2, 1)).save(tmp_path / "scans" / "e.png")  # 8 bits
    images, notes = find_images(tmp_path / "scans", white=white), Notes()
    with ThumbnailPacker(tmp_path / "pack", size_px=64) as thumbnails:
        read_images(images, thumbnails=thumbnails, progress=notes)
    if expected is None:
        assert notes.lines == []
    else:
        (line,) = notes.lines
        assert re.search(expected, line)


def test_files_with_further_pages_or_frames_are_counted_in_one_note(tmp_path):
    (tmp_path / "scans").mkdir()
    pages = [Image.new("RGB", (20, 10), color) for color in ("red", "green", "blue")]
    for extension in ("tif", "gif", "webp", "png"):
        pages[0].save(
            tmp_path / "scans" / f"many.{extension}", save_all=True, append_images=pages[1:]
        )
        pages[0].save(tmp_path / "scans" / f"one.{extension}")
    (tmp_path / "scans" / "cut.gif").write_bytes((tmp_path / "scans/many.gif").read_bytes()[:-20])
    notes = Notes()
    with ThumbnailPacker(tmp_path / "pack", size_px=64) as thumbnails:
        read_images(find_images(tmp_path / "scans"), thumbnails=thumbnails, progress=notes)
    assert [line.partition(":")[0] for line in notes.lines] == [
        "5 files have further pages or frames ('cut.gif' and 4 more); only the first is used"
    ]


@pytest.mark.parametrize(
    ("white", "message"),
    [
        (None, r"^1 image uses at most .* \(white=4095\)$"),
        (70_000, r"^1 image has 16 bits .*, .* \(white=65535\) or less$"),
    ],
)
def test_dark_images_are_a_warning_without_a_receiver_of_reports(tmp_path, white, message):
    with pytest.warns(UserWarning, match=message):
        read_one_scan(tmp_path, white=white, progress=SilentProgress())


def test_clipped_values_are_no_warning(tmp_path):
    read_one_scan(tmp_path, white=1023, progress=SilentProgress())


def read_one_scan(folder, *, white, progress):
    """Read an image with the values 0 and 4095."""
    (folder / "scans").mkdir()
    Image.fromarray(np.array([[0, 4095]], dtype=np.uint16)).save(folder / "scans" / "a.png")
    images = find_images(folder / "scans", white=white)
    with ThumbnailPacker(folder / "pack", size_px=64) as thumbnails:
        read_images(images, thumbnails=thumbnails, progress=progress)
