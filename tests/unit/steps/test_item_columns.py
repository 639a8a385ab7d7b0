"""The labels of items whose features another program computed."""

import gzip
import struct
from functools import partial

import numpy as np
import pytest

from featscape import embed_features
from featscape.errors import InputError
from featscape.feature_options import FeatureMapOptions
from featscape.progress import PlainProgress
from featscape.steps.own_features import read_own_features
from featscape.steps.tables import item_columns

read_item_columns = partial(item_columns.read_item_columns, images=None, features_table=None)

LABELS = ("cat", "dog", "7", "(no label)")


def read(file, *, n_items=4, **options):
    given = FeatureMapOptions("f.npy", labels=file, **options)
    return read_item_columns(given, n_items=n_items).described.labels


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("l.csv", "id,label\n1,cat\n2,dog\n3,7\n4,\n"),
        ("l.tsv", "id\tclass\n1\tcat\n2\tdog\n3\t7\n4\t\n"),
        ("l.jsonl", '{"label": "cat"}\n{"label": "dog"}\n{"label": 7}\n{"label": null}\n'),
        ("l.txt", "cat\ndog\n7\n(no label)\n"),
    ],
)
def test_each_format_gives_the_same_labels(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    assert read(tmp_path / name) == LABELS


@pytest.mark.parametrize("name", ["train-labels-idx1-ubyte", "train-labels.idx1-ubyte.gz"])
def test_idx_files_of_labels_are_read(tmp_path, name):
    content = struct.pack(">HBBI", 0, 8, 1, 3) + bytes([7, 0, 7])
    write = gzip.compress if name.endswith(".gz") else bytes
    (tmp_path / name).write_bytes(write(content))
    assert read(tmp_path / name, n_items=3) == ("7", "0", "7")
    with pytest.raises(InputError, match=r"there must be 4 rows, .* has 3\. Give one row per item"):
        read(tmp_path / name)
    with pytest.raises(InputError, match=r"label column needs a table .* another kind of file"):
        read(tmp_path / name, n_items=3, label_column="label")
    (tmp_path / name).write_bytes(write(content[:-1]))
    with pytest.raises(InputError, match=r"must be undamaged; .*ubyte.*Copy or download"):
        read(tmp_path / name, n_items=3)
    (tmp_path / name).write_bytes(write(struct.pack(">HBBII", 0, 8, 2, 1, 1) + b"1"))
    with pytest.raises(InputError, match=r"labels have one dimension, and the shape is \(1, 1\)"):
        read(tmp_path / name, n_items=3)
    (tmp_path / name).unlink()
    with pytest.raises(InputError, match=r"there is no file .*\. Check the path\."):
        read(tmp_path / name, n_items=3)


@pytest.mark.parametrize(("name", "header"), [("l.csv", "label\n"), ("l.txt", "")])
def test_white_space_and_case_of_labels_are_reported(tmp_path, name, header):
    lines = []
    (tmp_path / name).write_text(f"{header}cat\n cat\nCat\n  \n")
    np.save(tmp_path / "f.npy", np.eye(4))
    progress = PlainProgress(lines.append)
    options = FeatureMapOptions(tmp_path / "f.npy", labels=tmp_path / name, progress=progress)
    assert read_own_features(options).labels == ("cat", "cat", "Cat", "(no label)")
    columns = ["columns: 'label'; values for 3 of 4 items"] if header else []
    assert lines == [
        *columns,
        "white space around 2 labels was removed",
        "labels that differ only in case or Unicode form are different classes: 'Cat', 'cat'",
    ]


def test_the_only_column_of_a_table_has_the_labels(tmp_path):
    (tmp_path / "l.csv").write_text("animal\ncat\ndog\n")
    assert read(tmp_path / "l.csv", n_items=2) == ("cat", "dog")


def test_a_column_is_chosen_by_its_name(tmp_path):
    (tmp_path / "l.csv").write_text("label,genus\ncat,felis\ndog,canis\n")
    assert read(tmp_path / "l.csv", n_items=2, label_column="genus") == ("felis", "canis")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("l.txt", "label\na\nb\n", "If the first line is a header, remove the line"),
        ("l.csv", "a\nb\n", "has 1 below its header. The first line names the columns: add a h"),
        ("l.csv", "id,kind\n1,a\n2,b\n", "the columns are 'id', 'kind'. Name one with --label-col"),
        ("l.csv", "id,label\n1,a\n2\n", "line 3: invalid row: 1 field, but the header has 2"),
        ("columns.csv", "id,label\n1,a\n2\n3,b\n", "line 3: invalid row: 1 field"),
        ("l.csv", "a\nb\nc\nd\n", "has 3 below its header. Give one row per item"),
    ],
)
def test_a_file_without_one_label_per_item_is_an_error(tmp_path, name, content, words):
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError) as caught:
        read(tmp_path / name, n_items=2)
    assert words in str(caught.value)


def test_a_label_column_needs_a_table(tmp_path):
    (tmp_path / "l.txt").write_text("a\nb\n")
    with pytest.raises(InputError, match="a label column needs a table"):
        read(tmp_path / "l.txt", n_items=2, label_column="genus")


@pytest.mark.usefixtures("without_pictures")
def test_a_map_has_the_labels_of_a_csv_file(here):
    np.save("f.npy", np.random.default_rng(0).normal(size=(9, 4)))
    (here / "l.csv").write_text("label\n" + "".join(f"class {i % 3}\n" for i in range(9)))
    made = embed_features("f.npy", labels="l.csv", findings=False)
    assert made.labels == tuple(f"class {i % 3}" for i in range(9))


def test_missing_and_multiple_labels_of_a_sequence(tmp_path):
    options = FeatureMapOptions(tmp_path / "f.npy", labels=["cat", None, float("nan")])
    described = read_item_columns(options, n_items=3).described
    assert described.labels == ("cat", "(no label)", "(no label)")
    options = FeatureMapOptions(tmp_path / "f.npy", labels=[("cat", "dog"), "fox"])
    with pytest.raises(InputError, match=r"one label per image; labels= contains lists"):
        read_item_columns(options, n_items=2)


def test_a_sequence_of_missing_labels_gives_items_without_labels(tmp_path):
    columns = {"label": ["a", "b"]}
    options = FeatureMapOptions(tmp_path / "f.npy", labels=[None, float("nan")], columns=columns)
    described = read_item_columns(options, n_items=2).described
    assert described.labels is None
    assert described.columns == {"source label": ("a", "b")}


@pytest.mark.parametrize("labels", [{"a.png": "cat", "b.png": "dog"}, {"cat", "dog"}])
def test_a_mapping_or_a_set_is_no_sequence_of_labels(tmp_path, labels):
    options = FeatureMapOptions(tmp_path / "f.npy", labels=labels)
    with pytest.raises(InputError, match=r"'labels' is a (dict|set)\. Give a list or an array"):
        read_item_columns(options, n_items=2)
