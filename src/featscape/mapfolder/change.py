"""Add columns to a finished map; the changed map replaces the map in one step."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from featscape.errors import InputError
from featscape.mapfolder.layout import ITEMS, MAP_FILES, RUN, find_run
from featscape.mapfolder.read import read_items, read_run
from featscape.mapfolder.seal import is_own, make_seal
from featscape.mapfolder.staging import staged, writing
from featscape.mapfolder.write import write_json
from featscape.printable_names import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from featscape.files.folder_handle import FolderHandle


@contextmanager
def changed_map(
    folder: Path, *, rewritten: Sequence[str], note: Callable[[str], None] | None = None
) -> Iterator[Path]:
    """Yield a copy of a map without some files, and replace the map if the block succeeds.

    If the block raises, the map is unchanged. The copy consists of hard links where the file system
    has them: the block must write new files and never change a copied file.

    Parameters
    ----------
    folder : Path
        The map.
    rewritten : sequence of str
        The files that the block writes, relative to the map.
    note : callable, optional
        As for `new_map_folder`.

    Raises
    ------
    InputError
        As `new_map_folder` does.
    """

    def check(path: Path) -> None:
        if find_run(path) is None:
            raise InputError(
                f"the map {printable(path)} has been moved or replaced. Repeat the command."
            )

    def left_out(path: str, names: list[str]) -> set[str]:
        here = os.path.relpath(path, folder)
        return {name for name in names if os.path.normpath(f"{here}/{name}") in rewritten}

    with staged(folder, check=check, files=MAP_FILES, note=note) as new:
        with writing():
            shutil.copytree(
                folder, new, symlinks=True, ignore=left_out, copy_function=_link, dirs_exist_ok=True
            )
        yield new


def write_changed_items(
    old: FolderHandle, new: Path, columns: Mapping[str, NDArray[Any] | Sequence[str]]
) -> None:
    """Write items.parquet with added or replaced columns, and run.json with a new seal.

    Only a map that is sealed by this user gets a new seal.

    Parameters
    ----------
    old : FolderHandle
        The map.
    new : Path
        A folder without the two files.
    columns : mapping
        By name: n values.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    run, table = read_run(old), read_items(old)
    for name, values in columns.items():
        if name in table.column_names:
            table = table.drop_columns([name])
        table = table.append_column(name, pa.array(values))
    with writing():
        pq.write_table(table, new / ITEMS, compression="zstd")
    if is_own(old, run):
        with (new / ITEMS).open("rb") as items:
            seal = make_seal(run["source"], kind=run.get("source_kind"), items=items)
        run = {**run, "seal": seal}
    write_json(new / RUN, run, indent=2)


def _link(source: str, target: str) -> None:
    """Make a hard link; copy the file where the file system has no hard links."""
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)
