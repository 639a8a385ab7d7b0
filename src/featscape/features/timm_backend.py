"""timm's networks, by timm's own loading code and preprocessing; the name is "timm:NAME"."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

from featscape.errors import ModelError
from featscape.features.architecture import INPUT_OF, OUTPUT, Architecture
from featscape.features.catalog import Row
from featscape.features.geometry import make_crop
from featscape.features.hub import ON_HUB, find_on_hub
from featscape.features.preprocessing import Preprocessing
from featscape.features.weights import MISFITS, download, fit_state

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from torch import nn

    from featscape.features.architecture import State
    from featscape.progress import Progress

PREFIX = "timm:"
DISTRIBUTION = "timm"
FILE_NAMES = ("model.safetensors", "pytorch_model.bin")  # in the order that timm looks for them


def list_architectures() -> tuple[str, ...]:
    """Return the names of the architectures."""
    import timm

    return tuple(timm.list_models())


def list_names() -> tuple[str, ...]:
    """Return the names of the architectures, and with a tag those of each one's weights."""
    return (*list_architectures(), *(row.name for row in list_rows()))


def list_rows() -> tuple[Row, ...]:
    """Return what timm tells of its networks that have weights."""
    import timm

    return tuple(_describe(name) for name in timm.list_pretrained())


def _describe(name: str) -> Row:
    stored = _stored(name)
    origin = f"{ON_HUB}{stored.hf_hub_id}" if stored.hf_hub_id else stored.url
    return Row(name, stored.architecture, stored.input_size[-1], (stored.tag,), origin)


def build(name: str) -> Architecture:
    """Say how the network `name`, without "timm:", is built, and what it sees."""
    import timm
    from timm.data.config import resolve_data_config
    from timm.data.transforms_factory import create_transform

    stored = _stored(name)
    config: dict[str, Any] = resolve_data_config(  # type: ignore[no-untyped-call]
        pretrained_cfg=vars(stored)
    )
    n_channels, height_px, width_px = config["input_size"]
    if n_channels != 3 or height_px != width_px:
        raise ModelError(
            f"A network must take square RGB images; {PREFIX}{name} takes {n_channels} channels "
            f"of {height_px} x {width_px} px. Choose another."
        )
    scaled_px = math.floor(height_px / config["crop_pct"])
    geometry, resize_px = {
        "squash": (f"resized to {scaled_px} x {scaled_px} px", None),
        "border": (f"longer side resized to {scaled_px} px, the rest filled", None),
    }.get(config["crop_mode"], (f"shorter side resized to {scaled_px} px", scaled_px))
    return Architecture(
        make=partial(timm.create_model, name, pretrained=False),
        load=partial(_load, name),
        behead=_behead,
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
        f"A network must have weights; timm has none for {name}. Give a file with "
        "--weights FILE (weights=), or choose another: `featscape models timm:` lists them."
    )


def _load(name: str, state: State, path: Path, layers: Sequence[str]) -> nn.Module:
    """Let timm load the weights, whose older and foreign formats it knows."""
    import timm

    del layers  # the classifier has as many classes as the weights, and so always fits
    own = _stored(name)
    n_classes = _count_classes(own, state)
    # inception's and others' files have a class of the background before ImageNet's
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
        fit_state(bare, state, owner=PREFIX + name, path=path)  # it names the tensors
        raise ModelError(
            f"The weights {path} do not fit {PREFIX}{name}: {str(error).splitlines()[0]}. "
            "Name the network that they were trained with by --model (model=)."
        ) from error
    module.pretrained_cfg.pop("state_dict")  # type: ignore[operator,union-attr]  # it is a dict
    return module


def _stored(name: str) -> Any:
    """Return what timm says of a network's weights and its input."""
    import timm

    return timm.get_pretrained_cfg(name)


def _count_classes(stored: Any, state: State) -> int:
    """Count the classes of the weights by their classifier; 0 where they have none."""
    named = stored.classifier or ()
    classifiers = (named,) if isinstance(named, str) else named
    keys = [f"{name}.weight" for name in classifiers if f"{name}.weight" in state]
    return len(state[keys[0]]) if keys else 0


def _behead(module: Any) -> str:
    """Take the classifier off, as timm does it, and tell what the network gives then."""
    names = module.pretrained_cfg.get("classifier")
    if not names or not getattr(module, "num_classes", 0):
        return OUTPUT
    module.reset_classifier(0)
    return INPUT_OF + (names if isinstance(names, str) else " and ".join(names))
