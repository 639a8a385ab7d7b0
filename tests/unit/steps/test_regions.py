"""The regions of a map whose network has a text tower."""

from types import SimpleNamespace

import numpy as np

from featscape import mapfolder
from featscape.mapfolder.words_file import write_vectors
from featscape.records import WordVectors
from featscape.steps.content.regions import name_in_folder
from featscape.words import as_bytes, load_nouns

NOUNS = load_nouns()
SHOWN = (4000, 17, 8000)


def name_regions(folder, rows):
    """Return the regions of a map of three nouns, whose vocabulary.npz has the rows."""
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(len(NOUNS.names), 32)).astype(np.float32)
    noise = rng.normal(scale=0.1, size=(180, 32)).astype(np.float32)
    centers = np.repeat([[0, 0], [40, 0], [0, 40]], 60, axis=0)
    np.save(folder / mapfolder.FEATURES, vectors[np.repeat(SHOWN, 60)] + noise)
    write_vectors(folder, WordVectors(rows, *as_bytes(vectors)))
    embedding = SimpleNamespace(
        positions=centers + rng.normal(size=(180, 2)), labels=None, parameters={"seed": 0}
    )
    return name_in_folder(folder, embedding, items=SimpleNamespace(columns={}))


def test_the_nouns_of_a_map_name_its_regions(tmp_path):
    regions = name_regions(tmp_path, NOUNS.rows)
    assert {one.name for one in regions} == {NOUNS.names[row] for row in SHOWN}


def test_the_nouns_of_another_version_name_no_region(tmp_path):
    other = {**NOUNS.rows, "dog": NOUNS.rows["cat"]}
    assert not {one.name for one in name_regions(tmp_path, other)} & set(NOUNS.names)
