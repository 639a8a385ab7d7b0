"""Images: find them, decode them to RGB, make them small."""

from featscape.images.decode import decode_image, decode_stream, media_type
from featscape.images.find import find_images
from featscape.images.thumbnails import ThumbnailPack, make_thumbnail

__all__ = [
    "ThumbnailPack",
    "decode_image",
    "decode_stream",
    "find_images",
    "make_thumbnail",
    "media_type",
]
