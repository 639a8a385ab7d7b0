from functools import cache
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from featscape.pictures import text
from featscape.pictures.text import (
    font_for,
    format_distinct,
    format_text,
    one_line,
    shorten,
    without_font,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("two\nlines\tand  tabs", "two lines and tabs"),
        ("$x_1^2$", "$x_1^2$"),
        ("  ", "(no name)"),
        ("", "(no name)"),
        ("\x1b[31mred", "[31mred"),
        ("\u202eturned", "turned"),
        (b"caf\xe9".decode("utf-8", "surrogateescape"), "caf\N{REPLACEMENT CHARACTER}"),
        ("🦒 猫 قط", "🦒 猫 قط"),
    ],
)
def test_text_on_one_line(text, shown):
    assert one_line(text) == shown


@pytest.mark.parametrize("letter", ["e\u0301", "👍🏽", "कि"])
def test_a_long_text_is_cut_between_letters(letter):
    font = font_for("a", 20)
    for width_px in range(40, 200, 7):
        start, ending = shorten(40 * letter, font, width_px).split("…")
        assert start == letter * (len(start) // len(letter))
        assert ending == letter * (len(ending) // len(letter))


def test_long_text_keeps_both_ends():
    font = font_for("a", 20)
    shown = shorten("a very long name of a class, number 12", font, 200)
    assert font.getlength(shown) <= 200
    assert shown.startswith("a very lo")
    assert shown.endswith("12")
    assert shown.count("…") == 1


def test_short_text_is_not_shortened():
    assert shorten("cat", font_for("cat", 20), 500) == "cat"


def test_text_without_room_is_an_ellipsis():
    assert shorten("a long name", font_for("a", 20), 1) == "…"


@pytest.mark.parametrize("text", ["🦒", "猫", "قط", "\U0010fffd", "$\\frac{$", "ไทย", "हिन्दी"])
def test_any_character_can_be_drawn(text):
    image = Image.new("L", (200, 60))
    ImageDraw.Draw(image).text((20, 30), text, 255, font_for(text, 30), anchor="lm")
    assert image.getbbox() is not None


def test_latin_is_always_in_dejavu():
    assert font_for("Straße", 20).getname() == ("DejaVu Sans", "Book")
    assert font_for("Straße", 20, bold=True).getname() == ("DejaVu Sans", "Bold")


def test_a_font_with_the_missing_characters_is_preferred(monkeypatch):
    from featscape.pictures import text

    other = text._dejavu(bold=True)
    monkeypatch.setattr(text, "_fallbacks", lambda **_: (other,))
    monkeypatch.setattr(text, "_add_new_fonts", lambda: False)
    characters = {text._dejavu(bold=False): frozenset(map(ord, "ab")), other: frozenset([0x732B])}
    monkeypatch.setattr(text, "_characters", characters.__getitem__)
    assert font_for("猫", 20).getname()[1] == "Bold"
    assert font_for("ab猫", 20).getname()[1] == "Book"


def test_every_family_is_asked_in_the_wanted_weight(monkeypatch):
    from matplotlib import font_manager, get_data_path

    from featscape.pictures import text

    entries = [
        font_manager.FontEntry(fname=f"/fonts/{file}", name=name, style=style, weight=weight)
        for file, name, style, weight in [
            ("any.ttf", "Any Serif", "normal", 400),
            ("thai-bold.ttf", "Noto Sans Thai", "normal", 700),
            ("thai-slanted.ttf", "Noto Sans Thai", "italic", 400),
            ("thai.ttf", "Noto Sans Thai", "normal", 400),
            ("thai-thin.ttf", "Noto Sans Thai", "normal", 200),
            ("tamil.ttf", "Noto Sans Tamil", "normal", 500),
            ("boxes.ttf", "Last Resort High-Efficiency", "normal", 400),
        ]
    ]
    entries.append(font_manager.FontEntry(fname=f"{get_data_path()}/fonts/cmsy10.ttf", name="cmsy"))
    monkeypatch.setattr(font_manager.fontManager, "ttflist", entries)
    found = [path.name for path in text._fallbacks.__wrapped__(bold=False)]
    assert found == ["thai.ttf", "tamil.ttf", "any.ttf"]
    found = [path.name for path in text._fallbacks.__wrapped__(bold=True)]
    assert found == ["thai-bold.ttf", "tamil.ttf", "any.ttf"]


def test_what_no_font_has_is_written_as_its_number():
    assert format_text("猫 a", 20).text in {"U+732B a", "猫 a"}
    names = [format_text(text, 20).text for text in ("\U0010fffd", "\U0010fffc")]
    assert names == ["U+10FFFD", "U+10FFFC"]
    assert without_font(["a", "x\U0010fffd", "b\ufe0f", "U+1"]) == {"x\U0010fffd": "\U0010fffd"}
    assert format_text("Straße قط $x$", 20).text == "Straße قط $x$"


ALIKE = "Straßenbahnhaltestellenüberdachung mit Fahrgastinformation, Nürnberg"


@pytest.mark.parametrize(
    "names",
    [
        [f"{ALIKE} {place}, Halle {number}" for place in "NS" for number in range(20)],
        [f"{ALIKE} {number} with the same long ending of all" for number in range(20)],
        [ALIKE, f"{ALIKE} 2", f"{ALIKE} 2 and more", "cat", "dog"],
        ["\U0010fffd" * 20 + end for end in ("\U0010fffc", "\U0010fffb")],
    ],
)
@pytest.mark.parametrize("width_px", [160, 220])
def test_different_names_look_different_however_they_are_shortened(names, width_px):
    shown = format_distinct(names, 20, width_px=width_px)
    assert len({name.text for name in shown}) == len(names)
    assert all(name.width_px <= width_px for name in shown)


def test_names_that_fit_or_differ_at_an_end_are_shortened_as_any():
    names = [
        "cat",
        "a very long name of a class, number 12",
        "a very long name of a class, number 13",
    ]
    shown = format_distinct(names, 20, width_px=200)
    assert shown[0].text == "cat"
    assert [name.text for name in shown] == [
        shorten(name, font_for(name, 20), 200) for name in names
    ]


def test_equal_names_stay_equal():
    shown = format_distinct([ALIKE, ALIKE], 20, width_px=200)
    assert shown[0] == shown[1]
    assert shown[0].text.startswith("Straße")


def test_a_font_that_was_installed_after_matplotlib_listed_the_fonts_is_used(monkeypatch):
    from matplotlib import font_manager

    thai = "\N{THAI CHARACTER KO KAI}"
    if without_font([thai]):
        pytest.skip("no font with Thai characters is installed")
    others = [
        entry
        for entry in font_manager.fontManager.ttflist
        if ord(thai) not in text._characters(Path(entry.fname))
    ]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", others)
    for name in ("_fallbacks", "_add_new_fonts"):  # functions without the results of other tests
        monkeypatch.setattr(text, name, cache(getattr(text, name).__wrapped__))
    assert without_font([thai]) == {}
    assert format_text(thai, 20).text == thai
