"""Words on a picture: any Unicode text, in a font that has it, no longer than its place.

Text is drawn by Pillow and not by matplotlib, so that no label is read as mathematics ("$"), and a
character that no installed font has shows as an empty box, without a warning.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from pathlib import Path

from PIL import ImageFont

# DejaVu Sans comes with matplotlib: pictures look alike everywhere. It has Latin, Greek, Cyrillic,
# Arabic, Hebrew and many symbols; the fonts below are asked, where installed, for what it lacks.
FALLBACK_FAMILIES = (
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Source Han Sans SC",
    "WenQuanYi Micro Hei",
    "PingFang SC",
    "Hiragino Sans",
    "Microsoft YaHei",
    "Malgun Gothic",
    "Arial Unicode MS",
    "Noto Sans Devanagari",
    "Noto Sans Thai",
    "Noto Emoji",
    "Segoe UI Emoji",
)


def one_line(text: str) -> str:
    """Return `text` on one line, without control characters; "(no name)" if nothing is left."""
    # Categories: Cc and Cf steer a terminal or the direction of writing, Cs are halves of a
    # character, as Python writes a file name's undecodable bytes.
    shown = "".join(
        {"Cc": " ", "Cf": "", "Cs": "\N{REPLACEMENT CHARACTER}"}.get(unicodedata.category(c), c)
        for c in text
    )
    return " ".join(shown.split()) or "(no name)"


def font_for(text: str, size_px: float, *, bold: bool = False) -> ImageFont.FreeTypeFont:
    """Return the first font that has every character of `text`, or else the one with the most."""
    wanted = {ord(c) for c in text if not c.isspace()}
    path = _dejavu(bold=bold)
    missing = len(wanted - _characters(path))
    if missing:
        for other in _fallbacks():
            lacking = len(wanted - _characters(other))
            if lacking < missing:
                path, missing = other, lacking
    return _font(path, max(round(size_px), 1))


def shorten(text: str, font: ImageFont.FreeTypeFont, width_px: float) -> str:
    """Return `text`, with an ellipsis inside if it is wider than `width_px`.

    The ending stays, since names of classes often differ there ("… 12", "… 13").
    """
    if font.getlength(text) <= width_px:
        return text
    fits, too_long = 0, len(text)
    while too_long - fits > 1:
        kept = (fits + too_long) // 2
        if font.getlength(_with_ellipsis(text, kept)) <= width_px:
            fits = kept
        else:
            too_long = kept
    return _with_ellipsis(text, fits)


def _with_ellipsis(text: str, n_kept: int) -> str:
    n_ending = n_kept // 3
    return f"{text[: n_kept - n_ending].rstrip()}…{text[len(text) - n_ending :].lstrip()}"


def _dejavu(*, bold: bool) -> Path:
    import matplotlib as mpl

    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return Path(mpl.get_data_path()) / "fonts" / "ttf" / name


@cache
def _fallbacks() -> tuple[Path, ...]:
    from matplotlib.font_manager import fontManager

    by_family: dict[str, Path] = {}
    for entry in fontManager.ttflist:
        if entry.style == "normal":
            by_family.setdefault(entry.name, Path(entry.fname))
    return tuple(by_family[family] for family in FALLBACK_FAMILIES if family in by_family)


@cache
def _characters(path: Path) -> frozenset[int]:
    from matplotlib.ft2font import FT2Font

    return frozenset(FT2Font(path).get_charmap())


@cache
def _font(path: Path, size_px: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, size_px)
