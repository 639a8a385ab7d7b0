"""A map whose images are in the cells of a grid."""

from shutil import copy

from featscape import find_images, make_map

CLASSES = ["T-shirt", "Trousers", "Pullover", "Dress", "Coat"]
CLASSES += ["Sandal", "Shirt", "Sneaker", "Bag", "Boot"]

images = find_images("data/fashion-mnist/t10k-images-idx3-ubyte.gz", limit=400)
labels = [CLASSES[int(label)] for label in images.labels]
made = make_map([*images], "grid-map", labels=labels, model="efficientnet_lite0", force=True)
copy(made.folder / "images-grid.png", "grid.png")
