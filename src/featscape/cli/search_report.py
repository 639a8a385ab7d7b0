"""The images that a search found, as text and CSV."""

from __future__ import annotations

import csv
from io import StringIO
from typing import TYPE_CHECKING

from featscape.printable_names import printable

if TYPE_CHECKING:
    from rich.console import RenderableType

    from featscape.mapfolder.read import Map
    from featscape.words import Match


def describe(made: Map, found: Match, *, query: str) -> RenderableType:
    """Return one line for each image, the most probable first."""
    from rich.text import Text

    if not len(found):
        return Text(f"The network recognizes {printable(query)} in no image.")
    names = [f"#{item}" if made.paths is None else made.paths[item] for item in found.items]
    rows = zip(found.probabilities, names, strict=True)
    return Text("\n".join(f"{probability:.2f}  {printable(name)}" for probability, name in rows))


def as_csv(made: Map, found: Match) -> str:
    """Return the images as CSV with a row of headings."""
    output = StringIO()
    writer = csv.writer(output, lineterminator="\n")
    writer.writerow(("id", "path", "probability"))
    for item, probability in zip(found.items, found.probabilities, strict=True):
        path = "" if made.paths is None else printable(made.paths[item])
        writer.writerow((item, path, f"{probability:.4f}"))
    return output.getvalue()
