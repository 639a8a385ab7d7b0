"""The notebook widget: the kernel answers the requests of ``viewer/src/sources/widget.ts``.

anywidget (https://anywidget.dev) loads the page in each notebook program. Import this module only
to show a widget, because anywidget is an optional dependency.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import anywidget
import traitlets

from featscape.app.stored_files import StoredFile
from featscape.bundle import VIEWER, open_bundle, viewer_file
from featscape.bundle.contract import ReadAnswer, ReadRequest
from featscape.errors import InputError
from featscape.files.folder_handle import FolderHandle
from featscape.mapfolder import BUNDLE, open_part

if TYPE_CHECKING:
    from pathlib import Path

_SCRIPT, _STYLE = (viewer_file(name).read_text(encoding="utf-8") for name in VIEWER)


class MapWidget(anywidget.AnyWidget):
    """The page of a map in a notebook; a notebook may contain several views of one widget.

    Parameters
    ----------
    folder : Path
        The map folder.

    Attributes
    ----------
    selected_ids : list of int
        Rows of items.parquet, in the order of the page.

    Raises
    ------
    InputError
        If the map has no bundle, or a file of the bundle is missing or damaged.
    """

    _esm: ClassVar[str] = _SCRIPT
    _css: ClassVar[str] = _STYLE
    selected_ids = traitlets.List(traitlets.Int()).tag(sync=True)

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        bundle = open_bundle(open_part(FolderHandle(folder), BUNDLE))
        self._files = {name: StoredFile.of(bundle.opened, name) for name in bundle.files()}
        super().__init__()
        self.on_msg(self._answer)

    def __repr__(self) -> str:
        return f"MapWidget(folder={self._folder!r})"

    def _answer(self, _widget: object, content: Any, _buffers: object) -> None:
        request = ReadRequest.model_validate(content)
        try:
            data = self._read(request)
        except InputError as error:
            answer = ReadAnswer(kind="error", id=request.id, error=str(error))
            self.send(answer.model_dump())
        else:
            self.send(ReadAnswer(kind="data", id=request.id, error=None).model_dump(), [data])

    def _read(self, request: ReadRequest) -> bytes:
        """Return the requested bytes of a file that the manifest names."""
        file = self._files.get(request.file)
        if file is None:
            raise InputError(
                f"the page may read only files that the manifest names; got {request.file!r}. "
                "Run the cell again."
            )
        end = file.size if request.end is None else request.end
        if not 0 <= request.start <= end <= file.size:
            raise InputError(
                f"a range of {request.file} must be within 0 to {file.size:,} bytes; "
                f"got {request.start:,} to {end:,}. Run the cell again."
            )
        return file.read(request.start, end)
