"""Shorten texts between letters as a reader sees them: a letter with its accents, or an emoji."""

from __future__ import annotations

import unicodedata

_JOINER = "\N{ZERO WIDTH JOINER}"
_SKIN_TONES = range(0x1F3FB, 0x1F400)
_FLAG_LETTERS = range(0x1F1E6, 0x1F200)  # two of these letters are one flag
_TAGS = range(0xE0020, 0xE0080)  # of the flags of England, Scotland and Wales


def shorten_end(text: str, most: int) -> str:
    """Return a text of at most `most` characters; a longer text ends with an ellipsis.

    Parameters
    ----------
    text : str
    most : int
        At least 1. A text of one letter with more marks is cut inside the letter.
    """
    if len(text) <= most:
        return text
    return f"{text[: start_of_letter(text, most - 1) or most - 1]}…"


def start_of_letter(text: str, at: int) -> int:
    """Return the start of the letter that contains the character `at`.

    The rules are the most frequent of Unicode's grapheme clusters (UAX 29): marks belong to the
    letter before, and emoji that are joined, or have a skin tone, are one letter.

    Parameters
    ----------
    text : str
    at : int
        From 0 to the length of the text.
    """
    while 0 < at < len(text) and _belongs_to_letter_before(text, at):
        at -= 1
    return at


def next_letter(text: str, at: int) -> int:
    """Return the start of the first letter at or after the character `at`.

    Parameters
    ----------
    text : str
    at : int
        From 0 to the length of the text.
    """
    while 0 < at < len(text) and _belongs_to_letter_before(text, at):
        at += 1
    return at


def _belongs_to_letter_before(text: str, at: int) -> bool:
    character, before = text[at], text[at - 1]
    code = ord(character)
    if unicodedata.category(character) in ("Mn", "Mc", "Me") or _JOINER in (character, before):
        return True
    if code in _FLAG_LETTERS:
        n_before = next((n for n in range(at) if ord(text[at - 1 - n]) not in _FLAG_LETTERS), at)
        return n_before % 2 == 1
    # vowels and final consonants of Korean syllables that are written in parts
    return code in _SKIN_TONES or code in _TAGS or 0x1160 <= code < 0x1200
