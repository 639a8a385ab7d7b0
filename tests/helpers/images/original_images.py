"""Items with original images, for tests of the originals."""

import hashlib
import io
from types import SimpleNamespace

from PIL import Image


def items_of(*paths_and_contents):
    """Return items with the given paths and contents, in turn."""
    paths, contents = paths_and_contents[::2], paths_and_contents[1::2]
    return SimpleNamespace(
        path=paths.__getitem__,
        sha256=[hashlib.sha256(content).hexdigest() for content in contents].__getitem__,
        has_paths=True,
    )


def write_image(file, format_="PNG"):
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (300, 200), (200, 10, 10)).save(file, format_)
    return file.read_bytes()


def png(red):
    file = io.BytesIO()
    Image.new("RGB", (30, 20), (red, 10, 10)).save(file, "PNG")
    return file.getvalue()
