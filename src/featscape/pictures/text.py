"""Write Unicode text on a picture, with fallback fonts and a maximum width.

Pillow draws the text instead of matplotlib, which would parse "$" as mathematics. A character that
no installed font contains is written as its number, for example U+732B, because empty boxes would
make different names look equal.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from PIL import ImageFont

from featscape.graphemes import next_letter, start_of_letter

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from matplotlib.font_manager import FontEntry

# DejaVu Sans comes with matplotlib, so pictures look the same everywhere. DejaVu Sans contains
# Latin, Greek, Cyrillic, Arabic, Hebrew and many symbols. Other characters come from the fonts
# below if installed, and then from all other installed fonts.
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

# Fonts that claim to contain every character, and draw a box or nothing for each character
_BOXES = re.compile(r"last ?resort|blank|color", re.IGNORECASE)
_USUAL_WEIGHT, _BOLD_WEIGHT = 400, 700

_N_KEPT_LETTERS = 4  # before the first difference of two names
_VARIANTS = {chr(code) for code in range(0xFE00, 0xFE10)}  # variation selectors, without a glyph


@dataclass(frozen=True)
class FormattedText:
    """A text, and the font in which the text is drawn."""

    text: str
    font: ImageFont.FreeTypeFont

    @property
    def width_px(self) -> float:
        """The width of the text."""
        return self.font.getlength(self.text)

    def within(self, width_px: float) -> FormattedText:
        """Return the text, shortened if it is wider than `width_px`."""
        return FormattedText(shorten(self.text, self.font, width_px), self.font)


@dataclass(frozen=True)
class PlacedText:
    """A line of text on a picture.

    Attributes
    ----------
    x, y : float
        In pixels; y is the middle of the line.
    line : FormattedText
    color : str
    anchor : {"lm", "rm"}
        Whether `x` is the left or the right end, in Pillow's notation.
    """

    x: float
    y: float
    line: FormattedText
    color: str
    anchor: Literal["lm", "rm"] = "lm"


def format_text(
    text: str, size_px: float, *, bold: bool = False, family: tuple[str, ...] | None = None
) -> FormattedText:
    """Return `text` in the font with most of its characters; the others become numbers.

    `family` has the families of matplotlib that are tried first; None for DejaVu Sans.
    """
    font = font_for(text, size_px, bold=bold, family=family)
    known = _characters(Path(str(font.path)))
    return FormattedText("".join(c if ord(c) in known else _number(c) for c in text), font)


def without_font(texts: Iterable[str]) -> dict[str, str]:
    """Return the texts that no installed font can write completely.

    Parameters
    ----------
    texts : iterable of str

    Returns
    -------
    dict of str to str
        The missing characters of each such text. Pictures write the numbers of these characters.
    """
    missing = {}
    for text in texts:
        line = one_line(text)
        available = _characters(Path(str(font_for(line, 12).path)))
        lacking = "".join(c for c in line if ord(c) not in available and c not in _VARIANTS)
        if lacking:
            missing[text] = lacking
    return missing


def format_distinct(
    texts: Sequence[str],
    size_px: float,
    *,
    width_px: float,
    family: tuple[str, ...] | None = None,
) -> list[FormattedText]:
    """Return each text, shortened to `width_px`, so that different texts look different.

    If different texts would look equal after they are shortened, an ellipsis replaces their common
    beginning. `family` as for `format_text`.
    """
    write = partial(format_text, size_px=size_px, family=family)
    whole = [write(text) for text in texts]
    shown = [formatted.within(width_px) for formatted in whole]
    alike: dict[str, list[int]] = {}
    for i, formatted in enumerate(shown):
        alike.setdefault(formatted.text, []).append(i)
    for group in alike.values():
        different = {texts[i] for i in group}
        left_out = _common(min(different), max(different)) - _N_KEPT_LETTERS
        if len(different) > 1 and left_out > 1:
            ends = [f"…{texts[i][start_of_letter(texts[i], left_out) :]}" for i in group]
            parts = format_distinct(ends, size_px, width_px=width_px, family=family)
            for i, end in zip(group, parts, strict=True):
                shown[i] = end
    return shown


def one_line(text: str) -> str:
    """Return `text` on one line, without control characters; "(no name)" for an empty result."""
    # Characters of the categories Cc and Cf control a terminal or the direction of writing.
    # Characters of Cs are surrogates, with which Python represents bytes that are not UTF-8.
    shown = "".join(
        {"Cc": " ", "Cf": "", "Cs": "\N{REPLACEMENT CHARACTER}"}.get(unicodedata.category(c), c)
        for c in text
    )
    return " ".join(shown.split()) or "(no name)"


def font_for(
    text: str, size_px: float, *, bold: bool = False, family: tuple[str, ...] | None = None
) -> ImageFont.FreeTypeFont:
    """Return the first font with every character of `text`, or the font with the most."""
    wanted = {ord(c) for c in text if not c.isspace()}
    first = _dejavu(bold=bold) if family is None else _find(family, bold=bold)
    path = _best_font(wanted, first, bold=bold)
    if wanted - _characters(path) and _add_new_fonts():
        path = _best_font(wanted, path, bold=bold)
    return _font(path, max(round(size_px), 1))


def _best_font(wanted: set[int], first: Path, *, bold: bool) -> Path:
    """Return the first font with every wanted character, or the font with the most."""
    best, missing = first, len(wanted - _characters(first))
    for other in (_dejavu(bold=bold), *_fallbacks(bold=bold)) if missing else ():
        lacking = len(wanted - _characters(other))
        if lacking < missing:
            best, missing = other, lacking
        if not missing:
            break
    return best


def shorten(text: str, font: ImageFont.FreeTypeFont, width_px: float) -> str:
    """Return `text`, with an ellipsis inside if the text is wider than `width_px`.

    The end of the text is kept, because class names often differ there ("… 12", "… 13").
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


def _common(one: str, other: str) -> int:
    """Return the length of the common beginning of two texts."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(one), len(other)))


def _number(character: str) -> str:
    """Return the text that replaces a character that no font contains."""
    return "" if character in _VARIANTS else f"U+{ord(character):04X}"


def _with_ellipsis(text: str, n_kept: int) -> str:
    n_ending = n_kept // 3
    start = text[: start_of_letter(text, n_kept - n_ending)]
    ending = text[next_letter(text, len(text) - n_ending) :]
    return f"{start.rstrip()}…{ending.lstrip()}"


def _dejavu(*, bold: bool) -> Path:
    import matplotlib as mpl

    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return Path(mpl.get_data_path()) / "fonts" / "ttf" / name


def _find(family: tuple[str, ...], *, bold: bool) -> Path:
    """Return the font that matplotlib uses for the first installed of some families."""
    from matplotlib.font_manager import FontProperties, findfont

    weight = _BOLD_WEIGHT if bold else _USUAL_WEIGHT
    return Path(findfont(FontProperties(family=list(family), weight=weight)))


@cache
def _fallbacks(*, bold: bool) -> tuple[Path, ...]:
    """Return one font of each installed family, the closest to an upright font of the weight."""
    import matplotlib as mpl
    from matplotlib.font_manager import fontManager

    wanted = _BOLD_WEIGHT if bold else _USUAL_WEIGHT

    def difference(entry: FontEntry) -> tuple[bool, bool, float, str]:
        weight = entry.weight if isinstance(entry.weight, int) else _USUAL_WEIGHT
        return (
            entry.style != "normal",
            entry.stretch != "normal",
            abs(weight - wanted),
            entry.fname,
        )

    by_family: dict[str, Path] = {}
    for entry in sorted(fontManager.ttflist, key=difference):
        # matplotlib's own fonts are DejaVu, and fonts with symbols at the codes of letters
        has_letters = not Path(entry.fname).is_relative_to(mpl.get_data_path())
        if has_letters and not _BOXES.search(entry.name):
            by_family.setdefault(entry.name, Path(entry.fname))
    first = [family for family in FALLBACK_FAMILIES if family in by_family]
    others = sorted(by_family.keys() - first, key=lambda family: ("Sans" not in family, family))
    return tuple(by_family[family] for family in (*first, *others))


@cache
def _add_new_fonts() -> bool:
    """Add the fonts that matplotlib's stored list lacks; return whether there are any.

    matplotlib stores the list in a file, and never updates it when a font is installed.
    """
    from matplotlib import font_manager
    from matplotlib.font_manager import fontManager

    if sys.platform == "win32":
        folders = [font_manager.win32FontDirectory()]
    else:
        folders = [*font_manager.X11FontDirectories, *font_manager.OSXFontDirectories]
    known = {entry.fname for entry in fontManager.ttflist}
    # with folders, the function starts no process
    found = font_manager.findSystemFonts(folders)
    new = [path for path in sorted(found) if path not in known]
    for path in new:
        with suppress(OSError, RuntimeError):  # a font that FreeType cannot read
            fontManager.addfont(path)
    _fallbacks.cache_clear()
    return bool(new)


@cache
def _characters(path: Path) -> frozenset[int]:
    from matplotlib.ft2font import FT2Font

    return frozenset(FT2Font(path).get_charmap())


@cache
def _font(path: Path, size_px: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, size_px)
