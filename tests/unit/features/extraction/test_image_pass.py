"""The pass that reads images without a network."""

import numpy as np
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


def test_16_bit_images_that_look_dark_are_counted_in_one_note(tmp_path):
    (tmp_path / "scans").mkdir()
    for name, white in {"a.png": 3_360, "b.tif": 8_191, "c.png": 8_192, "d.tif": 65_535}.items():
        values = np.array([[0, white]], dtype=np.uint16)
        Image.fromarray(values).save(tmp_path / "scans" / name)
    Image.new("L", (2, 1)).save(tmp_path / "scans" / "e.png")  # 8 bits
    notes = Notes()
    with ThumbnailPacker(tmp_path / "pack", size_px=64) as thumbnails:
        read_images(find_images(tmp_path / "scans"), thumbnails=thumbnails, progress=notes)
    (line,) = notes.lines
    assert line.startswith("2 images use less than an eighth of 16 bits and look dark: scale")


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
        "5 files have further pages or frames; only the first is used"
    ]
