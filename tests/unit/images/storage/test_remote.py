"""Sources at addresses, in a file system in memory."""

import gzip
import io
import ssl
import struct

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from featscape.errors import ImageError, InputError, MissingExtra
from featscape.images import find_images, name_source, open_contents
from featscape.images.storage.addresses import open_system
from featscape.images.storage.ftp import QuietFTP
from helpers.images.archives import make_tar, make_zip


def test_a_remote_folder_is_read_as_on_a_disk(memory, png, reds):
    for number, name in enumerate(["cat/1.png", "dog/1.png", "cat/.2.png", "read.me"]):
        memory.pipe(f"/set/{name}", png(number))
    memory.pipe("/set/metadata.csv", b"file_name,age\ndog/1.png,3\n")
    images = find_images("memory://set")
    assert images.paths == ("cat/1.png", "dog/1.png")
    assert images.labels == ("cat", "dog")
    assert images.source == "memory://set"
    assert images.kind == "address"
    assert images.columns["age"][1] == 3
    assert reds(images) == [0, 1]
    assert open_contents("address", "memory://set").read("dog/1.png") == png(1)
    memory.rm("/set/cat/1.png")
    with pytest.raises(ImageError, match="no such file"):
        images.load(0)


def test_remote_manifests_and_manifests_of_addresses_are_read(memory, png, reds, write_images):
    memory.pipe("/set/img/1.png", png(7))
    memory.pipe("/set/list.csv", b"path,label\nimg/1.png,a\nmemory://set/img/1.png,b\n")
    assert reds(find_images("memory://set/list.csv")) == [7, 7]
    manifest = write_images("x.png") / "list.csv"
    manifest.write_text("path\nx.png\nmemory://set/img/1.png\n")
    assert reds(find_images(manifest)) == [0, 7]


def test_remote_archives_are_read(memory, png, reds):
    memory.pipe("/set/train.tar", make_tar({"a/1.png": png(0), "b/1.png": png(1)}))
    memory.pipe("/set/all.zip", make_zip({"a/1.png": png(3), "b/1.png": png(4)}))
    images = find_images("memory://set/train.tar")
    assert (reds(images), images.labels, images.splits) == ([0, 1], ("a", "b"), ("train", "train"))
    images = find_images("memory://set/all.zip")
    assert (reds(images), images.labels) == ([3, 4], ("a", "b"))


def test_shards_in_a_remote_folder_are_read(memory, png, reds):
    for n in range(2):
        members = {f"{n}.png": png(n), f"{n}.cls": b"ab"[n : n + 1]}
        memory.pipe(f"/set/train-{n:04}.tar", make_tar(members))
    memory.pipe("/set/more/train-0003.tar", make_tar({"x.png": png(9)}))
    images = find_images("memory://set")
    assert images.paths == ("train-0000.tar/0.png", "train-0001.tar/1.png")
    assert (images.labels, images.splits) == (("a", "b"), ("train", "train"))
    assert reds(images) == [0, 1]
    opened = open_contents("tar", "memory://set")
    assert opened.read("train-0001.tar/1.png") == png(1)
    with pytest.raises(ImageError, match="no such archive"):
        opened.read("../set/train-0001.tar/1.png")


def test_remote_parquet_files_are_read(memory, png, reds):
    def write(name, images):
        file = io.BytesIO()
        structs = [{"bytes": image, "path": None} for image in images]
        pq.write_table(pa.table({"image": structs, "label": ["a"] * len(images)}), file)
        memory.pipe(name, file.getvalue())

    write("/set/data/train-0.parquet", [png(3), png(4)])
    write("/set/data/train-1.parquet", [png(5)])
    assert reds(find_images("memory://set/data/train-0.parquet")) == [3, 4]
    images = find_images("memory://set")
    assert images.paths[1:] == ("data/train-0.parquet/1", "data/train-1.parquet/0")
    assert (reds(images), images.splits) == ([3, 4, 5], ("train",) * 3)
    assert open_contents("parquet", "memory://set").read("data/train-1.parquet/0") == png(5)


def test_remote_arrays_are_read(memory, reds):
    pixels = np.arange(3, dtype=np.uint8)[:, None, None, None] + np.zeros((1, 5, 4, 3), np.uint8)
    file = io.BytesIO()
    np.savez_compressed(file, images=pixels, labels=["a", "b", "c"])
    memory.pipe("/set/a.npz", file.getvalue())
    images = find_images("memory://set/a.npz")
    assert (reds(images), images.labels) == ([0, 1, 2], ("a", "b", "c"))
    file = io.BytesIO()
    np.save(file, pixels)
    memory.pipe("/set/a.npy", file.getvalue())
    assert reds(find_images("memory://set/a.npy")) == [0, 1, 2]


def test_remote_idx_files_are_paired_with_their_labels(memory, web, reds):
    pixels = np.arange(3, dtype=np.uint8)[:, None, None] + np.zeros((1, 5, 4), np.uint8)
    files = {
        "t10k-images-idx3-ubyte.gz": struct.pack(">HBB3I", 0, 8, 3, 3, 5, 4) + pixels.tobytes(),
        "t10k-labels-idx1-ubyte.gz": struct.pack(">HBBI", 0, 8, 1, 3) + bytes([7, 8, 9]),
    }
    for name, content in files.items():
        memory.pipe(f"/set/{name}", gzip.compress(content))
        web.files[f"/{name}"] = gzip.compress(content)
    # the web server lists no files: the labels are found by name
    for source in ("memory://set", f"{web.address}/t10k-images-idx3-ubyte.gz"):
        images = find_images(source)
        assert (reds(images), images.labels) == ([0, 1, 2], ("7", "8", "9"))
    web.failures["/t10k-labels-idx1-ubyte.gz"] = 100
    images = find_images(f"{web.address}/t10k-images-idx3-ubyte.gz")
    assert images.labels is None
    assert "possibly labels: failed 3 times" in images.skipped[0].reason


def test_an_address_without_images_is_an_error(memory):
    memory.pipe("/set/read.me", b"")
    with pytest.raises(InputError, match=r"contains none \(1 other file;"):
        find_images("memory://set")
    with pytest.raises(InputError, match=r"'memory://gone': no such file"):
        find_images("memory://gone")
    memory.pipe("/lists/a.csv", b"")
    with pytest.raises(InputError, match=r"Name one of the files, such as 'memory://lists/a.csv'"):
        find_images("memory://lists")
    with pytest.raises(InputError, match=r"table must be a readable file; .*no such"):
        find_images("memory://set/gone.csv")
    for name in ("gone.zip", "gone.tar", "gone.parquet", "gone.npy"):
        with pytest.raises(InputError, match=f"the request for .*{name}' did .*: no such file"):
            find_images(f"memory://set/{name}")


@pytest.mark.parametrize("name", ["set", "a.csv", "a.tar", "a.zip", "a.parquet", "a.npz"])
def test_a_certificate_that_is_not_trusted_is_reported_with_the_remedy(memory, monkeypatch, name):
    def refuse(*_, **__):
        error = ssl.SSLCertVerificationError(1, "certificate verify failed")
        error.verify_message = "self-signed certificate"
        raise ssl.SSLCertVerificationError("as aiohttp's error") from error

    for method in ("info", "ls", "open", "cat_file"):
        monkeypatch.setattr(memory, method, refuse)
    message = rf"that of 'memory://{name}' is not: self-signed certificate\. .* set SSL_CERT_FILE"
    with pytest.raises(InputError, match=message):
        find_images(f"memory://{name}")


def test_invalid_addresses_are_errors():
    with pytest.raises(InputError, match=r"one that fsspec can open; got 'nonsense://x'"):
        find_images("nonsense://x")
    with pytest.raises(InputError, match="must not contain a password"):
        find_images("https://me:secret@127.0.0.1/x.csv")
    with pytest.raises(InputError, match="must name one location"):
        find_images("simplecache::s3://bucket")


def test_an_invalid_address_among_others_raises_an_image_error(memory, png, write_images):
    memory.pipe("/set/1.png", png(1))
    manifest = write_images("x.png") / "list.csv"
    manifest.write_text(
        f"path\nnonsense://x.png\nmemory://set/1.png\nfile://{manifest.parent}/x.png\n"
    )
    images = find_images(manifest)
    with pytest.raises(ImageError, match="one that fsspec can open"):
        images.load(0)
    assert images.load(1).size == images.load(2).size == (6, 4)


def test_a_missing_library_is_an_error_with_the_command_to_install(monkeypatch):
    def url_to_fs(_address):
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr("fsspec.core.url_to_fs", url_to_fs)
    with pytest.raises(MissingExtra, match=r"Run pip install 'featscape\[remote\]' in"):
        find_images("s3://bucket")


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("s3://bucket/birds/", "birds"),
        ("s3://bucket", "bucket"),
        ("https://example.org/a/birds.zip?x=1", "birds"),
        ("https://example.org/S%C3%A3o%20%232.zip#x", "São #2"),
        ("https://example.org/%00a%0A.zip", r"\x00a\n"),
        ("s3://bucket/São #2", "São #2"),
    ],
)
def test_the_name_of_an_address(address, name):
    assert name_source(address) == name


# the paths of images relative to their folder, and in the requests to an HTTP server
ENCODED = {
    "a#1.png": "a%231.png",
    "a?2.png": "a%3F2.png",
    "a": "a",
    "x%20y.png": "x%2520y.png",
    "x y.png": "x%20y.png",
    "b::c+d&e.png": "b::c%2Bd&e.png",  # fsspec decodes the characters that a path may contain
    "São Tomé #2/ü.png": "S%C3%A3o%20Tom%C3%A9%20%232/%C3%BC.png",
}


@pytest.fixture
def special(web, png):
    """Return the HTTP server with an image of every name in `ENCODED` in the folder "set #1"."""
    for red, path in enumerate(ENCODED.values()):
        web.files[f"/set%20%231/{path}"] = png(red)
    return web


def test_the_relative_paths_of_a_table_are_encoded_for_an_http_server(special, png, reds):
    address = f"{special.address}/set%20%231"
    special.files["/whole.png"] = png(99)
    rows = ["path", *ENCODED, f"{special.address}/whole.png?x=1#y"]
    special.files["/whole.png?x=1"] = png(77)  # an address in a table is not encoded again
    for table in ("list%20%25.csv", "list.csv?of=/a#b"):
        special.files[f"/set%20%231/{table.partition('#')[0]}"] = "\n".join(rows).encode()
        images = find_images(f"{address}/{table}")
        assert images.paths == tuple(rows[1:])
        assert reds(images) == [*range(len(ENCODED)), 77]


def test_the_names_in_the_index_of_an_http_server_are_decoded(special, reds):
    folder = special.address + "/set%20%231"
    page, images_at = special.files, {name: path for name, path in ENCODED.items() if name != "a"}
    links = [path.partition("/")[0] for path in images_at.values()]
    page["/set%20%231/"] = index("set%20%231", *links[:-1], f"{links[-1]}/")
    page[f"/set%20%231/{links[-1]}/"] = index("%C3%BC.png", ".hidden.png", "%2Ehidden.png")
    page["/set%20%231/metadata.csv"] = b"file_name,age\na#1.png,3\n"
    special.headers = {path: {"Content-Type": "text/html"} for path in page if path.endswith("/")}
    images = find_images(f"{folder}/")
    assert images.paths == tuple(sorted(images_at))
    reds_of = dict(zip(ENCODED, range(len(ENCODED)), strict=True))
    assert reds(images) == [reds_of[path] for path in images.paths]


def index(*links):
    """Return the index of a folder as an HTTP server sends it."""
    return "".join(f'<a href="{link}">{link}</a>' for link in links).encode()


def test_names_with_any_bytes_are_encoded_for_an_http_server(web, png, reds):
    web.files |= {"/m.csv": b"path\n\xff.png\n", "/%FF.png": png(5)}
    assert reds(find_images(f"{web.address}/m.csv")) == [5]


def test_the_names_at_an_ftp_server_are_not_encoded(monkeypatch):
    monkeypatch.setattr(QuietFTP, "_connect", lambda _self: None)
    monkeypatch.setattr(QuietFTP, "__del__", lambda _self: None)
    assert open_system("ftp://example.org/set/a?2#3%20.png")[1] == "/set/a?2#3%20.png"
