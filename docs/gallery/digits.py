"""A map of 500 handwritten digits, drawn with the images."""

from shutil import copy

from featscape import make_map
from featscape.demo import write_digits

write_digits("digits")
made = make_map("digits", "digits-map", model="efficientnet_lite0", limit=500, force=True)
copy(made.folder / "images.png", "digits.png")
