"""Maps of one dataset at three layers of a network."""

import matplotlib.pyplot as plt

from featscape import draw_scatter, make_maps
from featscape.demo import write_digits

LAYERS = ["blocks.0", "blocks.3", "global_pool"]

write_digits("digits")
maps = make_maps(
    "digits", "layers-map", model="efficientnet_lite0", layers=LAYERS, limit=500, force=True
)
figure, places = plt.subplots(1, 3, figsize=(12, 4), layout="constrained")
for place, layer in zip(places, LAYERS, strict=True):
    place.set_title(layer)
for place, made in zip(places, maps, strict=True):
    draw_scatter(made.positions, made.labels, ax=place)
figure.savefig("layers.png", dpi=130)
