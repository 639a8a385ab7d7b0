"""Images: find them, decode them to RGB, make them small."""

from featscape.images.decode import decode_image
from featscape.images.find import find_images
from featscape.images.thumbnails import ThumbnailPack, make_thumbnail

__all__ = ["ThumbnailPack", "decode_image", "find_images", "make_thumbnail"]
