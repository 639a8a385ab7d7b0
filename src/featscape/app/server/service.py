"""Serve a map over HTTP, and open the page in the browser."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import threading
import webbrowser
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from featscape.errors import InputError
from featscape.printable_names import printable

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp

    from featscape.app.server.shutdown import Server

DEFAULT_PORT = 8000
_PORTS_TRIED = 100


def serve(
    folder: str | os.PathLike[str],
    *,
    host: str = "127.0.0.1",
    port: int | None = None,
    model: str | None = None,
    weights: Path | None = None,
    open_browser: bool = True,
    originals: str | os.PathLike[str] | None = None,
    public_url: str | None = None,
    token: str | None = None,
    note: Callable[[str], object] = print,
) -> None:
    """Serve a map until Ctrl-C, SIGTERM or SIGHUP.

    The function aborts an image that is being placed; its thread may continue for a while.

    Parameters
    ----------
    folder : path
        A map folder.
    host : str
        The name or address of the interface. Beyond the loopback interface the printed address
        contains a token.
    port : int, optional
        By default the first free port from 8000 on; 0 selects any free port.
    model, weights : optional
        The network for new images, as in `open_placer`.
    open_browser : bool
        Open the page in the browser, on the loopback interface only: with a token, the list of
        processes of this machine would show the token.
    originals : path or address, optional
        The location of the original images, instead of the source in run.json. Required to read
        originals of a map from another user or another computer.
    public_url : str, optional
        The address at which a reverse proxy offers the page, such as https://maps.example.org. The
        server then accepts requests that name this address, and requires a token from everyone.
    token : str, optional
        The token, at least 20 letters and digits; otherwise a random token where one is required.
        The printed address does not contain this token.
    note : callable
        Receives the line with the address, and before that a line if the originals are off.

    Raises
    ------
    InputError
        If the folder is not a map or is damaged, if `originals`, `public_url` or `token` cannot be
        used, or if the server cannot listen at the host and port.
    ModelError, MissingExtra
        If `model` or `weights` cannot be used, or differ from the map's.
    """
    from featscape.app.server.application import ServedMap, make_app
    from featscape.app.server.security import Access, Guard

    folder = Path(folder)
    served = ServedMap(
        folder,
        model=model,
        weights=weights,
        originals=None if originals is None else os.fspath(originals),
    )
    app = make_app(served, on_page=served.prepare_placing)
    with closing(served), listen(host, port) as listening:
        address, found_port = listening.getsockname()[:2]
        access = Access.of(address, port=found_port, host=host, public_url=public_url, token=token)
        shown = access.token if token is None else None
        name = socket.gethostname() if _is_unspecified(address) else address
        url = access.public_origin or _url(name, access.port)
        server = make_server(Guard(app, access=access))
        with server.ended_by_signals():
            if served.notice is not None:
                note(served.notice)
            note(
                f"Serving {printable(folder)} at {_page(url, shown)} (press Ctrl-C to stop)"
                + ("" if token is None else "; add ?token= and the token of FEATSCAPE_TOKEN")
            )
            own = None
            if _is_unspecified(address) and public_url is None:
                own = find_own_address()
            if own is not None:
                page = _page(_url(own, access.port), shown)
                note(f"If a browser does not find {socket.gethostname()}: {page}")
            if open_browser and access.token is None:
                # in a thread: a text browser returns only when the user quits it
                page = _page(url, None)
                threading.Thread(target=webbrowser.open, args=(page,), daemon=True).start()
            server.run(sockets=[listening])


def make_server(app: ASGIApp) -> Server:
    """Return a server for an application; `Server.run` takes the listening sockets."""
    import uvicorn

    from featscape.app.server.connections import ACCEPTED_AT_ONCE, Connection
    from featscape.app.server.shutdown import QuietCancellation, Server

    config = uvicorn.Config(
        QuietCancellation(app),
        http=Connection,
        loop="asyncio",
        backlog=ACCEPTED_AT_ONCE,
        access_log=False,  # the log would contain the token
        log_level="error",  # invalid requests cause warnings
        lifespan="off",
        ws="none",
        proxy_headers=False,
        server_header=False,
    )
    return Server(config)


def listen(host: str, port: int | None) -> socket.socket:
    """Return a socket that listens at `host` and `port`, or at the first free port from 8000 on.

    Raises
    ------
    InputError
        If this machine has no such host, or if the port is out of range or in use.
    """
    if port is not None and not 0 <= port <= 65_535:
        raise InputError(f"the port must be between 0 and 65535; got {port}. Change --port.")
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise InputError(
            f"the host must be an address or a name of this machine; got {host!r}. "
            "Omit --host, or pass 0.0.0.0 for all interfaces."
        ) from error
    family, address = min((entry[0], str(entry[4][0])) for entry in found)  # IPv4 before IPv6
    tried = [port] if port is not None else range(DEFAULT_PORT, DEFAULT_PORT + _PORTS_TRIED)
    for candidate in tried:
        try:
            return _bind(family, address, candidate)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise InputError(
                    f"cannot listen at {host} port {candidate}: {error.strerror}. "
                    "Choose another --port or --host."
                ) from error
    used = f"port {port} is" if port is not None else f"all ports {tried[0]} to {tried[-1]} are"
    raise InputError(
        f"{used} in use at {host}. Choose another port with --port, or --port 0 for any free port."
    )


def _bind(family: int, address: str, port: int) -> socket.socket:
    # asyncio sets TCP_NODELAY only if the protocol is given; otherwise a response waits for 40 ms
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":  # on Windows the option lets two servers share a port
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((address, port))
        listening.listen(2048)  # a browser can connect now and waits for the server
    except OSError:
        listening.close()
        raise
    return listening


def _is_unspecified(address: str) -> bool:
    """Return whether a socket listens at all interfaces."""
    return ipaddress.ip_address(address.partition("%")[0]).is_unspecified


def find_own_address() -> str | None:
    """Return the IP address of this machine in its network; None without a network.

    A UDP socket connects without sending a packet. The address of the other end is reserved for
    documentation (RFC 5737).
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        return str(probe.getsockname()[0])


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _page(url: str, token: str | None) -> str:
    """Return the address of the page."""
    return f"{url}/" if token is None else f"{url}/?token={token}"
