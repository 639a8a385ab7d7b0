"""Access control: every request is checked before the application receives the request.

The map is private. The main threat is a page of another site in the same browser, because such a
page can send requests to this server. Therefore:

- The Host header must name this machine. If the name evil.example was redirected to 127.0.0.1 (DNS
  rebinding), the header still names evil.example.
- The Origin header, if present, must name this server, and so must the page that embeds or fetches
  (Sec-Fetch-Site). Otherwise another site could count and measure the images.
- Beyond the loopback interface, or if the user gave a token, a token is required: first in the
  address, then in a cookie. The browser does not send the cookie for pages of other sites.
- Behind a reverse proxy, the Host and the Origin header may also name the public address that the
  user gave. The token is then required from everyone, because all requests come from the proxy.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import secrets
import socket
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import cookie_parser

from featscape.app.server.failures import answer_error
from featscape.errors import InputError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_IMAGE_BYTES = 64 << 20
MOST_JSON_BYTES = 1 << 20  # the largest selection for an archive, 100,000 ids, takes 0.8 MB
IMAGES_TO = "/api/place"
IMAGE_S = 120.0  # from the first byte of a body to the last byte
JSON_S = 20.0
# A browser reads a response only after it has sent the body: the server reads a refused body, too.
_MOST_DISCARDED_BYTES = 256 << 20

_HOST = re.compile(r"(?:\[(?P<ip6>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9._-]+))(?::\d{1,5})?")

_TOKEN = re.compile(r"[A-Za-z0-9_-]{20,200}")  # as long as 120 random bits
_NOT_IN_TOKEN = re.compile(r"[^A-Za-z0-9_-]")
_DEFAULT_PORTS = {"http": 80, "https": 443}

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


@dataclass(frozen=True)
class Access:
    """The hosts and the token that the server accepts.

    Attributes
    ----------
    token : str or None
        The token required in each request; None if no token is required.
    port : int
        The port of the server; part of the cookie's name, because servers on this machine share
        cookies.
    names : frozenset of str
        Accepted host names in lower case, in addition to IP addresses.
    public_origin : str or None
        The address at which a reverse proxy offers the page, as in an Origin header.
    """

    token: str | None
    port: int
    names: frozenset[str]
    public_origin: str | None = None

    @classmethod
    def of(
        cls,
        address: str,
        *,
        port: int,
        host: str,
        public_url: str | None = None,
        token: str | None = None,
    ) -> Access:
        """Return the access to a server at an IP address; the user has named the host `host`.

        With `public_url` or `token`, the token is required on the loopback interface, too.

        Raises
        ------
        InputError
            If `public_url` is not the address of a web server, or `token` is too short.
        """
        is_loopback = ipaddress.ip_address(address.partition("%")[0]).is_loopback
        access = cls.on_loopback(port) if is_loopback else cls.from_outside(port, host=host)
        if token is not None:
            access = replace(access, token=_check_token(token))
        if public_url is None:
            return access
        name, origin = _read_public_url(public_url)
        return replace(
            access,
            token=access.token or secrets.token_urlsafe(24),
            names=access.names | {name},
            public_origin=origin,
        )

    @classmethod
    def on_loopback(cls, port: int) -> Access:
        """Accept requests to localhost and to loopback addresses, without a token."""
        return cls(token=None, port=port, names=frozenset({"localhost"}))

    @classmethod
    def from_outside(cls, port: int, *, host: str) -> Access:
        """Accept requests with a new random token."""
        names = {"localhost", host.lower(), socket.gethostname().lower(), socket.getfqdn().lower()}
        return cls(token=secrets.token_urlsafe(24), port=port, names=frozenset(names))

    @property
    def cookie(self) -> str:
        """The name of the cookie that holds the token."""
        return f"featscape-{self.port}"

    def knows_host(self, host: str) -> bool:
        """Return whether a Host header names this machine.

        An IP address is safe from DNS rebinding. Without a token, only loopback addresses are
        accepted; with a token, all IP addresses are accepted, on the loopback interface, too.
        """
        match = _HOST.fullmatch(host)
        if match is None:
            return False
        name = (match["ip6"] or match["name"]).lower()
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return name in self.names
        return address.is_loopback or self.token is not None

    def is_token(self, given: str) -> bool:
        """Return whether `given` is the token, in a time that does not depend on `given`."""
        return self.token is not None and secrets.compare_digest(
            given.encode(errors="replace"), self.token.encode()
        )


def _check_token(token: str) -> str:
    """Return a valid token; the message of the error does not contain the token."""
    if _TOKEN.fullmatch(token):
        return token
    n_invalid = len(_NOT_IN_TOKEN.findall(token))
    got = f", {n_invalid} of them others" if n_invalid else ""
    raise InputError(
        "the token (FEATSCAPE_TOKEN or token=) must have 20 to 200 characters, only letters from a "
        f"to z or A to Z, digits, hyphens and underscores; got {len(token)} characters{got}. Set a "
        'random text, such as the output of `python -c "import secrets; '
        'print(secrets.token_urlsafe(24))"`.'
    )


def _read_public_url(url: str) -> tuple[str, str]:
    """Return the host and the origin of an address, as a browser writes them."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    host = parts.hostname or ""
    bare = f"[{host}]" if ":" in host else host
    has_more = parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc
    if parts.scheme not in _DEFAULT_PORTS or not _HOST.fullmatch(bare) or has_more:
        raise InputError(
            "--public-url must be the address of a web server without a path, such as "
            f"https://maps.example.org; got {url!r}. Give the map a host name of its own."
        )
    is_default = port in (None, _DEFAULT_PORTS[parts.scheme])
    return host, f"{parts.scheme}://{bare}" + ("" if is_default else f":{port}")


class Guard:
    """ASGI middleware that refuses requests, limits bodies and sets the security headers.

    Parameters
    ----------
    app : ASGI application
        Answers the accepted requests.
    access : Access
    """

    def __init__(self, app: ASGIApp, *, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, as ASGI defines it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        has_token = self._access.is_token(given)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    answer[name] = value
                if has_token:
                    answer.append("Set-Cookie", self._make_cookie(given))
            await send(message)

        body = _Body.for_images(receive) if scope["path"] == IMAGES_TO else _Body.for_json(receive)
        refusal = self._refuse(scope, headers, has_token=has_token)
        if refusal is None and _declared_bytes(headers) > body.max_bytes:
            refusal = body.too_long()
        if refusal is not None:
            await body.discard()
            response = answer_error(refusal.status_code, refusal.detail)
            await response(scope, receive, send_with_headers)
            return
        if scope["method"] == "HEAD":  # answered like GET; the server sends the headers only
            scope = {**scope, "method": "GET"}
        await self._app(scope, body.receive, send_with_headers)

    def _refuse(self, scope: Scope, headers: Headers, *, has_token: bool) -> HTTPException | None:
        """Return the error of a request that must be refused, or None."""
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._access.knows_host(hosts[0]):
            return HTTPException(
                403,
                "the Host header must be the address or name of this machine; "
                f"got {', '.join(hosts)[:200] or 'none'}. Open the address that featscape printed; "
                "behind a proxy, start featscape serve with --public-url.",
            )
        if not self._comes_from_here(scope, headers, host=hosts[0]):
            return HTTPException(
                403,
                "a request must come from the page of the map; this request comes from another "
                "site. Open the address that featscape printed.",
            )
        if self._access.token is None or has_token or self._has_cookie(headers):
            return None
        return HTTPException(
            401,
            "the address must contain the token that featscape printed at the start, or that of "
            "FEATSCAPE_TOKEN; this address does not. Copy the complete address, with ?token=...",
        )

    def _has_cookie(self, headers: Headers) -> bool:
        cookies = cookie_parser(headers.get("cookie", ""))
        return self._access.is_token(cookies.get(self._access.cookie, ""))

    def _make_cookie(self, token: str) -> str:
        secure = "; Secure" if (self._access.public_origin or "").startswith("https:") else ""
        return f"{self._access.cookie}={token}; HttpOnly; Path=/; SameSite=Strict{secure}"

    def _comes_from_here(self, scope: Scope, headers: Headers, *, host: str) -> bool:
        """Return whether the browser's headers exclude that a page of another site sent it."""
        own = {f"http://{host.lower()}", f"https://{host.lower()}", self._access.public_origin}
        if any(origin.lower() not in own for origin in headers.getlist("origin")):
            return False
        if headers.get("sec-fetch-site", "none") in ("same-origin", "none"):
            return True
        # any site may link to the page
        is_link = headers.get("sec-fetch-mode") == "navigate"
        return (
            is_link
            and headers.get("sec-fetch-dest") == "document"
            and scope["method"] == "GET"
            and scope["path"] == "/"
        )


def _declared_bytes(headers: Headers) -> int:
    length = headers.get("content-length", "0")
    return int(length) if length.isdecimal() and len(length) < 20 else 0


@dataclass
class _Body:
    """The body of a request, with limits on length and time.

    Attributes
    ----------
    source : ASGI receive
    max_bytes : int
        Limit of the length.
    within_s : float
        Limit of the time from the first call of `receive` to the end of the body, in seconds.
    remedy : str
        The last sentence of the error messages.
    """

    source: Receive
    max_bytes: int
    within_s: float
    remedy: str
    _n_bytes: int = 0
    _ends_at_s: float | None = None
    _is_whole: bool = False

    @classmethod
    def for_images(cls, source: Receive) -> _Body:
        return cls(source, MOST_IMAGE_BYTES, IMAGE_S, "Send a smaller image.")

    @classmethod
    def for_json(cls, source: Receive) -> _Body:
        return cls(source, MOST_JSON_BYTES, JSON_S, "Select fewer items.")

    async def receive(self) -> Message:
        """Receive a part of the body, as ASGI defines it; raise HTTPException 408 or 413."""
        message = await self._next()
        if self._n_bytes > self.max_bytes:
            await self.discard()
            raise self.too_long()
        return message

    async def discard(self) -> None:
        """Read most of the body: otherwise the client loses the response while it is sending."""
        with suppress(HTTPException):
            while not self._is_whole and self._n_bytes < _MOST_DISCARDED_BYTES:
                await self._next()

    def too_long(self) -> HTTPException:
        """Return the error for a body that is too long."""
        return HTTPException(
            413,
            f"the body of a request must have at most {self.max_bytes >> 20} MiB; "
            f"this body has more. {self.remedy}",
        )

    async def _next(self) -> Message:
        if self._is_whole:
            return await self.source()
        if self._ends_at_s is None:
            self._ends_at_s = asyncio.get_running_loop().time() + self.within_s
        try:
            async with asyncio.timeout_at(self._ends_at_s):
                message = await self.source()
        except TimeoutError:
            self._is_whole = True  # wait for no further part
            raise HTTPException(
                408,
                f"the body of a request must arrive within {self.within_s:g} s; this body did not. "
                f"{self.remedy}",
            ) from None
        self._n_bytes += len(message.get("body", b""))
        self._is_whole = not message.get("more_body", False)
        return message
