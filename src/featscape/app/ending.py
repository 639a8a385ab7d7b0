"""The server's end: the last answers have a moment, and what takes longer is left."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from typing import TYPE_CHECKING

import uvicorn

if TYPE_CHECKING:
    import socket

_LAST_ANSWERS_S = 2


class Server(uvicorn.Server):
    """A server that Ctrl-C ends soon, whatever it is at."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let the answers under way be sent, for a while, and end."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_ANSWERS_S):
                await super().shutdown(sockets)
        if self.server_state.tasks:
            # A network that is being loaded cannot be interrupted, and its thread would hold up
            # the process for as long as it takes; nothing is written here that could be cut off.
            os._exit(0)
