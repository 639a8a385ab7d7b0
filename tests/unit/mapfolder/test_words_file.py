"""words.npz and vocabulary.npz of a map folder, which may come from a stranger."""

import numpy as np
import pytest

from featscape.errors import InputError
from featscape.mapfolder.words_file import (
    read_recognized,
    read_vectors,
    write_recognized,
    write_vectors,
)
from featscape.records import Recognized, WordVectors


def make(n_items=4):
    rng = np.random.default_rng(0)
    classes = rng.integers(0, 1000, (n_items, 5)).astype(np.int16)
    return Recognized(classes, rng.random((n_items, 5)).astype(np.float32))


def test_the_written_classes_are_read(tmp_path):
    written = make()
    write_recognized(tmp_path, written)
    read = read_recognized(tmp_path, n_items=4)
    assert (read.classes == written.classes).all()
    assert (read.probabilities == written.probabilities).all()


def test_a_map_without_the_file_has_no_words(tmp_path):
    assert read_recognized(tmp_path, n_items=4) is None


@pytest.mark.parametrize(
    ("classes", "probabilities", "reason"),
    [
        (np.zeros((3, 5), np.int16), np.zeros((3, 5), np.float32), "3 rows for 4 items"),
        (np.zeros((4, 5), np.int16), np.zeros((4, 4), np.float32), "4 rows for 4 items"),
        (np.zeros(4, np.int16), np.zeros(4, np.float32), "4 rows for 4 items"),
        (np.zeros((4, 5), np.int64), np.zeros((4, 5), np.float32), "it has int64"),
        (np.full((4, 5), 1000, np.int16), np.zeros((4, 5), np.float32), "unknown classes"),
        (np.full((4, 5), -1, np.int16), np.zeros((4, 5), np.float32), "unknown classes"),
        (np.zeros((4, 5), np.int16), np.full((4, 5), np.nan, np.float32), "between 0 and 1"),
        (np.zeros((4, 5), np.int16), np.full((4, 5), 2, np.float32), "between 0 and 1"),
    ],
)
def test_damaged_words_are_refused(tmp_path, classes, probabilities, reason):
    write_recognized(tmp_path, Recognized(classes, probabilities))
    with pytest.raises(InputError, match=reason):
        read_recognized(tmp_path, n_items=4)


def test_a_file_of_another_kind_is_refused(tmp_path):
    (tmp_path / "words.npz").write_bytes(b"no archive")
    with pytest.raises(InputError, match=r"words\.npz is missing or damaged"):
        read_recognized(tmp_path, n_items=4)


VECTORS = {
    "rows": {"dog": [0], "sports car": [1, 2]},
    "vectors": np.arange(6, dtype=np.int8).reshape(3, 2),
    "scales": np.float32([0.5, 2]),
}


def test_the_written_vectors_are_read(tmp_path):
    assert read_vectors(tmp_path, n_features=2) is None
    write_vectors(tmp_path, WordVectors(**VECTORS))
    read = read_vectors(tmp_path, n_features=2)
    assert read.rows == VECTORS["rows"]
    assert (read.vectors == VECTORS["vectors"]).all()
    assert (read.scales == VECTORS["scales"]).all()


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"rows": {"dog": [3]}}, "words without vectors"),
        ({"rows": {"dog": [-1]}}, "words without vectors"),
        ({"rows": {"dog": ["x"]}}, "words without vectors"),
        ({"rows": {"dog": [True]}}, "words without vectors"),
        ({"vectors": np.zeros((3, 2), np.int16)}, "it has int16"),
        ({"vectors": np.zeros((3, 3), np.int8)}, r"vectors \(3, 3\), not of 2"),
        ({"vectors": np.zeros(3, np.int8)}, r"vectors \(3,\), not of 2"),
        ({"scales": np.float32([1, np.nan])}, "not finite"),
    ],
)
def test_damaged_vectors_are_refused(tmp_path, changed, reason):
    write_vectors(tmp_path, WordVectors(**{**VECTORS, **changed}))
    with pytest.raises(InputError, match=rf"vocabulary\.npz is missing or damaged: .*{reason}"):
        read_vectors(tmp_path, n_features=2)


def test_vectors_of_another_network_are_refused(tmp_path):
    write_vectors(tmp_path, WordVectors(**VECTORS))
    with pytest.raises(InputError, match="not of 48"):
        read_vectors(tmp_path, n_features=48)


@pytest.mark.parametrize("content", [b"[[0]]", b'{"dog": 0}', b"{", b"\xff", b"[" * 100_000])
def test_words_that_are_not_a_dictionary_of_lists_are_refused(tmp_path, content):
    arrays = {name: VECTORS[name] for name in ("vectors", "scales")}
    np.savez(tmp_path / "vocabulary.npz", words=np.frombuffer(content, np.uint8), **arrays)
    with pytest.raises(InputError, match=r"vocabulary\.npz is missing or damaged"):
        read_vectors(tmp_path, n_features=2)
