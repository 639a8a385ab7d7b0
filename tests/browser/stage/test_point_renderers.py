"""WebGL and the CPU draw the same points."""

import numpy as np
import pytest
from PIL import ImageChops

FAR = 48  # a pixel differs if one of its channels differs by more than this, of 255
# The share of the drawn pixels that may differ, because edges are rounded differently. Software
# WebGL moves a point by up to 1/32 pixel: the edges of some squares then move by a whole pixel.
TOLERANCE = {"disc": 0.005, "square": 0.02, "two-pixel square": 0.05}


@pytest.fixture(scope="module")
def pages(drawn_page):
    return {
        "few": drawn_page(600, images=False).as_uri(),
        "many": drawn_page(60_000, images=False).as_uri(),
        "3-D": drawn_page(600, images=False, n_dimensions=3).as_uri(),
    }


def select(visit):
    visit.button("Select with a rectangle").click()
    visit.drag((400, 100), (700, 400))
    visit.button("Close", exact=True).click()


def drawing(look, page, renderer, address, act):
    """Return what a renderer draws, as an image without panels."""
    visit = look(f"{page}?points={renderer}#{address}")
    assert visit.page.locator(f"canvas[data-points={renderer}]").count() == 1
    if act:
        act(visit)
    visit.hover_at((640, 790))
    visit.page.evaluate("document.activeElement.blur()")  # without the outline of the focus
    visit.rest()
    with visit.without_panels():
        return visit.picture()


@pytest.mark.parametrize(
    ("page", "address", "act", "shape"),
    [
        pytest.param("few", "theme=light", None, "disc", id="discs"),
        pytest.param("few", "theme=dark&at=1_-1_0&scale=140", None, "disc", id="zoomed-in"),
        pytest.param("few", "theme=light&hide.label=0-3", None, "disc", id="filtered"),
        pytest.param("few", "theme=light", select, "disc", id="selected"),
        pytest.param("few", "theme=light&view=grid", None, "square", id="grid"),
        pytest.param("many", "theme=light", None, "two-pixel square", id="tiny"),
        pytest.param("many", "theme=dark&at=1_-1_0&scale=140", None, "disc", id="overlapping"),
        pytest.param(
            "3-D",
            "theme=light&at=0_0_0&scale=30&turn=0.2_0.3_0.1_0.9",
            None,
            "disc",
            id="three-dimensions",
        ),
    ],
)
def test_webgl_and_the_processor_draw_the_same_points(look, pages, *, page, address, act, shape):
    webgl, cpu = (drawing(look, pages[page], by, address, act) for by in ("webgl", "cpu"))
    drawn = (np.asarray(cpu) != np.asarray(cpu)[0, 0]).any(axis=-1)
    differs = np.asarray(ImageChops.difference(webgl, cpu)).max(axis=-1) > FAR
    share = differs.sum() / drawn.sum()
    assert drawn.mean() > 0.01
    assert share < TOLERANCE[shape]


def test_an_unknown_renderer_is_an_error(look, pages):
    visit = look(f"{pages['few']}?points=gpu", wait=False, expected=["points=gpu"])
    visit.page.get_by_role("alert").filter(has_text="Use points=webgl").wait_for()
