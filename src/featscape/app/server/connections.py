"""HTTP connections with limits on their number, and on the time that a client is silent."""

from __future__ import annotations

import math
import socket
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING

from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterable

HEAD_S = 20.0  # from the first byte of a request (or from the connection) to the last header
READ_S = 30.0  # a client must read a part of the response within this time
ACCEPTED_AT_ONCE = 8  # connections per turn of the event loop
MOST_CONNECTIONS = 1_000
# Files of the map and of originals, files of the event loop, and connections not counted yet
_OTHER_FILES = 96
_FEWEST_CONNECTIONS = 16
_MOST_UNSENT_BYTES = 1 << 17  # in the operating system, per connection


class Connection(H11Protocol):
    """An HTTP connection that is closed if its client is silent.

    A connection is closed if

    - the headers of a request do not arrive within `HEAD_S`;
    - the client reads nothing of a response for `READ_S`;
    - no request follows a response for 5 s (by uvicorn);
    - more than `most_connections()` connections are open, and `choose_victim` chooses this one.
    """

    _last_active_s = 0.0
    _head_timer: asyncio.TimerHandle | None = None
    _read_timer: asyncio.TimerHandle | None = None
    _unread_bytes = 0.0  # in the transport, when the timer was started

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn
        """Register the connection and start the timer for the first request."""
        super().connection_made(transport)
        if hasattr(socket, "TCP_NOTSENT_LOWAT"):
            # The system would otherwise accept megabytes, and for minutes the transport would not
            # notice that a slow client reads.
            with suppress(OSError):  # the client has closed the connection
                transport.get_extra_info("socket").setsockopt(
                    socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _MOST_UNSENT_BYTES
                )
        self._note_activity()
        if len(self.connections) > most_connections():
            choose_victim(one for one in self.connections if isinstance(one, Connection)).abort()

    def data_received(self, data: bytes) -> None:
        """Receive a part of a request."""
        super().data_received(data)
        self._note_activity()

    def connection_lost(self, exc: Exception | None) -> None:
        """Remove the connection and stop its timers."""
        self._stop_head_timer()
        if self._read_timer is not None:
            self._read_timer.cancel()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Pause a response until the client has read a part of the response."""
        super().pause_writing()
        self._watch_client()

    def resume_writing(self) -> None:
        """Continue a response after the client has read a part of the response."""
        super().resume_writing()
        self._last_active_s = self.loop.time()
        self._unread_bytes = math.inf  # whatever is unread now, the client has read something

    def on_response_complete(self) -> None:
        """Finish a request after its response has been written to the transport."""
        super().on_response_complete()
        self._watch_client()

    def send_400_response(self, msg: str) -> None:
        """Refuse bytes that are not HTTP.

        During a response no second response can be sent: the connection is closed, and the
        application receives a disconnect message.
        """
        if self.is_idle:
            super().send_400_response(msg)
            return
        self.cycle.disconnected = True
        self.cycle.message_event.set()
        self.transport.close()

    @property
    def is_idle(self) -> bool:
        """Whether no request is being processed."""
        return self.cycle is None or self.cycle.response_complete

    @property
    def closing_order(self) -> tuple[bool, bool, float]:
        """The sort key of `choose_victim`: the connection with the smallest key is closed first."""
        waits = self.is_idle or self.cycle.more_body or self.flow.write_paused
        return not waits, self.cycle is not None, self._last_active_s

    def abort(self) -> None:
        """Close the connection immediately."""
        self.connections.discard(self)  # asyncio closes the connection one iteration later
        self.transport.abort()

    def _watch_client(self) -> None:
        """Start the timer if the response waits until the client has read a part of it.

        No bytes are written meanwhile, so that a smaller number of bytes means that the client
        has read some.
        """
        n_bytes = self.transport.get_write_buffer_size()
        waits = self.flow.write_paused or self.is_idle
        if waits and n_bytes and self._read_timer is None:
            self._unread_bytes = n_bytes
            self._read_timer = self.loop.call_later(READ_S, self._check_client)

    def _check_client(self) -> None:
        """Close the connection if the client has read nothing since `_watch_client`."""
        self._read_timer = None
        if self.transport.get_write_buffer_size() >= self._unread_bytes:
            self.abort()
        else:
            self._watch_client()

    def _note_activity(self) -> None:
        self._last_active_s = self.loop.time()
        if not self.is_idle:
            self._stop_head_timer()
        elif self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_S, self.transport.abort)

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


def choose_victim(connections: Iterable[Connection]) -> Connection:
    """Return the connection to close if too many connections are open.

    The order is: connections without any request; connections that wait for their client (idle,
    within a body, or with a response that the client does not read); all other connections. Within
    a group, the connection whose client has been silent longest comes first.
    """
    return min(connections, key=lambda one: one.closing_order)


@cache
def most_connections() -> int:
    """Return the maximum number of open connections, below the process's limit of open files."""
    try:
        import resource
    except ModuleNotFoundError:  # Windows has no such limit
        return MOST_CONNECTIONS
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY:
        return MOST_CONNECTIONS
    return max(_FEWEST_CONNECTIONS, min(MOST_CONNECTIONS, limit - _OTHER_FILES))
