"""The server's end: answers under way have two seconds, and what takes longer is abandoned."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import uvicorn
from starlette.requests import ClientDisconnect

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

    from starlette.types import ASGIApp, Receive, Scope, Send

_LAST_ANSWERS_S = 2
_IDLE_THREADS_S = 0.5
_QUEUED_CONNECTIONS = 2048  # by the system, until the server accepts them


class Server(uvicorn.Server):
    """A server that Ctrl-C, SIGTERM and SIGHUP end within seconds.

    `run` returns even where a thread still works for an abandoned request: a network that is being
    loaded cannot be interrupted. See `leave_process`.
    """

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen.

        asyncio takes one number for two things: the connections that it accepts at once, and those
        that the system queues. The first is small here, so that accepted connections never exceed
        the limit of open files before they are counted; the second is set again.
        """
        await super().startup(sockets)
        for listening in sockets or []:
            listening.listen(_QUEUED_CONNECTIONS)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to `ended_by_signals`: uvicorn would raise them again at its end."""
        yield

    @contextmanager
    def ended_by_signals(self) -> Iterator[None]:
        """Let Ctrl-C, SIGTERM and SIGHUP end the server, also before it runs."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        signals = [signal.SIGINT, signal.SIGTERM]
        hang_up = getattr(signal, "SIGHUP", None)  # Windows has none
        if hang_up is not None and signal.getsignal(hang_up) is not signal.SIG_IGN:  # as by nohup
            signals.append(hang_up)
        previous = {each: signal.signal(each, self.handle_exit) for each in signals}
        try:
            yield
        finally:
            for each, handler in previous.items():
                signal.signal(each, handler)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Wait a moment for the answers under way, and abandon the others."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_ANSWERS_S):
                await super().shutdown(sockets)
        for connection in list(self.server_state.connections):
            if connection.transport is not None:
                connection.transport.abort()  # first: no answer is missed on a lost connection
        for task in list(self.server_state.tasks):
            task.cancel()


class Endable:
    """The layer around an application whose requests may end early.

    Neither the server's end nor a client that leaves in the middle of its request is an error of
    the application; uvicorn would print a traceback.

    Parameters
    ----------
    app : ASGI application
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request: ASGI's protocol."""
        with suppress(asyncio.CancelledError, ClientDisconnect):
            await self._app(scope, receive, send)


def leave_process() -> None:
    """End this process at once where a thread would delay its end; else do nothing.

    The server writes nothing that could be cut off, with one exception: where the weights of a
    network are being downloaded, the unfinished file remains beside them, under a name that nothing
    reads.
    """
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C changes nothing any more
    current = threading.current_thread()
    others = [each for each in threading.enumerate() if each is not current and not each.daemon]
    until = time.monotonic() + _IDLE_THREADS_S
    for thread in others:
        thread.join(max(0, until - time.monotonic()))
    if any(thread.is_alive() for thread in others):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)
