"""Render the report as one HTML page without scripts."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from featscape.printable_names import printable
from featscape.report.contents import choose_contents
from featscape.report.diagram import lay_out
from featscape.report.images import PICTURE_PX, ImageEncoder

if TYPE_CHECKING:
    from jinja2 import Template

    from featscape.report.records import ReportInput

# identifies a report, at the beginning of the file
MARK = '<!doctype html>\n<meta name="generator" content="featscape report">'

_TEMPLATES = Path(__file__).parent / "templates"


def render_report(given: ReportInput) -> str:
    """Return the report as HTML. All texts are escaped, because a map may come from a stranger.

    Parameters
    ----------
    given : ReportInput

    Raises
    ------
    InputError
        If a thumbnail is damaged.
    """
    encoder = ImageEncoder(given.thumbnails)
    light = [encoder.picture(one.image, PICTURE_PX) for one in given.pictures]
    contents = choose_contents(given, encoder)
    # last, so that the limit of bytes leaves out no other image
    dark = [
        None if one.dark is None else encoder.picture(one.dark, PICTURE_PX)
        for one in given.pictures
    ]
    style = (_TEMPLATES / "report.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    relations = given.relations
    return _template().render(
        given=given,
        contents=contents,
        pictures=list(zip((one.caption for one in given.pictures), light, dark, strict=True)),
        relations=relations,
        diagram=None if relations is None else lay_out(relations, noun=given.noun),
        mark=MARK,
        style=style,
        style_hash=f"'sha256-{digest}'",
    )


@cache
def _template() -> Template:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        finalize=_printable,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html")


def _printable(value: Any) -> Any:
    """Escape the control characters of a text; markup of the templates is unchanged."""
    return printable(value) if type(value) is str else value
