"""Originals at addresses: redirects, silent servers and private addresses."""

import asyncio
import io
import socket
import time

import fsspec
import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from featscape.app.originals.fetching import fetch
from featscape.app.originals.reader import AT_ONCE, Originals
from featscape.app.server.application import ServedMap, make_app
from featscape.errors import ImageError
from featscape.images.storage.redirects import is_public
from helpers.images.original_images import items_of, png, write_image


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
        monkeypatch.setattr("featscape.app.originals.reader.WITHIN_S", 1)
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
        monkeypatch.setattr("featscape.app.originals.reader.WITHIN_S", 1)
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
                await asyncio.sleep(0.1)
                began = time.perf_counter()
                assert (await client.get("/api/items/1")).status_code == 200
                assert not any(task.done() for task in hanging)
                statuses = {answer.status_code for answer in await asyncio.gather(*hanging)}
                return statuses, time.perf_counter() - began

        statuses, all_s = asyncio.run(ask())
        assert statuses == {404}
        assert all_s < 7  # one after the other, AT_ONCE at a time, they would take 10 s
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
