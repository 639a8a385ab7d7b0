"""Write the findings of a map as one HTML file, for reading and printing without any program.

- `contents`: what the report shows, from the findings and thumbnails
- `images`: thumbnails as data: URLs, within a limit of bytes
- `diagram`: the class matrix and the tree as coordinates
- `page`: the HTML, from the templates beside this module
"""

from featscape.report.contents import MapPicture, ReportInput
from featscape.report.page import MARK, render_report

__all__ = ["MARK", "MapPicture", "ReportInput", "render_report"]
