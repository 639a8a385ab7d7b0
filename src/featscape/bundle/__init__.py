"""The files that the browser reads: the bundle, the one-file page and the static site."""

from featscape.bundle.added_columns import add_columns
from featscape.bundle.images import encode_from
from featscape.bundle.onefile import check_page_images, write_page
from featscape.bundle.read import Bundle, open_bundle
from featscape.bundle.site import write_site
from featscape.bundle.viewer_page import VIEWER, linked_page, viewer_file
from featscape.bundle.write import write_bundle

__all__ = [
    "VIEWER",
    "Bundle",
    "add_columns",
    "check_page_images",
    "encode_from",
    "linked_page",
    "open_bundle",
    "viewer_file",
    "write_bundle",
    "write_page",
    "write_site",
]
