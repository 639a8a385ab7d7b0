"""A map that is replaced while it is opened."""

import threading

import numpy as np
import pyarrow as pa

from featscape.errors import InputError
from featscape.mapfolder.read import open_map
from hostile import maps
from hostile.seedmap import N_ITEMS


def test_opening_a_map_that_is_being_replaced_returns_one_version(seed, tmp_path):
    """Swap two maps with the same number of items while the map is opened 150 times."""
    versions = [maps.copy_map(seed, tmp_path / name) for name in ("a", "b")]
    for number, folder in enumerate(versions):
        np.save(folder / "features.npy", np.load(seed / "features.npy") + np.float32(number))
        maps.change_json(folder / "run.json", lambda run, n=number: run | {"n_iter": n})
        table = maps.read_items(seed)
        x = pa.array(np.full(N_ITEMS, number, np.float32))
        maps.write_items(folder, table.set_column(table.column_names.index("x"), "x", x))
    features = [np.load(folder / "features.npy")[0, 0] for folder in versions]
    name, done = tmp_path / "map", threading.Event()
    versions[0].rename(name)

    def swap():
        current, other = 0, versions[1]
        while not done.is_set():
            name.rename(versions[current])
            other.rename(name)
            current, other = 1 - current, versions[current]

    swapping = threading.Thread(target=swap)
    swapping.start()
    opened = []
    try:
        for _ in range(150):
            try:
                made = open_map(name)
            except InputError:  # between the two renames, there is no map
                continue
            opened.append(made.run["n_iter"])
            assert made.positions[0, 0] == made.run["n_iter"]
            assert made.features[0, 0] == features[made.run["n_iter"]]
    finally:
        done.set()
        swapping.join()
    assert set(opened) == {0, 1}
