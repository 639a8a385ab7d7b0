"""Write the findings of a map as one HTML file, for reading and printing without any program.

- `records`: what the report is made of, and what the page shows
- `contents`: the choice of what the report shows, from the findings and thumbnails
- `images`: thumbnails as data: URLs, within a limit of bytes
- `diagram`: the class matrix and the tree as coordinates
- `page`: the HTML, from the templates beside this module
"""

from featscape.report.page import MARK, render_report
from featscape.report.records import MapPicture, ReportInput

__all__ = ["MARK", "MapPicture", "ReportInput", "render_report"]
