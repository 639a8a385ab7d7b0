"""The server's end: the last answers have a moment, and what takes longer is left."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import uvicorn

if TYPE_CHECKING:
    import socket

    from starlette.types import ASGIApp, Receive, Scope, Send

_LAST_ANSWERS_S = 2
_IDLE_THREADS_S = 0.5


class Server(uvicorn.Server):
    """A server that Ctrl-C ends soon, whatever it is at.

    It returns even where a thread still works for a request that was left: a network that is being
    loaded cannot be interrupted. See `leave_process`.
    """

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let the answers under way be sent, for a while, and leave the others."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_ANSWERS_S):
                await super().shutdown(sockets)
        for connection in list(self.server_state.connections):
            if connection.transport is not None:
                connection.transport.abort()  # first: no answer is missed on a lost connection
        for task in list(self.server_state.tasks):
            task.cancel()


class Endable:
    """The layer around an application of which requests are left: uvicorn would log a traceback.

    Parameters
    ----------
    app : ASGI application
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, until the server's end: ASGI's protocol."""
        with suppress(asyncio.CancelledError):
            await self._app(scope, receive, send)


def leave_process() -> None:
    """End this process at once where a thread that works on would hold it up; else do nothing.

    The server writes nothing that could be cut off, but for one thing: where the weights of a
    network are being downloaded, the unfinished file stays beside them, under a name that nothing
    reads.
    """
    current = threading.current_thread()
    others = [each for each in threading.enumerate() if each is not current and not each.daemon]
    until = time.monotonic() + _IDLE_THREADS_S
    for thread in others:
        thread.join(max(0, until - time.monotonic()))
    if any(thread.is_alive() for thread in others):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)
