import pytest


@pytest.fixture(scope="session", autouse=True)
def without_cached_networks():
    """Build each network, because tests replace parts of the code that builds it."""
    with pytest.MonkeyPatch.context() as patch:
        for module in ("compiled_networks", "loading"):
            patch.setattr(f"featscape.features.{module}.entry_name", lambda *_, **__: None)
        yield
