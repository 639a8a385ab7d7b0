"""Download original images from addresses, with limits on time and size."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

from featscape.errors import ImageError, InputError, MissingExtra, missing_extra
from featscape.images.storage.deadline import time_limit
from featscape.images.storage.limits import check_size
from featscape.images.storage.locations import is_http
from featscape.images.storage.redirects import open_session
from featscape.images.storage.remote import Remote

SCHEMES = ("http", "https", "s3", "gs")
_CHUNK_BYTES = 1 << 18


def fetch(address: str, *, max_bytes: int, within_s: float) -> bytes:
    """Download the file at an address.

    An HTTP redirect must not lead to a private address: this computer and its local network may
    run services that trust requests from this computer.

    Parameters
    ----------
    address : str
        The caller has checked that requests to the host are allowed.
    max_bytes : int
        Limit of the size of the file.
    within_s : float
        Limit of the time for the whole file, in seconds. Only the lookup of the host's name may
        take longer, because the operating system cannot interrupt the lookup.

    Returns
    -------
    bytes

    Raises
    ------
    ImageError
        If the file cannot be downloaded; the message is the reason.
    """
    scheme = urlsplit(address).scheme
    if scheme not in SCHEMES:
        raise ImageError(
            f"its address begins with {scheme}://, and only {', '.join(SCHEMES)} are fetched"
        )
    try:
        if is_http(address):
            return asyncio.run(_fetch_http(address, max_bytes=max_bytes, within_s=within_s))
        with time_limit(within_s):
            return Remote().read(address, max_bytes=max_bytes)
    except (OSError, InputError, MissingExtra) as error:
        raise ImageError(f"the download failed: {str(error).rstrip('.')}") from error


async def _fetch_http(address: str, *, max_bytes: int, within_s: float) -> bytes:
    try:
        import aiohttp
    except ModuleNotFoundError as error:
        raise missing_extra(
            "http:// addresses need aiohttp, which is not installed", extra="remote"
        ) from error

    pieces: list[bytes] = []
    n_bytes = 0
    try:
        async with asyncio.timeout(within_s):
            async with (
                await open_session(address) as session,
                session.get(address) as answer,
            ):
                if answer.status != 200:
                    raise ImageError(f"the server refused the request (HTTP {answer.status})")
                async for chunk in answer.content.iter_chunked(_CHUNK_BYTES):
                    pieces.append(chunk)
                    n_bytes += len(chunk)
                    check_size(n_bytes, max_bytes)
                return b"".join(pieces)
    except TimeoutError as error:
        raise ImageError(f"the file did not arrive within {within_s:g} s") from error
    except (aiohttp.ClientError, ValueError) as error:
        reason = getattr(error.__cause__, "strerror", None) or error.__cause__ or error
        raise ImageError(f"the download failed: {reason}") from error
