"""The user's own network: "package.module:factory", a callable that returns a torch.nn.Module."""

from __future__ import annotations

import difflib
import hashlib
import importlib
import inspect
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from featscape.errors import ModelError
from featscape.features.architecture import INPUT_OF, OUTPUT, Architecture
from featscape.features.classifier import find_classifier
from featscape.features.folding import replace_layer
from featscape.features.geometry import make_crop, say
from featscape.features.weights import fit_state, hash_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from torch import nn

    from featscape.features.architecture import State

_ITS_OWN = "those of the factory"
_SMALLEST_PX = 8


@dataclass(frozen=True)
class Preprocessing:
    """What the network sees of an image: ImageNet's usual, or the factory's ``preprocessing``.

    Attributes
    ----------
    input_size_px : int
        Side of the square that is cut from the center.
    resize_px : int
        What the shorter side is resized to before; 8/7 of `input_size_px` if left out.
    mean, std : tuple of float
        Of each channel, for values in 0..1.
    interpolation : str
        "nearest", "bilinear" or "bicubic".
    """

    input_size_px: int = 224
    resize_px: int = 0
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)
    interpolation: str = "bilinear"


def is_name(model: str) -> bool:
    """Whether a model's name has the form of "package.module:factory"."""
    module, colon, factory = model.partition(":")
    return bool(colon) and all(part.isidentifier() for part in (*module.split("."), factory))


def find_factory(model: str, *, hint: str = "") -> Callable[[], nn.Module]:
    """Import the factory; modules in the current folder are found too.

    Parameters
    ----------
    model : str
    hint : str
        What to add where there is no such module: what else the name may mean.

    Raises
    ------
    ModelError
        If there is no such module or no such callable in it. What the module itself raises while
        it is imported is raised as it is.
    """
    module_name, _, name = model.partition(":")
    try:
        with _current_folder_importable():
            module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise
        raise ModelError(
            f"A network of your own must be in a module that can be imported; there is no "
            f"{error.name!r} for {model!r}, neither in the current folder nor installed. {hint}"
            "Change to the folder that holds it, or install it."
        ) from error
    factory = getattr(module, name, None)
    if not callable(factory):
        near = difflib.get_close_matches(
            name, [k for k, v in vars(module).items() if callable(v)], n=3
        )
        hint = f"Did you mean {' or '.join(near)}? " if near else ""
        what = "has no such name" if factory is None else f"has a {type(factory).__name__} there"
        raise ModelError(
            f"A network of your own must be named as MODULE:FACTORY; {model!r} is none: "
            f"{module_name} {what}. {hint}The factory is a function without arguments that "
            "returns a torch.nn.Module."
        )
    return factory  # type: ignore[no-any-return]


def build(model: str, factory: Callable[[], nn.Module]) -> Architecture:
    """Make the network, and say what it sees."""
    from torch import nn
    from torchvision import transforms

    try:
        inspect.signature(factory).bind()
    except TypeError as error:
        raise ModelError(
            f"The factory of a network must be called without arguments; {model} has "
            f"a {error}. Give its arguments defaults, or name a function that calls it."
        ) from error
    with _current_folder_importable():
        module = factory()
    if not isinstance(module, nn.Module):
        raise ModelError(
            f"The factory of a network must return a torch.nn.Module; {model} returned "
            f"a {type(module).__name__}."
        )
    seen = _read_preprocessing(model, factory, module)
    interpolation = transforms.InterpolationMode(seen.interpolation)
    crop = make_crop(
        transforms.Compose(
            [
                transforms.Resize(seen.resize_px, interpolation),
                transforms.CenterCrop(seen.input_size_px),
            ]
        )
    )

    def load(state: State, path: Path, layers: Sequence[str]) -> nn.Module:
        del layers  # the factory makes the classifier that its weights have
        fit_state(module, state, owner=model, path=path)
        return module

    return Architecture(
        make=lambda: module,
        load=load,
        behead=lambda module: _behead(module, seen.input_size_px),
        code_sha256=_hash_code(model.partition(":")[0], module),
        crop=crop,
        resize_px=seen.resize_px,
        input_size_px=seen.input_size_px,
        mean=seen.mean,
        std=seen.std,
        preprocessing=say(
            f"shorter side resized to {seen.resize_px} px ({seen.interpolation})",
            seen.input_size_px,
            seen.mean,
            seen.std,
        ),
        weights=_ITS_OWN,
        find_weights=lambda _progress: None,
    )


def _read_preprocessing(model: str, factory: object, module: nn.Module) -> Preprocessing:
    """Read the mapping ``preprocessing`` of the factory or of the network that it made."""
    given: Any = getattr(factory, "preprocessing", None) or getattr(module, "preprocessing", {})
    known = inspect.signature(Preprocessing).parameters
    if not isinstance(given, dict) or not known.keys() >= given.keys():
        raise ModelError(
            f"The preprocessing of {model} must be a dict with some of the keys "
            f"{', '.join(known)}; got {given!r}."
        )
    size_px = given.get("input_size_px", Preprocessing.input_size_px)
    resize_px = given.get("resize_px", size_px * 8 // 7 if isinstance(size_px, int) else 0)
    mean = tuple(given.get("mean", Preprocessing.mean))
    std = tuple(given.get("std", Preprocessing.std))
    seen = Preprocessing(
        size_px, resize_px, mean, std, given.get("interpolation", Preprocessing.interpolation)
    )
    if not (
        isinstance(size_px, int)
        and isinstance(resize_px, int)
        and _SMALLEST_PX <= size_px <= resize_px
        and len(mean) == len(std) == 3
        and all(isinstance(v, (int, float)) and np.isfinite(v) for v in (*mean, *std))
        and min(std) > 0
        and seen.interpolation in ("nearest", "bilinear", "bicubic")
    ):
        raise ModelError(
            f"The preprocessing of {model} must have an input_size_px of {_SMALLEST_PX} or more, "
            "a resize_px no smaller, a mean and a std above 0 of three channels, and an "
            f"interpolation of nearest, bilinear or bicubic; got {given!r}."
        )
    return seen


def _hash_code(module_name: str, network: nn.Module) -> str:
    """Return the SHA-256 of the sources of the factory and of the layers, but for PyTorch's own.

    A network may come to compute something else of the same weights.
    """
    names = {module_name, *(type(layer).__module__ for layer in network.modules())}
    digest = hashlib.sha256()
    for name in sorted(names):
        file = getattr(sys.modules.get(name), "__file__", None)  # a notebook has none
        if file is not None and name.partition(".")[0] != "torch":
            digest.update(f"{name} {hash_file(Path(file))}\n".encode())
    return digest.hexdigest()


def _behead(module: nn.Module, size_px: int) -> str:
    """Take off a linear layer whose output is the network's own; tell what is left."""
    import torch
    from torch import nn

    linear = [name for name, layer in module.named_modules() if isinstance(layer, nn.Linear)]
    if not linear:
        return OUTPUT
    last = find_classifier(module)
    outputs: list[object] = []
    hook = module.get_submodule(last).register_forward_hook(
        lambda _layer, _inputs, output: outputs.append(output)
    )
    with torch.inference_mode():
        output = module(torch.zeros(1, 3, size_px, size_px))
    hook.remove()
    if last == "" or not any(output is one for one in outputs):
        return OUTPUT
    replace_layer(module, last, nn.Identity())
    return INPUT_OF + last


@contextmanager
def _current_folder_importable() -> Iterator[None]:
    """Let modules in the current folder be found, as servers of Python programs do."""
    folder = str(Path.cwd())
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)
