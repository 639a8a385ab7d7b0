"""Download original images from addresses, with limits on time and size."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from featscape.errors import ImageError, InputError, MissingExtra
from featscape.images.storage.deadline import time_limit
from featscape.images.storage.limits import check_size
from featscape.images.storage.remote import Remote

if TYPE_CHECKING:
    _Address = tuple[str, int]

SCHEMES = ("http", "https", "s3", "gs")
_PORTS = {"http": 80, "https": 443}
_CHUNK_BYTES = 1 << 18

# The address is in a public range, but is the metadata service of Azure's virtual machines.
_METADATA = ipaddress.ip_address("168.63.129.16")

# RFC 6052: the prefix of public IPv4 addresses in a network that has only IPv6.
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")

# All public IPv6 addresses; `is_global` also accepts deprecated ranges outside this network.
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")


def fetch(address: str, *, max_bytes: int, within_s: float) -> bytes:
    """Download the file at an address.

    An HTTP redirect must not lead to a private address: this computer and its local network may
    run services that trust requests from this computer.

    Parameters
    ----------
    address : str
        The caller has checked that requests to the host are allowed.
    max_bytes : int
        Limit of the size of the file.
    within_s : float
        Limit of the time for the whole file, in seconds. Only the lookup of the host's name may
        take longer, because the operating system cannot interrupt the lookup.

    Returns
    -------
    bytes

    Raises
    ------
    ImageError
        If the file cannot be downloaded; the message is the reason.
    """
    scheme = urlsplit(address).scheme
    if scheme not in SCHEMES:
        raise ImageError(
            f"its address begins with {scheme}://, and only {', '.join(SCHEMES)} are fetched"
        )
    try:
        if scheme in _PORTS:
            return asyncio.run(_fetch_http(address, max_bytes=max_bytes, within_s=within_s))
        with time_limit(within_s):
            return Remote().read(address, max_bytes=max_bytes)
    except (OSError, InputError, MissingExtra) as error:
        raise ImageError(f"the download failed: {str(error).rstrip('.')}") from error


async def _fetch_http(address: str, *, max_bytes: int, within_s: float) -> bytes:
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
                    raise ImageError(f"the server refused the request (HTTP {answer.status})")
                async for chunk in answer.content.iter_chunked(_CHUNK_BYTES):
                    pieces.append(chunk)
                    n_bytes += len(chunk)
                    check_size(n_bytes, max_bytes)
                return b"".join(pieces)
    except TimeoutError as error:
        raise ImageError(f"the file did not arrive within {within_s:g} s") from error
    except (aiohttp.ClientError, ValueError) as error:
        raise ImageError(f"the download failed: {error.__cause__ or error}") from error


async def _resolve(address: str) -> set[_Address]:
    """Return the IP addresses of the host of an address, each with the port."""
    parts = urlsplit(address)
    loop = asyncio.get_running_loop()
    port = parts.port or _PORTS[parts.scheme]
    found = await loop.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    return {(str(entry[4][0]), int(entry[4][1])) for entry in found}


def _open_socket(info: tuple[Any, ...], own: set[_Address]) -> socket.socket:
    """Return a socket for an IP address; raise OSError for a private address after a redirect."""
    family, kind, protocol, _, (host, port, *_rest) = info
    if (host, port) not in own and not is_public(host):
        raise OSError(f"a redirect leads to the private address {host}")
    return socket.socket(family, kind, protocol)


def is_public(host: str) -> bool:
    """Return whether an IP address belongs to the public internet.

    An IPv6 address that contains an IPv4 address (mapped, 6to4 or NAT64) leads to the IPv4 address,
    which therefore decides.
    """
    address = ipaddress.ip_address(host.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            inner = ipaddress.IPv4Address(address.packed[-4:])
        if inner is None and address not in _GLOBAL_UNICAST:
            return False
        address = inner or address
    return address.is_global and not address.is_multicast and address != _METADATA
