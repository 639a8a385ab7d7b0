"""The towers of open_clip's networks; named "open_clip:ARCHITECTURE/WEIGHTS".

The image tower computes the features of a map, the text tower the vectors of texts.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any

from featscape.errors import MissingExtra, ModelError, first_line, missing_extra
from featscape.features.zoo.architecture import OUTPUT, Architecture
from featscape.features.zoo.catalog import Row
from featscape.features.zoo.download import download
from featscape.features.zoo.geometry import make_crop
from featscape.features.zoo.hub import ON_HUB, find_on_hub
from featscape.features.zoo.preprocessing import Preprocessing
from featscape.features.zoo.weights import MISFITS, check_weights, fit_state

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import torch
    from torch import nn

    from featscape.features.zoo.architecture import State
    from featscape.progress import Progress

PREFIX = "open_clip:"
DISTRIBUTION = "open-clip-torch"
FILE_NAMES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")


def list_architectures() -> tuple[str, ...]:
    """Return the names of the architectures; raise MissingExtra if open_clip is not installed."""
    return tuple(_import().list_models())


def list_network_names() -> tuple[str, ...]:
    """Return the names of the architectures, and of the networks with weights."""
    return (*list_architectures(), *(row.name for row in list_rows()))


def list_rows() -> tuple[Row, ...]:
    """Return a description of each network of open_clip that has weights."""
    return tuple(_describe(*pair) for pair in _import().list_pretrained())


def _describe(architecture: str, tag: str) -> Row:
    open_clip = _import()
    source = open_clip.get_pretrained_cfg(architecture, tag)
    size_px = open_clip.get_model_config(architecture)["vision_cfg"]["image_size"]
    origin = f"{ON_HUB}{source['hf_hub']}" if source.get("hf_hub") else source.get("url", "")
    return Row(f"{architecture}/{tag}", architecture, size_px, (tag,), origin)


def build(name: str) -> Architecture:
    """Return the architecture of the network `name`, which has no prefix "open_clip:".

    Raises
    ------
    ModelError
        If the network does not take square images.
    MissingExtra
        If open_clip is not installed.
    """
    open_clip = _import()
    from open_clip.transform import PreprocessCfg, image_transform_v2, merge_preprocess_dict

    architecture, _, tag = name.partition("/")
    size_px = open_clip.get_model_config(architecture)["vision_cfg"]["image_size"]
    if not isinstance(size_px, int):
        raise ModelError(
            f"a network must take square images; {PREFIX}{name} takes {size_px} px. "
            "Choose another network."
        )
    of_weights = open_clip.get_pretrained_cfg(architecture, tag)
    merged = merge_preprocess_dict(PreprocessCfg(size=size_px), of_weights)
    config = PreprocessCfg(**{**merged, "size": size_px})
    geometry, resize_px = {
        "squash": (f"resized to {size_px} x {size_px} px", None),
        "longest": (f"longer side resized to {size_px} px, the rest filled", None),
    }.get(config.resize_mode, (f"shorter side resized to {size_px} px", size_px))
    return Architecture(
        make=partial(_make, architecture, tag),
        load=partial(_load, architecture, tag),
        # the output is the embedding that is compared with texts
        remove_classifier=lambda _module: OUTPUT,
        preprocessing=Preprocessing(
            crop=make_crop(image_transform_v2(config, is_train=False)),
            geometry=f"{geometry} ({config.interpolation})",
            resize_px=resize_px,
            input_size_px=size_px,
            mean=tuple(config.mean),
            std=tuple(config.std),
        ),
        weights=tag or "none",
        find_weights=partial(_find_weights, architecture, tag),
    )


def build_text_tower(
    name: str, *, weights: Path | None, progress: Progress
) -> tuple[nn.Module, Callable[[Sequence[str]], torch.Tensor], Path]:
    """Return a whole network, its tokenizer, and the file of its weights.

    Parameters
    ----------
    name : str
        Without the prefix "open_clip:".
    weights : path, optional
        The file of the weights; by default the library's own weights.
    progress : Progress
        Shows a download.

    Returns
    -------
    network : torch.nn.Module
        Has `encode_text` and `logit_scale`.
    tokenizer : callable
        t texts -> tensor of int, shape (t, length). Longer texts are cut.
    path : Path

    Raises
    ------
    ModelError
        If the weights are missing or do not fit, or the tokenizer is not on this disk and cannot
        be downloaded.
    MissingExtra
        If open_clip, or a library of the tokenizer, is not installed.
    """
    open_clip = _import()
    architecture, _, tag = name.partition("/")
    path = _find_weights(architecture, tag, progress) if weights is None else weights
    check_weights(path)
    try:
        network = _make_whole(architecture, tag, weights=path)
    except MISFITS as error:
        raise ModelError(
            f"the weights {path} do not fit {PREFIX}{architecture} with its text tower: "
            f"{str(error).splitlines()[0]}. Give other weights with --weights (weights=)."
        ) from error
    try:
        return network, open_clip.get_tokenizer(architecture), path
    except ImportError as error:
        raise MissingExtra(
            f"the tokenizer of {PREFIX}{architecture} needs a library that is not installed "
            f"({error}). Install it: pip install transformers sentencepiece"
        ) from error
    except (OSError, ValueError) as error:
        raise ModelError(
            f"the tokenizer of {PREFIX}{architecture} is not on this disk and cannot be "
            f"downloaded: {first_line(error)}. Search once with an internet connection."
        ) from error


def shorten_text_tower(network: nn.Module, tokens: torch.Tensor) -> int:
    """Make a text tower omit the padding after short texts, and return the number of tokens.

    CLIP pads each text to 77 tokens, takes the vector at the end token, and a token depends only on
    earlier tokens. The padding takes most of the time and does not change the vectors. Towers of
    other kinds are not changed.

    Parameters
    ----------
    network : torch.nn.Module
        Has `encode_text`.
    tokens : tensor of int, shape (t, length)
        The texts that the network will encode.

    Returns
    -------
    int
        Pass only the first tokens of each text, this number of tokens, to `encode_text`.
    """
    from torch import nn

    tower: Any = getattr(network, "text", network)
    pooling = getattr(tower, "text_pool_type", getattr(tower, "pool_type", None))
    mask = getattr(tower, "attn_mask", None)  # of a causal tower
    if pooling != "argmax" or mask is None or getattr(tower, "cls_emb", None) is not None:
        return tokens.shape[1]
    length = int(tokens.argmax(dim=1).max()) + 1  # the end token has the largest number
    tower.attn_mask = mask[:length, :length]
    tower.positional_embedding = nn.Parameter(
        tower.positional_embedding[:length], requires_grad=False
    )
    return length


def _make(architecture: str, tag: str, *, weights: Path | None = None) -> nn.Module:
    """Build the image tower with the activation function that the weights were trained with."""
    return _make_whole(architecture, tag, weights=weights).visual  # type: ignore[return-value]


def _make_whole(architecture: str, tag: str, *, weights: Path | None = None) -> nn.Module:
    """Build both towers with the activation function that the weights were trained with."""
    import torch

    open_clip = _import()
    of_weights = open_clip.get_pretrained_cfg(architecture, tag)
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)  # open_clip warns that the weights are random
    try:
        network = open_clip.create_model(
            architecture,
            pretrained=None if weights is None else str(weights),
            pretrained_text=False,
            device=torch.get_default_device(),
            force_quick_gelu=bool(of_weights.get("quick_gelu", False)),
            weights_only=True,
        )
    except ImportError as error:  # the text tower of some networks needs another library
        raise MissingExtra(
            f"{PREFIX}{architecture} needs a library that is not installed ({error}). Install it, "
            "or choose another network."
        ) from error
    finally:
        logging.disable(level)
    return network  # type: ignore[no-any-return]  # open_clip has no types


def _find_weights(architecture: str, tag: str, progress: Progress) -> Path:
    open_clip = _import()
    owner = f"{PREFIX}{architecture}/{tag}"
    source = open_clip.get_pretrained_cfg(architecture, tag)
    if source.get("hf_hub"):
        repository, names = split_address(source["hf_hub"])
        return find_on_hub(repository, names, owner=owner, progress=progress)
    if source.get("url"):
        return download(source["url"], owner=owner, progress=progress)
    tags = open_clip.list_pretrained_tags_by_model(architecture)
    choice = (
        f"name weights, for example {PREFIX}{architecture}/{tags[0]}"
        if tags
        else "choose another network"
    )
    raise ModelError(
        f"a network of open_clip must have weights; got {PREFIX}{architecture} without weights. "
        f"Give a file with --weights FILE (weights=), or {choice}: "
        f"`featscape models {PREFIX}{architecture}` lists the weights."
    )


def split_address(address: str) -> tuple[str, tuple[str, ...]]:
    """Split "REPOSITORY/" or "REPOSITORY/FILE" into the repository and the candidate file names."""
    repository, _, file_name = address.rpartition("/")
    safe = f"{file_name.rpartition('.')[0]}.safetensors"
    return repository, (safe, file_name) if file_name else FILE_NAMES


def _load(
    architecture: str, tag: str, state: State, path: Path, layers: Sequence[str]
) -> nn.Module:
    """Load the weights with open_clip's own code, which converts older and other formats."""
    del layers  # an image tower has no classifier
    try:
        return _make(architecture, tag, weights=path)
    except MISFITS as error:
        owner = PREFIX + architecture
        # the image tower is enough to name the missing tensors in the message
        seen = {k.removeprefix("visual."): v for k, v in state.items() if k.startswith("visual.")}
        fit_state(_make(architecture, tag), seen or state, owner=owner, path=path)
        raise ModelError(
            f"the weights {path} do not fit {owner}: {str(error).splitlines()[0]}. "
            "Name the network that they were trained with by --model (model=)."
        ) from error


def _import() -> Any:
    try:
        import open_clip
    except ImportError as error:
        raise missing_extra(
            f"the networks of {PREFIX} need the library open_clip, which is not installed",
            extra="clip",
        ) from error
    return open_clip
