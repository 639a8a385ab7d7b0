"""Originals: only images of this map are read."""

import asyncio
import hashlib
import http.server
import io
import os
import socket
import tarfile
import threading
import time
import zipfile
from contextlib import suppress
from types import SimpleNamespace

import fsspec
import httpx
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from featscape.app.originals.archive import stream_archive
from featscape.app.originals.fetching import fetch
from featscape.app.originals.reader import AT_ONCE, Originals
from featscape.app.server.application import ServedMap, make_app
from featscape.errors import ImageError, InputError
from featscape.images import open_contents
from featscape.images.storage.redirects import is_public


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "source"
    folder.mkdir()
    return folder


@pytest.fixture
def open_path(source):
    """Return a function that opens the original of an item with some path."""

    def open_it(path):
        file = source / path
        content = file.read_bytes() if "\0" not in path and os.path.isfile(file) else b""  # noqa: PTH113 - Path raises for a name that is too long
        return Originals(str(source), items_of(path, content), is_own=True).read_now(0)

    return open_it


def items_of(*paths_and_contents):
    """Return items with the given paths and contents, in turn."""
    paths, contents = paths_and_contents[::2], paths_and_contents[1::2]
    return SimpleNamespace(
        path=paths.__getitem__,
        sha256=[hashlib.sha256(content).hexdigest() for content in contents].__getitem__,
        have_paths=True,
    )


def write_image(file, format_="PNG"):
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (300, 200), (200, 10, 10)).save(file, format_)
    return file.read_bytes()


@pytest.mark.parametrize("format_", ["PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP"])
def test_media_type_follows_from_the_bytes(source, open_path, format_):
    content = write_image(source / "a" / "image.html", format_)
    original = open_path("a/image.html")
    assert original.media_type == f"image/{format_.lower()}"
    assert original.content == content


@pytest.mark.parametrize("name", ["quo'\"te.png", "new\nline.png", "<script>.png", "%2e%2e.png"])
def test_special_names_are_read(source, open_path, name):
    content = write_image(source / name)
    assert open_path(name).content == content


def test_names_that_are_not_utf8_are_read(source, open_path):
    name = os.fsdecode(b"caf\xe9.png")
    content = write_image(source / name)
    assert open_path(name).content == content


@pytest.mark.parametrize("depth", ["../", "a/../../", "../source/../", "./../"])
def test_paths_with_parent_folders_are_refused(source, open_path, depth):
    write_image(source.parent / "secret.png")
    write_image(source / "a" / "b.png")
    with pytest.raises(ImageError, match="outside the location of the originals"):
        open_path(f"{depth}secret.png")


def test_absolute_paths_are_refused(source, open_path):
    write_image(source.parent / "secret.png")
    with pytest.raises(ImageError, match="outside the location of the originals"):
        open_path(str(source.parent / "secret.png"))


@pytest.mark.parametrize("path", ["", ".", "a", "a.png\0.txt", "none.png", "a/b.png/c", "x" * 5000])
def test_paths_that_are_not_files_are_refused(source, open_path, path):
    write_image(source / "a" / "b.png")
    with pytest.raises(ImageError):
        open_path(path)


def test_a_file_that_is_not_an_image_is_refused(source, open_path):
    (source / "page.png").write_text("<script>alert(1)</script>")
    with pytest.raises(ImageError, match="not an image"):
        open_path("page.png")


def test_a_link_to_an_image_is_followed(source, open_path):
    content = write_image(source.parent / "store" / "1f3a")
    (source / "image.png").symlink_to(source.parent / "store" / "1f3a")
    (source / "class").symlink_to(source.parent / "store")
    assert open_path("image.png").content == content
    assert open_path("class/1f3a").content == content


def test_a_link_to_another_file_is_refused(source, open_path):
    secret = source.parent / "id_rsa"
    secret.write_text("-----BEGIN OPENSSH PRIVATE KEY-----")
    (source / "image.png").symlink_to(secret)
    with pytest.raises(ImageError, match="not an image"):
        open_path("image.png")


def test_a_pipe_is_refused_without_waiting(source, open_path):
    os.mkfifo(source / "pipe.png")
    with pytest.raises(ImageError, match="not a regular file"):
        open_path("pipe.png")


def test_a_link_to_a_device_is_refused(source, open_path):
    (source / "zero.png").symlink_to("/dev/zero")
    with pytest.raises(ImageError, match="not a regular file"):
        open_path("zero.png")


def test_a_changed_file_is_refused(source):
    items = items_of("a.png", write_image(source / "a.png"))
    write_image(source / "a.png", "JPEG")
    with pytest.raises(ImageError, match="changed since the map was made"):
        Originals(str(source), items, is_own=True).read_now(0)


def test_an_image_without_a_hash_is_refused(source):
    write_image(source / "a.png")
    items = items_of("a.png", b"")
    items.sha256 = lambda _item: None
    with pytest.raises(ImageError, match="no SHA-256"):
        Originals(str(source), items, is_own=True).read_now(0)


@pytest.mark.parametrize("kind", ["folder", "manifest", "zip"])
def test_a_file_beyond_the_limit_is_refused(source, monkeypatch, kind):
    monkeypatch.setattr("featscape.app.originals.reader.MOST_BYTES", 1 << 20)
    content = b"BM" + bytes(1 << 20)
    place, items = source, items_of("a.bmp", content)
    (source / "a.bmp").write_bytes(content)
    if kind == "zip":
        place = source / "all.zip"
        with zipfile.ZipFile(place, "w") as archive:
            archive.write(source / "a.bmp", "a.bmp")
    with pytest.raises(ImageError, match="too large: more than 1 MiB"):
        Originals(str(place), items, kind=kind, is_own=True).read_now(0)


@pytest.mark.parametrize("words", ["scikit-learn's digits", "relative", "", "/no/such/folder"])
def test_a_described_source_has_no_originals(words, source, monkeypatch):
    monkeypatch.chdir(source)
    content = write_image(source / "relative" / "a.png")
    originals = Originals(words, items_of("a.png", content), is_own=True)
    assert not originals.are_here
    with pytest.raises(ImageError):
        originals.read_now(0)


# --- maps of others -------------------------------------------------------------------------------


class TestMapsOfOthers:
    @pytest.mark.parametrize("kind", ["folder", "manifest", "zip", "address"])
    def test_no_file_is_opened(self, source, kind):
        content = write_image(source / "a.png")
        originals = Originals(str(source), items_of("a.png", content), kind=kind, is_own=False)
        assert not originals.are_here
        assert "start the server with --originals" in originals.obstacle
        with pytest.raises(ImageError, match="cannot confirm that you made this map"):
            originals.read_now(0)

    @pytest.mark.parametrize("kind", ["folder", "manifest", "address"])
    def test_files_at_the_named_place_are_read(self, source, kind):
        content = write_image(source / "a" / "b.png")
        items = items_of("a/b.png", content, f"{source}/a/b.png", content)
        originals = Originals("/else", items, kind=kind, is_own=False, named=str(source))
        assert originals.are_here
        assert originals.read_now(0).content == content
        assert originals.read_now(1).content == content

    @pytest.mark.parametrize(
        "path", ["/{0}/secret.png", "../secret.png", "a/../../secret.png", "file:///{0}/secret.png"]
    )
    @pytest.mark.parametrize("kind", ["folder", "manifest"])
    def test_files_outside_the_named_place_are_not_read(self, source, kind, path):
        content = write_image(source.parent / "secret.png")
        items = items_of(path.format(str(source.parent)[1:]), content)
        originals = Originals("/else", items, kind=kind, is_own=False, named=str(source))
        with pytest.raises(ImageError, match="outside the location of the originals"):
            originals.read_now(0)

    def test_only_the_named_address_is_requested(self, source, web):
        items = items_of(f"{web.address}/a.png", png(3), "https://example.org/a.png", png(3))
        for named in (str(source), "http://127.0.0.1:1", f"{web.address}/below"):
            originals = Originals("x.csv", items, kind="manifest", is_own=False, named=named)
            for item in (0, 1):
                with pytest.raises(ImageError, match="outside the location of the originals"):
                    originals.read_now(item)
        assert web.asked == []

    def test_the_named_address_is_requested(self, web):
        items = items_of(f"{web.address}/a.png", png(3))
        originals = Originals("x.csv", items, kind="manifest", is_own=False, named=web.address)
        assert originals.read_now(0).content == png(3)

    @pytest.mark.parametrize(
        "named", ["memory://x", "ftp://127.0.0.1/x", "webhdfs://127.0.0.1/x", "/no/such/folder"]
    )
    def test_invalid_places_are_refused(self, named):
        with pytest.raises(InputError, match="originals"):
            Originals("/else", items_of("a", b""), is_own=False, named=named)


# --- addresses ------------------------------------------------------------------------------------


@pytest.fixture
def web():
    """Serve images and traps on the loopback interface; `asked` records the paths."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            if self.path.startswith("/to/"):
                self.send_response(302)
                self.send_header("Location", self.path.removeprefix("/to/"))
                self.end_headers()
                return None
            if self.path.startswith("/silent.png") or self.path in state.silent:
                released.wait(30)
            released.wait(state.answers_s)
            if self.path in state.files:
                return self.send_file(state.files[self.path])
            self.send_response(404 if self.path == "/none.png" else 200)
            self.end_headers()
            with suppress(OSError):
                self.wfile.write(png(3))
                while self.path == "/endless.png":
                    self.wfile.write(bytes(1 << 16))

            return None

        do_HEAD = do_GET  # noqa: N815 - the name that http.server calls

        def send_file(self, content):
            start, _, end = self.headers.get("Range", "bytes=0-").partition("=")[2].partition("-")
            part = content[int(start) : int(end or len(content)) + 1]
            self.send_response(206 if "Range" in self.headers else 200)
            self.send_header("Content-Length", str(len(part)))
            self.send_header("Accept-Ranges", "bytes")
            if "Range" in self.headers:
                span = f"bytes {start}-{int(start) + len(part) - 1}/{len(content)}"
                self.send_header("Content-Range", span)
            self.end_headers()
            if self.command == "GET":
                with suppress(OSError):
                    self.wfile.write(part)

        def log_message(self, *_):
            pass

    state = SimpleNamespace(asked=asked, files={}, silent=set(), answers_s=0)
    released = threading.Event()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        state.address = f"http://127.0.0.1:{server.server_port}"
        yield state
        released.set()
        server.shutdown()


class TestAddresses:
    @pytest.fixture
    def bucket(self, web, monkeypatch):
        """Return the address of a file in a bucket on the web server."""
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "testing")
        monkeypatch.setenv("AWS_ENDPOINT_URL", web.address)
        fsspec.filesystem("s3").clear_instance_cache()
        yield "s3://bucket/a.png"
        fsspec.filesystem("s3").clear_instance_cache()

    @pytest.fixture
    def read(self, web):
        def read(path):
            items = items_of(f"{web.address}/{path}", png(3))
            return Originals("/x.csv", items, kind="manifest", is_own=True, named="/").read_now(0)

        return read

    def test_an_image_is_downloaded_in_one_request(self, read, web):
        assert read("a.png").content == png(3)
        with pytest.raises(ImageError, match="HTTP 404"):
            read("none.png")
        assert web.asked == ["/a.png", "/none.png"]

    def test_a_redirect_within_the_server_is_followed(self, read):
        assert read("to//a.png").content == png(3)

    def test_a_redirect_to_another_private_address_is_refused(self, read):
        with socket.create_server(("127.0.0.1", 0)) as other:
            other.settimeout(0.2)
            address = f"http://127.0.0.1:{other.getsockname()[1]}/admin"
            with pytest.raises(ImageError, match=r"leads to the private address 127\.0\.0\.1"):
                read(f"to/{address}")
            with pytest.raises(TimeoutError):
                other.accept()

    @pytest.mark.parametrize("kind", ["zip", "tar", "parquet"])
    def test_a_redirect_of_an_archive_to_a_private_address_is_refused(self, kind, web, monkeypatch):
        monkeypatch.setattr("featscape.images.storage.remote.FIRST_WAIT_S", 0)
        with socket.create_server(("127.0.0.1", 0)) as other:
            other.settimeout(0.2)
            address = f"{web.address}/to/http://127.0.0.1:{other.getsockname()[1]}/all.{kind}"
            originals = Originals(
                "/x", items_of(f"all.{kind}/0", b""), kind=kind, is_own=False, named=address
            )
            with pytest.raises(ImageError, match=r"leads to the private address 127\.0\.0\.1"):
                originals.read_now(0)
            with pytest.raises(TimeoutError):
                other.accept()

    def test_a_redirect_of_an_archive_within_the_server_is_followed(self, web):
        file = io.BytesIO()
        pq.write_table(pa.table({"image": [png(9)]}), file)
        web.files["/all.parquet"] = file.getvalue()
        address = f"{web.address}/to//all.parquet"
        items = items_of("all.parquet/0", png(9))
        originals = Originals("/x", items, kind="parquet", is_own=False, named=address)
        assert originals.read_now(0).content == png(9)

    def test_an_endless_response_is_refused(self, read, monkeypatch):
        monkeypatch.setattr("featscape.app.originals.reader.MOST_BYTES", 1 << 20)
        with pytest.raises(ImageError, match="too large: more than 1 MiB"):
            read("endless.png")

    def test_a_silent_server_times_out(self, read, monkeypatch):
        monkeypatch.setattr("featscape.app.originals.reader.WITHIN_S", 0.2)
        with pytest.raises(ImageError, match=r"did not arrive within 0\.2 s"):
            read("silent.png")

    def test_a_silent_server_does_not_delay_the_originals_of_others(self, source, web, monkeypatch):
        monkeypatch.setattr("featscape.app.originals.reader.WITHIN_S", 2)
        content = write_image(source / "a.png")
        (source / "x.csv").touch()
        web.files["/a.png"] = content
        fetch(f"{web.address}/a.png", max_bytes=10 << 20, within_s=60)  # imports modules
        web.asked.clear()
        silent = [f"{web.address}/silent.png", b""] * (3 * AT_ONCE)
        items = items_of(*silent, "a.png", content)
        originals = Originals(str(source / "x.csv"), items, kind="manifest", is_own=True)

        async def read_all():
            waiting = [asyncio.create_task(originals.read(i)) for i in range(3 * AT_ONCE)]
            await asyncio.sleep(0.1)
            assert (await originals.read(3 * AT_ONCE)).content == content
            assert not any(task.done() for task in waiting)
            await asyncio.gather(*waiting, return_exceptions=True)

        asyncio.run(read_all())
        # the time in the queue counts; a request whose limit has almost passed may still start
        assert len(web.asked) <= 2 * AT_ONCE

    def test_an_archive_at_a_silent_server_ends_at_the_time_limit(self, web, monkeypatch):
        monkeypatch.setattr("featscape.app.originals.reader.ARCHIVE_S", 0.3)
        monkeypatch.setattr("featscape.images.storage.remote.TIMEOUT_S", 5)
        items = items_of("a.png", b"")
        for kind in ("zip", "tar", "parquet"):
            address = f"{web.address}/silent.png?.{kind}"
            originals = Originals(address, items, kind=kind, is_own=True)
            began = time.perf_counter()
            with pytest.raises(ImageError):
                originals.read_now(0)
            assert time.perf_counter() - began < 5  # the limit of one request

    def test_an_archive_is_read_after_the_server_was_silent(self, web, monkeypatch):
        monkeypatch.setattr("featscape.app.originals.reader.ARCHIVE_S", 0.1)
        file = io.BytesIO()
        pq.write_table(pa.table({"image": [png(9)]}), file)
        web.files["/all.parquet"] = file.getvalue()
        items = items_of("all.parquet/0", png(9))
        originals = Originals(f"{web.address}/all.parquet", items, kind="parquet", is_own=True)
        web.silent.add("/all.parquet")
        for _ in range(12):  # more than the number of failures that end a run's requests
            with pytest.raises(ImageError):
                originals.read_now(0)
        web.silent.clear()
        monkeypatch.setattr("featscape.app.originals.reader.ARCHIVE_S", 5)
        assert originals.read_now(0).content == png(9)

    def test_a_file_in_a_bucket_is_read_in_one_request(self, web, bucket):
        content = png(3) + bytes(5 << 20)
        web.files["/bucket/a.png"] = content
        assert fetch(bucket, max_bytes=10 << 20, within_s=20) == content
        assert web.asked == ["/bucket/a.png"]

    def test_a_silent_bucket_times_out(self, web, bucket):
        web.files["/bucket/a.png"] = png(3)
        fetch(bucket, max_bytes=10 << 20, within_s=20)  # the first request loads boto
        web.silent.add("/bucket/a.png")
        began = time.perf_counter()
        with pytest.raises(ImageError, match="did not arrive in time"):
            fetch(bucket, max_bytes=10 << 20, within_s=0.5)
        assert time.perf_counter() - began < 10
        assert web.asked == ["/bucket/a.png"] * 2

    @pytest.mark.parametrize("scheme", ["ftp", "memory", "webhdfs", "reference", "gopher"])
    def test_other_schemes_are_refused(self, scheme):
        items = items_of(f"{scheme}://127.0.0.1/a.png", b"")
        originals = Originals("/x.csv", items, kind="manifest", is_own=True, named="/")
        with pytest.raises(ImageError, match="only http, https, s3, gs are fetched"):
            originals.read_now(0)

    def test_silent_servers_do_not_delay_other_requests(self, digits, web, monkeypatch):
        monkeypatch.setattr("featscape.app.originals.reader.WITHIN_S", 2)
        served = ServedMap(digits.folder)
        paths = [f"{web.address}/silent.png"] * len(served.items)
        items = items_of(*(each for path in paths for each in (path, b"")))
        served.originals = Originals("/x.csv", items, kind="manifest", is_own=True, named="/")

        async def ask():
            app = httpx.ASGITransport(make_app(served))
            async with httpx.AsyncClient(transport=app, base_url="http://localhost") as client:
                hanging = [
                    asyncio.create_task(client.get(f"/api/items/{item}/image"))
                    for item in range(42)
                ]
                await asyncio.sleep(0.2)
                began = time.perf_counter()
                assert (await client.get("/api/items/1")).status_code == 200
                assert not any(task.done() for task in hanging)
                statuses = {answer.status_code for answer in await asyncio.gather(*hanging)}
                return statuses, time.perf_counter() - began

        statuses, all_s = asyncio.run(ask())
        assert statuses == {404}
        assert all_s < 15  # one after the other, AT_ONCE at a time, they would take 21 s
        assert len(web.asked) <= 2 * AT_ONCE  # the next reads may start before all time out


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("192.168.0.1", False),
        ("172.16.0.1", False),
        ("100.100.100.200", False),
        ("169.254.169.254", False),
        ("168.63.129.16", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("::ffff:127.0.0.1", False),
        ("fe80::1%eth0", False),
        ("fd00:ec2::254", False),
        ("fec0::1", False),
        ("::ffff:8.8.8.8", True),
        ("::127.0.0.1", False),
        ("::ffff:0:127.0.0.1", False),
        ("2002:808:808::", True),
        ("2002:7f00:1::", False),
        ("64:ff9b::808:808", True),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b::a83f:8110", False),
        ("64:ff9b:1::7f00:1", False),
        ("2001:0:4136:e378:8000:63bf:80ff:fffe", False),
    ],
)
def test_public_and_private_addresses(host, expected):
    assert is_public(host) is expected


# --- sources that are no folder -------------------------------------------------------------------


def png(red):
    file = io.BytesIO()
    Image.new("RGB", (30, 20), (red, 10, 10)).save(file, "PNG")
    return file.getvalue()


def make_source(folder, kind):
    """Write a source with one image and one page, and return it with the path of the image."""
    members = {"a/1.png": png(9), "a/page.png": b"<script>alert(1)</script>"}
    match kind:
        case "zip":
            file = folder / "all.zip"
            with zipfile.ZipFile(file, "w") as archive:
                for name, content in members.items():
                    archive.writestr(name, content)
        case "tar":
            file = folder / "all.tar"
            with tarfile.open(file, "w") as archive:
                for name, content in members.items():
                    info = tarfile.TarInfo(name)
                    info.size = len(content)
                    archive.addfile(info, io.BytesIO(content))
        case "parquet":
            file = folder / "all.parquet"
            pq.write_table(pa.table({"image": list(members.values())}), file)
            return file, "all.parquet/0", "all.parquet/1"
        case "manifest":
            file = folder / "all.csv"
            for name, content in members.items():
                (folder / name).parent.mkdir(exist_ok=True)
                (folder / name).write_bytes(content)
            file.write_text("path\na/1.png\na/page.png\n")
    return file, *members


def open_of(source, kind, path, content=b""):
    return Originals(str(source), items_of(path, content), kind=kind, is_own=True)


@pytest.mark.parametrize("kind", ["zip", "tar", "parquet", "manifest"])
def test_an_image_of_each_kind_of_source_is_read(source, kind):
    file, image, page = make_source(source, kind)
    originals = open_of(file, kind, image, png(9))
    assert originals.are_here
    original = originals.read_now(0)
    assert original.media_type == "image/png"
    assert original.content == png(9)
    with pytest.raises(ImageError, match="not an image"):
        open_of(file, kind, page, b"<script>alert(1)</script>").read_now(0)
    for path in ("none.png", "../secret.png", "", "a\0b.png", "all.parquet/7"):
        with pytest.raises(ImageError):
            open_of(file, kind, path).read_now(0)


def test_an_image_of_an_array_is_read(source):
    pixels = np.arange(2 * 4 * 5, dtype=np.uint8).reshape(2, 4, 5)
    np.savez(source / "a.npz", images=pixels)
    content = open_contents("array", source / "a.npz").read("images/1")
    original = open_of(source / "a.npz", "array", "images/1", content).read_now(0)
    image = Image.open(io.BytesIO(original.content))
    np.testing.assert_array_equal(np.asarray(image), pixels[1])


def test_an_image_at_an_address_is_read(web):
    originals = open_of(f"{web.address}/served", "address", "1.png", png(3))
    assert originals.are_here
    assert originals.read_now(0).content == png(3)
    assert web.asked == ["/served/1.png"]


@pytest.mark.parametrize("kind", ["zip", "tar", "parquet", "array", "manifest", "unknown"])
def test_a_missing_source_is_reported(source, kind):
    originals = open_of(source / "gone.zip", kind, "1.png")
    assert not originals.are_here
    with pytest.raises(ImageError):
        originals.read_now(0)


@pytest.mark.parametrize("words", ["an archive", "relative.zip", ""])
def test_the_originals_of_a_described_source_are_off(words):
    originals = open_of(words, "zip", "1.png")
    assert not originals.are_here
    with pytest.raises(ImageError, match="no original images"):
        originals.read_now(0)


def test_an_archive_of_images_from_an_archive(source):
    file, image, page = make_source(source, "zip")
    items = items_of(image, png(9), page, b"")
    originals = Originals(str(file), items, kind="zip", is_own=True)

    async def collect():
        pieces = stream_archive([0, 1], items=items, originals=originals)
        return b"".join([piece async for piece in pieces])

    with zipfile.ZipFile(io.BytesIO(asyncio.run(collect()))) as archive:
        assert archive.read(image) == png(9)
        assert "changed since the map was made" in archive.read("MISSING.txt").decode()
