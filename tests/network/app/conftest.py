"""A map of real digits by the real network, and clients of its server."""

import pytest
from tests.unit.app.conftest import (  # noqa: F401 - fixtures
    app,
    change_run,
    client,
    copied,
    error_of,
    make_digits,
    open_client,
)


@pytest.fixture(scope="session")
def digits(tmp_path_factory):
    return make_digits(tmp_path_factory.mktemp("map"), n_written=120)  # also new images
