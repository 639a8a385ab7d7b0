"""Manifests: the listed images and their columns."""

import os
import re
from pathlib import Path

import numpy as np
import pytest

from featscape.errors import InputError
from featscape.features import extract
from featscape.images import find_images
from featscape.images.tables.columns import LABEL_COLUMNS, PATH_COLUMNS
from featscape.mapfolder import OWN_COLUMNS
from featscape.steps.facts.source import describe_found
from helpers.images.table_files import write_csv, write_rows
from helpers.networks.quick_network import FirstPixelNetwork

ROOT = Path(__file__).resolve().parents[4]
ROWS = [
    {"path": "img/b.png", "label": "dog", "age": 3, "note": "x, y"},
    {"path": "img/a.png", "label": "cat", "age": None, "note": None},
    {"path": "img/c.png", "label": "cat", "age": 5, "note": "z"},
]


@pytest.mark.parametrize("name", ["m.csv", "m.tsv", "m.parquet", "m.jsonl", "m.ndjson", "M.CSV"])
def test_each_format_gives_the_same_images(write_images, reds, name):
    folder = write_images("img/a.png", "img/b.png", "img/c.png")
    file = write_rows(folder / name.lower(), ROWS).rename(folder / name)
    images = find_images(file)
    assert images.kind == "manifest"
    assert images.paths == ("img/b.png", "img/a.png", "img/c.png")  # the order of the table
    assert reds(images) == [1, 0, 2]
    assert images.labels == ("dog", "cat", "cat")
    assert set(images.columns) == {"age", "note"}
    np.testing.assert_array_equal(images.columns["age"], [3, np.nan, 5])
    assert images.columns["note"] == ("x, y", None, "z")
    assert images.skipped == ()


@pytest.mark.parametrize(
    ("line", "separator"), [("sep=;", ";"), ("sep=\t", "\t"), ('"SEP=|"', "|"), ("sep=,\r", ",")]
)
def test_the_separator_that_a_first_line_names_for_excel_is_used(
    write_images, skipped, line, separator
):
    rows = (f"path{separator}label", f'a.png{separator}"fox, red;"', "b.png")
    images = find_images(write_csv(write_images("a.png") / "m.csv", line, *rows))
    assert (images.paths, images.labels) == (("a.png",), ("fox, red;",))
    assert [*skipped(images)] == ["m.csv, line 4"]


@pytest.mark.parametrize("line", ["file_name;species;n", "Filename;Class;n", "n;image;CATEGORY"])
def test_usual_column_names_are_recognized_with_semicolons(write_images, line):
    names = line.split(";")
    values = {"n": "1"} | {
        name: "a.png" for name in names if name.lower() in "file_name filename image"
    }
    file = write_csv(
        write_images("a.png") / "m.csv", line, ";".join(values.get(n, "fox") for n in names)
    )
    images = find_images(file)
    assert images.paths == ("a.png",)
    assert images.labels == ("fox",)
    assert list(images.columns) == ["n"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-8-sig"])
@pytest.mark.parametrize("suffix", [".tsv", ".jsonl"])
def test_the_encodings_of_spreadsheets_are_read(write_images, encoding, suffix):
    content = "path\tlabel\r\nö.png\tKäfer\r\n"
    if suffix == ".jsonl":
        content = '{"path": "ö.png", "label": "Käfer"}\n'
    mark = "\ufeff" if encoding == "utf-16-be" else ""  # Python writes the mark for the other two
    manifest = write_images("ö.png") / f"m{suffix}"
    manifest.write_bytes((mark + content).encode(encoding))
    images = find_images(manifest)
    assert (images.paths, images.labels) == (("ö.png",), ("Käfer",))
    assert images.load(0).size == (6, 4)


def test_the_caller_can_name_the_columns(write_images):
    file = write_csv(
        write_images("a.png", "b.png") / "m.csv", "path,label,where,what", "x,y,b.png,fox"
    )
    images = find_images(file, path_column="where", label_column="what")
    assert (images.paths, images.labels) == (("b.png",), ("fox",))
    assert images.columns == {"source path": ("x",), "source label": ("y",)}


@pytest.mark.parametrize("option", ["path_column", "label_column"])
def test_a_missing_column_is_an_error_with_a_suggestion(write_images, option):
    file = write_csv(write_images("a.png") / "m.csv", "path,klass", "a.png,fox")
    with pytest.raises(
        InputError, match=r"got 'clas', but the columns are .*'klass'\. Name 'klass'\."
    ):
        find_images(file, **{option: "clas"})


def test_the_error_for_a_missing_path_column_lists_the_columns(write_images):
    file = write_csv(write_images("a.png") / "m.csv", "where,what", "a.png,fox")
    with pytest.raises(
        InputError, match=r"must have a column of paths; the columns are 'where', 'what'"
    ):
        find_images(file)


def test_columns_with_the_names_of_the_maps_columns_are_renamed(write_images):
    names = sorted(OWN_COLUMNS - {"path", "label"})
    header = ",".join(["file_name", *names, "source x"])
    file = write_csv(
        write_images("a.png") / "m.csv", header, ",".join(["a.png", *"1" * (len(names) + 1)])
    )
    images = find_images(file)
    assert images.splits == ("1",)
    assert not OWN_COLUMNS & set(images.columns)
    assert {"source x", "source source x", "source id"} <= set(images.columns)


def test_the_types_of_untyped_columns_are_inferred(write_images):
    cells = {
        "integer": ("1", "-2"),
        "real": ("1.5", "-2e3"),
        "gaps": ("", "7"),
        "zip": ("007", "123"),
        "large": ("1e39", "1"),
        "words": ("inf", "1"),
        "nothing": ("", ""),
    }
    folder = write_images("a.png", "b.png")
    rows = [",".join([path, *(v[i] for v in cells.values())]) for i, path in enumerate("ab")]
    rows = [row.replace(row[0], f"{row[0]}.png", 1) for row in rows]
    columns = find_images(write_csv(folder / "m.csv", ",".join(["path", *cells]), *rows)).columns
    assert columns["integer"].dtype == np.int64
    assert columns["real"].tolist() == [1.5, -2000]
    np.testing.assert_array_equal(columns["gaps"], [np.nan, 7])
    assert columns["zip"] == ("007", "123")
    assert columns["large"] == ("1e39", "1")
    assert columns["words"] == ("inf", "1")
    assert columns["nothing"] == (None, None)


def test_text_that_looks_like_a_number_stays_text_in_a_typed_table(write_images):
    file = write_rows(
        write_images("a.png") / "m.jsonl", [{"path": "a.png", "code": "12", "ok": True}]
    )
    columns = find_images(file).columns
    assert columns["code"] == ("12",)
    assert columns["ok"].tolist() == [True]


def test_nested_columns_are_skipped(write_images, skipped):
    rows = [{"path": "a.png", "box": [1, 2], "n": 1}, {"path": "b.png", "more": {"a": 1}}]
    images = find_images(write_rows(write_images("a.png", "b.png") / "m.jsonl", rows))
    assert list(images.columns) == ["n"]
    assert set(skipped(images)) == {"m.jsonl, column box", "m.jsonl, column more"}


def test_images_without_a_class_get_a_label_of_their_own(write_images):
    file = write_csv(write_images("a.png", "b.png") / "m.csv", "path,label", "a.png,fox", "b.png,")
    assert find_images(file).labels == ("fox", "(no label)")
    empty = write_csv(write_images("a.png") / "m.csv", "path,label", "a.png,")
    assert find_images(empty).labels is None


def test_white_space_around_labels_is_removed_and_reported(write_images):
    rows = ["a.png,fox", "b.png, fox ", "b.png,fox", "c.png,  ", "d.png,red fox"]
    file = write_csv(
        write_images("a.png", "b.png", "c.png", "d.png") / "m.csv", "path,label", *rows
    )
    images = find_images(file)
    assert images.labels == ("fox", "fox", "(no label)", "red fox")
    assert "white space around 2 labels was removed" in list(describe_found(images))
    assert "labels conflict" not in "\n".join(describe_found(images))


def test_a_split_column_gives_the_splits(write_images):
    rows = [{"path": "a.png", "split": "Validation"}, {"path": "b.png", "split": "holdout"}]
    images = find_images(write_rows(write_images("a.png", "b.png") / "m.csv", rows))
    assert images.splits == ("val", "holdout")


def test_an_image_without_a_value_in_the_column_of_splits_has_no_split_and_is_reported(
    write_images,
):
    folder = write_images()
    rows = ["a.png,fold 1", "b.png,", "c.png,Test", "d.png,  "]
    images = find_images(write_csv(folder / "a.csv", "path,split", *rows))
    assert images.splits == ("fold 1", "(no split)", "test", "(no split)")
    lines = list(describe_found(images))
    assert lines[0] == "found 4 images, in the splits fold 1, test"
    assert (
        "no split: 2 of 4 images, without a value in the column 'split'. Leaks are computed "
        "between the others" in lines
    )
    rows = [{"path": "a.png", "subset": "Valid"}, {"path": "b.png", "subset": None}]
    assert find_images(write_rows(folder / "b.jsonl", rows)).splits == ("val", "(no split)")
    rows[0]["subset"] = None
    images = find_images(write_rows(folder / "c.jsonl", rows))
    assert images.splits is None
    assert list(images.columns) == ["subset"]


def test_a_column_set_of_names_of_splits_gives_the_splits_without_a_column_split(write_images):
    rows = [
        {"path": "a.png", "Set": "Train", "fold": "1", "subset": "val"},
        {"path": "b.png", "Set": "test", "fold": "2", "subset": "val"},
    ]
    images = find_images(write_rows(write_images() / "a.jsonl", rows))
    assert images.splits == ("train", "test")
    assert list(images.columns) == ["fold", "subset"]
    assert next(line for line in describe_found(images) if line.startswith("splits")) == (
        "splits: the column 'Set', because all values are names of splits"
    )
    for row in rows:
        row["split"] = "val"
    images = find_images(write_rows(write_images() / "b.jsonl", rows))
    assert images.splits == ("val", "val")
    assert list(images.columns) == ["Set", "fold", "subset"]
    assert not any(line.startswith("splits") for line in describe_found(images))


@pytest.mark.parametrize("values", [("train", "holdout"), (None, None)])
def test_a_column_set_with_other_values_than_splits_is_an_ordinary_column(write_images, values):
    rows = [{"path": "a.png", "set": values[0]}, {"path": "b.png", "set": values[1]}]
    images = find_images(write_rows(write_images() / "a.jsonl", rows))
    assert images.splits is None
    assert list(images.columns) == ["set"]


def test_absolute_paths_and_paths_to_parent_folders_are_read(write_images, reds):
    folder = write_images("a.png", "b.png")
    (folder / "deep").mkdir()
    lines = ["path", "../a.png", str(folder / "b.png")]
    assert reds(find_images(write_csv(folder / "deep" / "m.csv", *lines))) == [0, 1]


def test_a_path_that_is_not_utf8_is_read(write_images, png):
    folder = write_images("a.png")
    name = os.fsdecode(b"caf\xe9.png")
    (folder / name).write_bytes(png(9))
    (folder / "m.csv").write_bytes(b"\xef\xbb\xbfpath,label\ncaf\xe9.png,x\n")
    images = find_images(folder / "m.csv")
    assert images.paths == (name,)
    assert images.load(0).getpixel((0, 0))[0] == 9


def test_a_limit_keeps_the_values_of_each_image_together(write_images):
    paths = [f"{i}.png" for i in range(30)]
    lines = [f"{path},{'ab'[i % 2]},{i},t{i}" for i, path in enumerate(paths)]
    file = write_csv(write_images(*paths) / "m.csv", "path,label,n,text", *lines)
    images = find_images(file, limit=7)
    assert len(images) == 7
    for i, path in enumerate(images.paths):
        number = int(path.removesuffix(".png"))
        assert images.labels[i] == "ab"[number % 2]
        assert images.columns["n"][i] == number
        assert images.columns["text"][i] == f"t{number}"


def test_the_documentation_lists_the_recognized_names():
    words = re.findall(r"`(\w+)`", (ROOT / "docs/reference/sources.md").read_text())
    assert [word for word in words if word in PATH_COLUMNS][: len(PATH_COLUMNS)] == [*PATH_COLUMNS]
    assert set(LABEL_COLUMNS) <= set(words)


def test_a_table_without_a_column_of_labels_reports_its_columns(write_images):
    folder = write_images("a.png", "b.png")
    lines = ["path,true,aggregate,x", "a.png,cat,cat,1", "b.png,dog,cat,2"]
    images = find_images(write_csv(folder / "m.csv", *lines))
    assert images.labels is None
    (line,) = [line for line in describe_found(images) if line.startswith("no labels: ")]
    assert "the columns are 'true', 'aggregate', 'x'. --label-column NAME" in line
    chosen = find_images(folder / "m.csv", label_column="true")
    assert not [line for line in describe_found(chosen) if line.startswith("no labels: ")]


@pytest.mark.parametrize("header", ["path,label,note", "path,note,label", "path,note,n\xf6te"])
def test_a_table_that_is_not_utf8_is_refused_with_a_remedy(write_images, header):
    folder = write_images("a.png")
    (folder / "m.csv").write_bytes(f"{header}\na.png,L\xf6we,x\n".encode("latin-1"))
    with pytest.raises(InputError) as raised:
        find_images(folder / "m.csv")
    assert "must be in UTF-8; 'm.csv' contains '" in str(raised.value)
    assert r"\xf6" in str(raised.value)
    assert str(raised.value).endswith("Save the table as UTF-8.")


def test_a_path_with_two_labels_is_a_conflict(write_images, skipped):
    lines = ["path,label", "a.png,cat", "a.png,dog", "a.png,cat"]
    images = find_images(write_csv(write_images("a.png") / "m.csv", *lines))
    assert images.labels == ("cat",)
    assert skipped(images) == {
        "m.csv, line 3": ("duplicate path with another label: a.png is 'dog', and 'cat' in line 2"),
        "m.csv, line 4": "duplicate path: a.png, as in line 2",
    }
    assert "labels conflict: 1 row of the table" in "\n".join(describe_found(images))


def test_a_row_with_a_label_replaces_a_row_of_the_same_path_without(write_images, skipped):
    lines = ["path,label,note", "a.png,,x", "b.png,dog,y", "a.png, cat,z", "a.png,  ,w"]
    images = find_images(write_csv(write_images("a.png", "b.png") / "m.csv", *lines))
    assert images.paths == ("a.png", "b.png")
    assert images.labels == ("cat", "dog")
    assert skipped(images) == {
        "m.csv, line 2": "duplicate path: a.png, as in line 4",
        "m.csv, line 5": "duplicate path: a.png, as in line 4",
    }
    assert "labels conflict" not in "\n".join(describe_found(images))


def test_a_column_of_numbers_with_few_other_values_is_reported(tmp_path):
    rows = [f"{i}.png,{1.5 if i else 'NA'},{i if i > 9 else 'x'},7" for i in range(20)]
    file = write_csv(tmp_path / "m.csv", "path,weight,name,n", *rows)
    lines = list(describe_found(find_images(file)))
    assert [line for line in lines if "is text" in line] == [
        (
            "the column 'weight' is text: 19 of 20 values are numbers, and the others are 'NA'. "
            "For a column of numbers, leave these values empty"
        )
    ]


def test_values_of_a_category_that_look_alike_are_reported(tmp_path):
    plates = ["P3", "P3 ", "p3", "P4", "Q1", "q1"] * 4
    rows = [f"{i}.png,{plate},{plate}{i}" for i, plate in enumerate(plates)]
    lines = list(describe_found(find_images(write_csv(tmp_path / "m.csv", "path,plate,id", *rows))))
    assert [line for line in lines if "differ only" in line] == [
        (
            "the column 'plate' has values that differ only in case, white space or Unicode form: "
            "'P3', 'P3 ', 'p3', 'Q1', 'q1'"
        )
    ]


@pytest.mark.parametrize("columns", ["x,y,w,h", "XMin,YMin,XMax,YMax", "bbox", "note"])
def test_rows_that_are_boxes_are_reported_with_the_guide(write_images, columns):
    values = ",".join("1" for _ in columns.split(","))
    rows = [f"{name}.png,{label},{values}" for name in "ab" for label in ("cat", "cow", "dog")]
    file = write_csv(write_images("a.png", "b.png") / "m.csv", f"file_name,label,{columns}", *rows)
    (line,) = [line for line in describe_found(find_images(file)) if "Map boxes of images" in line]
    if columns == "note":
        assert line.startswith("4 rows repeat the image of an earlier row, as boxes do: the map")
    else:
        named = ", ".join(columns.lower().split(","))
        assert line.startswith(f"the table has boxes ({named}): the map shows whole images; ")


def test_nested_boxes_are_reported_with_the_guide(write_images):
    rows = [{"path": "a.png", "objects": {"bbox": [[1, 2, 3, 4]]}}, {"path": "b.png"}]
    file = write_rows(write_images("a.png", "b.png") / "m.jsonl", rows)
    lines = "\n".join(describe_found(find_images(file)))
    assert "the table has boxes (objects): the map shows whole images" in lines


def test_few_repeated_images_are_no_boxes(write_images):
    file = write_csv(
        write_images("a.png", "b.png") / "m.csv", "path,x,y", "a.png,1,2", "b.png,1,2", "a.png,1,2"
    )
    assert "boxes" not in "\n".join(describe_found(find_images(file)))


def test_the_error_for_a_table_of_missing_files_names_the_first_path_and_its_spelling(write_images):
    folder = write_images("img/a.png", "img/b.png")
    file = write_csv(folder / "m.csv", "path", "img\\a.png", "img\\b.png")
    with pytest.raises(InputError) as raised:
        extract(find_images(file), model=FirstPixelNetwork())
    assert rf"(2 of 2): no such file. The first image tried is {folder}/img\a.png. " in str(
        raised.value
    )
    assert r"The file exists with / instead of \: correct the paths. Check" in str(raised.value)


@pytest.mark.parametrize(
    ("path", "remedy"),
    [
        ("cat/1.png", "to the source of the map: move the table there. Check"),
        ("a.parquet/9", "cannot list the images inside of the file a.parquet: save the images as"),
    ],
)
def test_the_error_for_a_table_from_the_page_names_the_place_of_its_paths(
    write_images, path, remedy
):
    folder = write_images()
    (folder / "a.parquet").write_bytes(b"")
    file = write_csv(folder / "selection.csv", "id,path", f"0,{path}")
    with pytest.raises(InputError, match=re.escape(remedy)):
        extract(find_images(file), model=FirstPixelNetwork())


def test_a_column_of_lists_of_text_becomes_text(write_images):
    rows = [{"path": "a.png", "labels": ["x", "y"]}, {"path": "b.png", "labels": "z"}]
    file = write_rows(write_images("a.png", "b.png") / "m.jsonl", rows)
    images = find_images(file)
    assert (images.labels, images.columns["labels"]) == (None, ("x, y", "z"))
    assert list(describe_found(images))[1].startswith("joined the lists of 1 column: 'labels'")
    with pytest.raises(InputError, match=r"one label per image; the column 'labels' of 'm\.jsonl'"):
        find_images(file, label_column="labels")


@pytest.mark.parametrize(
    ("wanted", "remedy"),
    [
        ("labl", "Name 'True_Label'."),
        ("CODE", "Name 'code'."),
        ("xyz", "Name one of these columns."),
    ],
)
def test_only_a_similar_column_is_suggested(write_images, wanted, remedy):
    file = write_csv(write_images("a.png") / "m.csv", "path,true,code,True_Label", "a.png,x,y,z")
    with pytest.raises(InputError) as raised:
        find_images(file, label_column=wanted)
    assert str(raised.value).endswith(remedy)


def test_a_chosen_label_column_is_reported_without_the_option(write_images):
    file = write_csv(write_images("a.png") / "m.csv", "path,label,code", "a.png,x,1")
    images = find_images(file)
    assert "labels: the column 'label' (--label-column names another)" in describe_found(images)
    assert "labels: the column 'label'" in describe_found(images, is_label_chosen=True)
    file = write_csv(file, "path,label", "a.png,x")
    assert "labels: the column 'label'" in describe_found(find_images(file))  # the only column
