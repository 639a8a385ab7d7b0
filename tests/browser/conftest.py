"""Chromium, and the places where a map is looked at: a server, one file, a static site."""

import functools
import http.server
import io
import os
import re
import shutil
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qs

import numpy as np
import pytest
from PIL import Image, ImageChops
from playwright.sync_api import sync_playwright

from featscape import make_map
from featscape.bundle import encode_from, open_bundle, write_bundle, write_page
from featscape.demo import MODEL, write_digits
from featscape.mapfolder.read import open_map
from featscape.records import Neighbors
from featscape.steps.drawing import export_site

ANIMALS = Path(__file__).parents[2] / "data" / "animals"
EXPECTED = Path(__file__).parent / "expected"
FAILED = Path(__file__).parent / "failed"
SIZE = {"width": 1280, "height": 800}
CLEAR = (330, 60, 900, 700)  # no panel lies there: left, top, right, bottom
FLAGS = [
    *("--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]
SOFTWARE = ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
PATIENCE_MS = 20_000  # for what takes milliseconds: other work may have the processors
REST_MS = 450  # longer than the pause after which the page writes its address


# Maps


@pytest.fixture(scope="session")
def map_of():
    """Return a function that makes a map to be looked at: source, folder, options of make_map."""

    def make(source, folder, **options):
        make_map(source, folder, model=MODEL, size_px=300, **options)
        return described(folder)

    return make


@pytest.fixture(scope="session")
def digits(tmp_path_factory, map_of):
    """Make the demo's map, with its originals where they were."""
    source = tmp_path_factory.mktemp("digits") / "digits"
    write_digits(source)
    folder = tmp_path_factory.mktemp("maps") / "digits-map"
    return map_of(source, folder, limit=500)


@pytest.fixture(scope="session")
def animals(tmp_path_factory, map_of):
    """Make the map of photographs that `make data` fetches."""
    if not ANIMALS.is_dir():
        pytest.skip("no photographs of animals: make data fetches them")
    folder = tmp_path_factory.mktemp("maps") / "animals-map"
    return map_of(ANIMALS, folder, perplexity=10)


def described(folder):
    return SimpleNamespace(
        folder=folder, bundle=open_bundle(folder / "bundle"), map=open_map(folder)
    )


@pytest.fixture(scope="session")
def drawn_page(tmp_path_factory):
    """Return a function that writes a page of given arrays: n, options of write_bundle -> file."""

    def draw(n_items, *, n_dimensions=2, images=True, **options):
        folder = tmp_path_factory.mktemp("drawn")
        rng = np.random.default_rng(5)
        codes = np.arange(n_items) % 10
        centers = rng.normal(scale=4, size=(10, n_dimensions))
        positions = centers[codes] + rng.normal(size=(n_items, n_dimensions))
        others = (np.arange(n_items)[:, None] + np.arange(1, min(13, n_items))) % n_items
        given = {
            "title": "drawn",
            "positions": positions.astype(np.float32),
            "neighbors": Neighbors(others.astype(np.int32), np.ones(others.shape, np.float32)),
            "seed": 1,
            "labels": [f"class {code}" for code in codes],
            "paths": [f"{row}.png" for row in range(n_items)],
            "thumbnails": encode_from(Numerals(n_items)) if images else None,
        }
        write_bundle(folder / "bundle", **{**given, **options})
        Image.new("RGB", (80, 60), (120, 160, 200)).save(folder / "scatter.png")
        page = folder / "map.html"
        write_page(open_bundle(folder / "bundle"), page, picture=folder / "scatter.png")
        return page

    return draw


class Numerals:
    """The digits themselves, in scikit-learn's order, over and over."""

    def __init__(self, n_images):
        from sklearn.datasets import load_digits

        self._pixels = load_digits().images
        self._n_images = n_images

    def __len__(self):
        return self._n_images

    def load(self, index, *, at_least_px=0):
        del at_least_px
        pixels = 255 - self._pixels[index % 1797] * 15
        return Image.fromarray(pixels.astype(np.uint8)).resize((96, 96)).convert("RGB")


# Places


@pytest.fixture(scope="session")
def serve():
    """Return a function that runs `featscape serve`: map folder, options -> address."""
    running = []
    program = shutil.which("featscape", path=Path(sys.executable).parent)

    def start(folder, *options):
        command = [program, "serve", str(folder), "--port", "0", "--no-browser", *options]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        running.append(server)
        line = server.stdout.readline()
        return re.search(r"http://\S+", line)[0]

    yield start
    for server in running:
        server.terminate()
        server.wait(timeout=20)
        server.stdout.close()


@pytest.fixture(scope="session")
def served_digits(serve, digits):
    """Serve the demo's map; its network loads while other tests wait for the browser."""
    address = serve(digits.folder)
    image = (Path(digits.map.run["source"]) / digits.map.paths[0]).read_bytes()
    question = urllib.request.Request(f"{address}api/place", data=image)
    loading = threading.Thread(target=lambda: urllib.request.urlopen(question).close())
    loading.start()
    yield SimpleNamespace(**vars(digits), address=address)
    loading.join()  # a few tests are done sooner; the server must not end before it has answered


@pytest.fixture(scope="session")
def digits_file(digits):
    return SimpleNamespace(**vars(digits), address=(digits.folder / "map.html").as_uri())


@pytest.fixture(scope="session")
def served_animals(serve, animals):
    return SimpleNamespace(**vars(animals), address=serve(animals.folder))


@pytest.fixture(scope="session")
def animals_file(animals):
    return SimpleNamespace(**vars(animals), address=(animals.folder / "map.html").as_uri())


@pytest.fixture(params=["served_digits", "digits_file", "served_animals", "animals_file"])
def anywhere(request):
    """Return a map of digits or photographs, in each place where it is looked at."""
    return request.getfixturevalue(request.param)


class PlainFiles(http.server.SimpleHTTPRequestHandler):
    """A web server without range requests: each response is a whole file."""

    def log_message(self, *_):
        """Say nothing."""


class RangedFiles(PlainFiles):
    """A web server as most are: it gives parts of files too."""

    def send_head(self):
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        file = Path(self.translate_path(self.path))
        if asked is None or not file.is_file():
            return super().send_head()
        content = file.read_bytes()
        start = int(asked[1])
        if start >= len(content):
            self.send_error(416)
            return None
        part = content[start : int(asked[2]) + 1 if asked[2] else None]
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {start}-{start + len(part) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        return io.BytesIO(part)


@pytest.fixture(scope="session")
def digits_site(tmp_path_factory, digits):
    """Export the demo's map as a static site: a folder."""
    folder = tmp_path_factory.mktemp("site") / "digits-site"
    export_site(digits.folder, folder)
    return folder


class Host(http.server.ThreadingHTTPServer):
    """A web server that accepts many concurrent requests."""

    request_queue_size = 128


@pytest.fixture
def host_files():
    """Return a function that puts a folder on a web server: folder -> address."""
    running = []

    def start(folder, *, knows_ranges=True):
        handler = RangedFiles if knows_ranges else PlainFiles
        here = functools.partial(handler, directory=str(folder))
        server = Host(("127.0.0.1", 0), here)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        running.append(server)
        return f"http://127.0.0.1:{server.server_port}/"

    yield start
    for server in running:
        server.shutdown()
        server.server_close()


# The browser


@pytest.fixture(scope="session")
def chromium():
    """Return a function that starts Chromium: flags -> browser."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        message = "no chromium on this machine: apt-get install chromium brings it"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    with sync_playwright() as playwright:
        yield lambda *flags: playwright.chromium.launch(
            executable_path=program, args=[*FLAGS, *flags], chromium_sandbox=False
        )


@pytest.fixture(scope="session")
def browser(chromium):
    browser = chromium(*SOFTWARE)
    yield browser
    browser.close()


@pytest.fixture
def look(request, browser):
    """Return a function that opens a map's address as a person would: address -> Visit.

    At the end, a page that complained, or asked anything of another host, fails the test.
    """
    request.getfixturevalue("host_files")  # its servers end after the pages that still ask them
    visits = []

    def visit(address, *, on=browser, expected=(), wait=True, **options):
        given = {"viewport": SIZE, "reduced_motion": "reduce", "color_scheme": "light", **options}
        context = on.new_context(**given)
        context.set_default_timeout(PATIENCE_MS)
        seen = Visit(context.new_page(), address, expected)
        visits.append(seen)
        seen.open(wait=wait)
        return seen

    yield visit
    for each in visits:
        each.page.context.close()
    for each in visits:
        each.check()


class Visit:
    """A page that shows a map, with what a person does there."""

    def __init__(self, page, address, expected):
        self.page = page
        self.address = address
        self.requests = []
        self._expected = expected
        self._complaints = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("pageerror", lambda error: self._complaints.append(str(error)))
        page.on("console", self._heard)

    def _heard(self, message):
        if message.type == "error":
            self._complaints.append(message.text)

    def check(self):
        """Hold the page to its word: no error that was not to be expected, no stranger asked."""
        unexpected = [
            text for text in self._complaints if not any(part in text for part in self._expected)
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
        if wait and "scale=" in self.address:  # else the page writes it once the view rests
            self.rest()

    def until(self, expression):
        """Wait until it holds on the page, whose policy forbids Playwright's own way to wait."""
        end = time.monotonic() + PATIENCE_MS / 1000
        while not self.page.evaluate(expression):
            assert time.monotonic() < end, f"never: {expression}"
            time.sleep(0.05)

    def rest(self):
        """Wait until the view and its address rest: for a while, and for some frames."""
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
        """Wait until what `read` gives is as expected: pytest.approx, or a value."""
        end = time.monotonic() + PATIENCE_MS / 1000
        while (found := read()) != expected and time.monotonic() < end:
            time.sleep(0.1)
        assert found == expected

    @property
    def shared(self):
        """The parameters in the address: name -> text."""
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
        return self.page.get_by_role("listbox").get_by_role("option")

    def panel(self, name):
        return self.page.get_by_role("complementary", name=name)

    def places(self, positions):
        """Return the page positions of places on a flat map, shape (n, 2), in pixels."""
        offset = (np.asarray(positions, dtype=float) - self.center[:2]) * self.scale
        return offset * [1, -1] + [SIZE["width"] / 2, SIZE["height"] / 2]

    def apart(self, bundle, *, apart_px=14):
        """Return items clear of panels and of one another, and the places of all, as points."""
        places = self.places(bundle.array(bundle.manifest.positions))
        left, top, right, bottom = CLEAR
        clear = (places > [left, top]).all(axis=1) & (places < [right, bottom]).all(axis=1)
        gaps = np.sqrt(((places[:, None] - places[None]) ** 2).sum(axis=-1))
        np.fill_diagonal(gaps, np.inf)
        return np.flatnonzero(clear & (gaps.min(axis=1) > apart_px)), places

    def points(self):
        """Look at the map as points, which are where their items are."""
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
        """Return the name and the bytes of the file that a click saves."""
        with self.page.expect_download() as download:
            click()
        return download.value.suggested_filename, Path(download.value.path()).read_bytes()

    def picture(self, clip=None):
        """Return the page as it is once it rests, as an image."""
        before = None
        for _ in range(150):
            content = self.page.screenshot(clip=clip)
            if content == before:
                return Image.open(io.BytesIO(content)).convert("RGB")
            before = content
            time.sleep(0.1)
        pytest.fail("the page does not come to rest")

    @contextmanager
    def without_panels(self):
        """Hide everything except the map, because fonts differ between machines."""
        panels = self.page.locator(".fs-panels")
        panels.evaluate("panels => { panels.style.opacity = 0 }")
        yield
        panels.evaluate("panels => { panels.style.opacity = '' }")

    def n_colors(self):
        """Return the number of colors on the map: 1 if nothing is drawn."""
        with self.without_panels():
            return len(self.picture().getcolors(maxcolors=1 << 21))


@pytest.fixture
def compare():
    """Return a function that holds a picture to the one that was found good: name, picture."""

    def same(name, picture, *, tolerance=0.01):
        file = EXPECTED / f"{name}.png"
        if os.environ.get("FEATSCAPE_ACCEPT"):
            EXPECTED.mkdir(exist_ok=True)
            picture.quantize(256).save(file, optimize=True)
        expected = Image.open(file).convert("RGB")
        assert picture.size == expected.size
        difference = ImageChops.difference(picture, expected)
        far = np.asarray(difference).max(axis=-1) > 48
        if far.mean() > tolerance:
            FAILED.mkdir(exist_ok=True)
            picture.save(FAILED / f"{name}.png")
            difference.save(FAILED / f"{name}-difference.png")
            pytest.fail(f"{far.mean():.1%} of {name} differ: see {FAILED}")

    return same
