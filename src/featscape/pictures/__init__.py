"""Draw pictures of a map: a scatter plot, maps made of the images, and how near classes are."""

from featscape.labels.colors import class_colors
from featscape.pictures.classes import draw_classes
from featscape.pictures.mosaic import draw_mosaic
from featscape.pictures.page import check_sizes
from featscape.pictures.scatter import draw_scatter
from featscape.pictures.text import without_font

__all__ = [
    "check_sizes",
    "class_colors",
    "draw_classes",
    "draw_mosaic",
    "draw_scatter",
    "without_font",
]
