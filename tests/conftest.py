"""Small datasets, a network that costs nothing, and the command line in this process."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from featscape.errors import ImageError, InputError
from featscape.records import Features, ModelCard, SkippedImage

COLORS = {"blue": (40, 60, 200), "green": (30, 160, 60), "red": (200, 40, 30)}


def pytest_collection_modifyitems(items):
    """Put the browser's tests last: from its first on, Playwright keeps a loop in this thread.

    asyncio.run refuses to work beside it, and the server's tests need that.
    """
    items.sort(key=lambda item: "browser" in item.path.parts)


def write_images(folder, n_images, *, color=(120, 120, 120), seed=0):
    """Write small noisy PNGs of one color."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    for number in range(n_images):
        noise = rng.integers(-30, 30, (12, 16, 3))
        pixels = np.clip(np.array(color) + noise, 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:02d}.png")


@pytest.fixture
def photos(tmp_path):
    """Return a folder of three classes with eight images each."""
    for seed, (name, color) in enumerate(COLORS.items()):
        write_images(tmp_path / "photos" / name, 8, color=color, seed=seed)
    return tmp_path / "photos"


@pytest.fixture
def quick_network(monkeypatch):
    """Put an average of the pixels in the network's place; decoding stays the real one."""

    def extract(images, *, thumbnails, **_options):
        kept, values, sizes_px, skipped = [], [], [], list(images.skipped)
        for index in range(len(images)):
            try:
                image = images.load(index)
            except ImageError as error:
                skipped.append(SkippedImage(images.paths[index], str(error)))
                continue
            kept.append(index)
            sizes_px.append(image.size)
            values.append(np.asarray(image.resize((4, 4))).ravel() / 255)
            thumbnails.append(thumbnails.make(image))
        if not kept:
            raise InputError("none of the images can be decoded")
        selected = images.select(kept)
        return Features(
            values=np.array(values, dtype=np.float32),
            images=type(selected)(**{**vars(selected), "skipped": tuple(skipped)}),
            sizes_px=np.array(sizes_px, dtype=np.int32),
            model=ModelCard("quick", "pixels", "none", "0" * 64, "resize 4", 48),
        )

    monkeypatch.setattr("featscape.features.extract", extract)


@pytest.fixture
def featscape(monkeypatch, capsys):
    """Return a function that runs the command line: arguments -> status, out, err."""
    from featscape import cli

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["featscape", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = capsys.readouterr()
        return SimpleNamespace(status=ended.value.code, out=captured.out, err=captured.err)

    return run


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Make an empty folder the current one, and return it."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder
