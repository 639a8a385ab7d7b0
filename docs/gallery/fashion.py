"""A map of 2,000 pictures of Fashion-MNIST, drawn as points."""

from featscape import draw_scatter, make_map

CLASSES = ["T-shirt", "Trousers", "Pullover", "Dress", "Coat"]
CLASSES += ["Sandal", "Shirt", "Sneaker", "Bag", "Boot"]

source = "data/fashion-mnist/t10k-images-idx3-ubyte.gz"
made = make_map(source, "fashion-map", model="efficientnet_lite0", limit=2000, force=True)
labels = [CLASSES[int(label)] for label in made.labels]
draw_scatter(made.positions, labels).save("fashion.png")
