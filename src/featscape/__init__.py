"""featscape shows an image dataset the way a neural network sees it.

Each public name is imported on first use, so that ``import featscape`` is fast.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from featscape.app.interactive_map import InteractiveMap
    from featscape.app.notebook import embed_features, make_map, make_maps, open_map
    from featscape.errors import (
        BusyError,
        ChangedError,
        DeviceError,
        DownloadError,
        FeatscapeError,
        ImageError,
        InputError,
        MissingExtra,
        ModelError,
    )
    from featscape.features.extraction.loop import extract
    from featscape.images import find_images
    from featscape.mapfolder.read import Map
    from featscape.pictures import draw_mosaic, draw_scatter
    from featscape.progress import Progress
    from featscape.steps.class_picture import draw_classes
    from featscape.steps.comparison import compare_features
    from featscape.steps.tsne.adapter import load_tsne
    from meshtsne import TSNE

__version__ = "0.1.0"

__all__ = [
    "TSNE",
    "BusyError",
    "ChangedError",
    "DeviceError",
    "DownloadError",
    "FeatscapeError",
    "ImageError",
    "InputError",
    "InteractiveMap",
    "Map",
    "MissingExtra",
    "ModelError",
    "Progress",
    "compare_features",
    "draw_classes",
    "draw_mosaic",
    "draw_scatter",
    "embed_features",
    "extract",
    "find_images",
    "load_tsne",
    "make_map",
    "make_maps",
    "open_map",
]

_HOME = {
    "TSNE": "meshtsne",
    "BusyError": "featscape.errors",
    "ChangedError": "featscape.errors",
    "DeviceError": "featscape.errors",
    "DownloadError": "featscape.errors",
    "FeatscapeError": "featscape.errors",
    "ImageError": "featscape.errors",
    "InputError": "featscape.errors",
    "InteractiveMap": "featscape.app.interactive_map",
    "MissingExtra": "featscape.errors",
    "ModelError": "featscape.errors",
    "Map": "featscape.mapfolder.read",
    "Progress": "featscape.progress",
    "compare_features": "featscape.steps.comparison",
    "draw_classes": "featscape.steps.class_picture",
    "draw_mosaic": "featscape.pictures",
    "draw_scatter": "featscape.pictures",
    "embed_features": "featscape.app.notebook",
    "extract": "featscape.features.extraction.loop",
    "find_images": "featscape.images",
    "load_tsne": "featscape.steps.tsne.adapter",
    "make_map": "featscape.app.notebook",
    "make_maps": "featscape.app.notebook",
    "open_map": "featscape.app.notebook",
}


def __getattr__(name: str) -> object:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'featscape' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
