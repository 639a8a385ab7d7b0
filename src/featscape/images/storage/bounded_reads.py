"""Read a file on a server, with a limit on the number of bytes."""

from __future__ import annotations

import asyncio
import errno
import http
from typing import Any

from featscape.errors import ImageError
from featscape.images.storage.limits import check_size
from featscape.images.storage.remote_errors import TOO_MANY_BYTES, NoRangesError

_CHUNK_BYTES = 1 << 18
_PARTIAL = http.HTTPStatus.PARTIAL_CONTENT  # the status of a response with a part of a file


def read_file(system: Any, path: str, *, max_bytes: int, **options: Any) -> bytes:
    """Return a file, but at most `max_bytes` + 1 bytes."""
    try:
        content: bytes = system.cat_file(path, start=0, end=max_bytes + 1, **options)
    except Exception as error:
        # an object store refuses every range of an empty file: EINVAL from s3fs, 416 from gcsfs
        refused = errno.EINVAL, http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
        codes = getattr(error, "errno", None), getattr(error, "code", None)
        if not set(refused).intersection(codes) or system.info(path, **options)["size"]:
            raise
        return b""
    return content


def read_http(
    system: Any,
    url: str,
    *,
    timeout: float,
    start: int = 0,
    end: int | None = None,
    max_bytes: int | None = None,
) -> bytes:
    """Return the bytes `start` to `end` of a file on an HTTP server.

    fsspec reads the whole response, and a server may send a response that never ends.

    Raises
    ------
    ImageError
        If the response has more bytes than were requested, or than `max_bytes`, or the server sends
        the whole file instead of a part.
    """
    from fsspec.asyn import sync

    headers = {**system.kwargs.get("headers", {}), "Accept-Encoding": "identity"}
    if end is not None:
        headers["Range"] = f"bytes={start}-{end - 1}"

    async def fetch() -> bytes:
        pieces: list[bytes] = []
        n_bytes = 0
        session = await system.set_session()
        options = {**system.kwargs, "headers": headers}
        async with (
            asyncio.timeout(timeout),
            session.get(system.encode_url(url), **options) as response,
        ):
            response.raise_for_status()
            if start and response.status != _PARTIAL:
                raise NoRangesError
            async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
                pieces.append(chunk)
                n_bytes += len(chunk)
                check_size(n_bytes, max_bytes)
                if end is not None and n_bytes > end - start:
                    if response.status != _PARTIAL:
                        raise NoRangesError
                    raise ImageError(TOO_MANY_BYTES)
        return b"".join(pieces)

    content: bytes = sync(system.loop, fetch)
    return content
