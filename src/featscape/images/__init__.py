"""Images: find the images of a source, decode them to RGB, make thumbnails.

The subpackages are layers, each of which uses only the layers below:

- `sources`: one module for each kind of source, and the registry of these kinds
- `containers`: files that hold many images, such as archives; `tables`: files that describe images
- `storage`: files on a local disk or at an address
- `decoding`: bytes -> RGB pixels
"""

from featscape.images.containers.program_images import encode_program_image
from featscape.images.decoding.formats import media_type
from featscape.images.decoding.pillow import decode_bytes, decode_scaled
from featscape.images.decoding.plain_jpeg import decode_plain
from featscape.images.decoding.thumbnails import ThumbnailPacker, make_thumbnail
from featscape.images.find import check_choice, draw_images, find_images
from featscape.images.preview import find_in_small_source
from featscape.images.sources.parquet import lists_images
from featscape.images.sources.registry import name_source, open_contents
from featscape.images.storage.backends import Files

__all__ = [
    "Files",
    "ThumbnailPacker",
    "check_choice",
    "decode_bytes",
    "decode_plain",
    "decode_scaled",
    "draw_images",
    "encode_program_image",
    "find_images",
    "find_in_small_source",
    "lists_images",
    "make_thumbnail",
    "media_type",
    "name_source",
    "open_contents",
]
