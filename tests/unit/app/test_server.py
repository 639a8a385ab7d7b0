"""The responses of the server, over HTTP."""

import json
import re
import shutil

import numpy as np
import pytest


class TestPage:
    def test_the_page_contains_the_setup_and_the_viewer(self, client):
        response = client.get("/")
        assert response.headers["content-type"] == "text/html; charset=utf-8"
        text = re.search(
            r'<script type="application/json" id="featscape">(.*?)</script>', response.text
        )
        setup = json.loads(text[1])
        assert setup["source"] == "server"
        assert setup["abilities"] == {
            "originals": True,
            "search": True,
            "content": False,
            "zip": 100_000,
            "place": True,
            "no_place": None,
        }
        for address in re.findall(r'(?:src|href)="([^"]+)"', response.text):
            if not address.startswith("data:"):
                assert client.get(f"/{address}").status_code == 200, address
        assert client.get(f"/{setup['data']}manifest.json").json()["n_items"] == 60

    def test_the_viewer_files_have_media_types(self, client):
        script = client.get("/static/viewer.js")
        assert script.headers["content-type"] == "text/javascript; charset=utf-8"
        assert client.get("/static/viewer.css").headers["content-type"].startswith("text/css")

    def test_missing_originals_turn_the_abilities_off(self, copied, open_client, error_of):
        shutil.rmtree(copied.source)
        client = open_client(copied.folder)
        assert '"originals":false' in client.get("/").text
        assert error_of(client.get("/api/items/3/image")).startswith(
            "there is no original image of item 3: original images are off, because "
        )
        assert client.get("/api/items/3/thumbnail").status_code == 200
        assert client.post("/api/zip", json={"ids": [1]}).status_code == 404

    def test_a_map_of_someone_else_shows_no_originals(
        self, copied, open_client, change_run, error_of
    ):
        change_run(copied.folder, seal=None)
        client = open_client(copied.folder)
        page = client.get("/").text
        assert '"originals":false' in page
        assert "cannot confirm that you made this map on this computer" in page
        assert "cannot confirm that you made this map" in error_of(client.get("/api/items/3/image"))
        assert "cannot confirm that you made this map" in error_of(
            client.post("/api/zip", json={"ids": [1]})
        )
        named = open_client(copied.folder, originals=str(copied.source))
        assert '"originals":true' in named.get("/").text
        assert '"notice":null' in named.get("/").text
        expected = (copied.source / copied.paths[3]).read_bytes()
        assert named.get("/api/items/3/image").content == expected

    def test_a_changed_source_breaks_the_seal(self, copied, open_client):
        run = json.loads((copied.folder / "run.json").read_text())
        (copied.folder / "run.json").write_text(json.dumps(run | {"source": "/"}))
        assert '"originals":false' in open_client(copied.folder).get("/").text

    def test_moved_originals_are_reported_on_the_page(self, copied, open_client):
        moved = copied.source.rename(copied.source.with_name("moved"))
        client = open_client(copied.folder)
        assert "no longer exists; name their new location" in client.get("/").text
        named = open_client(copied.folder, originals=str(moved))
        assert named.get("/api/items/3/image").status_code == 200


class TestData:
    def test_every_file_of_the_manifest_is_served(self, client, digits):
        for file in (digits.folder / "bundle").iterdir():
            response = client.get(f"/data/{file.name}")
            assert response.content == file.read_bytes()
            assert response.headers["accept-ranges"] == "bytes"

    @pytest.mark.parametrize(
        ("asked", "start", "end"),
        [
            ("bytes=0-9", 0, 10),
            ("bytes=8-8", 8, 9),
            ("bytes=100-", 100, 480),
            ("bytes=-20", 460, 480),
            ("bytes=470-9999", 470, 480),
            ("bytes=-9999", 0, 480),
        ],
    )
    def test_a_range_returns_a_part(self, client, digits, asked, start, end):
        whole = (digits.folder / "bundle" / "positions.bin").read_bytes()
        response = client.get("/data/positions.bin", headers={"range": asked})
        assert response.status_code == 206
        assert response.headers["content-range"] == f"bytes {start}-{end - 1}/480"
        assert response.content == whole[start:end]

    @pytest.mark.parametrize("asked", ["bytes=480-", "bytes=480-481", "bytes=99999-", "bytes=-0"])
    def test_a_range_beyond_the_end_is_refused(self, client, asked, error_of):
        response = client.get("/data/positions.bin", headers={"range": asked})
        assert response.status_code == 416
        assert response.headers["content-range"] == "bytes */480"
        assert error_of(response).endswith("Reload the page.")

    @pytest.mark.parametrize(
        "asked", ["bytes=", "bytes=-", "bytes=5-2", "bytes=a-b", "items=0-1", "bytes=0-1,4-5", "٣"]
    )
    def test_an_invalid_range_returns_the_complete_file(self, client, asked):
        response = client.get("/data/positions.bin", headers={"range": asked.encode()})
        assert response.status_code == 200
        assert len(response.content) == 480

    def test_an_unchanged_file_returns_304(self, client):
        etag = client.get("/data/positions.bin").headers["etag"]
        known = client.get("/data/positions.bin", headers={"if-none-match": f'"x", {etag}'})
        assert (known.status_code, known.content) == (304, b"")
        asked = {"range": "bytes=0-3"}
        fresh = client.get("/data/positions.bin", headers=asked | {"if-range": etag})
        stale = client.get("/data/positions.bin", headers=asked | {"if-range": '"other"'})
        assert (fresh.status_code, stale.status_code) == (206, 200)

    def test_a_large_file_is_streamed(self, copied, open_client, error_of):
        manifest_file = copied.folder / "bundle" / "manifest.json"
        content = json.loads(manifest_file.read_text())
        facts = {"fact": "x" * (3 << 20)}
        manifest_file.write_text(json.dumps(content | {"facts": facts}))
        client = open_client(copied.folder)
        response = client.get("/data/manifest.json")
        assert response.content == manifest_file.read_bytes()
        assert int(response.headers["content-length"]) == len(response.content)
        manifest_file.write_text(" " * len(response.content))
        assert "changed since the map was opened" in error_of(client.get("/data/manifest.json"))

    @pytest.mark.parametrize(
        "path",
        [
            "/data/",
            "/data/run.json",
            "/data/../run.json",
            "/data/..%2Frun.json",
            "/data/%2e%2e/run.json",
            "/data/%2Fetc%2Fpasswd",
            "/data//etc/passwd",
            "/data/positions.bin%00",
            "/data/positions.bin/",
            "/data/POSITIONS.BIN",
            "/static/",
            "/static/../page.py",
            "/static/..%2F..%2Ferrors.py",
            "/features.npy",
            "/items.parquet",
            "/thumbnails/data.bin",
            "/docs",
            "/openapi.json",
        ],
    )
    def test_other_paths_return_404(self, client, path, error_of):
        response = client.get(path)
        assert response.status_code == 404
        error_of(response)

    def test_a_changed_file_returns_409(self, copied, open_client, error_of):
        client = open_client(copied.folder)
        file = copied.folder / "bundle" / "positions.bin"
        assert client.get("/data/positions.bin").status_code == 200
        file.write_bytes(file.read_bytes()[:100])
        response = client.get("/data/positions.bin")
        assert response.status_code == 409
        assert "changed since the map was opened" in error_of(response)
        file.unlink()
        assert "changed since the map was opened" in error_of(client.get("/data/positions.bin"))


class TestItems:
    def test_details_are_those_of_the_table(self, client, digits):
        details = client.get("/api/items/7").json()
        columns = details.pop("columns")  # with the columns of the findings
        assert columns["split"] is None
        assert details == {
            "id": 7,
            "label": digits.made.labels[7],
            "path": digits.made.paths[7],
            "width": 80,
            "height": 80,
        }

    def test_neighbors_are_those_of_the_map(self, client, digits):
        for item in (0, 31, 59):
            found = client.get(f"/api/items/{item}/neighbors").json()
            assert found["ids"] == digits.made.neighbors.indices[item].tolist()
            expected = digits.made.neighbors.distances[item]
            np.testing.assert_array_equal(np.float32(found["distances"]), expected)

    def test_the_thumbnail_and_the_original(self, client, digits):
        for item in (0, 59):
            original = client.get(f"/api/items/{item}/image")
            assert original.headers["content-type"] == "image/png"
            assert original.content == (digits.source / digits.made.paths[item]).read_bytes()
            thumbnail = client.get(f"/api/items/{item}/thumbnail")
            assert thumbnail.content == digits.made.thumbnails.encoded(item)
            assert thumbnail.headers["content-type"] == "image/jpeg"
            for response in (original, thumbnail):
                etag = {"if-none-match": response.headers["etag"]}
                assert client.get(response.url.path, headers=etag).status_code == 304

    def test_thumbnails_that_became_shorter_are_reported(self, copied, open_client, error_of):
        client = open_client(copied.folder)
        with (copied.folder / "thumbnails" / "data.bin").open("r+b") as file:
            file.truncate(10)
        response = client.get("/api/items/3/thumbnail")
        assert response.status_code == 409
        assert "data.bin has changed since the map was opened" in error_of(response)

    def test_content_that_is_not_an_image_is_refused_before_a_network_is_loaded(
        self, client, monkeypatch, error_of
    ):
        monkeypatch.setattr("featscape.app.placer.open_placer", None)
        response = client.post("/api/place", content=b"no image")
        assert response.status_code == 422
        assert "the image cannot be used" in error_of(response)

    @pytest.mark.parametrize("what", ["", "/neighbors", "/thumbnail", "/image"])
    @pytest.mark.parametrize(
        ("item", "status"), [("60", 404), ("-1", 404), ("99999999999999999999", 404), ("x", 422)]
    )
    def test_invalid_ids_are_refused(self, client, what, item, status, error_of):
        response = client.get(f"/api/items/{item}{what}")
        assert response.status_code == status
        error_of(response)

    @pytest.mark.parametrize(
        "item", ["../7", "7%2F..%2F8", "1/../../run.json", "%00", "7.5", "0x7"]
    )
    def test_an_id_is_never_a_path(self, client, item, error_of):
        response = client.get(f"/api/items/{item}/image")
        assert response.status_code in (404, 422)
        error_of(response)


class TestErrors:
    @pytest.mark.parametrize(
        ("method", "path", "status"),
        [
            ("GET", "/nothing", 404),
            ("DELETE", "/api/items/3", 405),
            ("GET", "/api/search", 405),
            ("POST", "/", 405),
        ],
    )
    def test_errors_of_the_address(self, client, method, path, status, error_of):
        response = client.request(method, path)
        assert response.status_code == status
        assert path in error_of(response)

    @pytest.mark.parametrize("path", ["/api/search", "/api/content", "/api/zip"])
    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"{",
            b"null",
            b"[]",
            b"{}",
            b"\xff\xfe",
            b'{"text": 7, "ids": 7}',
            b'{"text": null, "ids": ["x"]}',
            b'{"text": "' + b"a" * 1001 + b'", "ids": [1.5]}',
            b"[" * 100_000,
            b'{"text": "\\ud800", "ids": [1e400]}',
        ],
    )
    def test_errors_of_the_body(self, client, path, content, error_of):
        response = client.post(path, content=content, headers={"content-type": "application/json"})
        assert 400 <= response.status_code < 500
        error_of(response)


class TestSearch:
    @pytest.mark.parametrize("text", ["7", "digit", "0/digit png"])
    def test_search_returns_the_ids(self, client, digits, text):
        found = np.frombuffer(client.post("/api/search", json={"text": text}).content, "<u4")
        words = text.split()
        expected = [
            i for i, path in enumerate(digits.made.paths) if all(word in path for word in words)
        ]
        assert found.tolist() == expected

    def test_a_map_without_a_text_tower_is_not_compared_with_texts(self, client, error_of):
        response = client.post("/api/content", json={"text": "a red car"})
        assert response.status_code == 404
        assert "has no text tower" in error_of(response)

    def test_search_without_a_result_is_empty(self, client):
        assert client.post("/api/search", json={"text": "zebra"}).content == b""
