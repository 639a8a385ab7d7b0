"""Name the regions of a map without labels by the classes that the network recognizes."""

from pathlib import Path
from shutil import copy

from featscape import make_map

files = sorted(Path("data/stamps").rglob("*.png"))
made = make_map(files, "regions-map", model="efficientnet_lite0", force=True)
copy(made.folder / "scatter.png", "regions.png")
print(made.regions[["name", "n_images"]].head(10))
