"""A page that shows a map, and the actions of a person on the page."""

import io
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs

import numpy as np
import pytest
from PIL import Image

SIZE = {"width": 1280, "height": 800}
CLEAR = (330, 60, 900, 700)  # an area without panels: left, top, right, bottom
LIGHT = (247, 247, 245)  # the background of the light theme
PATIENCE_MS = 60_000  # for actions of milliseconds, because the machine may be busy
REST_MS = 450  # longer than the delay after which the page updates its address


class Visit:
    """A page that shows a map, and the actions of a person on the page."""

    def __init__(self, page, address, expected):
        self.page = page
        self.address = address
        self.requests = []
        self._expected = expected
        self._errors = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("pageerror", lambda error: self._errors.append(str(error)))
        page.on("console", self._on_console)

    def _on_console(self, message):
        if message.type == "error":
            self._errors.append(message.text)

    def check(self):
        """Check that the page reported only expected errors and sent requests only to its host."""
        unexpected = [
            text for text in self._errors if not any(part in text for part in self._expected)
        ]
        assert unexpected == []
        own = ("blob:", "data:", self.address.partition("#")[0].rpartition("/")[0])
        assert [url for url in self.requests if not url.startswith(own)] == []

    def open(self, *, wait=True):
        if self.address.startswith("file:"):
            self.page.context.set_offline(True)
        self.page.goto(self.address)
        if wait:
            self.until("document.querySelector('.fs-toolbar') && location.hash.includes('scale=')")
        if wait and "scale=" in self.address:  # otherwise the page adds the scale after a rest
            self.rest()

    def until(self, expression):
        """Wait until an expression is true; the policy of the page forbids wait_for_function."""
        end = time.monotonic() + PATIENCE_MS / 1000
        while not self.page.evaluate(expression):
            assert time.monotonic() < end, f"never: {expression}"
            time.sleep(0.05)

    def rest(self):
        """Wait until the view and the address have not changed for REST_MS and some frames."""
        self.page.evaluate(
            """rest => new Promise(done => {
                let last, since, frames;
                (function look() {
                    const now = performance.now();
                    if (location.hash !== last) [last, since, frames] = [location.hash, now, 0];
                    if (now - since > rest && frames++ > 3) done(true);
                    else requestAnimationFrame(look);
                })();
            })""",
            arg=REST_MS,
        )

    def becomes(self, read, expected):
        """Wait until `read` returns the expected value, which may be a pytest.approx."""
        end = time.monotonic() + PATIENCE_MS / 1000
        while (found := read()) != expected and time.monotonic() < end:
            time.sleep(0.1)
        assert found == expected

    @property
    def shared(self):
        """Return the parameters in the address: name -> text."""
        fragment = self.page.evaluate("location.hash").removeprefix("#")
        return {name: values[0] for name, values in parse_qs(fragment).items()}

    @property
    def scale(self):
        return float(self.shared["scale"])

    @property
    def center(self):
        return np.array([float(part) for part in self.shared["at"].split("_")])

    def button(self, name, *, exact=True):
        return self.page.get_by_role("button", name=name, exact=exact)

    @property
    def legend(self):
        return self.page.get_by_role("region", name="Legend").get_by_role("option")

    def panel(self, name):
        return self.page.get_by_role("complementary", name=name)

    def places(self, positions):
        """Return the pixels on the page, shape (n, 2), of positions on a map of two dimensions."""
        offset = (np.asarray(positions, dtype=float) - self.center[:2]) * self.scale
        return offset * [1, -1] + [SIZE["width"] / 2, SIZE["height"] / 2]

    def apart(self, bundle, *, apart_px=14):
        """Return items that no panel and no other item covers, and the positions of all items."""
        places = self.places(bundle.array(bundle.manifest.positions))
        left, top, right, bottom = CLEAR
        clear = (places > [left, top]).all(axis=1) & (places < [right, bottom]).all(axis=1)
        gaps = np.sqrt(((places[:, None] - places[None]) ** 2).sum(axis=-1))
        np.fill_diagonal(gaps, np.inf)
        return np.flatnonzero(clear & (gaps.min(axis=1) > apart_px)), places

    def colors_at(self, items, places):
        """Return the difference of the color of each item from the light background."""
        picture = self.picture()
        middle = [picture.getpixel(tuple(round(at) for at in places[item])) for item in items]
        return np.array(middle) - LIGHT

    def points(self):
        """Show the map as points, which are at the positions of the items."""
        self.button("Points").click()
        self.until("location.hash.includes('view=points')")

    def hover_at(self, place):
        self.page.mouse.move(*place)

    def click_at(self, place):
        self.page.mouse.move(*place)
        self.page.mouse.click(*place)

    def drag(self, start, *through, button="left"):
        mouse = self.page.mouse
        mouse.move(*start)
        mouse.down(button=button)
        for place in through:
            mouse.move(*place, steps=4)
        mouse.up(button=button)

    def saved(self, click):
        """Return the name and the bytes of the file that a click downloads."""
        with self.page.expect_download() as download:
            click()
        return download.value.suggested_filename, Path(download.value.path()).read_bytes()

    def picture(self, clip=None):
        """Return the page as an image without names, after the page has stopped to change."""
        with self._without(".fs-map-names"):
            return self._picture(clip)

    def _picture(self, clip):
        before = None
        for _ in range(150):
            content = self.page.screenshot(clip=clip)
            if content == before:
                return Image.open(io.BytesIO(content)).convert("RGB")
            before = content
            time.sleep(0.1)
        pytest.fail("the page does not stop to change")

    @contextmanager
    def without_panels(self):
        """Hide everything except the map, because fonts differ between machines."""
        with self._without(".fs-panels"):
            yield

    @contextmanager
    def _without(self, selector):
        elements = self.page.locator(selector)
        elements.evaluate_all("all => all.forEach(one => { one.style.opacity = 0 })")
        yield
        elements.evaluate_all("all => all.forEach(one => { one.style.opacity = '' })")

    def n_colors(self):
        """Return the number of colors on the map: 1 if nothing is drawn."""
        with self.without_panels():
            return len(self.picture().getcolors(maxcolors=1 << 21))
