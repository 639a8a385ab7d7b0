"""How a node reads an image, tested without a cluster."""

import io

import numpy as np
from PIL import Image

from featscape.distribute import node_extraction
from featscape.distribute.node_extraction import DigestPrefixes, Job
from featscape.images import find_images


class OfPixels:
    """A network that takes unchanged pixels."""

    takes_pixels = True
    min_px = 0

    def prepare(self, image):
        return np.asarray(image)


def test_a_plain_file_is_decoded_by_the_quick_decoder(tmp_path):
    stream = io.BytesIO()
    Image.new("RGB", (16, 12), "red").save(stream, "JPEG")
    (tmp_path / "a.jpg").write_bytes(stream.getvalue())
    images = find_images(tmp_path)

    def refuse(_content, **_options):
        raise AssertionError("a plain file was left to Pillow")

    job = Job(
        kind=images.kind,
        source=tmp_path,
        decode=refuse,
        decode_plain=images.decode_plain,
        network=OfPixels(),
        device="cpu",
        thumbnails=None,
        prefixes=[],
    )
    read = node_extraction._read(
        images.contents, images.paths[0], DigestPrefixes(np.empty(0, np.uint64)), job
    )
    assert read.size_px == (16, 12)
    assert read.pixels.shape == (12, 16, 3)
