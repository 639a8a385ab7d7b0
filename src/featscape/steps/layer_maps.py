"""Write one map folder for each of several layers, from one pass of the network."""

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

    The layer is inserted before a final "-map", or appended. With less than two layers, the only
    folder is `output`.
    """
    if len(layers) < 2:
        return (output,)
    stem = output.name.removesuffix("-map")
    end = output.name[len(stem) :]
    return tuple(output.with_name(f"{stem}-{layer.replace('/', '-')}{end}") for layer in layers)


def split_by_layer(features: Features, folders: Sequence[Path]) -> tuple[Features, ...]:
    """Write the features of each layer and the thumbnails to a folder; return the features.

    Parameters
    ----------
    features : Features
        Features of several layers, in the order of `folders`. With one layer nothing is written.
    folders : sequence of Path
        One folder per map. The first folder contains the thumbnails, and the features of all
        layers in `JOINT`.
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
