"""Numbers as text: counts with their nouns, and shares."""

from __future__ import annotations


def plural(number: int, one: str, many: str | None = None) -> str:
    """Return for example "1 image" or "1,200 images"; `many` is an irregular plural."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def count_or_unknown(number: int | None) -> str:
    """Return for example "1,200", or "?" for None."""
    return "?" if number is None else f"{number:,}"


def percent(share: float) -> str:
    """Return for example "86 %"."""
    return f"{100 * share:.0f} %"


def with_article(name: str) -> str:
    """Return the name of a type for example as "a list", "an ImageFolder" or "an ndarray"."""
    return f"{'an' if name[:1] in 'AEIOaeio' or name == 'ndarray' else 'a'} {name}"
