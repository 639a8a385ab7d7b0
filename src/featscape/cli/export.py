"""Export a map for another program."""

from __future__ import annotations

import shlex
from pathlib import Path

from featscape import exporters
from featscape.mapfolder.read import open_map
from featscape.printable_names import printable


def export_map(folder: Path, kind: str, to: str, *, force: bool) -> str:
    """Export a map, and return the command that shows the result.

    Parameters
    ----------
    folder : Path
        The map folder.
    kind : str
        "tensorboard", "embedding-atlas" or "fiftyone".
    to : str
        A folder, a file, or the name of a dataset.
    force : bool
        Replace an earlier export.

    Raises
    ------
    InputError, MissingExtra
    """
    made = open_map(folder)
    shown = shlex.quote(printable(to))
    if kind == "tensorboard":
        exporters.write_tensorboard(made, Path(to), force=force)
        return f"tensorboard --logdir {shown}"
    if kind == "fiftyone":
        exporters.write_fiftyone(made, to, force=force)
        return f"fiftyone app launch {shown}"
    exporters.write_embedding_atlas(made, Path(to), force=force)
    text = "" if made.paths is None else " --text path"
    return f"embedding-atlas {shown} --x x --y y --neighbors neighbors{text}"
