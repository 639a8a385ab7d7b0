"""The regions of a map whose network has a text tower."""

from types import SimpleNamespace

import numpy as np

from featscape import mapfolder
from featscape.mapfolder.words_file import write_vectors
from featscape.records import WordVectors
from featscape.steps.content.regions import name_in_folder
from featscape.words import as_bytes, load_nouns


def test_the_nouns_of_a_map_name_its_regions(tmp_path):
    nouns = load_nouns()
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(len(nouns.names), 32)).astype(np.float32)
    shown = np.repeat([4000, 17, 8000], 60)
    features = vectors[shown] + rng.normal(scale=0.1, size=(180, 32)).astype(np.float32)
    centers = np.repeat([[0, 0], [40, 0], [0, 40]], 60, axis=0)
    np.save(tmp_path / mapfolder.FEATURES, features)
    write_vectors(tmp_path, WordVectors(nouns.rows, *as_bytes(vectors)))
    embedding = SimpleNamespace(
        positions=centers + rng.normal(size=(180, 2)), labels=None, parameters={"seed": 0}
    )
    regions = name_in_folder(tmp_path, embedding, items=SimpleNamespace(columns={}))
    assert {one.name for one in regions} == {nouns.names[row] for row in (4000, 17, 8000)}
