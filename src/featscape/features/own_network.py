"""The user's own network: "package.module:factory", a callable that returns a torch.nn.Module."""

from __future__ import annotations

import difflib
import hashlib
import importlib
import inspect
import sys
import traceback
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from featscape.errors import FeatscapeError, ModelError
from featscape.features.architecture import INPUT_OF, OUTPUT, Architecture
from featscape.features.classifier import find_classifier
from featscape.features.folding import replace_layer
from featscape.features.preprocessing import read_preprocessing
from featscape.features.weights import fit_state, hash_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import FrameType

    from torch import nn

    from featscape.features.architecture import State

_ITS_OWN = "those of the factory"
_INSTALLED = frozenset(("site-packages", "dist-packages"))


def is_name(model: str) -> bool:
    """Whether a model's name has the form of "package.module:factory"."""
    module, colon, factory = model.partition(":")
    return bool(colon) and all(part.isidentifier() for part in (*module.split("."), factory))


@contextmanager
def its_errors(model: str) -> Iterator[None]:
    """Turn what the code of a user's own network raises into a ModelError of one line.

    Parameters
    ----------
    model : str
        The network's name. Errors of networks with other names are raised as they are.

    Raises
    ------
    ModelError
        Names the error and the line of the user's code. `sys.exit` counts as an error.
    """
    try:
        yield
    except FeatscapeError:
        raise
    except (Exception, SystemExit) as error:
        place = _place_in_own_code(error, model) if is_name(model) else None
        if place is None:
            raise
        message = (str(error).splitlines() or [""])[0]
        raise ModelError(
            f"A network of your own must be built and run without an error; {model} raises "
            f"{type(error).__name__}{message and f' ({message})'} in {place}. Fix the code there."
        ) from error


def _place_in_own_code(error: BaseException, model: str) -> str | None:
    """Return the file and line of the last frame of the user's code; None if there is none.

    The user's code is the package of the factory, and what else lies in the folder of the package.
    Networks of PyTorch's layers alone have no such frame; there PyTorch itself is named.
    """
    if isinstance(error, SyntaxError):  # in a module that is imported: none of its lines has run
        return f"{error.filename}, line {error.lineno}"
    package = model.partition(":")[0].partition(".")[0]
    folder = _folder_of(package)
    frames = list(traceback.walk_tb(error.__traceback__))
    places = [
        f"{frame.f_code.co_filename}, line {line}"
        for frame, line in frames
        if _package_of(frame) == package or (folder and _is_in(frame, folder))
    ]
    if places:
        return places[-1]
    return "PyTorch, for floats (b, 3, h, w)" if _package_of(frames[-1][0]) == "torch" else None


def _package_of(frame: FrameType) -> str:
    name: str = frame.f_globals.get("__name__", "")
    return name.partition(".")[0]


def _folder_of(package: str) -> Path | None:
    """Return the folder that holds a package of the user; None for an installed package."""
    file = getattr(sys.modules.get(package), "__file__", None)
    if file is None:
        return None
    path = Path(file).resolve()
    folder = path.parent.parent if path.name == "__init__.py" else path.parent
    return None if folder.name in _INSTALLED else folder


def _is_in(frame: FrameType, folder: Path) -> bool:
    """Whether a frame's file lies in the folder, but not in an environment within it."""
    file = Path(frame.f_code.co_filename).resolve()
    return file.is_relative_to(folder) and not _INSTALLED.intersection(file.parts)


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
        it is imported is raised as it is: `its_errors` stands around.
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
    import torch
    from torch import nn

    required = _required_arguments(factory)
    if required:
        raise ModelError(
            f"The factory of a network must work without arguments; {model} requires "
            f"{', '.join(required)}. Give each argument a default, or name a function that calls "
            "the factory."
        )
    with _current_folder_importable():
        module = factory()
    if not isinstance(module, nn.Module):
        raise ModelError(
            f"The factory of a network must return a torch.nn.Module; {model} returned "
            f"a {type(module).__name__}."
        )
    if isinstance(module, torch.jit.ScriptModule):
        raise ModelError(
            f"A network must be made of Python's modules for its layers to be found; {model} "
            "returned one in TorchScript. Return the one that it was made from, or export it to "
            "ONNX and give that file."
        )
    given = getattr(factory, "preprocessing", None) or getattr(module, "preprocessing", {})
    preprocessing = read_preprocessing(given, owner=model)

    def load(state: State, path: Path, layers: Sequence[str]) -> nn.Module:
        del layers  # the factory makes the classifier that its weights have
        fit_state(module, state, owner=model, path=path)
        return module

    return Architecture(
        make=lambda: module,
        load=load,
        behead=lambda module: _behead(module, preprocessing.input_size_px),
        code_sha256=_hash_code(model.partition(":")[0], module),
        preprocessing=preprocessing,
        weights=_ITS_OWN,
        find_weights=lambda _progress: None,
    )


def _required_arguments(factory: Callable[..., object]) -> list[str]:
    """Return the names of a function's arguments that have no default."""
    try:
        parameters = inspect.signature(factory).parameters
    except ValueError:  # some functions that are written in C have no signature
        return []
    return [
        name
        for name, one in parameters.items()
        if one.default is one.empty and one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
    ]


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
