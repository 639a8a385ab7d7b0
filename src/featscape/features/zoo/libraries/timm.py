"""The networks of timm, with timm's own loading code and preprocessing; named "timm:NAME"."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

from featscape.errors import ModelError
from featscape.features.zoo.architecture import INPUT_OF, OUTPUT, Architecture
from featscape.features.zoo.catalog import Row
from featscape.features.zoo.download import download
from featscape.features.zoo.geometry import make_crop
from featscape.features.zoo.hub import ON_HUB, find_on_hub
from featscape.features.zoo.preprocessing import Preprocessing
from featscape.features.zoo.weights import MISFITS, fit_state

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from torch import nn

    from featscape.features.zoo.architecture import State
    from featscape.progress import Progress

PREFIX = "timm:"
DISTRIBUTION = "timm"
FILE_NAMES = ("model.safetensors", "pytorch_model.bin")  # in timm's own order


def list_architectures() -> tuple[str, ...]:
    """Return the names of the architectures."""
    import timm

    return tuple(timm.list_models())


def list_network_names() -> tuple[str, ...]:
    """Return the names of the architectures, and of the networks with weights (NAME.TAG)."""
    return (*list_architectures(), *(row.name for row in list_rows()))


def list_rows() -> tuple[Row, ...]:
    """Return a description of each network of timm that has weights."""
    import timm

    return tuple(_describe(name) for name in timm.list_pretrained())


def _describe(name: str) -> Row:
    stored = _stored(name)
    origin = f"{ON_HUB}{stored.hf_hub_id}" if stored.hf_hub_id else stored.url
    return Row(name, stored.architecture, stored.input_size[-1], (stored.tag,), origin)


def build(name: str) -> Architecture:
    """Return the architecture of the network `name`, which has no prefix "timm:".

    Raises
    ------
    ModelError
        If the network does not take square RGB images.
    """
    import timm
    from timm.data.config import resolve_data_config
    from timm.data.transforms_factory import create_transform

    stored = _stored(name)
    config: dict[str, Any] = resolve_data_config(  # type: ignore[no-untyped-call]  # timm has no types
        pretrained_cfg=vars(stored)
    )
    n_channels, height_px, width_px = config["input_size"]
    if n_channels != 3 or height_px != width_px:
        raise ModelError(
            f"a network must take square RGB images; {PREFIX}{name} takes {n_channels} channels "
            f"of {height_px} x {width_px} px. Choose another network."
        )
    scaled_px = math.floor(height_px / config["crop_pct"])
    geometry, resize_px = {
        "squash": (f"resized to {scaled_px} x {scaled_px} px", None),
        "border": (f"longer side resized to {scaled_px} px, the rest filled", None),
    }.get(config["crop_mode"], (f"shorter side resized to {scaled_px} px", scaled_px))
    return Architecture(
        make=partial(timm.create_model, name, pretrained=False),
        load=partial(_load, name),
        remove_classifier=_remove_classifier,
        preprocessing=Preprocessing(
            crop=make_crop(create_transform(**config)),
            geometry=f"{geometry} ({config['interpolation']})",
            resize_px=resize_px,
            input_size_px=height_px,
            mean=tuple(config["mean"]),
            std=tuple(config["std"]),
        ),
        weights=stored.tag or name,
        find_weights=partial(_find_weights, name),
    )


def _find_weights(name: str, progress: Progress) -> Path:
    stored = _stored(name)
    if stored.hf_hub_id:
        names = (stored.hf_hub_filename,) if stored.hf_hub_filename else FILE_NAMES
        return find_on_hub(stored.hf_hub_id, names, owner=PREFIX + name, progress=progress)
    if stored.url:
        return download(stored.url, owner=PREFIX + name, progress=progress)
    raise ModelError(
        f"a network must have weights; timm has none for {name}. Give a file with --weights FILE "
        "(weights=), or choose another network: `featscape models timm:` lists them."
    )


def _load(name: str, state: State, path: Path, layers: Sequence[str]) -> nn.Module:
    """Load the weights with timm's own code, which converts older formats and other projects'."""
    import timm

    del layers  # the classifier is built with the weights' number of classes
    own = _stored(name)
    n_classes = _count_classes(own, state)
    # some files, such as Inception's, have a background class before the classes of ImageNet
    has_background = bool(own.label_offset) and n_classes == own.num_classes + own.label_offset
    overlay: dict[str, Any] = {"state_dict": state, "custom_load": False}
    if has_background:
        n_classes = own.num_classes
    else:
        overlay |= {"num_classes": n_classes, "label_offset": 0}
    try:
        module: nn.Module = timm.create_model(
            name, pretrained=True, pretrained_cfg_overlay=overlay, num_classes=n_classes
        )
    except MISFITS as error:
        bare = timm.create_model(name, pretrained=False, num_classes=n_classes)
        fit_state(bare, state, owner=PREFIX + name, path=path)  # its error names the tensors
        raise ModelError(
            f"the weights {path} do not fit {PREFIX}{name}: {str(error).splitlines()[0]}. "
            "Name the network that they were trained with by --model (model=)."
        ) from error
    module.pretrained_cfg.pop("state_dict")  # type: ignore[operator,union-attr]  # a dict
    return module


def _stored(name: str) -> Any:
    """Return timm's configuration of a network's weights and input."""
    import timm

    return timm.get_pretrained_cfg(name)


def _count_classes(stored: Any, state: State) -> int:
    """Return the number of classes of the weights; 0 if the weights have no classifier."""
    named = stored.classifier or ()
    classifiers = (named,) if isinstance(named, str) else named
    keys = [f"{name}.weight" for name in classifiers if f"{name}.weight" in state]
    return len(state[keys[0]]) if keys else 0


def _remove_classifier(module: Any) -> str:
    """Remove the classifier with timm's own method, and return the name of the new output."""
    names = module.pretrained_cfg.get("classifier")
    if not names or not getattr(module, "num_classes", 0):
        return OUTPUT
    module.reset_classifier(0)
    return INPUT_OF + (names if isinstance(names, str) else " and ".join(names))
