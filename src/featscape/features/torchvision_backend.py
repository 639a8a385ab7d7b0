"""The classification networks of torchvision, with torchvision's own preprocessing."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any

from featscape.features.architecture import Architecture
from featscape.features.catalog import Row
from featscape.features.classifier import behead, fit
from featscape.features.geometry import ResizeAndCrop
from featscape.features.preprocessing import Preprocessing
from featscape.features.weights import download

if TYPE_CHECKING:
    import torch

PREFIX = ""
DISTRIBUTION = "torchvision"
_PREFERRED_WEIGHTS = "IMAGENET1K_V1"

# Published files that still use older names: densenet's layers, and the vision transformer's
# multilayer perceptrons, now a sequence whose linear layers stand at 0 and 3.
_OLD_DENSENET_KEY = re.compile(r"(.*denselayer\d+\.(?:norm|conv))\.([12]\..+)")
_OLD_VIT_KEY = re.compile(r"(encoder\.layers\..*\.mlp)\.linear_([12])(\..+)")


def list_architectures() -> tuple[str, ...]:
    """Return the names of the networks, in alphabetical order."""
    from torchvision import models

    return tuple(models.list_models(module=models))


list_names = list_architectures  # weights are named after a colon


def list_rows() -> tuple[Row, ...]:
    """Return what torchvision tells of its networks."""
    return tuple(_describe(name) for name in list_architectures())


def _describe(name: str) -> Row:
    from torchvision import models

    choices = models.get_model_weights(name)
    # The first weights are those that tutorials and papers mean by the network's bare name.
    default = choices.__members__.get(_PREFERRED_WEIGHTS, choices.DEFAULT)
    others = (weights.name for weights in choices if weights is not default)
    size_px = default.transforms().crop_size[0]
    return Row(name, name, size_px, (default.name, *others), default.url)


def build(name: str, weights_name: str) -> Architecture:
    """Say how the network `name` is built, as the weights `weights_name` need it."""
    from torchvision import models

    weights = models.get_model_weights(name)[weights_name]
    preset = weights.transforms()
    resize_px, size_px = preset.resize_size[0], preset.crop_size[0]
    interpolation = preset.interpolation.value
    make = partial(models.get_model, name, weights=None, **_builder_arguments(name, weights))
    return Architecture(
        make=make,
        load=lambda state, path, layers: fit(make(), _rename(state), path, layers, owner=name),
        behead=behead,
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
    """Return what torchvision's builder sets when it loads `weights` itself.

    The auxiliary classifiers are left out: they serve training alone.
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
