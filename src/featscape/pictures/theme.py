"""The colors and the font of a picture on a white or a dark background."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from PIL import ImageColor

from featscape.errors import InputError
from featscape.labels.classes import count_classes
from featscape.labels.colors import lighten
from featscape.labels.own_colors import recolor

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from featscape.labels.classes import Classes

    ClassColors = Mapping[Any, Any] | Iterable[Any]

_DARKER = 0.55  # of the color of a class, for legible text on white
_LIGHTER = 0.45  # share of white in the color of a name on a dark background


@dataclass(frozen=True)
class Theme:
    """The colors of a picture, as "#rrggbb", and its font.

    Attributes
    ----------
    background : str
    ink, pale_ink : str
        Colors of the text.
    is_dark : bool
    family : tuple of str or None
        Families of fonts in matplotlib's notation; None for DejaVu Sans.
    """

    background: str
    ink: str
    pale_ink: str
    is_dark: bool
    family: tuple[str, ...] | None = None

    def count_classes(
        self, labels: Iterable[object] | None, n_items: int, colors: ClassColors | None = None
    ) -> Classes | None:
        """Return the classes of labels in colors for this background: see `labels.classes`.

        `colors` replaces these colors: see `recolor`.
        """
        classes = count_classes(labels, n_items)
        if classes is None:
            if colors is not None:
                raise InputError("colors must be None without labels. Pass labels.")
            return None
        if colors is not None:
            return recolor(classes, colors)
        if not self.is_dark:
            return classes
        return replace(classes, colors=tuple(map(lighten, classes.colors)))

    def name_color(self, color: str) -> str:
        """Return a legible shade of the color of a class."""
        levels = ImageColor.getrgb(color)[:3]
        if self.is_dark:
            shade = [round(level + _LIGHTER * (255 - level)) for level in levels]
        else:
            shade = [round(_DARKER * level) for level in levels]
        return "#" + "".join(f"{level:02x}" for level in shade)


LIGHT = Theme(background="#ffffff", ink="#1f2328", pale_ink="#6e7781", is_dark=False)
DARK = Theme(background="#101216", ink="#e8eaee", pale_ink="#9a9fa9", is_dark=True)


def choose_theme(*, dark: bool, in_axes: bool) -> Theme:
    """Return the theme of a picture; in axes, with the font of the settings of matplotlib."""
    theme = DARK if dark else LIGHT
    if not in_axes:
        return theme
    import matplotlib as mpl

    return replace(theme, family=tuple(mpl.rcParams["font.family"]))
