"""Replace the colors of the classes by the caller's colors."""

from __future__ import annotations

from collections.abc import Mapping, Sized
from dataclasses import replace
from typing import TYPE_CHECKING

from featscape.errors import InputError
from featscape.labels.classes import NO_LABEL, text_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from featscape.labels.classes import Classes


def recolor(classes: Classes, colors: Mapping[object, object] | Iterable[object]) -> Classes:
    """Return the classes in other colors.

    Parameters
    ----------
    classes : Classes
    colors : mapping or Series of label to color, or sequence of colors
        Opaque colors of matplotlib. A mapping, or a Series of pandas with the labels as index, has
        a color for each class, and may have further labels. A sequence has at least one color per
        class, in natural order of the classes. Items without a label are gray, unless a mapping has
        a color for None.

    Raises
    ------
    InputError
        If a class has no color, or if a color is invalid.
    """
    named = [name for name in classes.names if name != NO_LABEL]
    given = _by_name(colors, named)
    missing = [name for name in named if name not in given]
    if missing:
        raise InputError(
            f"colors must contain a color for each class; {len(missing):,} of {len(named):,} "
            f"classes have none, the first is {missing[0]!r}. Add these classes."
        )
    old = zip(classes.names, classes.colors, strict=True)
    shown = [_hex_of(given[name], name) if name in given else color for name, color in old]
    return replace(classes, colors=tuple(shown))


def _by_name(
    colors: Mapping[object, object] | Iterable[object], named: list[str]
) -> dict[str, object]:
    """Return the colors by the name of the class."""
    if isinstance(colors, Mapping) or hasattr(colors, "items"):  # a Series is no Mapping
        return {text_of(label, i): color for i, (label, color) in enumerate(colors.items())}
    if isinstance(colors, str | set | frozenset) or not isinstance(colors, Sized):
        raise InputError(
            "colors must be a mapping of classes to colors, or a sequence of colors; got "
            f"{colors!r}. Pass a dict or a list."
        )
    given = list(colors)
    if len(given) < len(named):
        raise InputError(
            f"colors must contain at least one color per class = {len(named):,}; got "
            f"{len(given):,}. Pass more colors, or a mapping of classes to colors."
        )
    return dict(zip(named, given, strict=False))


def _hex_of(color: object, name: str) -> str:
    """Return a color of matplotlib as "#rrggbb"."""
    from matplotlib.colors import to_hex, to_rgba

    try:
        is_opaque = to_rgba(color)[3] == 1  # type: ignore[arg-type]
    except (ValueError, TypeError):
        is_opaque = False
    if not is_opaque:
        raise InputError(
            f"each of colors must be an opaque color of matplotlib; got {color!r} for class "
            f"{name!r}. Pass a name such as 'orange', or '#rrggbb'."
        )
    return to_hex(color)  # type: ignore[arg-type]
