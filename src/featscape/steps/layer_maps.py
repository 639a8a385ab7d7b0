"""Several layers from one pass of a network: a map folder for each."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from featscape import mapfolder
from featscape.mapfolder.staging import writing

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from featscape.records import Features

JOINT = "features-of-all-layers.npy"


def name_outputs(output: Path, layers: Sequence[str]) -> tuple[Path, ...]:
    """Return a map folder for each layer: photos-map -> photos-layer3-map, photos-layer4-map.

    The layer comes before the "-map" that ends the name, or else at its end. Where there is one
    layer or none, the one folder is `output`.
    """
    if len(layers) < 2:
        return (output,)
    stem = output.name.removesuffix("-map")
    end = output.name[len(stem) :]
    return tuple(output.with_name(f"{stem}-{layer.replace('/', '-')}{end}") for layer in layers)


def split_by_layer(features: Features, folders: Sequence[Path]) -> tuple[Features, ...]:
    """Write each layer's features and the thumbnails to its folder; return the features by layer.

    Parameters
    ----------
    features : Features
        Of several layers, in the order of `folders`. With one layer nothing is written.
    folders : sequence of Path
        One for each map. The first holds the thumbnails, and the features of all layers in
        `JOINT`.
    """
    if len(folders) == 1:
        return (features,)
    layers = []
    for folder, layer in zip(folders, features.model.layers, strict=True):
        own = features.of_layer(layer)
        mapfolder.write_features(folder, own.values)
        if folder is not folders[0]:
            with writing():
                shutil.copytree(
                    folders[0] / mapfolder.THUMBNAILS,
                    folder / mapfolder.THUMBNAILS,
                    dirs_exist_ok=True,
                )
        layers.append(replace(own, values=np.load(folder / mapfolder.FEATURES, mmap_mode="r")))
    (folders[0] / JOINT).unlink()
    return tuple(layers)
