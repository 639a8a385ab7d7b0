"""Sets of images in a pickle, for example for another process."""

import gzip
import pickle
import struct
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from featscape.images import find_images
from helpers.images.collections import BLUE, RED, HuggingFaceDataset, TorchDataset, colors_of
from helpers.maps.small_map import some_features


class Mappings(TorchDataset):
    """A dataset whose items are mappings."""

    def __getitem__(self, place):
        return {"image": RED if place == 0 else BLUE}


@pytest.fixture
def sources(tmp_path, png, write_images, write_tar, write_zip):
    """Return a source of each kind, with the reds 0 and 1."""
    folder = write_images("photos/0.png", "photos/1.png") / "photos"
    files = [(f"{red}.png", png(red)) for red in (0, 1)]
    (tmp_path / "t.csv").write_text("path\nphotos/0.png\nphotos/1.png\n")
    pq.write_table(pa.table({"image": [one for _, one in files]}), tmp_path / "t.parquet")
    pixels = np.zeros((2, 4, 6, 3), np.uint8)
    pixels[1, ..., 0] = 1
    np.save(tmp_path / "x.npy", pixels)
    np.savez(tmp_path / "x.npz", x=pixels)
    idx = struct.pack(">HBB3I", 0, 8, 3, 2, 4, 6) + pixels[..., 0].tobytes()
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx))
    return {
        "folder": folder,
        "table": tmp_path / "t.csv",
        "Parquet": tmp_path / "t.parquet",
        "ZIP": write_zip(tmp_path / "x.zip", files),
        "TAR": write_tar(tmp_path / "x.tar", files),
        "npy": tmp_path / "x.npy",
        "npz": tmp_path / "x.npz",
        "IDX": tmp_path / "train-images-idx3-ubyte.gz",
        "paths": [str(folder / "0.png"), str(folder / "1.png")],
        "images": [Image.fromarray(one) for one in pixels],
        "array": pixels,
        "frame": {"image": [one for _, one in files], "n": [1, 2]},
    }


@pytest.mark.parametrize(
    "kind",
    [
        *("folder", "table", "Parquet", "ZIP", "TAR", "npy", "npz", "IDX"),
        *("paths", "images", "array", "frame"),
    ],
)
def test_a_pickled_set_has_the_same_images(sources, reds, kind):
    images = find_images(sources[kind], white=255)
    again = pickle.loads(pickle.dumps(images))
    assert reds(again) == reds(images) == [0, 1]
    assert (again.paths, again.kind, again.white) == (images.paths, images.kind, 255)


@pytest.mark.parametrize(
    "dataset",
    [TorchDataset(), Mappings(), HuggingFaceDataset()],
    ids=["tuples", "mappings", "table"],
)
def test_a_pickled_set_of_a_dataset_has_the_same_images(dataset):
    images = find_images(dataset)
    again = pickle.loads(pickle.dumps(images))
    assert colors_of(again) == colors_of(images) == [(255, 0, 0), (0, 0, 255)]


def test_pickled_features_have_the_same_images(sources, reds):
    features = replace(some_features(), images=find_images(sources["folder"]))
    again = pickle.loads(pickle.dumps(features))
    assert (again.values.tolist(), again.model) == (features.values.tolist(), features.model)
    assert reds(again.images) == [0, 1]
