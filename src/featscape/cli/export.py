"""Export a map for another program."""

from __future__ import annotations

import shlex
from pathlib import Path

from featscape import exporters
from featscape.errors import InputError
from featscape.mapfolder.read import open_map
from featscape.printable_names import printable

# what to use instead of a folder, by the ending of the name; {map} is the map folder
_INSTEAD = {
    ".csv": "{map}/items.parquet is the table, and featscape findings {map} --csv the findings",
    ".json": "featscape findings {map} --json lists the findings",
    ".html": "{map}/map.html is the page as one file, and featscape report {map} the findings",
    ".parquet": "--format embedding-atlas writes a Parquet file",
    ".zip": "pack the folder after the export",
}


def check_folder_name(folder: Path, output: str) -> None:
    """Raise InputError if a new folder would have the name of a file, with the right command."""
    suffix = Path(output).suffix.lower()
    if suffix in _INSTEAD and not Path(output).is_dir():
        raise InputError(
            f"the export must be a folder; {printable(output)} is the name of a file. Choose a "
            f"name without {suffix}; {_INSTEAD[suffix].format(map=printable(folder))}."
        )


def export_map(folder: Path, kind: str, output: str, *, force: bool) -> str:
    """Export a map, and return the command that shows the result.

    Parameters
    ----------
    folder : Path
        The map folder.
    kind : str
        "tensorboard", "embedding-atlas" or "fiftyone".
    output : str
        A folder, a file, or the name of a dataset.
    force : bool
        Replace an earlier export.

    Raises
    ------
    InputError, MissingExtra
    """
    made = open_map(folder)
    shown = shlex.quote(printable(output))
    if kind == "tensorboard":
        check_folder_name(folder, output)
        exporters.write_tensorboard(made, Path(output), force=force)
        return f"tensorboard --logdir {shown}"
    if kind == "fiftyone":
        exporters.write_fiftyone(made, output, force=force)
        return f"fiftyone app launch {shown}"
    exporters.write_embedding_atlas(made, Path(output), force=force)
    text = "" if made.paths is None else " --text path"
    return f"embedding-atlas {shown} --x x --y y --neighbors neighbors{text}"
