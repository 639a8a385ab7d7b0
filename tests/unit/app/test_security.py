"""Each rule of the server, with a request that violates the rule."""

import asyncio
import json
import tracemalloc

import pytest
from starlette.testclient import TestClient

from featscape.app.server import security
from featscape.app.server.security import Access, Guard
from featscape.errors import InputError

PAGE = "/"
NEIGHBORS = "/api/items/3/neighbors"
IMAGE = "/api/items/3/image"
ARCHIVE = "/api/zip/key"
JSON = {"content-type": "application/json"}
LOCAL = [(b"host", b"localhost")]
LINK = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}


def refusal(response, status=403):
    assert response.status_code == status
    assert response.json()["status"] == status
    return response.json()["error"]


class TestHost:
    @pytest.mark.parametrize(
        "host", ["127.0.0.1:8000", "localhost:9999", "LOCALHOST", "[::1]:8000"]
    )
    def test_names_of_this_machine_are_accepted(self, client, host):
        assert client.get(PAGE, headers={"host": host}).status_code == 200

    @pytest.mark.parametrize(
        "host",
        [
            "evil.example",
            "evil.example:8000",
            "127.0.0.1.evil.example",
            "localhost.evil.example:8000",
            "localhost:8000@evil.example",
            "192.168.0.7:8000",
            "0.0.0.0:8000",
            "2130706433",
            "127.1",
            "",
            "[::1",
            "localhost:8000, evil.example",
        ],
    )
    @pytest.mark.parametrize("path", [PAGE, NEIGHBORS, "/data/manifest.json", "/nothing"])
    def test_other_host_names_are_refused_for_every_path(self, client, host, path):
        response = client.get(path, headers={"host": host})
        assert "the Host header must be the address" in refusal(response)

    def test_a_second_host_is_refused(self, app):
        both = [(b"host", b"127.0.0.1:8000"), (b"host", b"evil.example")]
        assert status_of(app, both) == 403
        assert status_of(app, both[:1]) == 200
        assert status_of(app, []) == 403


class TestOrigin:
    def test_requests_of_the_page_are_accepted(self, client):
        headers = {"origin": "http://127.0.0.1:8000", "sec-fetch-site": "same-origin"}
        assert client.post("/api/search", json={"text": "7"}, headers=headers).status_code == 200

    @pytest.mark.parametrize(
        "origin",
        [
            "http://evil.example",
            "null",
            "http://127.0.0.1:8001",
            "http://localhost:8000",
            "file://",
        ],
    )
    @pytest.mark.parametrize("path", ["/api/search", "/api/zip", "/api/place"])
    def test_requests_of_other_pages_are_refused(self, client, origin, path):
        response = client.post(path, json={"text": "7"}, headers={"origin": origin})
        assert "another site" in refusal(response)
        assert "access-control-allow-origin" not in response.headers

    @pytest.mark.parametrize("site", ["cross-site", "same-site"])
    @pytest.mark.parametrize(
        "path", [IMAGE, NEIGHBORS, ARCHIVE, "/data/positions.bin", "/static/viewer.js"]
    )
    def test_other_sites_cannot_embed_files(self, client, site, path):
        headers = {"sec-fetch-site": site, "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"}
        refusal(client.get(path, headers=headers))

    def test_other_sites_may_link_to_the_page(self, client):
        assert client.get(PAGE, headers=LINK).status_code == 200
        refusal(client.get(PAGE, headers=LINK | {"sec-fetch-dest": "iframe"}))
        refusal(client.get(IMAGE, headers=LINK))

    def test_a_form_of_another_page_is_refused(self, client):
        response = client.post(
            "/api/search", content='{"text": "7"}', headers={"content-type": "text/plain"}
        )
        assert response.status_code == 422

    def test_preflight_requests_are_refused(self, client):
        headers = {"origin": "http://evil.example", "access-control-request-method": "POST"}
        response = client.options("/api/search", headers=headers)
        refusal(response)
        assert not [name for name in response.headers if name.startswith("access-control")]


class TestToken:
    @pytest.fixture
    def access(self):
        return Access.from_outside(8000, host="0.0.0.0")

    @pytest.fixture
    def outside(self, app, access):
        return TestClient(Guard(app, access=access), base_url="http://192.168.0.7:8000")

    @pytest.mark.parametrize("path", [PAGE, NEIGHBORS, IMAGE, "/static/viewer.js", "/nothing"])
    @pytest.mark.parametrize("token", ["", "?token=", "?token=wrong", "?token=%ff", "?token=é"])
    def test_requests_without_the_token_are_refused(self, outside, path, token):
        response = outside.get(path + token)
        assert "token" in refusal(response, 401)
        assert "set-cookie" not in response.headers

    def test_the_token_sets_a_cookie_that_suffices_later(self, outside, access):
        response = outside.get(f"/?token={access.token}")
        assert response.status_code == 200
        cookie = response.headers["set-cookie"]
        assert cookie.startswith("featscape-8000=")
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        assert outside.get(NEIGHBORS).status_code == 200
        outside.cookies.clear()
        refusal(outside.get(NEIGHBORS), 401)

    def test_the_cookie_of_another_port_is_refused(self, outside, access):
        response = outside.get(NEIGHBORS, headers={"cookie": f"featscape-8001={access.token}"})
        refusal(response, 401)

    def test_the_token_is_long_and_random(self, access):
        other = Access.from_outside(8000, host="0.0.0.0")
        assert len(access.token) >= 32
        assert access.token != other.token

    def test_the_host_is_checked_with_a_token(self, outside, access):
        response = outside.get(f"/?token={access.token}", headers={"host": "evil.example"})
        assert "the Host header must be" in refusal(response)

    def test_the_host_name_of_the_machine_is_accepted(self, app, monkeypatch):
        monkeypatch.setattr("socket.gethostname", lambda: "Workstation")
        access = Access.from_outside(8000, host="0.0.0.0")
        outside = TestClient(Guard(app, access=access), base_url="http://workstation:8000")
        assert outside.get(f"/?token={access.token}").status_code == 200

    def test_the_loopback_interface_needs_no_token(self, client):
        assert "set-cookie" not in client.get("/?token=anything").headers


class TestReverseProxy:
    """A proxy on this machine offers the page at https://maps.example."""

    TOKEN = "a-long-token-of-the-user"

    @pytest.fixture
    def access(self):
        given = {"public_url": "https://Maps.Example/", "token": self.TOKEN}
        return Access.of("127.0.0.1", port=8000, host="127.0.0.1", **given)

    @pytest.fixture
    def page(self, app, access):
        return TestClient(Guard(app, access=access), base_url="http://localhost:8000")

    def search(self, page, *, host, origin):
        headers = {"host": host, "origin": origin, "sec-fetch-site": "same-origin"}
        return page.post(f"/api/search?token={self.TOKEN}", json={"text": "7"}, headers=headers)

    @pytest.mark.parametrize("host", ["maps.example", "maps.example:443", "127.0.0.1:8000"])
    def test_the_public_address_is_accepted_whether_the_proxy_keeps_the_host(self, page, host):
        response = self.search(page, host=host, origin="https://maps.example")
        assert response.status_code == 200

    @pytest.mark.parametrize(
        ("host", "origin"),
        [
            ("evil.example", "https://maps.example"),
            ("evil.maps.example", "https://maps.example"),
            ("127.0.0.1:8000", "https://evil.example"),
            ("127.0.0.1:8000", "http://maps.example"),
            ("127.0.0.1:8000", "https://maps.example:444"),
            ("127.0.0.1:8000", "https://maps.example.evil.example"),
            ("maps.example", "null"),
        ],
    )
    def test_other_hosts_and_origins_are_refused(self, page, host, origin):
        refusal(self.search(page, host=host, origin=origin))

    def test_a_token_is_required_from_everyone(self, page):
        assert "FEATSCAPE_TOKEN" in refusal(page.get(PAGE), 401)
        refusal(page.get(f"{PAGE}?token={self.TOKEN}x"), 401)
        response = page.get(f"{PAGE}?token={self.TOKEN}")
        assert response.status_code == 200
        assert "; Secure" in response.headers["set-cookie"]

    def test_without_a_token_of_the_user_the_token_is_random(self):
        given = {"port": 8000, "host": "127.0.0.1", "public_url": "http://maps.example:8080"}
        tokens = {Access.of("127.0.0.1", **given).token for _ in range(2)}
        assert len(tokens) == 2
        assert all(len(token) >= 32 for token in tokens)

    def test_a_proxy_without_an_encrypted_connection_gets_the_cookie(self, app):
        access = Access.of("127.0.0.1", port=8000, host="", public_url="http://maps.example:8080")
        page = TestClient(Guard(app, access=access), base_url="http://maps.example:8080")
        response = page.get(f"/?token={access.token}")
        assert "Secure" not in response.headers["set-cookie"]
        headers = {"origin": "http://maps.example:8080"}
        assert page.post("/api/search", json={"text": "7"}, headers=headers).status_code == 200

    @pytest.mark.parametrize(
        "url",
        [
            "maps.example",
            "ftp://maps.example",
            "https://",
            "https://maps.example/map",
            "https://maps.example?a",
            "https://user@maps.example",
            "https://maps.example:port",
            "https://[",
            "https://a b",
        ],
    )
    def test_other_public_addresses_are_errors(self, url):
        with pytest.raises(InputError, match="--public-url must be the address of a web server"):
            Access.of("127.0.0.1", port=8000, host="127.0.0.1", public_url=url)

    @pytest.mark.parametrize("token", ["", "short", "x" * 19, "x" * 201, "a token with spaces 12"])
    def test_a_token_that_can_be_guessed_is_an_error(self, token):
        with pytest.raises(InputError, match=r"token=\) must have 20 to 200") as caught:
            Access.of("127.0.0.1", port=8000, host="127.0.0.1", token=token)
        assert not token or token not in str(caught.value)

    @pytest.mark.parametrize(
        ("token", "got"),
        [
            ("x" * 19, "got 19 characters. "),
            ("x" * 30 + "!", "got 31 characters, 1 of them others"),
        ],
    )
    def test_the_message_separates_the_length_from_other_characters(self, token, got):
        with pytest.raises(InputError) as caught:
            Access.of("127.0.0.1", port=8000, host="127.0.0.1", token=token)
        assert got in str(caught.value)

    @pytest.mark.parametrize(
        ("given", "is_known"),
        [({}, False), ({"token": TOKEN}, True), ({"public_url": "https://maps.example"}, True)],
    )
    def test_a_server_with_a_token_is_known_by_every_ip_address(self, given, is_known):
        access = Access.of("127.0.0.1", port=8000, host="127.0.0.1", **given)
        assert access.knows_host("127.0.0.1:8000")
        for host in ("93.184.216.34:8000", "[2606:2800::1]:8000"):
            assert access.knows_host(host) == is_known

    def test_a_token_of_the_user_is_required_without_a_proxy_too(self, app):
        access = Access.of("127.0.0.1", port=8000, host="127.0.0.1", token=self.TOKEN)
        page = TestClient(Guard(app, access=access), base_url="http://localhost:8000")
        refusal(page.get(PAGE), 401)
        assert page.get(f"{PAGE}?token={self.TOKEN}").status_code == 200


class TestHeaders:
    @pytest.mark.parametrize("path", [PAGE, NEIGHBORS, IMAGE, "/nothing", "/data/positions.bin"])
    @pytest.mark.parametrize("host", ["localhost", "evil.example"])
    def test_every_response_has_the_headers(self, client, path, host):
        headers = client.get(path, headers={"host": host}).headers
        policy = dict(one.split(" ", 1) for one in headers["content-security-policy"].split("; "))
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
        assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-frame-options"] == "DENY"
        assert headers["cross-origin-resource-policy"] == "same-origin"

    def test_an_internal_error_has_the_headers_and_no_details(self, app, monkeypatch):
        def fail(*_):
            raise ZeroDivisionError("a secret")

        monkeypatch.setattr("featscape.app.item_table.ItemTable.details", fail)
        access = Access.on_loopback(8000)
        broken = TestClient(
            Guard(app, access=access), base_url="http://localhost", raise_server_exceptions=False
        )
        response = broken.get("/api/items/3")
        assert "the server failed" in refusal(response, 500)
        assert "secret" not in response.text
        assert response.headers["x-content-type-options"] == "nosniff"


class TestBodies:
    def test_a_refused_request_is_answered_after_its_body(self, app):
        """Otherwise the client may lose the response while it is sending the body."""
        pieces = [{"type": "http.request", "body": b"a", "more_body": n < 2} for n in range(3)]
        n_left = []
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/api/zip",
            "headers": [(b"host", b"evil.example"), (b"content-length", b"3")],
            "query_string": b"",
        }

        async def receive():
            return pieces.pop(0)

        async def send(_message):
            n_left.append(len(pieces))

        asyncio.run(Guard(app, access=Access.on_loopback(8000))(scope, receive, send))
        assert n_left == [0, 0]

    def test_a_declared_length_above_the_limit_is_refused(self, client, monkeypatch):
        monkeypatch.setattr(security, "MOST_IMAGE_BYTES", 1 << 20)
        response = client.post("/api/place", content=bytes((1 << 20) + 1))
        assert "must have at most 1 MiB" in refusal(response, 413)

    def test_an_undeclared_length_above_the_limit_is_refused(self, client, monkeypatch):
        monkeypatch.setattr(security, "MOST_IMAGE_BYTES", 1 << 20)
        pieces = (bytes(1 << 16) for _ in range(40))
        assert "must have at most 1 MiB" in refusal(client.post("/api/place", content=pieces), 413)

    @pytest.mark.parametrize("path", ["/api/search", "/api/zip"])
    def test_json_bodies_have_a_smaller_limit(self, client, path):
        content = json.dumps({"ids": [0] * 4_000_000})
        headers = {"content-type": "application/json"}
        response = client.post(path, content=content, headers=headers)
        assert "must have at most 1 MiB" in refusal(response, 413)

    def test_a_body_that_is_not_json_is_refused_with_the_remedy(self, client):
        response = client.post("/api/zip", content=b"[" * 100_000, headers=JSON)
        assert "must be JSON; it cannot be parsed. Send a JSON object" in refusal(response, 400)

    def test_the_largest_selection_is_accepted(self, client):
        content = json.dumps({"ids": [9_999_999] * 100_000})
        assert len(content) < security.MOST_JSON_BYTES
        response = client.post("/api/zip", content=content, headers=JSON)
        assert "each id must be below 60" in refusal(response, 422)

    @pytest.mark.parametrize(
        "content",
        [
            b'{"ids": [' + b'"",' * 340_000 + b'""]}',
            b'{"ids": [' + b"7," * 500_000 + b"7]}",
            b'{"text": 1, "ids": 1' + b"".join(b',"%x":0' % key for key in range(100_000)) + b"}",
        ],
        ids=["strings", "numbers", "keys"],
    )
    def test_a_hostile_body_takes_little_memory(self, client, content):
        assert len(content) < security.MOST_JSON_BYTES
        tracemalloc.start()
        response = client.post("/api/zip", content=content, headers=JSON)
        max_bytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        refusal(response, 422)
        assert len(response.content) < 1000
        assert max_bytes < 60 << 20

    @pytest.mark.parametrize("path", ["/api/place", "/api/search", "/api/zip"])
    def test_a_stalled_body_times_out(self, app, monkeypatch, path):
        monkeypatch.setattr(security, "IMAGE_S", 0.01)
        monkeypatch.setattr(security, "JSON_S", 0.01)
        answers = ask_below_http(app, LOCAL, asyncio.Event().wait, method="POST", path=path)
        assert answers[0]["status"] == 408
        assert b"must arrive within 0.01 s" in answers[1]["body"]

    @pytest.mark.parametrize("length", ["-1", "1e9", "٣", "9" * 5000])
    def test_an_invalid_length_is_ignored(self, app, length):
        headers = [(b"host", b"localhost"), (b"content-length", length.encode("utf-8"))]
        assert status_of(app, headers) == 200


class TestHead:
    @pytest.mark.parametrize("path", [PAGE, NEIGHBORS, IMAGE, "/data/positions.bin", "/nothing"])
    def test_head_has_the_headers_of_get_and_no_body(self, client, path):
        expected = client.get(path)
        response = client.head(path)
        assert response.content == b""
        assert response.status_code == expected.status_code
        assert response.headers == expected.headers

    def test_head_is_refused_where_get_is(self, client):
        assert client.head("/api/search").status_code == 405


async def empty():
    return {"type": "http.request", "body": b"", "more_body": False}


def status_of(app, headers):
    """Call the ASGI application directly, because an HTTP client corrects the headers."""
    return ask_below_http(app, headers, empty)[0]["status"]


def ask_below_http(app, headers, receive, **changes):
    answers = []

    async def send(message):
        answers.append(message)

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "raw_path": b"/",
        "root_path": "",
        "scheme": "http",
        "query_string": b"",
        "headers": headers,
        "server": ("127.0.0.1", 8000),
        "client": ("127.0.0.1", 50_000),
        "http_version": "1.1",
    } | changes
    guarded = Guard(app, access=Access.on_loopback(8000))
    asyncio.run(asyncio.wait_for(guarded(scope, receive, send), timeout=10))
    return answers
