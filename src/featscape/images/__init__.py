"""Images: find them, decode them to RGB, make them small."""

from featscape.images.decode import (
    decode_bytes,
    decode_image,
    decode_scaled,
    media_type,
)
from featscape.images.files import Files
from featscape.images.find import check_choice, find_images
from featscape.images.plain_jpeg import decode_plain
from featscape.images.sources import name_source, open_contents
from featscape.images.thumbnails import ThumbnailPack, make_thumbnail

__all__ = [
    "Files",
    "ThumbnailPack",
    "check_choice",
    "decode_bytes",
    "decode_image",
    "decode_plain",
    "decode_scaled",
    "find_images",
    "make_thumbnail",
    "media_type",
    "name_source",
    "open_contents",
]
