"""Random changes of bytes and of JSON, and unusual values for inputs."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from random import Random

TOKENS = (
    *(b"\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x80\0\0\0", b"\xff\xff", b"\x80", b"%s"),
    *(b"../", b"/etc/passwd", b'"', b"'", b"\r", b"\n", b",", b"\t", b"{", b"}", b"[[[[", b"("),
    *(b"-1", b"0", b"9" * 30, b"nan", b"1e999", b"true", b"null", b"a" * 300, b"\x1b[2J"),
    *(b"\xef\xbb\xbf", b"\xff\xfe", b"\xed\xa0\x80", b"\xc3", b"\xe2\x80\xae"),
    *(b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06", b"II*\0", b"MM\0*", b"\xff\xd8", b"IHDR"),
    *(b"http://127.0.0.1:1/x", b"http://[x", b"file:///etc/passwd", b"memory://a", b"zip://x"),
)
NUMBERS = (
    *(-(2**63), -(2**31), -1, 0, 1, 2, 255, 256, 65_535, 2**31 - 1, 2**31, 2**32, 2**63, 10**40),
    *(0.5, -0.0, 1e308, float("nan"), float("inf")),
)
TEXTS = (
    *("", " ", ".", "..", "/", "../../canary.png", "a\0b", "\x1b[31m", "\u202e", "\ud800", "é"),
    *("x" * 300, "<b>", "=1+1", "nan", "NUL", "C:\\x", "a\nb", "-", "~", "2020-13-45"),
)
VALUES = (None, True, False, [], {}, [1], [[]], {"a": 1}, *NUMBERS, *TEXTS)

_PIECE = 60  # largest number of bytes copied within a file
_EDGE = 256  # bytes at the start and the end of a file, which contain most headers


def mutate_bytes(rng: Random, content: bytes, *, tokens: tuple[bytes, ...] = TOKENS) -> bytes:
    """Return `content` with one to six random changes."""
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        if not changed:
            break
        _change(rng, changed, tokens)
    return bytes(changed)


def _change(rng: Random, content: bytearray, tokens: tuple[bytes, ...]) -> None:
    """Make one change in place: flip, set, remove, insert, overwrite, cut or copy."""
    size = len(content)
    at = rng.randrange(size)
    if rng.random() < 0.4:
        near = rng.randrange(min(size, _EDGE))
        at = near if rng.random() < 0.6 else size - 1 - near
    match rng.randrange(8):
        case 0:
            content[at] ^= 1 << rng.randrange(8)
        case 1:
            content[at] = rng.randrange(256)
        case 2:
            del content[at : at + rng.choice((1, 1, 2, 8, 100))]
        case 3:
            content[at:at] = rng.choice(tokens)
        case 4:
            token = rng.choice(tokens)
            content[at : at + len(token)] = token
        case 5:
            del content[at:]
        case 6:
            start = rng.randrange(size)
            piece = content[start : start + rng.randrange(1, _PIECE)]
            content[at : at + len(piece)] = piece
        case _:
            width = min(rng.choice((2, 4, 8)), size - at)
            content[at : at + width] = bytes([rng.choice((0, 255))]) * width


def mutate_json(rng: Random, value: Any) -> Any:
    """Return a copy of a JSON value with one to three members removed or replaced."""
    changed = copy.deepcopy(value)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        members = list(_members(changed))
        if not members:
            break
        container, key = rng.choice(members)
        if rng.random() < 0.25:
            del container[key]
        elif rng.random() < 0.2:
            container[key] = copy.deepcopy(rng.choice(members)[0])
        else:
            # a copy, because the next round may change the value
            container[key] = copy.deepcopy(rng.choice(VALUES))
    return changed


def _members(value: Any) -> Any:
    """Yield each (container, key) of a JSON value, at every depth."""
    keys = (
        value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    )
    for key in keys:
        yield value, key
        yield from _members(value[key])


def mutate_text(rng: Random, text: str) -> str:
    """Return a text with one word replaced by an unusual value."""
    words = text.split(" ")
    words[rng.randrange(len(words))] = str(rng.choice(VALUES))
    return " ".join(words)


def encode(text: str) -> bytes:
    """Encode text that may contain lone surrogates."""
    return text.encode("utf-8", errors="surrogatepass")
