"""Shutdown of the server: unfinished responses have two seconds, then they are aborted."""

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
_QUEUED_CONNECTIONS = 2048  # in the operating system, until the server accepts the connections


class Server(uvicorn.Server):
    """A server that stops within seconds after Ctrl-C, SIGTERM and SIGHUP.

    `run` returns even if a thread is still working for an aborted request, because the loading of a
    network cannot be interrupted. See `leave_process`.
    """

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen.

        asyncio uses one number for the connections that it accepts per iteration and for the queue
        of the operating system. The first is small here, so that accepted connections never exceed
        the limit of open files before they are counted. This method enlarges the queue.
        """
        await super().startup(sockets)
        for listening in sockets or []:
            listening.listen(_QUEUED_CONNECTIONS)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to `ended_by_signals`: uvicorn would raise the signals again."""
        yield

    @contextmanager
    def ended_by_signals(self) -> Iterator[None]:
        """Stop the server on Ctrl-C, SIGTERM and SIGHUP, also before `run`."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        signals = [signal.SIGINT, signal.SIGTERM]
        hang_up = getattr(signal, "SIGHUP", None)  # None on Windows
        # nohup ignores SIGHUP
        if hang_up is not None and signal.getsignal(hang_up) is not signal.SIG_IGN:
            signals.append(hang_up)
        previous = {each: signal.signal(each, self.handle_exit) for each in signals}
        try:
            yield
        finally:
            for each, handler in previous.items():
                signal.signal(each, handler)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Wait up to two seconds for unfinished responses, and abort the others."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_ANSWERS_S):
                await super().shutdown(sockets)
        for connection in list(self.server_state.connections):
            if connection.transport is not None:
                # before the tasks are cancelled: uvicorn logs a missing response otherwise
                connection.transport.abort()
        for task in list(self.server_state.tasks):
            task.cancel()


class QuietCancellation:
    """ASGI middleware that ends cancelled requests without a traceback.

    A shutdown of the server, or a client that disconnects during its request, is not an error of
    the application; uvicorn would print a traceback.

    Parameters
    ----------
    app : ASGI application
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, as ASGI defines it."""
        with suppress(asyncio.CancelledError, ClientDisconnect):
            await self._app(scope, receive, send)


def leave_process() -> None:
    """Exit this process immediately if a thread would delay the exit; otherwise do nothing.

    The server writes no files, with one exception: an unfinished download of weights remains on
    disk under a temporary name that no program reads.
    """
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C has no effect
    current = threading.current_thread()
    others = [each for each in threading.enumerate() if each is not current and not each.daemon]
    until = time.monotonic() + _IDLE_THREADS_S
    for thread in others:
        thread.join(max(0, until - time.monotonic()))
    if any(thread.is_alive() for thread in others):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)
