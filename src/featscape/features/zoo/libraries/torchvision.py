"""The classification networks of torchvision, with torchvision's own preprocessing."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any

from featscape.features.zoo.architecture import Architecture
from featscape.features.zoo.catalog import Row
from featscape.features.zoo.classifier import fit, remove_classifier
from featscape.features.zoo.download import download
from featscape.features.zoo.geometry import ResizeAndCrop
from featscape.features.zoo.preprocessing import Preprocessing

if TYPE_CHECKING:
    import torch

PREFIX = ""
DISTRIBUTION = "torchvision"
_PREFERRED_WEIGHTS = "IMAGENET1K_V1"

# Some published files use older names for the layers of DenseNet and for the multilayer perceptrons
# of the vision transformers, which are now a sequence with the linear layers at 0 and 3.
_OLD_DENSENET_KEY = re.compile(r"(.*denselayer\d+\.(?:norm|conv))\.([12]\..+)")
_OLD_VIT_KEY = re.compile(r"(encoder\.layers\..*\.mlp)\.linear_([12])(\..+)")


def list_architectures() -> tuple[str, ...]:
    """Return the names of the networks, in alphabetical order."""
    from torchvision import models

    return tuple(models.list_models(module=models))


list_network_names = list_architectures  # a colon and the weights' name may follow


def list_rows() -> tuple[Row, ...]:
    """Return a description of each network."""
    return tuple(_describe(name) for name in list_architectures())


def _describe(name: str) -> Row:
    from torchvision import models

    choices = models.get_model_weights(name)
    # The V1 weights are the ones that papers and tutorials use with the network's name.
    default = choices.__members__.get(_PREFERRED_WEIGHTS, choices.DEFAULT)
    others = (weights.name for weights in choices if weights is not default)
    size_px = default.transforms().crop_size[0]
    return Row(name, name, size_px, (default.name, *others), default.url)


def build(name: str, weights_name: str) -> Architecture:
    """Return the architecture of the network `name` for the weights `weights_name`."""
    from torchvision import models

    weights = models.get_model_weights(name)[weights_name]
    preset = weights.transforms()
    resize_px, size_px = preset.resize_size[0], preset.crop_size[0]
    interpolation = preset.interpolation.value
    make = partial(models.get_model, name, weights=None, **_builder_arguments(name, weights))
    return Architecture(
        make=make,
        load=lambda state, path, layers: fit(make(), _rename(state), path, layers, owner=name),
        remove_classifier=remove_classifier,
        preprocessing=Preprocessing(
            crop=ResizeAndCrop(
                resize_px=resize_px,
                crop_px=size_px,
                interpolation=interpolation,
            ),
            geometry=f"shorter side resized to {resize_px} px ({interpolation})",
            resize_px=resize_px,
            input_size_px=size_px,
            mean=tuple(preset.mean),
            std=tuple(preset.std),
        ),
        weights=weights_name,
        find_weights=lambda progress: download(
            weights.url, owner=f"{name} ({weights_name})", progress=progress
        ),
    )


def _builder_arguments(name: str, weights: Any) -> dict[str, Any]:
    """Return the arguments that torchvision itself uses to build a network for `weights`.

    The auxiliary classifiers are left out: they are used in training only.
    """
    if name in ("googlenet", "inception_v3"):
        return {"aux_logits": False, "transform_input": True, "init_weights": False}
    if name.startswith("vit_"):
        return {"image_size": weights.meta["min_size"][0]}
    return {}


def _rename(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {_rename_key(key): tensor for key, tensor in state.items()}


def _rename_key(key: str) -> str:
    key = _OLD_DENSENET_KEY.sub(r"\1\2", key)
    return _OLD_VIT_KEY.sub(lambda m: f"{m[1]}.{3 * (int(m[2]) - 1)}{m[3]}", key)
