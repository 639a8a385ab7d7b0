"""A map of digits for servers in processes of their own."""

from tests.unit.app.conftest import digits  # noqa: F401 - a fixture
