"""What the browser reads of a map: the files of a bundle, and the pages around them."""

from featscape.bundle.images import encode_from
from featscape.bundle.read import Bundle, open_bundle
from featscape.bundle.write import write_bundle

__all__ = ["Bundle", "encode_from", "open_bundle", "write_bundle"]
