"""Original images at addresses: each is fetched once, in limited time and to a limited length."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from featscape.errors import ImageError, InputError, MissingExtra
from featscape.images.storage.remote import Remote

if TYPE_CHECKING:
    _Address = tuple[str, int]

SCHEMES = ("http", "https", "s3", "gs")
_PORTS = {"http": 80, "https": 443}
_CHUNK_BYTES = 1 << 18

# Public by its digits, but it answers virtual machines in Azure alone, as 169.254.169.254 does.
_METADATA = ipaddress.ip_address("168.63.129.16")


def fetch(address: str, *, most_bytes: int, within_s: float) -> bytes:
    """Return the file at an address.

    A redirect of HTTP may not lead to a private address: this computer and its network may hold
    services that trust requests from here.

    Parameters
    ----------
    address : str
        The caller has checked that its host may be asked.
    most_bytes : int
        Longer files are refused.
    within_s : float
        For the whole file.

    Raises
    ------
    ImageError
        If the file is not fetched; the message is the reason.
    """
    scheme = urlsplit(address).scheme
    if scheme not in SCHEMES:
        raise ImageError(
            f"its address begins with {scheme}://, and only {', '.join(SCHEMES)} are fetched"
        )
    try:
        if scheme in _PORTS:
            return asyncio.run(_fetch_http(address, most_bytes=most_bytes, within_s=within_s))
        remote = Remote(n_attempts=1, timeout_s=within_s)
        with remote.open(address) as file:
            content = file.read(most_bytes + 1)
    except (OSError, InputError, MissingExtra) as error:
        raise ImageError(f"its address does not give it: {str(error).rstrip('.')}") from error
    check_length(len(content), most_bytes)
    return content


def check_length(n_bytes: int, most_bytes: int) -> None:
    """Raise ImageError if an original is too long."""
    if n_bytes > most_bytes:
        raise ImageError(f"it is too large: an original must have {most_bytes >> 20} MiB or less")


async def _fetch_http(address: str, *, most_bytes: int, within_s: float) -> bytes:
    try:
        import aiohttp
    except ModuleNotFoundError as error:
        raise MissingExtra(
            "http:// addresses need aiohttp, which is not installed. "
            "Install it with pip install 'featscape[remote]'."
        ) from error

    pieces: list[bytes] = []
    n_bytes = 0
    try:
        async with asyncio.timeout(within_s):
            own = await _resolve(address)
            connector = aiohttp.TCPConnector(socket_factory=lambda info: _open_socket(info, own))
            async with (
                aiohttp.ClientSession(connector=connector) as session,
                session.get(address) as answer,
            ):
                if answer.status != 200:
                    raise ImageError(f"its server refused it (HTTP {answer.status})")
                async for chunk in answer.content.iter_chunked(_CHUNK_BYTES):
                    pieces.append(chunk)
                    n_bytes += len(chunk)
                    check_length(n_bytes, most_bytes)
                return b"".join(pieces)
    except TimeoutError as error:
        raise ImageError(f"it did not arrive within {within_s:g} s") from error
    except (aiohttp.ClientError, ValueError) as error:
        raise ImageError(f"its address does not give it: {error.__cause__ or error}") from error


async def _resolve(address: str) -> set[_Address]:
    """Return the IP addresses and the port of an address's own host."""
    parts = urlsplit(address)
    loop = asyncio.get_running_loop()
    port = parts.port or _PORTS[parts.scheme]
    found = await loop.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    return {(str(entry[4][0]), int(entry[4][1])) for entry in found}


def _open_socket(info: tuple[Any, ...], own: set[_Address]) -> socket.socket:
    """Return a socket for one of a host's IP addresses; raises OSError for a private address."""
    family, kind, protocol, _, (host, port, *_rest) = info
    if (host, port) not in own and not is_public(host):
        raise OSError(f"it was redirected to the private address {host}")
    return socket.socket(family, kind, protocol)


def is_public(host: str) -> bool:
    """Return whether an IP address belongs to the public internet."""
    address = ipaddress.ip_address(host.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    address = mapped or address
    return address.is_global and not address.is_multicast and address != _METADATA
