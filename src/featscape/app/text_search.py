"""Compare the items of a served map with texts; the text tower is loaded once."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from featscape.app.stored_files import StoredFile
from featscape.errors import FeatscapeError
from featscape.mapfolder import RUN
from featscape.mapfolder.read import read_map
from featscape.steps.content.search import Searcher

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from featscape.files.folder_handle import FolderHandle


class TextSearch:
    """Encodes one text at a time, because each text uses all cores.

    Parameters
    ----------
    folder : FolderHandle
        The map folder.
    model, weights : optional
        The network from the user, as in `open_placer`.
    """

    def __init__(
        self, folder: FolderHandle, *, model: str | None = None, weights: Path | None = None
    ) -> None:
        self._folder = folder
        self._model = model
        self._weights = weights
        self._run = StoredFile.of(folder, RUN)
        self._searcher: Searcher | None = None
        self._working = threading.Lock()

    def similarities_to(self, text: str) -> NDArray[np.float32]:
        """Return the cosine similarity of each item to a text, shape (n,).

        Raises
        ------
        FeatscapeError
            If the text tower of the map cannot be loaded, or the map has been replaced.
        """
        with self._working:
            return self._opened().similarities_to(text)

    def prepare(self) -> None:
        """Load the text tower and read the features, so that the first query does not wait.

        An error is not reported here: the first query loads them again and reports the error.
        """
        with self._working, suppress(FeatscapeError):
            self._opened().similarities_to("a photo")

    def _opened(self) -> Searcher:
        self._run.check()  # the map was not replaced
        if self._searcher is None:
            made = read_map(self._folder)
            self._searcher = Searcher(made, model=self._model, weights=self._weights)
        return self._searcher
