"""HTTP responses with files: complete, in part (Range), or 304 if the browser has the file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse

if TYPE_CHECKING:
    from starlette.requests import Request

    from featscape.app.stored_files import StoredFile

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_AT_ONCE_BYTES = 1 << 20  # longer responses are streamed


def answer_file(request: Request, file: StoredFile, *, media_type: str) -> Response:
    """Return the response with a file, or with the requested range of the file.

    Multiple ranges and invalid ranges are ignored, as HTTP permits (RFC 9110, section 14.2): the
    response is then the complete file.

    Raises
    ------
    HTTPException
        With status 416 if the range begins after the end of the file.
    ChangedError
        If the file has changed.
    """
    headers = {"Accept-Ranges": "bytes", **cache_headers(file.etag)}
    if is_known(request, file.etag):
        return Response(status_code=304, headers=headers)
    start, end, status = 0, file.size, 200
    requested = _RANGE.fullmatch(request.headers.get("range", ""))
    if requested is not None and request.headers.get("if-range", file.etag) == file.etag:
        part = _locate(requested[1], requested[2], size=file.size)
        if part is not None:
            start, end, status = *part, 206
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{file.size}"
    if end - start <= _AT_ONCE_BYTES:
        return Response(file.read(start, end), status, headers, media_type)
    file.check()  # after the first byte of the response, no error can be reported
    headers["Content-Length"] = str(end - start)
    return StreamingResponse(file.chunks(start, end), status, headers, media_type)


def cache_headers(etag: str) -> dict[str, str]:
    """Return headers that let the browser cache a response and revalidate it on each use."""
    return {"ETag": etag, "Cache-Control": "private, no-cache"}


def is_known(request: Request, etag: str) -> bool:
    """Return whether the browser has a response with this tag in its cache."""
    known = request.headers.get("if-none-match", "")
    return etag in (one.strip().removeprefix("W/") for one in known.split(","))


def _locate(first: str, last: str, *, size: int) -> tuple[int, int] | None:
    """Return start and end of the range "first-last", or None for an invalid range."""
    if first == "":
        if last == "":
            return None
        start, end = max(size - int(last), 0), size
    else:
        start, end = int(first), size if last == "" else min(int(last) + 1, size)
        if last != "" and int(last) < int(first):
            return None
    if start >= size:
        raise HTTPException(
            416,
            f"a range must begin before the end of the file at {size} bytes; got {start}. "
            "Reload the page.",
            headers={"Content-Range": f"bytes */{size}"},
        )
    return start, end
