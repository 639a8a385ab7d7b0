"""Draw pictures of a map: a scatter plot, maps made of the images, and how near classes are."""

from featscape.labels.colors import class_colors
from featscape.pictures.axes import check_axes
from featscape.pictures.classes import (
    check_classes_file,
    draw_relations,
    draw_relations_in_axes,
)
from featscape.pictures.mosaic import draw_mosaic
from featscape.pictures.page import check_sizes
from featscape.pictures.scatter import draw_scatter
from featscape.pictures.text import without_font

__all__ = [
    "check_axes",
    "check_classes_file",
    "check_sizes",
    "class_colors",
    "draw_mosaic",
    "draw_relations",
    "draw_relations_in_axes",
    "draw_scatter",
    "without_font",
]
