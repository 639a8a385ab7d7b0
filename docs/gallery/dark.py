"""A map on a dark background, with a title."""

from shutil import copy

from featscape import make_map

source = "data/fashion-mnist/t10k-images-idx3-ubyte.gz"
made = make_map(
    source,
    "dark-map",
    model="efficientnet_lite0",
    limit=300,
    dark=True,
    title="Fashion-MNIST",
    force=True,
)
copy(made.folder / "images.png", "dark.png")
