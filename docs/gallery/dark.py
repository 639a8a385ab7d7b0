"""A map on a dark background, with a title."""

from shutil import copy

from featscape import find_images, make_map

CLASSES = ["T-shirt", "Trousers", "Pullover", "Dress", "Coat"]
CLASSES += ["Sandal", "Shirt", "Sneaker", "Bag", "Boot"]

images = find_images("data/fashion-mnist/t10k-images-idx3-ubyte.gz", limit=300)
labels = [CLASSES[int(label)] for label in images.labels]
made = make_map(
    [*images],
    "dark-map",
    labels=labels,
    model="efficientnet_lite0",
    dark=True,
    title="Fashion-MNIST",
    force=True,
)
copy(made.folder / "images.png", "dark.png")
