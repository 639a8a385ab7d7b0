"""Requests that compare a served map with a text, by a text tower that the test replaces."""

import asyncio
import json
from contextlib import closing
from unittest.mock import Mock

import numpy as np
import pytest

from featscape.app.server.application import ServedMap, make_app
from featscape.app.server.security import Access, Guard


@pytest.fixture
def served(digits):
    with closing(ServedMap(digits.folder)) as served:
        served.no_texts = None
        served.text_search = Mock()
        served.text_search.similarities_to.return_value = np.zeros(60, np.float32)
        yield served


def post_text(served, *, then):
    """Send a text over ASGI; `then` is the next message from the client. Returns the status."""
    body = json.dumps({"text": "a red car"}).encode()
    messages = iter([{"type": "http.request", "body": body}, then])
    sent = []

    async def receive():
        message = next(messages)
        return message if message is not None else await asyncio.Event().wait()

    async def send(message):
        sent.append(message)

    headers = [(b"host", b"127.0.0.1:8000"), (b"content-type", b"application/json")]
    path = "/api/content"
    scope = {"type": "http", "method": "POST", "path": path, "raw_path": path.encode()}
    scope |= {"query_string": b"", "headers": headers, "http_version": "1.1", "scheme": "http"}
    app = Guard(make_app(served), access=Access.on_loopback(8000))
    asyncio.run(app(scope, receive, send))
    return sent[0]["status"]


def test_a_text_is_encoded_for_a_client_that_waits(served):
    assert post_text(served, then=None) == 200
    served.text_search.similarities_to.assert_called_once_with("a red car")


def test_no_text_is_encoded_for_a_client_that_has_disconnected(served):
    post_text(served, then={"type": "http.disconnect"})
    served.text_search.similarities_to.assert_not_called()
