"""A map of features that another program computed: the pixels of 1,797 digits."""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from featscape import draw_scatter, embed_features

digits = load_digits()
np.save("pixels.npy", digits.data)
Path("labels.txt").write_text("\n".join(map(str, digits.target)), encoding="utf-8")
made = embed_features("pixels.npy", "own-features-map", labels="labels.txt", force=True)
draw_scatter(made.positions, made.labels).save("own-features.png")
