"""Manifests: the listed images, their columns, and the skipped rows."""

import json
import os
import random

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from featscape.errors import ImageError, InputError
from featscape.images import find_images
from featscape.mapfolder import OWN_COLUMNS

ROWS = [
    {"path": "img/b.png", "label": "dog", "age": 3, "note": "x, y"},
    {"path": "img/a.png", "label": "cat", "age": None, "note": None},
    {"path": "img/c.png", "label": "cat", "age": 5, "note": "z"},
]


def write_csv(file, *lines):
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def write_rows(file, rows):
    """Write rows in the format of the file's extension."""
    import pandas as pd

    frame = pd.DataFrame(rows)
    match file.suffix:
        case ".csv":
            frame.to_csv(file, index=False)
        case ".tsv":
            frame.to_csv(file, index=False, sep="\t")
        case ".parquet":
            frame.to_parquet(file, index=False)
        case _:
            file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


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


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("path\n1.png\n".encode("utf-16-le"), "begins with zero bytes. Save the table as UTF-8"),
        ("path\n1.png\n".encode("utf-32"), "begins with zero bytes. Save the table as UTF-8"),
        ("path\n1.png\n".encode("utf-16")[:-1], "truncated data at byte 22"),
    ],
)
def test_another_encoding_is_an_error(tmp_path, content, message):
    (tmp_path / "m.csv").write_bytes(content)
    with pytest.raises(InputError, match=message):
        find_images(tmp_path / "m.csv")


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
    assert columns["large"] == ("1e+39", "1")
    assert columns["words"] == ("inf", "1")
    assert columns["nothing"] == (None, None)


def test_text_that_looks_like_a_number_stays_text_in_a_typed_table(write_images):
    file = write_rows(
        write_images("a.png") / "m.jsonl", [{"path": "a.png", "code": "12", "ok": True}]
    )
    assert find_images(file).columns == {"code": ("12",), "ok": ("true",)}


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


def test_a_split_column_gives_the_splits(write_images):
    rows = [{"path": "a.png", "split": "Validation"}, {"path": "b.png", "split": "holdout"}]
    images = find_images(write_rows(write_images("a.png", "b.png") / "m.csv", rows))
    assert images.splits == ("val", "holdout")


# --- invalid input --------------------------------------------------------------------------------


def test_invalid_rows_are_skipped_with_their_lines(write_images, skipped):
    file = write_csv(
        write_images("a.png", "b.png") / "m.csv",
        "path,n",
        "a.png,1",
        "a.png",
        ",3",
        "",
        "./a.png,4",
        "b.png,5",
        'c.png,"6',
    )
    images = find_images(file)
    assert images.paths == ("a.png", "b.png")
    assert images.columns["n"].tolist() == [1, 5]
    assert skipped(images) == {
        "m.csv, line 3": "invalid row: 1 fields, but the header has 2",
        "m.csv, line 4": "invalid row: no path",
        "m.csv, line 6": "duplicate path: a.png, as in line 2",
        "m.csv, line 8": "invalid row: an unclosed quote",
    }


def test_an_unclosed_quote_skips_only_its_own_row(write_images, skipped):
    names = [f"{i}.png" for i in range(20)]
    lines = [f"{name},l{i}" for i, name in enumerate(names)]
    lines[3] = '3.png,"b'
    images = find_images(write_csv(write_images(*names) / "m.csv", "path,label", *lines))
    assert images.paths == tuple(name for name in names if name != "3.png")
    assert skipped(images) == {"m.csv, line 5": "invalid row: an unclosed quote"}


def test_several_unclosed_quotes_skip_one_row_each(write_images, skipped):
    names = [f"{i}.png" for i in range(8)]
    lines = [f"{name},l{i}" for i, name in enumerate(names)]
    lines[1], lines[4], lines[5], lines[7] = '1.png,"b', '4.png,"c,d"', '5.png,"', '7.png,"e'
    images = find_images(write_csv(write_images(*names) / "m.csv", "path,label", *lines))
    assert images.paths == tuple(f"{i}.png" for i in (0, 2, 3, 4, 6))
    assert [*skipped(images)] == ["m.csv, line 3", "m.csv, line 7", "m.csv, line 9"]


def test_a_record_of_several_lines_is_one_row(write_images, skipped):
    lines = ['a.png,"two', 'lines"', "b.png", 'c.png,"x" y', "d.png,z"]
    images = find_images(write_csv(write_images("a.png", "d.png") / "m.csv", "path,text", *lines))
    assert images.paths == ("a.png", "d.png")
    assert images.columns["text"] == ("two\nlines", "z")
    assert skipped(images) == {
        "m.csv, line 4": "invalid row: 1 fields, but the header has 2",
        "m.csv, line 5": "invalid row: ',' expected after '\"'",
    }


def test_a_value_above_the_size_limit_skips_only_its_own_row(write_images, skipped):
    lines = ["a.png,x", f"b.png,{'y' * 200_000}", "c.png,z"]
    images = find_images(write_csv(write_images("a.png", "c.png") / "m.csv", "path,label", *lines))
    assert images.paths == ("a.png", "c.png")
    (reason,) = skipped(images).values()
    assert reason.startswith("invalid row: a value of more than 131,072 characters")


def test_every_row_of_a_long_table_of_unclosed_quotes_is_skipped(write_images, skipped):
    lines = [f'{i}.png,"b' for i in range(3_000)]
    images = find_images(
        write_csv(write_images("a.png") / "m.csv", "path,label", "a.png,x", *lines)
    )
    assert len(skipped(images)) == 3_000


@pytest.mark.parametrize("address", ["http://[bad/x", "local:///dev/zero", "ftp://127.0.0.1:1/x"])
@pytest.mark.filterwarnings("ignore")  # for clients that fsspec does not close
def test_an_address_that_cannot_be_opened_raises_an_image_error(write_images, reds, address):
    images = find_images(
        write_csv(write_images("a.png", "b.png") / "m.csv", "path", address, "b.png")
    )
    with pytest.raises(ImageError):
        images.load(0)
    assert reds(images.select([1])) == [1]


@pytest.mark.parametrize("kind", ["reference", "zip", "webhdfs", "dask", "git", "hf", "cached"])
def test_an_address_of_any_other_file_system_raises_an_image_error(write_images, kind, monkeypatch):
    monkeypatch.setattr("featscape.images.storage.remote.FIRST_WAIT_S", 0)
    images = find_images(write_csv(write_images("a.png") / "m.csv", "path", f"{kind}://x"))
    with pytest.raises(ImageError):
        images.load(0)


@pytest.mark.parametrize(
    ("column", "reason"),
    [
        (pa.array([b"ok", b"caf\xe9"]).view(pa.string()), "values that cannot be read: 1 ("),
        (pa.array([0, 2**50], pa.timestamp("s")), "values that cannot be read: 1 ("),
    ],
    ids=["text that is not UTF-8", "a date out of range"],
)
def test_a_value_that_python_cannot_represent_is_missing(write_images, skipped, column, reason):
    folder = write_images("a.png", "b.png")
    pq.write_table(pa.table({"path": ["a.png", "b.png"], "when": column}), folder / "m.parquet")
    images = find_images(folder / "m.parquet")
    assert images.paths == ("a.png", "b.png")
    assert images.columns["when"][0] is not None
    assert images.columns["when"][1] is None
    assert skipped(images)["m.parquet, column when"].startswith(reason)


def test_a_row_whose_path_is_not_utf8_is_skipped(write_images, skipped):
    folder = write_images("a.png")
    paths = pa.array([b"caf\xe9.png", b"a.png"]).view(pa.string())
    pq.write_table(pa.table({"path": paths}), folder / "m.parquet")
    images = find_images(folder / "m.parquet")
    assert images.paths == ("a.png",)
    assert skipped(images)["m.parquet, row 0"] == "invalid row: no path"


def test_invalid_json_lines_are_skipped(write_images, skipped):
    lines = [
        '{"path": "a.png", "n": 1}',
        "{",
        "[1]",
        '{"n": 2}',
        '{"path": 7}',
        '{"path": "\\ud800"}',
        '{"path": "b.png", "late": "x"}',
        "[" * 100_000,
    ]
    images = find_images(write_csv(write_images("a.png", "b.png") / "m.jsonl", *lines))
    assert images.paths == ("a.png", "b.png")
    assert images.columns["late"] == (None, "x")
    assert {path: reason.partition("(")[0] for path, reason in skipped(images).items()} == {
        "m.jsonl, line 2": "invalid row: not valid JSON ",
        "m.jsonl, line 3": "invalid row: not a JSON object",
        "m.jsonl, line 4": "invalid row: no path",
        "m.jsonl, line 5": "invalid row: the path must be text, not int",
        "m.jsonl, line 6": "invalid row: the path is not valid text",
        "m.jsonl, line 8": "invalid row: not valid JSON ",
    }


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("gone.png", "no such file"),
        ("empty.png", "empty file"),
        ("text.png", "not an image"),
        (".", "not a regular file"),
        ("pipe.png", "not a regular file"),
        ("zero\0.png", "no such file"),
    ],
)
def test_a_listed_file_that_cannot_be_decoded_raises_an_image_error(write_images, path, reason):
    folder = write_images("a.png")
    (folder / "empty.png").touch()
    (folder / "text.png").write_text("hello")
    os.mkfifo(folder / "pipe.png")
    rows = [{"path": "a.png"}, {"path": path}]
    images = find_images(write_rows(folder / "m.jsonl", rows))
    with pytest.raises(ImageError, match=reason):
        images.load(1)


def test_a_file_above_the_size_limit_is_not_read(write_images):
    folder = write_images("a.png")
    with (folder / "huge.png").open("wb") as file:
        file.truncate(3 << 30)
    with pytest.raises(
        ImageError, match=r"too large: more than 1,024 MiB, the limit for an image file"
    ):
        find_images(folder).load(1)


def test_absolute_paths_and_paths_to_parent_folders_are_read(write_images, reds):
    folder = write_images("a.png", "b.png")
    (folder / "deep").mkdir()
    lines = ["path", "../a.png", str(folder / "b.png")]
    assert reds(find_images(write_csv(folder / "deep" / "m.csv", *lines))) == [0, 1]


def test_a_path_that_is_not_utf8_is_read(write_images, png):
    folder = write_images("a.png")
    name = os.fsdecode(b"caf\xe9.png")
    (folder / name).write_bytes(png(9))
    (folder / "m.csv").write_bytes(b"\xef\xbb\xbfpath,label\ncaf\xe9.png,caf\xe9\n")
    images = find_images(folder / "m.csv")
    assert images.paths == (name,)
    assert images.labels == ("caf\\xe9",)
    assert images.load(0).getpixel((0, 0))[0] == 9


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("m.csv", "", "is empty"),
        ("m.csv", '"path', "does not: an unclosed quote"),
        ("m.csv", "path\n\n", "lists none in the column 'path'"),
        ("m.csv", "path,n\na.png\n", "Skipped: 1, the first 'm.csv, line 2'"),
        ("m.jsonl", "", "must have a column of paths; the columns are none"),
        ("m.parquet", "PAR1 and no more", "must be undamaged"),
    ],
)
def test_a_table_without_valid_rows_is_an_error(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=message):
        find_images(tmp_path / name)


def test_a_path_column_without_a_manifest_is_an_error(write_images):
    with pytest.raises(InputError, match="a path column needs a manifest"):
        find_images(write_images("a.png"), path_column="path")


@pytest.mark.parametrize("seed", range(40))
def test_random_damage_raises_only_input_errors(write_images, seed):
    folder = write_images("a.png")
    rows = [{"path": "a.png", "label": "é", "n": 1.5, "x": 'a "quoted", text'}] * 4
    for name in ("m.csv", "m.jsonl", "m.parquet"):
        file = write_rows(folder / name, rows)
        content = bytearray(file.read_bytes())
        rng = random.Random(seed)
        for _ in range(rng.randint(1, 8)):
            content[rng.randrange(len(content))] = rng.randrange(256)
        file.write_bytes(content)
        try:
            images = find_images(file)
        except InputError:
            continue
        assert len(images) == len(set(images.paths)) > 0


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
