"""Write a static site of a map, for any web server."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from featscape.bundle.contract import Abilities, PageSetup
from featscape.bundle.viewer_page import VIEWER, linked_page, mark, viewer_file
from featscape.errors import InputError
from featscape.mapfolder import BUNDLE_FILES, SCATTER, damaged
from featscape.mapfolder.read import open_picture
from featscape.mapfolder.staging import staged, writing
from featscape.printable_names import printable
from featscape.progress import SilentProgress, Task

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

    from featscape.bundle.read import Bundle
    from featscape.files.folder_handle import FolderHandle
    from featscape.progress import Progress

INDEX = "index.html"
DATA = "data"
_CHUNK_BYTES = 1 << 20
FILES = (INDEX, SCATTER, *VIEWER, *(f"{DATA}/{name}" for name in BUNDLE_FILES))  # of any release
SETUP = PageSetup(source="site", data=f"{DATA}/", api=None, abilities=Abilities(), notice=None)


def write_site(
    bundle: Bundle,
    folder: Path,
    *,
    picture_in: FolderHandle,
    force: bool = False,
    progress: Progress | None = None,
) -> None:
    """Write a folder for any web server; the page reads parts of large files by range requests.

    Parameters
    ----------
    bundle : Bundle
    folder : Path
        A new or empty folder, or with `force` an existing site.
    picture_in : FolderHandle
        The folder with scatter.png, the picture for a browser without WebGL.
    force : bool
        Replace the site at `folder`.
    progress : Progress, optional

    Raises
    ------
    InputError
        If `folder` is not a site or contains files that featscape did not write, if its parent is
        missing, if it cannot be written, if scatter.png is not a PNG image, or if a file of the
        bundle is missing.
    """
    files = bundle.files()
    picture = open_picture(picture_in)
    with (
        picture,
        staged(
            folder,
            check=lambda output: _check(output, force=force),
            files=FILES,
            what="site",
            option="-o",
            note=(progress or SilentProgress()).note,
        ) as site,
        (progress or SilentProgress()).task(Task("Copying", len(files), unit="files")) as advance,
    ):
        page = linked_page(title=bundle.manifest.title, setup=SETUP, picture=SCATTER)
        with writing():
            (site / DATA).mkdir()
            (site / INDEX).write_text(page, encoding="utf-8")
            _copy(picture, site / SCATTER)
            for name in VIEWER:
                shutil.copyfile(viewer_file(name), site / name)
        for name in files:
            try:
                file = bundle.opened.open(name)
            except OSError as error:
                raise damaged(bundle.folder / name, error) from error
            with file, writing():
                _copy(file, site / DATA / name)
            advance(1)


def _copy(file: BinaryIO, to: Path) -> None:
    with to.open("wb") as copy:
        shutil.copyfileobj(file, copy, _CHUNK_BYTES)


def _check(folder: Path, *, force: bool) -> None:
    if not os.path.lexists(folder):
        return
    if folder.is_dir() and not any(folder.iterdir()):
        return
    if not _is_site(folder):
        raise InputError(
            f"{printable(folder)} exists and is not a site that featscape wrote, so featscape does "
            "not replace it. Choose another folder with -o."
        )
    if not force:
        raise InputError(
            f"the site {printable(folder)} already exists. "
            "Replace the site with --force, or choose another folder with -o."
        )


def _is_site(folder: Path) -> bool:
    """Return whether `folder` contains a page that featscape wrote."""
    try:
        return mark(SETUP) in (folder / INDEX).read_text(encoding="utf-8")
    except (OSError, ValueError):
        return False
