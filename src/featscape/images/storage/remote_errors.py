"""Interpret the exceptions that fsspec's file systems raise for a failed request."""

from __future__ import annotations

import socket

from featscape.errors import ImageError

TOO_MANY_BYTES = "the server sent more bytes than were requested"  # why a response is refused

_RETRY_STATUSES = (408, 425, 429)  # HTTP: request timeout, too early, too many requests
_MISSING_STATUSES = (404, 410)
# of aiohttp and botocore, which are optional
_NO_CONNECTION = {"ClientConnectorError", "ClientConnectorDNSError", "EndpointConnectionError"}


class NoRangesError(ImageError):
    """A server sends a whole file instead of a part."""

    def __init__(self) -> None:
        super().__init__(
            "the server does not support ranges, with which a client reads a part of a file"
        )


def is_final(error: Exception) -> bool:
    """Return whether an exception is the server's final answer, so that a retry is pointless."""
    status = _http_status(error)
    if status is None:
        return isinstance(error, FileNotFoundError | PermissionError | IsADirectoryError)
    return 400 <= status < 500 and status not in _RETRY_STATUSES


def describe_answer(error: Exception) -> str:
    """Return the server's final answer as the reason why a file is skipped."""
    status = _http_status(error)
    if status in _MISSING_STATUSES or (status is None and isinstance(error, FileNotFoundError)):
        return "no such file"
    if status is None:
        return f"refused ({error})"
    return f"refused (HTTP {status})"


def _http_status(error: Exception) -> int | None:
    """Return the status of an HTTP response, 0 without a response, None for other protocols.

    fsspec raises FileNotFoundError for every HTTP failure, with aiohttp's exception as the cause.
    The exceptions of Hugging Face's client contain the response.
    """
    status = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(status, int):
        return status
    failure = _http_failure(error)
    return None if failure is None else int(getattr(failure, "status", 0))


def _http_failure(error: BaseException) -> BaseException | None:
    """Return the exception of aiohttp that an error is or that caused the error."""
    for candidate in (error, error.__cause__):
        if candidate is not None and type(candidate).__module__.startswith("aiohttp"):
            return candidate
    return None


def describe_no_connection(error: BaseException) -> str | None:
    """Return why a server cannot be reached, if this caused the error; else None."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, (ConnectionError, socket.gaierror)) or (
            type(cause).__name__ in _NO_CONNECTION
        ):
            reason = getattr(cause, "os_error", cause)  # aiohttp's exceptions contain the system's
            return getattr(reason, "strerror", None) or str(reason)
        cause = cause.__cause__ or cause.__context__
    return None


def lacks_ranges(error: BaseException) -> bool:
    """Return whether a server that does not support ranges caused an error."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, NoRangesError):
            return True
        cause = cause.__cause__
    return False


def lacks_credentials(error: BaseException) -> bool:
    """Return whether credentials are missing."""
    return type(error).__name__ == "NoCredentialsError"  # from botocore, an optional dependency


def name_error(error: BaseException) -> str:
    """Return the type of an error and the first line of its message."""
    error = _http_failure(error) or error
    return f"{type(error).__name__}: {error}".splitlines()[0].rstrip(": ")
