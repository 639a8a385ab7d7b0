"""Files over HTTP: whole, in part (Range), or not at all where the browser has them already."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse

if TYPE_CHECKING:
    from starlette.requests import Request

    from featscape.app.stored_files import StoredFile

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_AT_ONCE_BYTES = 1 << 20  # more is sent piece by piece


def answer_file(request: Request, file: StoredFile, *, media_type: str) -> Response:
    """Answer with a file, or the one range of it that was asked for.

    Several ranges at once, or one that is no range, are passed over, as HTTP allows (RFC 9110,
    14.2): the whole file is an answer too.

    Raises
    ------
    HTTPException
        416 where the range lies outside of the file.
    ChangedError
        If the file has changed.
    """
    headers = {"Accept-Ranges": "bytes", **cache_headers(file.etag)}
    if is_known(request, file.etag):
        return Response(status_code=304, headers=headers)
    start, end, status = 0, file.size, 200
    asked = _RANGE.fullmatch(request.headers.get("range", ""))
    if asked is not None and request.headers.get("if-range", file.etag) == file.etag:
        part = _locate(asked[1], asked[2], size=file.size)
        if part is not None:
            start, end, status = *part, 206
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{file.size}"
    if end - start <= _AT_ONCE_BYTES:
        return Response(file.read(start, end), status, headers, media_type)
    file.check()  # once the answer has begun, an error can only cut it off
    headers["Content-Length"] = str(end - start)
    return StreamingResponse(file.chunks(start, end), status, headers, media_type)


def cache_headers(etag: str) -> dict[str, str]:
    """Let the browser keep an answer, and ask each time whether it still holds."""
    return {"ETag": etag, "Cache-Control": "private, no-cache"}


def is_known(request: Request, etag: str) -> bool:
    """Tell whether the browser has this very answer."""
    known = request.headers.get("if-none-match", "")
    return etag in (one.strip().removeprefix("W/") for one in known.split(","))


def _locate(first: str, last: str, *, size: int) -> tuple[int, int] | None:
    """Return start and end of "first-last", or None where these are no range."""
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
            f"a range must begin before the file's end at {size} bytes.",
            headers={"Content-Range": f"bytes */{size}"},
        )
    return start, end
