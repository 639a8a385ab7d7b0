"""The HTML page of the viewer, with all files inlined or with links to the files.

A Content-Security-Policy (https://www.w3.org/TR/CSP3/) blocks all requests that the page does not
need.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
from pathlib import Path
from typing import TYPE_CHECKING

from featscape.errors import FeatscapeError

if TYPE_CHECKING:
    from featscape.bundle.contract import PageSetup

VIEWER = ("viewer.js", "viewer.css")
STATIC = Path(__file__).parent / "static"

_POLICY = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; img-src {images}; "
    "connect-src {connect}; script-src {script}; style-src {style}"
)
_HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<link rel="icon" href="data:,">
{mark}
<title>{title}</title>
{style}
</head>
<body>
<noscript>
<p>The interactive map needs JavaScript. This picture shows the map.</p>
<img src="{picture}" alt="{alt}" width="900">
</noscript>
<p class="fs-stalled">{stalled}</p>
<img id="featscape-static" src="{picture}" alt="{alt}" loading="lazy" hidden>
<script type="application/json" id="featscape">{setup}</script>
"""
# Shown if the viewer does not start.
_STALLED_LINKED = (
    "The map does not start, because the page cannot read its files. The page needs a web server: "
    "run \u201cpython3 -m http.server\u201d in the page's folder and open http://localhost:8000. "
    "The file map.html in the map folder works without a server."
)
_STALLED_INLINED = (
    "The map does not start, because this file is incomplete. Copy the file again, or make the "
    "map again."
)
# Browsers run no module from disk. This script does run: the page then shows its picture at once.
_FROM_DISK = (
    'if (location.protocol === "file:") document.documentElement.classList.add("fs-from-disk")'
)
_TAIL = """{script}
</body>
</html>
"""


def viewer_file(name: str) -> Path:
    """Return the path of a built file of the viewer.

    Parameters
    ----------
    name : str
        One of `VIEWER`.

    Raises
    ------
    FeatscapeError
        If this installation has no such file.
    """
    file = STATIC / name
    if not file.is_file():
        raise FeatscapeError(
            f"this installation of featscape lacks the viewer's file {name}. "
            "Install featscape again; in a checkout, run: make viewer"
        )
    return file


def mark(setup: PageSetup) -> str:
    """Return the HTML element that identifies a page of featscape."""
    return f'<meta name="generator" content="featscape {setup.source}">'


def linked_page(
    *, title: str, setup: PageSetup, picture: str = "scatter.png", viewer: str = ""
) -> str:
    """Return the page of a server or a site, with links to the other files.

    Parameters
    ----------
    title : str
    setup : PageSetup
    picture : str
        Address of the picture for a browser without WebGL.
    viewer : str
        Prefix of the addresses of the viewer's files, for example "static/".
    """
    self = "'self'"
    policy = _POLICY.format(
        images="'self' blob: data:",
        connect=self,
        script=f"{self} {_hash(_FROM_DISK)}" if setup.source == "site" else self,
        style=self,
    )
    script, style = (html.escape(f"{viewer}{name}") for name in VIEWER)
    head = _head(
        title=title,
        setup=setup,
        policy=policy,
        style=f'<link rel="stylesheet" href="{style}">',
        picture=picture,
        stalled=_STALLED_LINKED,
    )
    scripts = [f'<script type="module" src="{script}"></script>']
    if setup.source == "site":
        scripts.insert(0, f"<script>{_FROM_DISK}</script>")
    return head + _TAIL.format(script="\n".join(scripts))


def inlined_page(*, title: str, setup: PageSetup, picture: str) -> tuple[str, str]:
    """Return the beginning and the end of a page without links; the data go in between.

    Parameters
    ----------
    title : str
    setup : PageSetup
    picture : str
        The picture for a browser without WebGL, as a data: URL.
    """
    script, style = (viewer_file(name).read_text(encoding="utf-8") for name in VIEWER)
    script, style = _script_safe(script), style.replace("</", "<\\/")
    policy = _POLICY.format(
        images="blob: data:", connect="'none'", script=_hash(script), style=_hash(style)
    )
    head = _head(
        title=title,
        setup=setup,
        policy=policy,
        style=f"<style>{style}</style>",
        picture=picture,
        stalled=_STALLED_INLINED,
    )
    return head, _TAIL.format(script=f'<script type="module">{script}</script>')


def _head(
    *, title: str, setup: PageSetup, policy: str, style: str, picture: str, stalled: str
) -> str:
    return _HEAD.format(
        policy=policy,
        mark=mark(setup),
        title=html.escape(title),
        style=style,
        picture=html.escape(picture),
        alt=html.escape(f"{title}: the items as points"),
        stalled=html.escape(stalled),
        # a label such as "</script>" must not end the element
        setup=setup.model_dump_json().replace("<", "\\u003c"),
    )


def _script_safe(script: str) -> str:
    """Return a script in which no string ends the script element (HTML standard, 4.12.1.3)."""
    return re.sub(r"<(?=!--|/?script)", r"\\x3C", script, flags=re.IGNORECASE)


def _hash(content: str) -> str:
    """Return the Content-Security-Policy source that allows exactly this inline content."""
    digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
    return f"'sha256-{digest}'"
