"""`featscape serve`: show a map in the browser, until Ctrl-C."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import threading
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING

from featscape.errors import InputError
from featscape.printable_names import printable

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp

    from featscape.app.server.security import Access
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
    say: Callable[[str], object] = print,
) -> None:
    """Serve a map until Ctrl-C, SIGTERM or SIGHUP, and return.

    An image that is being placed then is abandoned, and its thread may work on for a while.

    Parameters
    ----------
    folder : path
        A map folder.
    host : str
        The interface's name or address. Beyond the loopback interface a token in the address is
        needed.
    port : int, optional
        By default the first free one from 8000 on; 0 takes any.
    model, weights : optional
        The network of the map, as for `open_placer`: new images are placed with it.
    open_browser : bool
        Show the map in the browser, which is done on the loopback interface alone: elsewhere the
        token would stand in the list of this machine's processes.
    originals : path or address, optional
        Where the original images are, instead of the source in run.json. Of a map that was made
        by another user or on another computer, no original is read without it.
    say : callable
        Takes the line with the address, and before it a line where the originals are off.

    Raises
    ------
    InputError
        If the folder is no map or damaged, the originals cannot be at that place, or the host or
        port cannot be had.
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
    app = make_app(served)
    with listen(host, port) as listening:
        address, found_port = listening.getsockname()[:2]
        is_loopback = ipaddress.ip_address(address.partition("%")[0]).is_loopback
        access = (
            Access.on_loopback(found_port)
            if is_loopback
            else Access.from_outside(found_port, host=host)
        )
        url = _describe(address, access)
        server = make_server(Guard(app, access=access))
        with server.ended_by_signals():
            if served.originals.obstacle is not None:
                say(served.originals.obstacle)
            say(f"Serving {printable(folder)} at {url} (Ctrl-C ends it)")
            if open_browser and is_loopback:
                # in a thread: a browser in the terminal returns only when the user leaves it
                threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
            server.run(sockets=[listening])


def make_server(app: ASGIApp) -> Server:
    """Return a server for an application; its `run` takes the sockets that it listens at."""
    import uvicorn

    from featscape.app.server.connections import ACCEPTED_AT_ONCE, Connection
    from featscape.app.server.shutdown import Endable, Server

    config = uvicorn.Config(
        Endable(app),
        http=Connection,
        loop="asyncio",
        backlog=ACCEPTED_AT_ONCE,
        access_log=False,  # it would show the token
        log_level="error",  # a warning for each bad request would fill the screen
        lifespan="off",
        ws="none",
        proxy_headers=False,
        server_header=False,
    )
    return Server(config)


def listen(host: str, port: int | None) -> socket.socket:
    """Return a socket that listens at `host` and `port`, or from 8000 on where that is None.

    Raises
    ------
    InputError
        If there is no such host on this machine, or the port is out of range or taken.
    """
    if port is not None and not 0 <= port <= 65_535:
        raise InputError(f"the port must be between 0 and 65535; got {port}. Leave --port out.")
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise InputError(
            f"the host must be an address or a name of this machine; {host!r} cannot be found. "
            "Leave --host out, or take 0.0.0.0 for all of its interfaces."
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
    taken = f"port {port} is" if port is not None else f"all ports {tried[0]} to {tried[-1]} are"
    raise InputError(f"{taken} taken at {host}. Choose another with --port, or 0 for any.")


def _bind(family: int, address: str, port: int) -> socket.socket:
    # asyncio sends at once only where the protocol is named: else each answer waits for 40 ms
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":  # elsewhere it would let two servers share a port
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((address, port))
        listening.listen(2048)  # from now on a browser may connect, and waits
    except OSError:
        listening.close()
        raise
    return listening


def _describe(address: str, access: Access) -> str:
    """Return the address that a person opens."""
    if ipaddress.ip_address(address.partition("%")[0]).is_unspecified:
        name = socket.gethostname()
    else:
        name = f"[{address}]" if ":" in address else address
    token = "" if access.token is None else f"?token={access.token}"
    return f"http://{name}:{access.port}/{token}"
