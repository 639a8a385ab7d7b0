"""Make and open maps that a notebook displays as an interactive page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from featscape import pipeline
from featscape.app.interactive_map import InteractiveMap
from featscape.errors import InputError
from featscape.feature_options import FeatureMapOptions
from featscape.keywords import takes
from featscape.mapfolder import read as maps
from featscape.options import MapOptions

if TYPE_CHECKING:
    import os

    from featscape.mapfolder.read import Map

__all__ = ["embed_features", "make_map", "make_maps", "open_map"]


def open_map(path: str | os.PathLike[str]) -> InteractiveMap:
    """Open a map folder; a notebook displays the returned map as an interactive page.

    Parameters
    ----------
    path : path
        A folder that `make_map` or a featscape command wrote.

    Returns
    -------
    InteractiveMap

    Raises
    ------
    InputError
        If the folder does not exist, is not a map or was written by a newer featscape, or if one
        of its files is missing or damaged.

    Examples
    --------
    >>> from featscape import open_map
    >>> open_map("photos-map")
    <InteractiveMap: 24 images, 3 classes, photos-map>
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
        After an error the output folder is unchanged. Finished features remain beside the output
        folder, also after Ctrl-C or a crash, and the same call continues with these features.

    See Also
    --------
    make_maps : One map for each of several layers, in one pass over the images.

    Examples
    --------
    >>> from featscape import make_map
    >>> made = make_map("photos", "photos-map", perplexity=5, limit=20, force=True)
    >>> made.positions.shape
    (20, 2)
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
    """Make the map of features from another program, with images if they are given.

    The features of images that cannot be read are left out, and the images are listed in
    ``run["skipped"]``. The network of the map is not known: `load_tsne` of the map places new
    features, computed in the same way, and `place` of the map is refused.

    Returns
    -------
    InteractiveMap

    Raises
    ------
    InputError, DeviceError
        If an input cannot be read, or the numbers of rows, images, labels and values differ. After
        an error the output folder is unchanged.

    Examples
    --------
    >>> import numpy as np
    >>> from featscape import embed_features
    >>> features = np.random.default_rng(0).normal(size=(24, 8))
    >>> made = embed_features(features, "own-map", images="photos", columns={"row": range(24)})
    >>> made.positions.shape, made.paths[0]
    ((24, 2), 'blue/00.png')
    """
    return _interactive(pipeline.embed_features(options))


def _interactive(plain: Map) -> InteractiveMap:
    return InteractiveMap(**vars(plain))
