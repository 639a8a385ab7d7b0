"""A map of 154 pictures of animals, drawn with the images."""

from shutil import copy

from featscape import make_map

made = make_map("data/animals", "photographs-map", model="efficientnet_lite0", force=True)
copy(made.folder / "images.png", "photographs.png")
