"""The notebook widget: the kernel answers the requests of ``viewer/src/sources/widget.ts``.

anywidget (https://anywidget.dev) loads the page in each notebook program. Import this module only
to show a widget, because anywidget is an optional dependency.
"""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any, ClassVar

import anywidget
import traitlets

from featscape.app.stored_files import StoredFile
from featscape.bundle import VIEWER, open_bundle, viewer_file
from featscape.bundle.contract import ReadAnswer, ReadRequest
from featscape.errors import InputError
from featscape.files.folder_handle import FolderHandle
from featscape.mapfolder import BUNDLE, open_part
from featscape.mapfolder.read import open_picture

if TYPE_CHECKING:
    from pathlib import Path

_SCRIPT, _STYLE = (viewer_file(name).read_text(encoding="utf-8") for name in VIEWER)

PICTURE_PX = 700  # longest side of the picture, which takes at most about 200 kB in a notebook


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
        If the map has no bundle, or if a file of the bundle or scatter.png is missing or damaged.
    """

    _esm: ClassVar[str] = _SCRIPT
    _css: ClassVar[str] = _STYLE
    selected_ids = traitlets.List(traitlets.Int()).tag(sync=True)

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        opened = FolderHandle(folder)
        bundle = open_bundle(open_part(opened, BUNDLE))
        self._files = {name: StoredFile.of(bundle.opened, name) for name in bundle.files()}
        self._picture = _encode_picture(opened)
        super().__init__()
        self.on_msg(self._answer)

    def __repr__(self) -> str:
        return f"MapWidget(folder={self._folder!r})"

    def _repr_mimebundle_(self, **options: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the view, and a picture for programs that do not show the view."""
        shown: Any = super()._repr_mimebundle_(**options)  # None only for a widget without a view
        data, metadata = shown
        return data | {"image/jpeg": self._picture}, metadata

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


def _encode_picture(folder: FolderHandle) -> str:
    """Return a small copy of scatter.png as JPEG in Base64, as nbformat requires."""
    from PIL import Image

    with open_picture(folder) as file, Image.open(file) as opened:
        small = opened.convert("RGB")
    small.thumbnail((PICTURE_PX, PICTURE_PX), Image.Resampling.LANCZOS)
    encoded = io.BytesIO()
    # JPEG takes a third of PNG; without subsampling, small points keep the color of their class
    small.save(encoded, "JPEG", quality=80, subsampling=0)
    return base64.b64encode(encoded.getvalue()).decode()
