"""Refuse HTTP redirects that lead from a server to a private address.

This computer and its local network may run services that trust every request from this computer. An
untrusted server must not be able to send a request there. The check runs when a socket is
opened, after the lookup of the host's name, so that a name cannot lead elsewhere after the check.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import socket
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

    import aiohttp

    _Endpoint = tuple[str, int]

_PORTS = {"http": 80, "https": 443}

# The address is in a public range, but is the metadata service of Azure's virtual machines.
_METADATA = ipaddress.ip_address("168.63.129.16")

# RFC 6052: the prefix of public IPv4 addresses in a network that has only IPv6.
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")

# All public IPv6 addresses; `is_global` also accepts deprecated ranges outside this network.
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")

_ARE_CHECKED: ContextVar[bool] = ContextVar("redirects_are_checked", default=False)


@contextmanager
def check_redirects() -> Iterator[None]:
    """Refuse redirects to private addresses for all HTTP requests in the block, in this thread."""
    token = _ARE_CHECKED.set(True)
    try:
        yield
    finally:
        _ARE_CHECKED.reset(token)


def session_options(address: str) -> dict[str, Any]:
    """Return the options of an fsspec HTTP file system; empty unless redirects are checked."""
    if not _ARE_CHECKED.get():
        return {}
    parts = urlsplit(address)
    # fsspec keeps one file system per set of options: one per server
    return {
        "get_client": open_session,
        "client_kwargs": {"address": f"{parts.scheme}://{parts.netloc}"},
    }


async def open_session(address: str, **options: Any) -> aiohttp.ClientSession:
    """Return an HTTP session that connects to the host of an address and to public addresses.

    Parameters
    ----------
    address : str
        An http or https address. Its host may be private, because the user named the host.
    **options
        Passed to `aiohttp.ClientSession`.

    Raises
    ------
    OSError
        If the name of the host is unknown.
    """
    import aiohttp

    parts = urlsplit(address)
    loop = asyncio.get_running_loop()
    port = parts.port or _PORTS[parts.scheme]
    found = await loop.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    own = {(str(entry[4][0]), int(entry[4][1])) for entry in found}
    connector = aiohttp.TCPConnector(socket_factory=lambda info: _open_socket(info, own))
    return aiohttp.ClientSession(connector=connector, **options)


def _open_socket(info: tuple[Any, ...], own: set[_Endpoint]) -> socket.socket:
    """Return a socket for an IP address; raise PermissionError for a redirect to a private one."""
    family, kind, protocol, _, (host, port, *_rest) = info
    if (host, port) not in own and not is_public(host):
        raise PermissionError(errno.EACCES, f"a redirect leads to the private address {host}")
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
