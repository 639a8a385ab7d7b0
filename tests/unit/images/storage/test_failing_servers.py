"""HTTP servers that fail, wait, or send without an end."""

import gc
import gzip
import io
import time
import tracemalloc

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from featscape.errors import ImageError, InputError
from featscape.features import extract
from featscape.images import find_images
from featscape.images.storage import limits, remote
from featscape.images.storage.deadline import time_limit
from helpers.images.archives import make_tar, make_zip
from helpers.networks.quick_network import FirstPixelNetwork


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


def test_an_extraction_skips_an_image_whose_requests_fail(web, listed):
    web.failures = {"/1.png": 100}
    features = extract(listed(4), model=FirstPixelNetwork())
    assert features.values[:, 0].tolist() == [0, 2, 3]
    (skip,) = features.images.skipped
    assert skip.path == f"{web.address}/1.png"
    assert skip.reason.startswith("failed 3 times")


def test_an_extraction_stops_requesting_from_a_server_that_always_fails(web, listed):
    web.failures = {f"/{i}.png": 100 for i in range(60)}
    with pytest.raises(InputError, match=r"none of the 60 .* is no longer contacted"):
        extract(listed(60), model=FirstPixelNetwork())
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
    with pytest.raises(ImageError, match="does not support ranges"):
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


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.parquet", "a.npy", "a.npz"])
def test_a_server_without_ranges_is_an_error_with_the_remedy(web, png, name):
    web.has_ranges = False
    pixels = io.BytesIO()
    np.save(pixels, np.zeros((3, 8, 8), np.uint8))
    web.files |= {"/a.zip": make_zip({"1.png": png(1)}), "/a.tar": make_tar({"1.png": png(1)})}
    web.files |= {"/a.npy": pixels.getvalue(), "/a.npz": make_zip({"x.npy": pixels.getvalue()})}
    table = io.BytesIO()
    pq.write_table(pa.table({"image": [png(1), png(2)]}), table)
    web.files["/a.parquet"] = table.getvalue()
    with pytest.raises(InputError) as raised:
        find_images(f"{web.address}/{name}")
    assert str(raised.value).startswith("the server of an archive, array or Parquet file must")
    assert str(raised.value).endswith("does not. Download the file, and name the downloaded file.")
    web.has_ranges = True
    assert len(find_images(f"{web.address}/{name}")) > 0


def test_a_server_without_ranges_sends_single_files(web, listed, reds):
    web.has_ranges = False
    assert reds(listed(3)) == [0, 1, 2]


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
    with pytest.raises(InputError, match=r"must be reachable; .* is not: Connect call failed"):
        find_images("http://127.0.0.1:1/set/")


def test_a_tar_that_is_deleted_while_it_is_read_raises_an_image_error(web, png):
    web.files["/a.tar"] = make_tar({"1.png": png(1)})
    images = find_images(f"{web.address}/a.tar")
    assert images.load(0).size == (6, 4)
    del web.files["/a.tar"]
    with pytest.raises(ImageError, match="no such file"):
        images.load(0)
