"""Invalid rows, columns and files of a manifest."""

import os
import random

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from featscape.errors import ImageError, InputError
from featscape.images import find_images
from helpers.images.table_files import write_csv, write_rows


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("path\n1.png\n".encode("utf-16-le"), "begins with zero bytes. Save the table as UTF-8"),
        ("path\n1.png\n".encode("utf-32"), "begins with zero bytes. Save the table as UTF-8"),
        ("path\n1.png\n".encode("utf-16")[:-1], "truncated data at byte 22"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "must be text; 'm.csv' is a binary file"),
    ],
)
def test_another_encoding_is_an_error(tmp_path, content, message):
    (tmp_path / "m.csv").write_bytes(content)
    with pytest.raises(InputError, match=message):
        find_images(tmp_path / "m.csv")


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (("path,label", "a.png;cat", "b.png;dog"), "seem to be separated by ';'"),
        (("path,label", "a.png,cat,1", "b.png,dog,2"), "line 2: invalid row: 3 fields, but"),
    ],
)
def test_rows_that_do_not_fit_the_header_are_an_error(tmp_path, lines, words):
    with pytest.raises(InputError, match=r"has 2 fields separated by ','") as caught:
        find_images(write_csv(tmp_path / "m.csv", *lines))
    assert words in str(caught.value)


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
        "m.csv, line 3": "invalid row: 1 field, but the header has 2",
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
        "m.csv, line 4": "invalid row: 1 field, but the header has 2",
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
    assert images.columns["when"][1] is None or np.isnat(images.columns["when"][1])
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


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("m.csv", "", "is empty"),
        ("m.csv", '"path', "does not: an unclosed quote"),
        ("m.csv", "path\n\n", "lists none in the column 'path'"),
        ("m.csv", "path,n\na.png\n", "line 2: invalid row: 1 field, but"),
        ("m.jsonl", "", "must have a column of paths; the columns are none"),
        ("m.parquet", "PAR1 and no more", "must be undamaged"),
    ],
)
def test_a_table_without_valid_rows_is_an_error(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=message):
        find_images(tmp_path / name)


def test_a_path_column_without_a_manifest_is_an_error(write_images):
    with pytest.raises(InputError, match="a path column needs a table"):
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
