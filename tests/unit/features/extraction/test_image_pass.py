"""The pass that reads images without a network."""

from PIL import Image

from featscape.features import read_images
from featscape.images import ThumbnailPacker, find_images
from featscape.mapfolder.thumbnails import Thumbnails
from featscape.progress import SilentProgress


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
