"""Maps that show themselves in a notebook, and give back what is selected there."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from featscape import pipeline
from featscape.errors import InputError, MissingExtra
from featscape.keywords import takes
from featscape.mapfolder import read as maps
from featscape.mapfolder.read import Map, read_items
from featscape.options import FeatureMapOptions, MapOptions
from featscape.steps.placement import open_placer

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

    import pandas as pd

    from featscape.app.widget import MapWidget
    from featscape.records import Placement

__all__ = ["InteractiveMap", "embed_features", "make_map", "make_maps", "open_map"]


class InteractiveMap(Map):
    """A map that shows itself in a notebook: let it be the last line of a cell.

    The same page stands there as in ``featscape serve``, without what takes a server: the original
    images, their ZIP archives, and the placing of new ones. It works in JupyterLab, Jupyter
    Notebook, VS Code and Colab, and takes ``pip install 'featscape[notebook]'``.
    """

    @cached_property
    def widget(self) -> MapWidget:
        """The widget that is shown, to be laid out among others.

        Raises
        ------
        MissingExtra
            If anywidget is not installed.
        InputError
            If the map has no bundle, or a file of it is missing or damaged.
        """
        try:
            from featscape.app.widget import MapWidget
        except ModuleNotFoundError as error:
            raise _missing(error, "to be shown in a notebook") from error
        return MapWidget(self.folder)

    @property
    def selected(self) -> list[int]:
        """The items selected on the page, ascending: indices into `paths`, `labels`, `features`.

        Where the map is shown more than once, what was selected last.
        """
        shown: MapWidget | None = vars(self).get("widget")
        return [] if shown is None else sorted(shown.selected_ids)

    def selected_frame(self) -> pd.DataFrame:
        """Return the selected items' rows of items.parquet: id, path, label, x, y and the rest.

        Raises
        ------
        MissingExtra
            If pandas is not installed.
        """
        import pyarrow as pa

        try:
            import pandas as pd  # noqa: F401 - pyarrow asks for it
        except ModuleNotFoundError as error:
            raise _missing(error, "to give a table") from error
        rows = pa.array(self.selected, pa.int64())
        frame: pd.DataFrame = read_items(self.folder).take(rows).to_pandas()
        return frame

    def place(
        self,
        image: str | os.PathLike[str] | BinaryIO,
        *,
        model: str | None = None,
        weights: str | Path | None = None,
        device: str = "auto",
    ) -> Placement:
        """Place a new image on the map, which does not change.

        The network is loaded at the first call, and kept.

        Parameters
        ----------
        image : path or binary file
        model : str, optional
            The network that the map was made with. Needed if it is MODULE:FACTORY or an ONNX file:
            code and files that only the map names are never loaded, for a map may come from a
            stranger.
        weights : path, optional
            The file of weights that the map was made with. Needed if the map was made with one.
        device : str
            Where the network runs: as for `make_map`.

        Returns
        -------
        Placement
            The position, and the nearest items of the map.

        Raises
        ------
        InputError
            If the map was made of features, for which there is no network.
        ModelError, DeviceError
            If the network has to be given, cannot be loaded, or differs from the map's.
        ImageError
            If the image cannot be decoded.
        OSError
            If the image cannot be read.
        """
        given = (model, None if weights is None else str(weights), device)
        if given not in self._placers:
            self._placers[given] = open_placer(self, model=model, weights=weights, device=device)
        if isinstance(image, str | os.PathLike):
            with Path(image).open("rb") as file:
                return self._placers[given](file)
        return self._placers[given](image)

    @cached_property
    def _placers(self) -> dict[tuple[str | None, ...], Callable[[BinaryIO], Placement]]:
        return {}

    def _repr_mimebundle_(self, **options: Any) -> Any:
        try:
            widget = self.widget
        except MissingExtra as error:  # in a terminal no one asked for more than the text
            return {"text/plain": f"{self!r}\n{error}"}
        return widget._repr_mimebundle_(**options)


def open_map(path: str | os.PathLike[str]) -> InteractiveMap:
    """Read a map folder. In a notebook, the map shows itself.

    Parameters
    ----------
    path : path
        A folder that `make_map` or another command wrote.

    Returns
    -------
    InteractiveMap

    Raises
    ------
    InputError
        If there is no such folder, if it is not a map, if a newer featscape wrote it, or if one
        of its files is missing or damaged.
    """
    return _interactive(maps.open_map(path))


@takes(MapOptions)
def make_map(options: MapOptions) -> InteractiveMap:
    """Make the map of a source of images.

    Returns
    -------
    InteractiveMap

    Raises
    ------
    InputError, ModelError, DeviceError, MissingExtra
        The output folder is then as it was. Finished features are kept beside the output folder,
        also after Ctrl-C or a crash, and the same call continues with these features.

    See Also
    --------
    make_maps : One map for each of several layers, in one pass over the images.

    Examples
    --------
    >>> made = make_map("photos", perplexity=20, limit=500)  # doctest: +SKIP
    >>> made.positions.shape  # doctest: +SKIP
    (500, 2)
    """
    if len(options.layer_names) > 1:
        raise InputError(
            f"make_map makes one map; got the layers {', '.join(options.layer_names)}. "
            "Call make_maps for one map per layer."
        )
    return _interactive(*pipeline.make_maps(options))


@takes(MapOptions)
def make_maps(options: MapOptions) -> tuple[InteractiveMap, ...]:
    """Make one map for each of several layers; the images pass through the network once.

    Returns
    -------
    tuple of InteractiveMap
        In the order of the layers.

    Raises
    ------
    InputError, ModelError, DeviceError, MissingExtra
        As `make_map` does.
    """
    return tuple(map(_interactive, pipeline.make_maps(options)))


@takes(FeatureMapOptions)
def embed_features(options: FeatureMapOptions) -> InteractiveMap:
    """Make the map of features that another program computed: without paths and thumbnails.

    Returns
    -------
    InteractiveMap

    Raises
    ------
    InputError, DeviceError
        The output folder is then as it was.
    """
    return _interactive(pipeline.embed_features(options))


def _interactive(plain: Map) -> InteractiveMap:
    return InteractiveMap(**vars(plain))


def _missing(error: ModuleNotFoundError, purpose: str) -> MissingExtra:
    return MissingExtra(
        f"a map needs {error.name} {purpose}; it is not installed. "
        "Run: pip install 'featscape[notebook]'"
    )
