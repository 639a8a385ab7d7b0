"""Settings that make the unit tests faster."""

import pytest


@pytest.fixture(scope="module", autouse=True)
def small_pictures_in_pages():
    """Write small static pictures into the pages: resizing and encoding take 0.1 s for 900 px."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("featscape.bundle.onefile.PICTURE_PX", 100)
        yield
