import pytest
from PIL import Image, ImageDraw

from featscape.pictures.text import font_for, one_line, shorten


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


def test_long_text_keeps_both_ends():
    font = font_for("a", 20)
    shown = shorten("a very long name of a class, number 12", font, 200)
    assert font.getlength(shown) <= 200
    assert shown.startswith("a very lo")
    assert shown.endswith("12")
    assert shown.count("…") == 1


def test_short_text_is_left_alone():
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
    monkeypatch.setattr(text, "_fallbacks", lambda: (other,))
    characters = {text._dejavu(bold=False): frozenset(map(ord, "ab")), other: frozenset([0x732B])}
    monkeypatch.setattr(text, "_characters", characters.__getitem__)
    assert font_for("猫", 20).getname()[1] == "Bold"
    assert font_for("ab猫", 20).getname()[1] == "Book"
