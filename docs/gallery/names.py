"""A map with names of your own: the names of every fifth file."""

from pathlib import Path

from featscape import draw_scatter, make_map

files = sorted(Path("data/animals").rglob("*.png"))
made = make_map(files, "names-map", model="efficientnet_lite0", force=True)
names = {item: files[item].stem for item in range(0, len(files), 5)}
draw_scatter(made.positions, item_names=names).save("names.png")
