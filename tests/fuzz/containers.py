"""Tables, archives and arrays with unusual parts. featscape can open most of them."""

from __future__ import annotations

import ast
import csv
import gzip
import io
import json
import struct
import tarfile
import warnings
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from fuzz.mutate import NUMBERS, TEXTS, VALUES, encode, mutate_bytes, mutate_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    Images = dict[str, bytes]

KINDS = ("csv", "tsv", "jsonl", "parquet", "photos.parquet", "zip", "tar", "npz", "npy", "idx")

_ADDRESSES = (
    *("http://127.0.0.1:1/x.png", "http://[bad/x.png", "ftp://127.0.0.1:1/x.png", "zip://x.png"),
    *("reference://x.png", "memory://x.png", "webhdfs://x.png", "file:///etc/passwd", "s3://"),
    *("data:image/png;base64,xx", "github://a:b@main/x.png", "local://x.png", "://x", "http://"),
)
_NAMES = (
    *("../canary.png", "/canary.png", "a/../../canary.png", "a\\b.png", "C:/x.png", "a//b.png"),
    *("__MACOSX/x.png", ".hidden.png", "train/cat/1.png", "cat/1.png", "x" * 255 + ".png"),
    *("a/" * 60 + "x.png", "metadata.csv", "metadata.jsonl", "cat/metadata.csv", "1.png.png"),
)


def write_source(rng: Random, kind: str, images: Images) -> tuple[str, bytes]:
    """Return the name and the content of a source; `kind` is one of `KINDS`."""
    builders: dict[str, Callable[[], tuple[str, bytes]]] = {
        "csv": lambda: (f"list.{kind}", _table_of_text(rng, images, ",")),
        "tsv": lambda: (f"list.{kind}", _table_of_text(rng, images, "\t")),
        "jsonl": lambda: ("list.jsonl", _json_lines(rng, images)),
        "parquet": lambda: ("list.parquet", _parquet(rng, _columns_of_paths(rng, images))),
        "photos.parquet": lambda: ("x.parquet", _parquet(rng, _columns_of_images(rng, images))),
        "zip": lambda: ("x.zip", _zip(rng, images)),
        "tar": lambda: (rng.choice(("x.tar", "x.tar", "x.tar.gz")), _tar(rng, images)),
        "npz": lambda: ("x.npz", _npz(rng)),
        "npy": lambda: ("x.npy", _npy(rng, _array_of_images(rng))),
        "idx": lambda: _idx(rng),
    }
    name, content = builders[kind]()
    if name.endswith(".gz") and not content.startswith(b"\x1f\x8b"):
        content = gzip.compress(content, mtime=0)
    return name, content


def _paths(rng: Random, images: Images) -> list[str]:
    """Return paths for a manifest; most of these files exist."""
    known = [f"../photo-{name}" for name in images]
    return [rng.choice(known) if rng.random() < 0.7 else _odd_path(rng) for _ in range(10)]


def _odd_path(rng: Random) -> str:
    return rng.choice(rng.choice((_ADDRESSES, _NAMES, TEXTS)))


def _image(rng: Random, images: Images) -> bytes:
    """Return the bytes of a member: an image, a damaged image, or other bytes."""
    content = images[rng.choice(list(images))]
    choice = rng.random()
    if choice < 0.6:
        return content
    return mutate_bytes(rng, content) if choice < 0.9 else rng.choice((b"", b"text", b"\0" * 5000))


def _table_of_text(rng: Random, images: Images, separator: str) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator, quoting=rng.choice((0, 0, 1, 2)))
    header: list[Any] = ["path", "label", "score", "when"]
    if rng.random() < 0.2:
        header[rng.randrange(4)] = rng.choice((*TEXTS, "path", "image", "file_name", "label"))
    writer.writerow(header)
    for number, path in enumerate(_paths(rng, images)):
        row: list[Any] = [path, "ab"[number % 2], number / 2, f"2020-01-0{number}"]
        if rng.random() < 0.15:
            row[rng.randrange(4)] = rng.choice(VALUES)
        if rng.random() < 0.05:
            row = row[: rng.randrange(4)] + [""] * rng.randrange(3)
        writer.writerow(row)
    content = encode(text.getvalue())
    if rng.random() < 0.1:
        encoding = rng.choice(("utf-16", "utf-16-be", "utf-8-sig", "latin-1", "utf-7"))
        content = text.getvalue().encode(encoding, errors="replace")
    return content


def _json_lines(rng: Random, images: Images) -> bytes:
    lines = []
    for number, path in enumerate(_paths(rng, images)):
        row: Any = {"path": path, "label": "ab"[number % 2], "score": number}
        if rng.random() < 0.2:
            row[rng.choice(("path", "label", "score", "new", ""))] = rng.choice(VALUES)
        if rng.random() < 0.05:
            row = rng.choice((*VALUES, [row], {"a": [row] * 3}))
        lines.append(json.dumps(row))
    if rng.random() < 0.05:
        lines.insert(3, "[" * 100_000)
    return encode("\n".join(lines))


def _columns_of_paths(rng: Random, images: Images) -> dict[str, pa.Array]:
    paths = _paths(rng, images)
    table = {
        "path": pa.array([path.encode(errors="replace").decode() for path in paths]),
        "label": pa.array([rng.choice("abc") for _ in paths]),
        "score": pa.array(range(len(paths))),
    }
    if rng.random() < 0.6:
        table[rng.choice(("path", "label", "score", "new"))] = _odd_column(rng, len(paths))
    return table


def _columns_of_images(rng: Random, images: Images) -> dict[str, pa.Array]:
    content = [_image(rng, images) for _ in range(6)]
    form = rng.randrange(3)
    if form == 0:
        column = pa.array([{"bytes": each, "path": f"{i}.png"} for i, each in enumerate(content)])
    elif form == 1:
        column = pa.array(content)
    else:
        column = pa.array(
            [rng.choice((None, {"bytes": None, "path": "../canary.png"}, {"bytes": each}))
             for each in content]
        )  # fmt: skip
    table = {"image": column, "label": pa.array([0, 1, 2] * 2), "text": pa.array(["x"] * 6)}
    if rng.random() < 0.4:
        table[rng.choice(("label", "text", "new", "split"))] = _odd_column(rng, 6)
    return table


def _odd_column(rng: Random, n_rows: int) -> pa.Array:
    """Return a column with an unusual type or with unusual values."""
    odd_text = pa.array([b"\xff\xfe\x80"] * n_rows)
    columns: tuple[Callable[[], pa.Array], ...] = (
        lambda: pa.nulls(n_rows),
        lambda: pa.Array.from_buffers(pa.string(), n_rows, odd_text.buffers()),
        lambda: pa.array([2**62] * n_rows, pa.timestamp("s")),
        lambda: pa.array([-(2**31)] * n_rows, pa.date32()),
        lambda: pa.array([2**62] * n_rows, pa.duration("s")),
        lambda: pa.array([[1, 2]] * n_rows),
        lambda: pa.array([{"a": 1}] * n_rows),
        lambda: pa.array([[("a", 1)]] * n_rows, pa.map_(pa.string(), pa.int64())),
        lambda: pa.array([2**63 + 1] * n_rows, pa.uint64()),
        lambda: pa.array([float("nan")] * n_rows),
        lambda: pa.array([b"\0\xff"] * n_rows),
        lambda: pa.array([True, None] * n_rows)[:n_rows],
        pa.array(["a", None] * n_rows)[:n_rows].dictionary_encode,
        lambda: pa.array([1] * n_rows, pa.decimal128(30, 2)),
        lambda: pa.array([rng.choice(TEXTS).replace("\ud800", "") for _ in range(n_rows)]),
    )
    return rng.choice(columns)()


def _parquet(rng: Random, columns: dict[str, pa.Array]) -> bytes:
    table = pa.table(columns)
    if rng.random() < 0.2:  # the names of classes in the format of the library datasets
        names = rng.choice((["a", "b", "c"], ["a"], [], [None], 5, {"a": 1}))
        features: Any = {"label": {"names": names, "_type": rng.choice(("ClassLabel", "x", 1))}}
        about = json.dumps({"info": {"features": rng.choice((features, features, [], None))}})
        table = table.replace_schema_metadata({"huggingface": about})
    compression = rng.choice(("none", "snappy", "zstd", "gzip"))
    rows, use_dictionary = rng.choice((2, 100)), rng.random() < 0.5
    file = io.BytesIO()
    try:
        pq.write_table(
            table,
            file,
            compression=compression,
            row_group_size=rows,
            use_dictionary=use_dictionary,
        )
    except (
        pa.ArrowInvalid,
        pa.ArrowNotImplementedError,
    ):  # a type that Parquet lacks
        return _parquet(rng, {"path": pa.array(["x.png"])})
    return file.getvalue()


def _zip(rng: Random, images: Images) -> bytes:
    file = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(file, "w") as archive:
        warnings.simplefilter("ignore", UserWarning)  # two members with one name
        for number in range(rng.randrange(1, 7)):
            name = f"{'ab'[number % 2]}/{number}.png"
            if rng.random() < 0.2:
                name = rng.choice((*_NAMES, *TEXTS)).encode(errors="replace").decode() or "x"
            member = zipfile.ZipInfo(name)
            member.compress_type = rng.choice((0, 8, 8, 12, 14))
            if rng.random() < 0.1:
                member.external_attr = rng.choice((0o120777, 0o010644, 0o040755)) << 16
            archive.writestr(member, _image(rng, images))
        if rng.random() < 0.3:
            archive.writestr("metadata.csv", b"file_name,score\na/0.png,3\n../canary.png,4\n")
    content = bytearray(file.getvalue())
    if rng.random() < 0.4:
        _change_zip_header(rng, content)
    return bytes(content)


# The signature of each header, and the (offset, width) of its fields.
_ZIP_FIELDS = (
    (b"PK\x03\x04", ((4, 2), (6, 2), (8, 2), (14, 4), (18, 4), (22, 4), (26, 2), (28, 2))),
    (b"PK\x01\x02", ((6, 2), (8, 2), (10, 2), (16, 4), (20, 4), (24, 4), (28, 2), (42, 4))),
    (b"PK\x05\x06", ((8, 2), (10, 2), (12, 4), (16, 4), (20, 2))),
)


def _change_zip_header(rng: Random, content: bytearray) -> None:
    """Set one field of one header: version, flags, method, checksum, a size or an offset."""
    signature, fields = rng.choice(_ZIP_FIELDS)
    starts = [at for at in range(len(content) - 50) if content.startswith(signature, at)]
    at = rng.choice(starts) if starts else content.rfind(signature)
    offset, width = rng.choice(fields)
    value = rng.choice((0, 1, 8, 12, 14, 63, 99, 2**16 - 1, 2**31, 2**32 - 1, rng.getrandbits(32)))
    value %= 1 << (8 * width)
    content[at + offset : at + offset + width] = value.to_bytes(width, "little")


def _tar(rng: Random, images: Images) -> bytes:
    file = io.BytesIO()
    form = rng.choice((tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT))
    with tarfile.open(fileobj=file, mode="w", format=form) as archive:
        for number in range(rng.randrange(1, 6)):
            name = f"{'ab'[number % 2]}/{number}"
            parts = [(".png", _image(rng, images)), (".cls", b"3"), (".json", b'{"score": 1}')]
            for suffix, content in parts:
                member = tarfile.TarInfo(name + suffix)
                if rng.random() < 0.1:
                    member.name = rng.choice(_NAMES)[:99]
                if rng.random() < 0.1:
                    content = mutate_bytes(rng, content)  # noqa: PLW2901
                member.size = len(content)
                if rng.random() < 0.05:
                    member.type = rng.choice((b"1", b"2", b"3", b"5", b"6", b"7", b"S", b"\0"))
                    member.linkname = rng.choice(("../../canary.png", "/etc/passwd", member.name))
                if form == tarfile.PAX_FORMAT and rng.random() < 0.15:
                    member.pax_headers = _odd_pax(rng)
                archive.addfile(member, io.BytesIO(content))
    content = bytearray(file.getvalue())
    if rng.random() < 0.3:
        _change_tar_header(rng, content)
    return bytes(content)


def _odd_pax(rng: Random) -> dict[str, str]:
    names = ("size", "path", "linkpath", "mtime", "uid", "charset", "hdrcharset", "comment")
    sparse = ("GNU.sparse.map", "GNU.sparse.size", "GNU.sparse.major", "GNU.sparse.numblocks")
    values = (*map(str, NUMBERS), "../canary.png", "x", "0,5,2", "", "1" * 300)
    return {rng.choice((*names, *sparse)): rng.choice(values) for _ in range(rng.randrange(1, 3))}


def _change_tar_header(rng: Random, content: bytearray) -> None:
    """Set one field of one header, and update the checksum."""
    at = 512 * rng.randrange(max(1, len(content) // 512))
    start, width = rng.choice(((0, 100), (100, 8), (124, 12), (136, 12), (156, 1), (157, 100)))
    odd = (b"7" * width, b"\x80" + b"\0" * width, b"\xff" * width, b"-1", b" ", b"\0", b"9", b"S")
    content[at + start : at + start + width] = rng.choice(odd)[:width].ljust(width, b"\0")
    header = bytes(content[at : at + 148]) + b" " * 8 + bytes(content[at + 156 : at + 512])
    content[at + 148 : at + 156] = b"%06o\0 " % sum(header)


def _array_of_images(rng: Random) -> np.ndarray:
    shapes = (
        (12, 9, 7),
        (12, 9, 7, 3),
        (12, 3, 9, 7),
        (12, 9, 7, 4),
        (9, 7),
        (0, 9, 7),
        (12, 0, 3),
    )
    values = np.random.default_rng(rng.getrandbits(32)).integers(0, 256, rng.choice(shapes))
    return values.astype(
        rng.choice(("|u1", "|u1", "<u2", "<f4", "<f8", "|b1", "<i4", "<c8", "<M8[s]"))
    )


def _npy(rng: Random, values: np.ndarray) -> bytes:
    """Return an array as an .npy file; half of the files have an unusual header."""
    if rng.random() < 0.5:
        return change_npy_header(rng, values)
    file = io.BytesIO()
    np.lib.format.write_array(file, values, version=rng.choice(((1, 0), (2, 0), (3, 0))))
    return file.getvalue()


def change_npy_header(rng: Random, values: np.ndarray) -> bytes:
    """Return an .npy file whose header has an unusual entry, lacks an entry, or is damaged."""
    header: dict[str, Any] = {
        "descr": values.dtype.str,
        "fortran_order": False,
        "shape": values.shape,
    }
    shapes = ((5, -8, -8), (2**40, 9, 7), (2**31, 2**31, 2), (-1,), (), (True, 9, 7), 5, (1.5, 2))
    kinds = ("|O", "<V8", "|S0", "<f16", "|u1,<f4", "x", 5, [("a", "<f4")], "<M8[D]", "|U9")
    match rng.randrange(4):
        case 0:
            header["shape"] = rng.choice(shapes)
        case 1:
            header["descr"] = rng.choice(kinds)
        case 2:
            header["fortran_order"] = rng.choice((True, 2, "x", None))
        case _:
            header.pop(rng.choice(list(header)))
    text = repr(header).encode()
    if rng.random() < 0.3:
        text = mutate_bytes(rng, text)
    elif rng.random() < 0.1:
        text = encode(mutate_text(rng, ast.unparse(ast.parse(text.decode()))))
    text = text[:60_000].ljust(118) + b"\n"
    return b"\x93NUMPY\x01\0" + struct.pack("<H", len(text)) + text + values.tobytes()[:5000]


def _npz(rng: Random) -> bytes:
    file = io.BytesIO()
    names = rng.choice((("train_images", "train_labels"), ("x_test", "y_test"), ("images", "a/b")))
    labels = np.arange(12) % 3
    members = (_array_of_images(rng), labels if rng.random() < 0.8 else labels[:, None] * 1.5)
    with zipfile.ZipFile(file, "w", rng.choice((0, 8))) as archive:
        for name, values in zip(names, members, strict=True):
            archive.writestr(f"{name}.npy", _npy(rng, values))
        if rng.random() < 0.1:
            archive.writestr(rng.choice(("notes.txt", "../x.npy", "x_test.npy2")), b"x")
    content = bytearray(file.getvalue())
    if rng.random() < 0.2:
        _change_zip_header(rng, content)
    return bytes(content)


def _idx(rng: Random) -> tuple[str, bytes]:
    sides = [12, 9, 7]
    code = 8
    if rng.random() < 0.4:
        sides[rng.randrange(3)] = rng.choice((0, 1, 30_000_000, 2**31 - 1, 2**32 - 1))
    if rng.random() < 0.2:
        code = rng.choice((0, 9, 11, 12, 13, 14, 255))
    n_dimensions = rng.choice((3, 3, 3, 3, 0, 1, 2, 4, 255))
    content = struct.pack(">HBB3I", 0, code, n_dimensions, *sides) + bytes(range(252)) * 3
    name = rng.choice(("train-images-idx3-ubyte", "t10k-images-idx3-ubyte.gz", "x.idx3-ubyte"))
    return name, content
