"""Texts that are cut between letters as a reader sees them."""

import pytest

from featscape.graphemes import next_letter, shorten_end, start_of_letter

FAMILY = "👨‍👩‍👧"
LETTERS = [
    "e\u0301",  # e with an accent
    "قِ",  # Arabic with a vowel mark
    "कि",  # Devanagari with a vowel
    "👍🏽",
    FAMILY,
    "🇩🇪",
    "🇯🇵",
    "❤️",
    "1️⃣",
    "\u1112\u1161\u11ab",  # a Korean syllable in parts
]


@pytest.mark.parametrize("letter", LETTERS)
@pytest.mark.parametrize("before", ["", "a", "猫", FAMILY, "🇩🇪"])
def test_the_start_of_each_letter_is_found(letter, before):
    text = f"{before}{letter}z"
    first = len(before)
    for at in range(first, first + len(letter)):
        assert start_of_letter(text, at) == first
    assert start_of_letter(text, first + len(letter)) == first + len(letter)
    assert start_of_letter(text, len(text)) == len(text)
    assert next_letter(text, first) == first
    for at in range(first + 1, first + len(letter) + 1):
        assert next_letter(text, at) == first + len(letter)


def test_a_long_text_ends_with_an_ellipsis_after_a_whole_letter():
    assert shorten_end("short", 5) == "short"
    assert shorten_end("longer", 5) == "long…"
    assert shorten_end(f"ab{FAMILY}c", 6) == "ab…"
    assert shorten_end("cafe\u0301s", 5) == "caf…"


def test_a_letter_of_many_marks_is_cut():
    assert shorten_end("e" + 100 * "\u0301", 10) == "e" + 8 * "\u0301" + "…"
