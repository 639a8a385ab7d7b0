"""Sources at addresses: in memory, on an HTTP server that fails, and on a real S3 server."""

import gc
import gzip
import io
import struct
import tarfile
import threading
import time
import tracemalloc
import zipfile
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from featscape.errors import ImageError, InputError, MissingExtra
from featscape.features import extract
from featscape.images import find_images, name_source, open_contents
from featscape.images.storage import limits, remote
from featscape.images.storage.deadline import time_limit


@pytest.fixture(autouse=True)
def short_waits(monkeypatch):
    monkeypatch.setattr(remote, "FIRST_WAIT_S", 0.01)
    monkeypatch.setattr(remote, "TIMEOUT_S", 5)


@pytest.fixture
def memory():
    """Return fsspec's file system in memory, without files."""
    system = fsspec.filesystem("memory")
    system.store.clear()
    system.pseudo_dirs[:] = [""]
    yield system
    system.store.clear()


@pytest.fixture
def web():  # noqa: C901 - one handler
    """Return an HTTP server of `files`; `failures` is the number of failures of each path."""
    served = SimpleNamespace(
        files={}, failures={}, status=500, requests=[], hang=set(), ended=threading.Event()
    )
    served.headers = {}  # more headers of the response, by path
    served.endless = set()
    served.n_sent = 0  # bytes of endless responses
    served.encodings = set()  # that the requests accept

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self):
            self.answer(body=False)

        def do_GET(self):
            self.answer(body=True)

        def answer(self, *, body):
            served.requests.append(self.path)
            served.encodings.add(self.headers.get("Accept-Encoding"))
            if self.path in served.endless:
                return self.reply_endlessly()
            if self.path in served.hang:
                served.ended.wait(20)
            if served.failures.get(self.path, 0) > 0:
                served.failures[self.path] -= 1
                return self.reply(served.status, b"", body=body)
            content = served.files.get(self.path)
            if content is None:
                return self.reply(404, b"", body=body)
            wanted = self.headers.get("Range")
            if not wanted:
                return self.reply(200, content, body=body)
            start, _, end = wanted.removeprefix("bytes=").partition("-")
            part = content[int(start) : int(end) + 1]
            span = f"bytes {start}-{int(start) + len(part) - 1}/{len(content)}"
            return self.reply(206, part, body=body, span=span)

        def reply(self, status, content, *, body, span=None):
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Accept-Ranges", "bytes")
            if span:
                self.send_header("Content-Range", span)
            for item in served.headers.get(self.path, {}).items():
                self.send_header(*item)
            self.end_headers()
            if body:
                self.wfile.write(content)

        def reply_endlessly(self):
            self.close_connection = True
            self.send_response(200)
            self.end_headers()
            with suppress(OSError):  # the client closes the connection
                while served.n_sent < 200e6:
                    served.n_sent += self.wfile.write(bytes(100_000))

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    served.address = f"http://127.0.0.1:{server.server_port}"
    yield served
    served.ended.set()
    server.shutdown()
    thread.join()
    server.server_close()


def make_zip(members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


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


def make_tar(members):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return file.getvalue()


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
    with pytest.raises(InputError, match=r"manifest must be a readable file; .*no such"):
        find_images("memory://set/gone.csv")
    with pytest.raises(InputError, match=r"ZIP archive must be undamaged; .*no such file"):
        find_images("memory://set/gone.zip")


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
    with pytest.raises(MissingExtra, match=r"Install it with pip install 'featscape\[remote\]'"):
        find_images("s3://bucket")


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("s3://bucket/birds/", "birds"),
        ("s3://bucket", "bucket"),
        ("https://example.org/a/birds.zip?x=1", "birds"),
    ],
)
def test_the_name_of_an_address(address, name):
    assert name_source(address) == name


# --- servers that fail ----------------------------------------------------------------------------


@pytest.fixture
def listed(web, png, tmp_path):
    """Return a function that finds n images on the web server through a manifest."""

    def write(n):
        web.files |= {f"/{i}.png": png(i) for i in range(n)}
        lines = ["url", *(f"{web.address}/{i}.png" for i in range(n))]
        (tmp_path / "m.csv").write_text("\n".join(lines))
        return find_images(tmp_path / "m.csv")

    return write


def test_a_request_that_fails_twice_is_repeated(web, listed, reds):
    web.failures = {"/1.png": 2}
    assert reds(listed(3)) == [0, 1, 2]
    assert web.requests.count("/1.png") == 3


def test_a_request_that_always_fails_raises_an_image_error(web, listed, reds):
    web.failures = {"/1.png": 100}
    images = listed(3)
    with pytest.raises(ImageError, match=r"failed 3 times: .*500"):
        images.load(1)
    assert reds(images.select([0, 2])) == [0, 2]


def test_a_missing_file_is_requested_once(web, listed):
    images = listed(2)
    del web.files["/1.png"]
    with pytest.raises(ImageError, match="no such file"):
        images.load(1)
    assert web.requests.count("/1.png") == 1


@pytest.mark.parametrize(
    ("status", "reason", "n_requests"),
    [
        (401, "refused .HTTP 401.", 1),
        (403, "refused .HTTP 403.", 1),
        (410, "no such file", 1),
        (429, "failed 3 times", 3),
        (503, "failed 3 times", 3),
    ],
)
def test_a_refused_request_is_repeated_only_for_a_busy_server(
    web, listed, status, reason, n_requests
):
    web.failures, web.status = {"/1.png": 100}, status
    images = listed(2)
    with pytest.raises(ImageError, match=reason):
        images.load(1)
    assert web.requests.count("/1.png") == n_requests


def test_a_request_without_a_response_times_out(web, listed, monkeypatch):
    monkeypatch.setattr(remote, "TIMEOUT_S", 0.2)
    web.hang = {"/1.png"}
    images = listed(3)
    with pytest.raises(ImageError, match="failed 3 times: timed out"):
        images.load(1)
    assert images.load(2).size == (6, 4)


class Pixels:
    """A network whose features are the first pixel."""

    from featscape.records import ModelCard

    card = ModelCard("pixels", "", "", "", "", 3)
    batch_size, n_workers, n_concurrent, min_px, takes_pixels = 4, 2, 1, 0, False

    def prepare(self, image):
        import numpy as np

        return np.asarray(image)[:1, 0]

    def run(self, pixels):
        import numpy as np

        return np.array(pixels, dtype=np.float32).reshape(len(pixels), 3)


def test_an_extraction_skips_an_image_whose_requests_fail(web, listed):
    web.failures = {"/1.png": 100}
    features = extract(listed(4), model=Pixels())
    assert features.values[:, 0].tolist() == [0, 2, 3]
    (skip,) = features.images.skipped
    assert skip.path == f"{web.address}/1.png"
    assert skip.reason.startswith("failed 3 times")


def test_an_extraction_stops_requesting_from_a_server_that_always_fails(web, listed):
    web.failures = {f"/{i}.png": 100 for i in range(60)}
    with pytest.raises(InputError, match=r"none of the 60 .* is no longer contacted"):
        extract(listed(60), model=Pixels())
    assert len(web.requests) <= 3 * (remote.MAX_FAILURES + 2)


def test_a_response_that_never_ends_is_read_up_to_the_limit(web, monkeypatch):
    monkeypatch.setattr(limits, "MAX_BYTES", 1_000_000)
    web.endless.add("/0.png")
    with pytest.raises(ImageError, match="too large"):
        remote.Remote().read(f"{web.address}/0.png")
    assert web.requests.count("/0.png") == 1
    assert web.n_sent < 50e6


def test_a_part_that_never_ends_is_read_up_to_its_length(web):
    web.endless.add("/0.png")
    with pytest.raises(ImageError, match="more bytes than were requested"):
        remote.Remote().read_part(f"{web.address}/0.png", 10, 20)
    assert web.n_sent < 50e6


def test_a_compressed_response_is_read_up_to_the_limit(web, monkeypatch):
    monkeypatch.setattr(limits, "MAX_BYTES", 1_000_000)
    web.files["/0.png"] = gzip.compress(bytes(200_000_000))
    web.headers["/0.png"] = {"Content-Encoding": "gzip"}
    tracemalloc.start()
    with pytest.raises(ImageError, match="too large"):
        remote.Remote().read(f"{web.address}/0.png")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100e6
    assert web.encodings == {"identity"}


class EndlessSystem(fsspec.AbstractFileSystem):
    """A file system that returns as many bytes of each file as are requested."""

    protocol = "endless"

    def _open(self, _path, **_):
        return EndlessFile()


class EndlessFile(io.RawIOBase):
    def readable(self):
        return True

    def seekable(self):
        return True

    def seek(self, *_):
        return 0

    def tell(self):
        return 0

    def readinto(self, buffer):
        return len(buffer)

    def readall(self):
        pytest.fail("a file was read without a limit")


def test_a_file_that_never_ends_is_read_up_to_the_limit(monkeypatch):
    monkeypatch.setattr(limits, "MAX_BYTES", 1_000_000)
    fsspec.register_implementation("endless", EndlessSystem, clobber=True)
    with pytest.raises(ImageError, match="too large"):
        remote.Remote().read("endless://host/0.png")


@pytest.mark.parametrize("address", ["ftp:///x.png", "ftp://127.0.0.1:1/x.png"])
def test_an_ftp_server_that_cannot_be_reached_raises_only_an_image_error(address):
    with pytest.raises(ImageError, match="one that fsspec can open"):
        remote.Remote().read(address)
    gc.collect()  # an exception in a destructor fails the test


def test_requests_within_a_time_limit_end_at_the_limit(web):
    web.hang = {"/1.png"}
    began = time.perf_counter()
    with time_limit(0.3):
        for _ in range(3):
            with pytest.raises(ImageError, match=r"did not arrive in time \(timed out\)"):
                remote.Remote().read(f"{web.address}/1.png")
    assert time.perf_counter() - began < 2
    assert web.requests == ["/1.png"]


def test_a_zip_on_an_http_server_is_read_in_parts(web, png, reds):
    big = {f"a/{i:02}.png": png(i) + bytes(300_000) for i in range(20)}
    web.files["/all.zip"] = make_zip(big)
    web.failures["/all.zip"] = 2
    assert reds(find_images(f"{web.address}/all.zip").select([3, 19])) == [3, 19]


def test_a_folder_that_cannot_be_listed_is_skipped(web, png, reds, skipped):
    web.files |= {
        "/set/": b'<a href="cat/">cat</a> <a href="dog/">dog</a>',
        "/set/cat/": b'<a href="1.png">1</a>',
        "/set/cat/1.png": png(1),
        "/set/dog/": b'<a href="2.png">2</a>',
        "/set/dog/2.png": png(2),
    }
    web.failures["/set/cat/"] = 2
    assert reds(find_images(f"{web.address}/set/")) == [1, 2]
    web.failures["/set/dog/"] = 100
    images = find_images(f"{web.address}/set/")
    assert reds(images) == [1]
    assert "failed 3 times" in skipped(images)["dog"]


def test_an_unreachable_server_is_an_error():
    with pytest.raises(InputError, match=r"127\.0\.0\.1:1/set/': failed 3 times"):
        find_images("http://127.0.0.1:1/set/")


def test_a_tar_that_is_deleted_while_it_is_read_raises_an_image_error(web, png):
    web.files["/a.tar"] = make_tar({"1.png": png(1)})
    images = find_images(f"{web.address}/a.tar")
    assert images.load(0).size == (6, 4)
    del web.files["/a.tar"]
    with pytest.raises(ImageError, match="no such file"):
        images.load(0)


# --- S3 -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def s3():
    """Run a real S3 server on this machine, and return a client."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        client = boto3.client("s3")
        client.create_bucket(Bucket="pictures")
        yield client
        fsspec.filesystem("s3").clear_instance_cache()
    server.stop()


def test_a_bucket_is_read(s3, png, reds):
    names = [f"train/{'ab'[i % 2]}/{i:04}.png" for i in range(60)]
    for i, name in enumerate(names):
        s3.put_object(Bucket="pictures", Key=f"set/{name}", Body=png(i % 256))
    images = find_images("s3://pictures/set")
    assert images.paths == tuple(sorted(names))
    assert images.splits == ("train",) * 60
    assert set(images.labels) == {"a", "b"}
    assert reds(images.select([0, 1, 30])) == [0, 2, 1]
    assert len(extract(images.select(range(30)), model=Pixels())) == 30


def test_a_manifest_and_an_archive_in_a_bucket_are_read(s3, png, reds):
    s3.put_object(Bucket="pictures", Key="x/1.png", Body=png(5))
    s3.put_object(Bucket="pictures", Key="x/m.csv", Body=b"path\n1.png\ngone.png\n")
    s3.put_object(Bucket="pictures", Key="x/a.zip", Body=make_zip({"a/1.png": png(6)}))
    images = find_images("s3://pictures/x/m.csv")
    assert images.load(0).getpixel((0, 0))[0] == 5
    with pytest.raises(ImageError, match="no such file"):
        images.load(1)
    assert reds(find_images("s3://pictures/x/a.zip")) == [6]


def test_a_bucket_that_does_not_exist_is_an_error(s3):
    assert s3 is not None
    with pytest.raises(InputError, match="'s3://nobody-has-this': no such file"):
        find_images("s3://nobody-has-this")


def test_missing_credentials_are_an_error_with_a_remedy(s3, monkeypatch):
    assert s3 is not None
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    fsspec.filesystem("s3").clear_instance_cache()
    with pytest.raises(InputError, match=r"or FSSPEC_S3_ANON=true for a public bucket\.$"):
        find_images("s3://pictures/set")
    fsspec.filesystem("s3").clear_instance_cache()


def test_an_empty_object_raises_an_image_error(s3):
    s3.put_object(Bucket="pictures", Key="empty/1.png", Body=b"")
    with pytest.raises(ImageError, match="empty file"):
        find_images("s3://pictures/empty").load(0)
