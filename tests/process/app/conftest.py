"""A map of digits for servers in separate processes."""

from tests.unit.app.conftest import digits  # noqa: F401 - a fixture
