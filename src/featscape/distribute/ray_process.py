"""Import Ray, find a cluster, and suppress the messages that Ray prints in this process."""

from __future__ import annotations

import logging
import os
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from featscape.errors import InputError, missing_extra

if TYPE_CHECKING:
    from collections.abc import Iterator

_REACH_S = 5.0


def import_ray() -> Any:
    """Import Ray with its usage reports disabled."""
    # Ray reads these variables during the import
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise missing_extra(
            "the engine ray needs Ray with its data library, which is not installed here",
            extra="ray",
        ) from error
    return ray


@contextmanager
def suppress_python_messages(ray: Any) -> Iterator[None]:
    """Suppress the messages of Ray's Python code while this process has its own connection."""
    logger = logging.getLogger("ray.data")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    # Ray prints a message when a node dies, and no setting disables it: `Cluster.extract` reports
    # the loss. If a later version of Ray renames the function, the message is printed again.
    worker = ray._private.worker  # noqa: SLF001 - no public name
    original = getattr(worker, "print_to_stdstream", None)
    worker.print_to_stdstream = lambda *_, **__: None
    try:
        yield
    finally:
        logger.setLevel(level)
        if original is not None:
            worker.print_to_stdstream = original


@contextmanager
def suppress_native_messages() -> Iterator[None]:
    """Suppress the startup messages of Ray's C++ code; Ray raises its errors as exceptions."""
    kept = os.dup(2)
    try:
        with open(os.devnull, "wb") as null_device:  # noqa: PTH123 - os.devnull is not a path of a file
            os.dup2(null_device.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def check_answers(address: str | None) -> None:
    """Raise InputError if no process listens at the address; Ray would retry for minutes."""
    if address is None or address in ("auto", "local"):
        return
    parts = urlsplit(address if "://" in address else f"//{address}")
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if host is None or port is None:
        raise InputError(
            f"the address of a Ray cluster must be HOST:PORT; got {address!r}. "
            "`ray start --head` and `ray status` print the address."
        )
    try:
        socket.create_connection((host, port), timeout=_REACH_S).close()
    except OSError as error:
        raise unreachable(address, error) from error


def unreachable(address: str | None, error: Exception) -> InputError:
    """Return the error for a cluster that does not answer, with the reason of `error`."""
    reason = str(error).strip().splitlines() or [type(error).__name__]
    return InputError(
        f"no Ray cluster answers at {address or 'the default address'} "
        f"({reason[0].rstrip('.')}). Check the address, or start a cluster: ray start --head."
    )
