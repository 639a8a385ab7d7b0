"""The pictures in the report of a map."""

import base64
import io
import json
import re

import pytest
from PIL import Image

from featscape.steps.report import write_report

RED, WHITE, BLACK = "255 0 0", "255 255 255", "0 0 0"


def colors_of_the_pictures(made):
    """Return the color of the corner of each picture, on a light page and on a dark page."""
    content = write_report(made.folder, "report.html", force=True).read_text(encoding="utf-8")
    pictures = re.findall(r"<picture>(?:<source srcset=\"(.*?)\".*?>)?<img src=\"(.*?)\"", content)
    return [(corner(light), corner(dark) if dark else None) for dark, light in pictures]


def corner(source):
    file = io.BytesIO(base64.b64decode(source.partition(",")[2]))
    pixel = Image.open(file).convert("RGB").getpixel((0, 0))
    return " ".join(str(255 * (value > 127)) for value in pixel)  # without the noise of JPEG


@pytest.mark.parametrize(
    ("changes", "light", "dark"),
    [({}, RED, BLACK), ({"dark": True, "title": "Red"}, WHITE, RED), (None, RED, None)],
)
def test_a_report_has_the_picture_and_its_recorded_variant(made, changes, light, dark):
    for name in ("scatter.png", "images.png"):
        Image.new("RGB", (300, 200), "red").save(made.folder / name)
    run = json.loads((made.folder / "run.json").read_text())
    pictures = run.pop("pictures")
    if changes is not None:
        run["pictures"] = pictures | changes
    (made.folder / "run.json").write_text(json.dumps(run))
    assert colors_of_the_pictures(made) == [(light, dark)] * 2
