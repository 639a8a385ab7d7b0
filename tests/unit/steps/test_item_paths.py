"""The pairing of features, labels and columns with images, by the paths in their tables."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from featscape import find_images
from featscape.feature_options import FeatureMapOptions
from featscape.steps.own_features import read_own_features


@pytest.mark.parametrize("given", ["labels", "columns"])
@pytest.mark.parametrize("name", ["f.parquet", "other.parquet"])
def test_features_keep_their_images_beside_a_table_of_any_name(tmp_path, photos, given, name):
    paths = find_images(photos).paths
    n_items = len(paths)
    features = np.eye(n_items, dtype=np.float32)
    order = range(n_items)[::-1]  # of the rows of the other table
    features_file, other_file = tmp_path / "f.parquet", tmp_path / "other" / name
    other_file.parent.mkdir()
    pq.write_table(pa.table({"embedding": list(features), "file": paths}), features_file)
    names = [f"class {item}" for item in order]
    other = {"file": [paths[item] for item in order], "label": names, "item": list(order)}
    pq.write_table(pa.table(other), other_file)
    own = read_own_features(FeatureMapOptions(features_file, images=photos, **{given: other_file}))
    np.testing.assert_array_equal(own.values, features)
    assert own.items.paths == paths
    assert own.labels == tuple(f"class {item}" for item in range(n_items))
    assert own.items.images.columns["item"].tolist() == list(range(n_items))
