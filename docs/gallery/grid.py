"""A map whose images are in the cells of a grid."""

from shutil import copy

from featscape import make_map

source = "data/fashion-mnist/t10k-images-idx3-ubyte.gz"
made = make_map(source, "grid-map", model="efficientnet_lite0", limit=400, force=True)
copy(made.folder / "images-grid.png", "grid.png")
