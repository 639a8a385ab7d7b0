"""Write the pictures of the README and the documentation: the map of the digits in docs/pictures.

Debian's Chromium draws the interactive page: apt-get install chromium.
"""

import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image
from playwright.sync_api import sync_playwright

from featscape.demo import make_demo
from featscape.mapfolder import LAYOUTS, SCATTER

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
SOFTWARE = ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
SIZE = {"width": 1280, "height": 800}


def main() -> None:
    """Make the map of the demo; write two of its pictures and one of the interactive page."""
    images = next(name for name, layout in LAYOUTS.items() if layout == "map")
    with TemporaryDirectory() as folder:
        made = make_demo(Path(folder) / "digits-map")
        for name in (SCATTER, images):
            write_small(made.folder / name, f"digits-{name}")
        draw_page(made.folder / "map.html", PICTURES / "page.png")


def write_small(picture: Path, name: str) -> None:
    """Write a picture to docs/pictures with 256 colors."""
    with Image.open(picture) as image:
        few_colors = image.convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE)
    few_colors.save(PICTURES / name, optimize=True)


def draw_page(page_file: Path, picture: Path) -> None:
    """Write a picture of the interactive page with its findings."""
    program = shutil.which("chromium")
    if program is None:
        sys.exit("chromium must be installed. Run apt-get install chromium.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=SOFTWARE, chromium_sandbox=False
        )
        page = browser.new_page(viewport=SIZE)
        page.goto(page_file.as_uri())
        page.wait_for_selector(".fs-toolbar")
        page.keyboard.press("f")  # the kinds of findings
        page.get_by_text("Labels to check").wait_for()
        page.wait_for_timeout(3_000)  # the thumbnails fade in
        page.screenshot(path=picture)
        browser.close()


if __name__ == "__main__":
    main()
