"""Write the pictures of the README: the map of the digits in docs/pictures."""

from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

from featscape.demo import make_demo
from featscape.mapfolder import LAYOUTS, SCATTER

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"


def main() -> None:
    """Make the map of the demo, and write two of its pictures with 256 colors."""
    images = next(name for name, layout in LAYOUTS.items() if layout == "map")
    with TemporaryDirectory() as folder:
        made = make_demo(Path(folder) / "digits-map")
        for name in (SCATTER, images):
            with Image.open(made.folder / name) as picture:
                few_colors = picture.convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE)
            few_colors.save(PICTURES / f"digits-{name}", optimize=True)


if __name__ == "__main__":
    main()
