"""What can be found wrong before the long work begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from featscape.errors import InputError
from featscape.filenames import printable

if TYPE_CHECKING:
    from pathlib import Path


def check_perplexity(perplexity: float, n_items: int) -> None:
    """Raise InputError unless t-SNE can hold `perplexity` for so many items.

    The rule is TSNE's own; here it speaks before the network has run, not after.
    """
    if n_items < 5:
        raise InputError(
            f"a map needs at least 5 items, since perplexity must be at least 1 and below "
            f"(n - 1) / 3; got {n_items}. Add images."
        )
    bound = (n_items - 1) / 3
    if not 1 <= perplexity < bound:
        raise InputError(
            f"perplexity must be at least 1 and below (n - 1) / 3 = {bound:.1f} for {n_items} "
            f"items; got {perplexity:g}. Choose another, for example --perplexity "
            f"{max(1, int(bound / 2))}, or add images."
        )


def check_apart(output: Path, source: Path) -> None:
    """Raise InputError if the map would lie among the images it is made of."""
    if output.resolve().is_relative_to(source.resolve()):
        raise InputError(
            f"the output folder {printable(output)} lies inside {printable(source)}, where a "
            "later run would take its pictures for images. Choose a place outside with -o."
        )


def check_sizes(size_px: int, thumbnail_px: int | None) -> None:
    """Raise InputError for sizes in which no mosaic can be drawn, whatever its shape."""
    from featscape.pictures.page import MAX_SIZE_PX, MIN_SIZE_PX

    if not MIN_SIZE_PX <= size_px <= MAX_SIZE_PX:
        raise InputError(
            f"the picture's size must be between {MIN_SIZE_PX} and {MAX_SIZE_PX:,} pixels; "
            f"got {size_px:,}. Choose another --size."
        )
    if thumbnail_px is not None and not 8 <= thumbnail_px <= size_px // 6:
        raise InputError(
            f"the thumbnails must be between 8 and a sixth of the picture = {size_px // 6} "
            f"pixels; got {thumbnail_px}. Choose another --thumbnail, or a larger --size."
        )
