"""Interpret the exceptions that fsspec's file systems raise for a failed request."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING

from featscape.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Iterator

TOO_MANY_BYTES = "the server sent more bytes than were requested"  # why a response is refused

_RETRY_STATUSES = (408, 425, 429)  # HTTP: request timeout, too early, too many requests
_MISSING_STATUSES = (404, 410)
# of aiohttp and botocore, which are optional
_NO_CONNECTION = {"ClientConnectorError", "ClientConnectorDNSError", "EndpointConnectionError"}


class FailedRequestError(ImageError):
    """A request failed: the server refused the request, or did not respond."""


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


def explain_failure(source: str, error: BaseException) -> str | None:
    """Return why an address cannot be read, with the remedy, if the network caused an error.

    Parameters
    ----------
    source : str
        The address of the source.
    error : Exception
        The error of the search for images, which may claim that a file is damaged.

    Returns
    -------
    str or None
        None if another fault caused the error, or the error is about the address itself.
    """
    causes = list(_causes(error))
    if any(isinstance(cause, NoRangesError) for cause in causes):
        return (
            "the server of an archive, array or Parquet file must support ranges, with which "
            f"a client reads a part of a file; the server of {source!r} does not. Download the "
            "file, and name the downloaded file."
        )
    untrusted = next(filter(None, map(_describe_certificate, causes)), None)
    if untrusted is not None:
        variable = "AWS_CA_BUNDLE" if source.startswith(("s3:", "s3a:")) else "SSL_CERT_FILE"
        return (
            f"the certificate of the server must be trusted; that of {source!r} is not: "
            f"{untrusted}. For a server of your own, set {variable} to the file "
            "with the certificate of its authority."
        )
    unreachable = next(filter(None, map(_describe_no_connection, causes)), None)
    if unreachable is not None:
        return (
            f"the source must be reachable; the server of {source!r} is not: {unreachable}. "
            "Check the address and the network connection."
        )
    failed = next((one for one in causes if isinstance(one, FailedRequestError)), None)
    if failed is None or failed in causes[:2]:  # the error of a table or a folder names the failure
        return None
    return (
        f"the server must send the source; the request for {source!r} did not succeed: {failed}. "
        "Check the address, the credentials and the network connection."
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error, its cause, the cause of its cause and so on."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _describe_certificate(error: BaseException) -> str | None:
    """Return why a certificate is not trusted, if the error says so; else None."""
    # aiohttp's exception, of a class that inherits from this class, has no message
    is_untrusted = isinstance(error, ssl.SSLCertVerificationError)
    return getattr(error, "verify_message", None) if is_untrusted else None


def _describe_no_connection(error: BaseException) -> str | None:
    """Return why a server cannot be reached, if the error says so; else None."""
    is_socket = isinstance(error, (ConnectionError, socket.gaierror))
    if not is_socket and type(error).__name__ not in _NO_CONNECTION:
        return None
    reason = getattr(error, "os_error", error)  # aiohttp's exceptions contain the system's
    return getattr(reason, "strerror", None) or str(reason)


def lacks_credentials(error: BaseException) -> bool:
    """Return whether credentials are missing."""
    return type(error).__name__ == "NoCredentialsError"  # from botocore, an optional dependency


def name_error(error: BaseException) -> str:
    """Return the type of an error and the first line of its message."""
    error = _http_failure(error) or error
    return f"{type(error).__name__}: {error}".splitlines()[0].rstrip(": ")
