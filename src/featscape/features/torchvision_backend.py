"""The classification networks of torchvision, with torchvision's own preprocessing."""

from __future__ import annotations

import re
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from featscape.features.architecture import Architecture, ModelEntry
from featscape.features.classifier import behead, fit
from featscape.features.weights import download

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch
    from numpy.typing import NDArray
    from PIL import Image

_PREFERRED_WEIGHTS = "IMAGENET1K_V1"

# Inputs of the last layer. torchvision's registry does not tell them, and to build all its
# networks would take a minute and gigabytes; a test holds this table to the networks.
_N_FEATURES = {
    400: "regnet_x_400mf",
    440: "regnet_y_400mf",
    512: "maxvit_t resnet18 resnet34 squeezenet1_0 squeezenet1_1",
    672: "regnet_x_800mf",
    768: "convnext_small convnext_tiny swin_s swin_t swin_v2_s swin_v2_t vit_b_16 vit_b_32",
    784: "regnet_y_800mf",
    888: "regnet_y_1_6gf",
    912: "regnet_x_1_6gf",
    1008: "regnet_x_3_2gf",
    1024: "convnext_base densenet121 googlenet mobilenet_v3_small shufflenet_v2_x0_5 "
    "shufflenet_v2_x1_0 shufflenet_v2_x1_5 swin_b swin_v2_b vit_l_16 vit_l_32",
    1280: "efficientnet_b0 efficientnet_b1 efficientnet_v2_l efficientnet_v2_m "
    "efficientnet_v2_s mnasnet0_5 mnasnet0_75 mnasnet1_0 mnasnet1_3 mobilenet_v2 "
    "mobilenet_v3_large vit_h_14",
    1408: "efficientnet_b2",
    1512: "regnet_y_3_2gf",
    1536: "convnext_large efficientnet_b3",
    1664: "densenet169",
    1792: "efficientnet_b4",
    1920: "densenet201 regnet_x_8gf",
    2016: "regnet_y_8gf",
    2048: "efficientnet_b5 inception_v3 regnet_x_16gf resnet101 resnet152 resnet50 "
    "resnext101_32x8d resnext101_64x4d resnext50_32x4d shufflenet_v2_x2_0 "
    "wide_resnet101_2 wide_resnet50_2",
    2208: "densenet161",
    2304: "efficientnet_b6",
    2520: "regnet_x_32gf",
    2560: "efficientnet_b7",
    3024: "regnet_y_16gf",
    3712: "regnet_y_32gf",
    4096: "alexnet vgg11 vgg11_bn vgg13 vgg13_bn vgg16 vgg16_bn vgg19 vgg19_bn",
    7392: "regnet_y_128gf",
}

# Published files that still use older names: densenet's layers, and the vision transformer's
# multilayer perceptrons, now a sequence whose linear layers stand at 0 and 3.
_OLD_DENSENET_KEY = re.compile(r"(.*denselayer\d+\.(?:norm|conv))\.([12]\..+)")
_OLD_VIT_KEY = re.compile(r"(encoder\.layers\..*\.mlp)\.linear_([12])(\..+)")


@cache
def list_names() -> tuple[str, ...]:
    """Return the names of the networks, in alphabetical order."""
    from torchvision import models

    return tuple(models.list_models(module=models))


def describe(name: str) -> ModelEntry:
    """Return the entry of the network `name` without building it."""
    from torchvision import models

    choices = models.get_model_weights(name)
    # The first weights are those that tutorials and papers mean by the network's bare name.
    default = choices.__members__.get(_PREFERRED_WEIGHTS, choices.DEFAULT)
    others = (weights.name for weights in choices if weights is not default)
    return ModelEntry(
        name=name,
        n_features=next((n for n, names in _N_FEATURES.items() if name in names.split()), None),
        input_size_px=default.transforms().crop_size[0],
        weights=(default.name, *others),
        origin=default.url,
    )


def build(name: str, weights_name: str) -> Architecture:
    """Say how the network `name` is built, as the weights `weights_name` need it."""
    from torchvision import models

    weights = models.get_model_weights(name)[weights_name]
    preset = weights.transforms()
    mean, std = tuple(preset.mean), tuple(preset.std)
    size_px = preset.crop_size[0]
    make = partial(models.get_model, name, weights=None, **_builder_arguments(name, weights))
    return Architecture(
        make=make,
        load=lambda state, path, layers: fit(make(), _rename(state), path, layers, owner=name),
        behead=behead,
        crop=_make_crop(preset),
        resize_px=preset.resize_size[0],
        input_size_px=size_px,
        mean=mean,
        std=std,
        preprocessing=(
            f"shorter side resized to {preset.resize_size[0]} px ({preset.interpolation.value}), "
            f"{size_px} x {size_px} px cut from the center, mean {mean}, sd {std}"
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


def _make_crop(preset: Any) -> Callable[[Image.Image], NDArray[np.uint8]]:
    """Return the geometric half of a torchvision preset; the arithmetic half runs by batches."""
    from torchvision.transforms import functional

    def crop(image: Image.Image) -> NDArray[np.uint8]:
        resized = functional.resize(
            image, preset.resize_size, preset.interpolation, antialias=preset.antialias
        )
        return np.asarray(functional.center_crop(resized, preset.crop_size))

    return crop


def _rename(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {_rename_key(key): tensor for key, tensor in state.items()}


def _rename_key(key: str) -> str:
    key = _OLD_DENSENET_KEY.sub(r"\1\2", key)
    return _OLD_VIT_KEY.sub(lambda m: f"{m[1]}.{3 * (int(m[2]) - 1)}{m[3]}", key)
