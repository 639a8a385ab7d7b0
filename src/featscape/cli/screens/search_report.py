"""The images that a search found, as text and CSV, and the counts of suggested names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from featscape.cli import console
from featscape.printable_names import encodable, printable

if TYPE_CHECKING:
    from rich.console import RenderableType

    from featscape.mapfolder.read import Map
    from featscape.records import Match
    from featscape.steps.content.classification import SuggestedNames


def describe(made: Map, found: Match, *, query: str) -> RenderableType:
    """Return one line for each image, the best first."""
    from rich.text import Text

    if not len(found):
        return Text(f"The network recognizes {printable(query)} in no image.")
    names = [f"#{item}" if made.paths is None else made.paths[item] for item in found.items]
    rows = zip(found.scores, names, strict=True)
    return Text("\n".join(f"{score:.2f}  {printable(name)}" for score, name in rows))


def count_names(found: SuggestedNames) -> RenderableType:
    """Return one line for each name: its number of images and their mean probability."""
    from rich.text import Text

    lines = []
    for code, name in enumerate(found.names):
        probabilities = found.probabilities[found.codes == code]
        mean = f"  mean probability {probabilities.mean():.2f}" if len(probabilities) else ""
        lines.append(f"{len(probabilities):>7,}  {printable(name)}{mean}")
    return Text("\n".join(lines))


def as_csv(made: Map, found: Match, *, for_terminal: bool) -> str:
    """Return the images as CSV with a row of headings."""
    rows = [
        (item, None if made.paths is None else encodable(made.paths[item]), f"{score:.4f}")
        for item, score in zip(found.items, found.scores, strict=True)
    ]
    return console.as_csv(("id", "path", found.measure), rows, for_terminal=for_terminal)
