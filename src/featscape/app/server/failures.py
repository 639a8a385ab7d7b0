"""Translate errors to JSON responses: 4xx for errors of the client, 500 for all others."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from featscape.bundle.contract import ErrorMessage
from featscape.errors import ChangedError, FeatscapeError, ImageError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from starlette.requests import Request


def answer_error(status: int, error: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return the JSON response for an error.

    Parameters
    ----------
    status : int
        The HTTP status.
    error : str
        The message, as a sentence.
    headers : mapping of str to str, optional
        Additional headers.
    """
    message = ErrorMessage(error=error, status=status).model_dump_json()
    return Response(
        message,
        status,
        media_type="application/json",
        headers={"Cache-Control": "no-store", **(headers or {})},
    )


# messages of FastAPI that lack the remedy
_MESSAGES = {
    "There was an error parsing the body": (
        "the request's body must be JSON; it cannot be parsed. Send a JSON object in UTF-8"
    ),
}


async def _http_error(request: Request, error: HTTPException) -> Response:
    message = _MESSAGES.get(error.detail, error.detail)
    if message == HTTPStatus(error.status_code).phrase:  # the router's message has no details
        message = f"{request.method} {request.url.path}: {message.lower()}"
    return answer_error(error.status_code, message.rstrip(".") + ".", error.headers)


async def _invalid(_request: Request, error: RequestValidationError) -> Response:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return answer_error(422, f"the request's {where} cannot be used: {first['msg']}.")


async def _image_error(_request: Request, error: ImageError) -> Response:
    return answer_error(422, f"the image cannot be used: {error}.")


async def _changed(_request: Request, error: ChangedError) -> Response:
    return answer_error(409, str(error))


async def _own_error(_request: Request, error: FeatscapeError) -> Response:
    return answer_error(500, str(error))


async def _defect(_request: Request, _error: Exception) -> Response:
    return answer_error(500, "the server failed; the terminal of the server shows the traceback.")


HANDLERS: dict[int | type[Exception], Callable[[Request, Any], Coroutine[Any, Any, Response]]] = {
    HTTPException: _http_error,
    RequestValidationError: _invalid,
    ImageError: _image_error,
    ChangedError: _changed,
    FeatscapeError: _own_error,
    Exception: _defect,
}
