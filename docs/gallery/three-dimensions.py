"""A map of three dimensions, which rotates on the page."""

from shutil import copy

from featscape import make_map
from featscape.demo import write_digits

write_digits("digits")
made = make_map(
    "digits",
    "three-dimensions-map",
    model="efficientnet_lite0",
    n_components=3,
    limit=500,
    force=True,
)
copy(made.folder / "scatter.png", "three-dimensions.png")
