"""Maps, the ways to show them (a server, one file, a static site), and Chromium.

Chromium and the servers end with the last test of this folder: Playwright keeps an event loop in
the main thread, beside which asyncio.run refuses to work.
"""

import functools
import os
import re
import shutil
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from filelock import FileLock
from PIL import Image, ImageChops
from playwright.sync_api import expect, sync_playwright

from featscape import make_map
from featscape.bundle import encode_from, open_bundle, write_page
from featscape.defaults import INSTALLED_MODEL, PAGE_IMAGES
from featscape.demo import write_digits
from featscape.mapfolder.read import open_map
from featscape.records import Neighbors
from featscape.steps.drawing import export_site
from helpers import web_server
from helpers.browser.visit import PATIENCE_MS, SIZE, Visit
from helpers.browser.web_servers import PlainFiles, RangedFiles, SlowFiles
from helpers.maps.plain_bundle import write_plain_bundle

ANIMALS = Path(__file__).parents[2] / "data" / "animals"
EXPECTED = Path(__file__).parent / "expected"
FAILED = Path(__file__).parent / "failed"
FLAGS = [
    *("--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]
SOFTWARE = ["--use-gl=angle", "--use-angle=swiftshader-webgl", "--enable-unsafe-swiftshader"]
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="session")
def map_of():
    """Return a function that makes and opens a map: source, folder, options of make_map."""

    def make(source, folder, **options):
        make_map(source, folder, model=INSTALLED_MODEL, size_px=300, **options)
        return described(folder)

    return make


@pytest.fixture(scope="package", autouse=True)
def shared(tmp_path_factory):
    """Return the folder of the maps that all test processes share, with the key of their seals."""
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "browser"
    folder.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(folder / "data"))
        yield folder


@pytest.fixture(scope="package")
def digits(shared, map_of):
    """Make the map of the demo, with its original images; no test may change the map."""
    folder = shared / "digits-map"
    with FileLock(shared / "digits.lock"):
        if folder.exists():
            return described(folder)
        write_digits(shared / "digits")
        return map_of(shared / "digits", folder, limit=500)


@pytest.fixture(scope="package")
def animals(shared, map_of):
    """Make the map of the photographs that `make data` downloads; no test may change the map."""
    if not ANIMALS.is_dir():
        pytest.skip("no photographs of animals: run make data")
    folder = shared / "animals-map"
    with FileLock(shared / "animals.lock"):
        if folder.exists():
            return described(folder)
        return map_of(ANIMALS, folder, perplexity=10)


def described(folder):
    return SimpleNamespace(
        folder=folder, bundle=open_bundle(folder / "bundle"), map=open_map(folder)
    )


@pytest.fixture(scope="session")
def drawn_page(tmp_path_factory):
    """Return a function that writes a page of given arrays: n, options of write_bundle -> file.

    The images are digits of `image_px` pixels, which repeat after 600 items.
    """

    def draw(n_items, *, n_dimensions=2, images=True, image_px=96, **options):
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
            "thumbnails": (lambda row: encode_digit(row % 600, image_px)) if images else None,
        }
        write_plain_bundle(folder / "bundle", **{**given, **options})
        Image.new("RGB", (80, 60), (120, 160, 200)).save(folder / "scatter.png")
        page = folder / "map.html"
        write_page(
            open_bundle(folder / "bundle"),
            page,
            picture=folder / "scatter.png",
            n_images=PAGE_IMAGES,
        )
        return page

    return draw


@functools.cache
def read_digits():
    """Return the digits of scikit-learn, shape (1797, 8, 8)."""
    from sklearn.datasets import load_digits

    return load_digits().images


class Numerals:
    """The digits of scikit-learn as square images; an index beyond the last digit repeats them."""

    def __init__(self, size_px):
        self._size_px = size_px

    def load(self, index, *, at_least_px=0):
        del at_least_px
        pixels = 255 - read_digits()[index % 1797] * 15
        image = Image.fromarray(pixels.astype(np.uint8))
        return image.resize((self._size_px, self._size_px)).convert("RGB")


@functools.cache
def encode_digit(number, size_px):
    """Return a digit of scikit-learn as thumbnails, which are encoded once."""
    return encode_from(Numerals(size_px))(number)


@pytest.fixture(scope="package")
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


@pytest.fixture(scope="package")
def served_digits(serve, digits):
    """Serve the map of the demo, and load its network in the background."""
    address = serve(digits.folder)
    image = (Path(digits.map.run["source"]) / digits.map.paths[0]).read_bytes()
    request = urllib.request.Request(f"{address}api/place", data=image)
    loading = threading.Thread(target=lambda: urllib.request.urlopen(request).close())
    loading.start()
    yield SimpleNamespace(**vars(digits), address=address)
    loading.join()  # the server must respond before it ends, also if only a few tests run


@pytest.fixture(scope="package")
def digits_file(digits):
    return SimpleNamespace(**vars(digits), address=(digits.folder / "map.html").as_uri())


@pytest.fixture(scope="package")
def served_animals(serve, animals):
    return SimpleNamespace(**vars(animals), address=serve(animals.folder))


@pytest.fixture(scope="package")
def animals_file(animals):
    return SimpleNamespace(**vars(animals), address=(animals.folder / "map.html").as_uri())


@pytest.fixture(params=["digits_file", "served_animals"])
def anywhere(request):
    """Return a map of digits from one file, or a map of photographs that a server shows."""
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="package")
def digits_site(tmp_path_factory, digits):
    """Export the map of the demo as a static site, and return its folder."""
    folder = tmp_path_factory.mktemp("site") / "digits-site"
    export_site(digits.folder, folder)
    return folder


@pytest.fixture
def host_files():
    """Return a function that starts a web server of a folder: folder -> address."""
    with ExitStack() as running:

        def start(folder, *, knows_ranges=True, is_slow=False):
            handler = SlowFiles if is_slow else RangedFiles if knows_ranges else PlainFiles
            here = functools.partial(handler, directory=str(folder))
            return running.enter_context(web_server.serve(here)) + "/"

        yield start


@pytest.fixture(scope="package")
def chromium():
    """Return a function that starts Chromium: flags -> browser."""
    # Ubuntu's chromium-browser is a snap, which cannot read the profile in /tmp
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        message = "no chromium on this machine: run apt-get install chromium"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    with sync_playwright() as playwright:
        yield lambda *flags: playwright.chromium.launch(
            executable_path=program, args=[*FLAGS, *flags], chromium_sandbox=False
        )


@pytest.fixture(scope="package")
def browser(chromium):
    browser = chromium(*SOFTWARE)
    yield browser
    browser.close()


@pytest.fixture
def look(request, browser):
    """Return a function that opens the address of a map in a new page: address -> Visit.

    At the end, the test fails if a page reported an error or sent a request to another host.
    """
    request.getfixturevalue("host_files")  # its servers end after the pages that use them
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


@pytest.fixture
def compare():
    """Return a function that compares pictures with the accepted picture: name, function.

    The function is called until its picture is like the accepted picture, because images may be
    read late.
    """

    def same(name, take_picture, *, tolerance=0.01):
        file = EXPECTED / f"{name}.png"
        if os.environ.get("FEATSCAPE_ACCEPT"):
            EXPECTED.mkdir(exist_ok=True)
            take_picture().quantize(256).save(file, optimize=True)
        expected = Image.open(file).convert("RGB")
        end = time.monotonic() + PATIENCE_MS / 1000
        share = 1.0
        while share > tolerance and time.monotonic() < end:
            picture = take_picture()
            assert picture.size == expected.size
            difference = ImageChops.difference(picture, expected)
            share = (np.asarray(difference).max(axis=-1) > 48).mean()
        if share > tolerance:
            FAILED.mkdir(exist_ok=True)
            picture.save(FAILED / f"{name}.png")
            difference.save(FAILED / f"{name}-difference.png")
            pytest.fail(f"{share:.1%} of {name} differ: see {FAILED}")

    return same
