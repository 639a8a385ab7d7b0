"""A map that a notebook displays as an interactive page, with access to the selection."""

from __future__ import annotations

import os
from dataclasses import fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from featscape.app.exports import ExportableMap, missing_library, require_pandas
from featscape.errors import InputError, MissingExtra
from featscape.findings import FindingRow, to_rows
from featscape.steps.content.regions import open_regions
from featscape.steps.content.search import Searcher
from featscape.steps.findings import open_findings
from featscape.steps.placement import as_file, open_placer, place_source

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from featscape.app.widget import MapWidget
    from featscape.collection import Collection, Columns, OneImage
    from featscape.findings import Findings
    from featscape.progress import Progress
    from featscape.records import Match, PlacedImage, PlacedImages


class InteractiveMap(ExportableMap):
    """A map that a notebook displays at the end of a cell.

    The notebook shows the page of ``featscape serve`` without the features that need a server:
    original images, ZIP archives and the placing of dropped images. The page works in JupyterLab,
    Jupyter Notebook, VS Code and Colab, and needs the extra ``notebook``.
    """

    def __getstate__(self) -> dict[str, Any]:
        """Return the attributes of the map for pickle, without the widget and opened networks."""
        return {one.name: getattr(self, one.name) for one in fields(self)}

    @cached_property
    def widget(self) -> MapWidget:
        """The widget of the map, for use in a layout of widgets.

        Raises
        ------
        MissingExtra
            If anywidget is not installed.
        InputError
            If the map has no bundle, or if a file of the bundle or scatter.png is missing or
            damaged.
        """
        try:
            from featscape.app.widget import MapWidget
        except ModuleNotFoundError as error:
            raise missing_library(error, "the notebook widget") from error
        return MapWidget(self.folder)

    @cached_property
    def findings(self) -> Findings:
        """What the map shows: wrong labels, images off topic and more.

        The findings of a map that was made without findings are computed when they are first
        used.

        Raises
        ------
        InputError
            If a file of the map is missing or damaged.
        """
        return open_findings(self)

    @cached_property
    def regions(self) -> pd.DataFrame:
        """The named regions of the map: dense clusters at several levels.

        One row per region, the largest regions first: level (0 for the largest regions), name,
        words (the typical terms), n_images, representative (the path of the image that is most
        similar to the others with the name; its number on a map without paths), and x, y (and z),
        the position of the name.

        The regions of a map that was made without names are computed when they are first used.

        Raises
        ------
        MissingExtra
            If pandas is not installed.
        InputError
            If a file of the map is missing or damaged.
        """
        require_pandas("regions")
        import pandas as pd

        regions = open_regions(self)
        anchors = [region.anchor for region in regions]
        items = [region.representative for region in regions]
        return pd.DataFrame(
            {
                "level": [region.level for region in regions],
                "name": [region.name for region in regions],
                "words": [tuple(word for word, _ in region.words) for region in regions],
                "n_images": [region.n_items for region in regions],
                "representative": items if self.paths is None else [self.paths[i] for i in items],
            }
            | {
                axis: self.positions[anchors, column]
                for column, axis in enumerate("xyz"[: self.positions.shape[1]])
            }
        )

    def search(
        self,
        query: str | None = None,
        *,
        image: OneImage | None = None,
        k: int | None = None,
        model: str | None = None,
        weights: str | Path | None = None,
        device: str = "auto",
    ) -> Match:
        """Find items by a word, a text or an image.

        With a network of open_clip, the query is any text, which the text tower of the network
        encodes. With a classifier of ImageNet, the query names what the network recognizes: the
        word "dog" finds all breeds, because the vocabulary contains the 1,000 classes of ImageNet
        and their hypernyms in WordNet. The first call with a text or an image loads the network.

        Parameters
        ----------
        query : str, optional
            At most 200 characters.
        image : path, binary file, bytes, Pillow image or array, optional
            An image instead of a query, as for `place`.
        k : int, optional
            The largest number of items. By default all; for words, all with a probability of at
            least .01.
        model, weights, device
            As for `place`; not needed for words.

        Returns
        -------
        Match
            The items, the best first, with their probabilities or cosine similarities.

        Raises
        ------
        InputError
            If there is not exactly one of `query` and `image`, if the map has neither words nor a
            text tower, if the vocabulary lacks a word of the query, or if the image cannot be used.
        ModelError, DeviceError, MissingExtra
            As for `place`.
        ImageError
            If `image` is an open file that cannot be decoded.

        Examples
        --------
        With a map that a classifier of ImageNet made:

        >>> made = open_map("photos-map")  # doctest: +SKIP
        >>> made.search("dog", k=3).items  # doctest: +SKIP
        array([17,  4, 20])
        >>> made.search(image="new.jpg", k=3).scores  # doctest: +SKIP
        array([0.94, 0.91, 0.87], dtype=float32)
        """
        given = (model, None if weights is None else str(weights), device)
        if given not in self._searchers:
            self._searchers[given] = Searcher(self, model=model, weights=weights, device=device)
        return self._searchers[given].search(query, image=image, k=k)

    @cached_property
    def _searchers(self) -> dict[tuple[str | None, str | None, str], Searcher]:
        return {}

    @property
    def selected(self) -> list[int]:
        """The items selected on the page, ascending: indices into `paths`, `labels`, `features`.

        If several views show the map, the latest selection counts.
        """
        shown: MapWidget | None = vars(self).get("widget")
        return [] if shown is None else sorted(shown.selected_ids)

    def selected_frame(self) -> pd.DataFrame:
        """Return the rows of items.parquet for the selected items, with all columns.

        Raises
        ------
        MissingExtra
            If pandas is not installed.
        """
        return self._to_pandas("selected_frame", rows=self.selected)

    def findings_frame(self) -> pd.DataFrame:
        """Return the findings, one row per finding and item, as in the CSV file.

        Returns
        -------
        DataFrame
            "id", "number" and "duplicate_group" are Int64, "leak" and "conflict" are boolean, the
            score and the shares are float64, and text is string; values that a finding does not
            have are NA.
            `made.findings.labels[number]` is the finding of a row of the kind "labels", and so for
            each kind.

        Raises
        ------
        MissingExtra
            If pandas is not installed.
        InputError
            If a file of the map is missing or damaged.

        Examples
        --------
        >>> from featscape import open_map
        >>> frame = open_map("photos-map").findings_frame()
        >>> list(frame.columns[:4])
        ['kind', 'number', 'id', 'path']
        """
        require_pandas("findings_frame")
        import pandas as pd

        rows = to_rows(self.findings, labels=self.labels, splits=self.splits, columns=self.columns)
        frame = pd.DataFrame(rows, columns=list(FindingRow._fields))
        types = dict.fromkeys(FindingRow._fields, "string")
        types |= dict.fromkeys(("id", "number", "duplicate_group"), "Int64")
        shares = ("share", "share_low", "share_high", "share_expected")
        types |= dict.fromkeys(("score", *shares), "float64")
        return frame.astype(types | dict.fromkeys(("leak", "conflict"), "boolean"))

    def place(
        self,
        image: OneImage,
        *,
        model: str | None = None,
        weights: str | Path | None = None,
        device: str = "auto",
    ) -> PlacedImage:
        """Place a new image on the map; the map does not change.

        The first call loads the network, and later calls reuse the network.

        Parameters
        ----------
        image : path, binary file, bytes, Pillow image or array
            An array of uint8 has the shape (h, w), (h, w, c) or (c, h, w).
        model : str, optional
            The network of the map. Required if the network is MODULE:FACTORY or an ONNX file: a
            map may come from an untrusted source, so code and files that only the map names are not
            loaded.
        weights : path, optional
            The file of weights of the map. Required if the map was made with a file of weights.
        device : str
            The device of the network, as in `make_map`.

        Returns
        -------
        PlacedImage
            The position, and the nearest items of the map.

        Raises
        ------
        InputError
            If the image at a path does not exist or cannot be read or decoded, if `image` is no
            image, or if the map was made from features, without a network.
        ModelError, DeviceError
            If `model` or `weights` is required, or the network cannot be loaded or differs from
            the network of the map.
        ImageError
            If an open file or bytes cannot be decoded.
        """
        if isinstance(image, str | os.PathLike) and Path(image).is_dir():
            raise InputError(
                f"place takes one image; got the folder {str(image)!r}. "
                "Place all images of a folder with place_images."
            )
        if isinstance(image, str | os.PathLike) and not Path(image).exists():
            raise InputError(f"the image {str(image)!r} does not exist. Check the path.")
        opened = as_file(image)
        given = (model, None if weights is None else str(weights), device)
        if given not in self._placers:
            self._placers[given] = open_placer(self, model=model, weights=weights, device=device)
        return self._placers[given](opened)

    def place_images(
        self,
        source: str | os.PathLike[str] | Collection | Columns,
        *,
        model: str | None = None,
        weights: str | Path | None = None,
        device: str = "auto",
        progress: Progress | None = None,
    ) -> PlacedImages:
        """Place all images of a folder or another source on the map; the map does not change.

        Parameters
        ----------
        source : path, sequence, dataset, mapping or DataFrame
            As in `find_images`.
        model, weights, device
            As in `place`.
        progress : Progress, optional
            Receiver of progress reports, with one line about skipped files.

        Returns
        -------
        PlacedImages
            The positions, shape (m, c), and the nearest items of the map for m images.
            `images.skipped` lists the skipped files.

        Raises
        ------
        InputError, ModelError, DeviceError
            As `place` and `find_images` do.
        """
        return place_source(
            self, source, model=model, weights=weights, device=device, progress=progress
        )

    @cached_property
    def _placers(self) -> dict[tuple[str | None, ...], Callable[[OneImage], PlacedImage]]:
        return {}

    def _repr_mimebundle_(self, **options: Any) -> Any:
        try:
            widget = self.widget
        except MissingExtra as error:  # IPython in a terminal shows the text only
            return {"text/plain": f"{self!r}\n{error}"}
        data, metadata = widget._repr_mimebundle_(**options)
        return data | {"text/plain": repr(self)}, metadata
