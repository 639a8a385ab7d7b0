"""The user's own network: "package.module:factory", a function that returns a torch.nn.Module."""

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
from featscape.features.zoo.architecture import INPUT_OF, OUTPUT, Architecture
from featscape.features.zoo.classifier import find_classifier, replace_layer
from featscape.features.zoo.own.imported_code import INSTALLED, check_unchanged, hash_imported
from featscape.features.zoo.preprocessing import ONE_CHANNEL, read_preprocessing
from featscape.features.zoo.weights import fit_state
from featscape.number_text import with_article

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import FrameType

    from torch import nn

    from featscape.features.zoo.architecture import State

SET_BY_FACTORY = "set by the factory"
_NO_OWN_LINE = "PyTorch"
_OTHER_SIZE = "If the network needs images of another size, change the preprocessing."
_IMAGES_ONLY = (
    "featscape gives a network the images only: wrap the network in a module that gives the other "
    "inputs."
)


def is_name(model: str) -> bool:
    """Return whether a name has the form "package.module:factory"."""
    module, colon, factory = model.partition(":")
    return bool(colon) and all(part.isidentifier() for part in (*module.split("."), factory))


@contextmanager
def own_code_errors(model: str, *, input_shape: Sequence[int] = ()) -> Iterator[None]:
    """Translate an exception from the code of a user's own network to a ModelError of one line.

    Parameters
    ----------
    model : str
        Name of the network. Exceptions are not translated if `is_name` is False for the name.
    input_shape : sequence of int
        Shape (3, h, w) of the input for one image, for the message.

    Raises
    ------
    ModelError
        The message contains the exception and the line of the user's code. `sys.exit` counts as an
        exception.
    """
    try:
        yield
    except FeatscapeError:
        raise
    except (Exception, SystemExit) as error:
        line = _line_in_own_code(error, model) if is_name(model) else None
        if line is None:
            raise
        message = (str(error).splitlines() or [""])[0]
        where, remedy = line, "Fix the code there."
        if input_shape or line == _NO_OWN_LINE:
            shape = ", ".join(map(str, input_shape or (3, "h", "w")))
            where += f", for float input of shape (b, {shape})"
        if line == _NO_OWN_LINE and "forward() missing" in message:  # of Python
            remedy = _IMAGES_ONLY
        elif "to have 1 channels" in message:  # of PyTorch
            remedy += f" {ONE_CHANNEL}"
        elif "shapes cannot be multiplied" in message:  # of PyTorch
            remedy += f" {_OTHER_SIZE}"
        raise ModelError(
            f"your own network must be built and run without an error; {model} raises "
            f"{type(error).__name__}{message and f' ({message})'} in {where}. {remedy}"
        ) from error


def _line_in_own_code(error: BaseException, model: str) -> str | None:
    """Return the file and line of the last frame in the user's code; None if there is none.

    The user's code consists of the factory's package and all other files in the folder of the
    package. A network that consists of PyTorch's layers only has no such frame. In this
    case, the function returns "PyTorch".
    """
    if isinstance(error, SyntaxError):  # an imported module; it has no frame
        return f"{error.filename}, line {error.lineno}"
    package = model.partition(":")[0].partition(".")[0]
    if package == "torch":
        package = ""  # a network of PyTorch's own layers: the cause is not in PyTorch's files
    folder = _folder_of(package)
    frames = list(traceback.walk_tb(error.__traceback__))
    lines = [
        f"{frame.f_code.co_filename}, line {line}"
        for frame, line in frames
        if _package_of(frame) == package or (folder and _is_in(frame, folder))
    ]
    if lines:
        return lines[-1]
    return _NO_OWN_LINE if _package_of(frames[-1][0]) == "torch" else None


def _package_of(frame: FrameType) -> str:
    name: str = frame.f_globals.get("__name__", "")
    return name.partition(".")[0]


def _folder_of(package: str) -> Path | None:
    """Return the folder that contains a package of the user; None for an installed package."""
    file = getattr(sys.modules.get(package), "__file__", None)
    if file is None:
        return None
    path = Path(file).resolve()
    folder = path.parent.parent if path.name == "__init__.py" else path.parent
    return None if folder.name in INSTALLED else folder


def _is_in(frame: FrameType, folder: Path) -> bool:
    """Return whether a frame's file is in the folder, and not in an environment inside it."""
    file = Path(frame.f_code.co_filename).resolve()
    return file.is_relative_to(folder) and not INSTALLED.intersection(file.parts)


def find_factory(model: str, *, hint: str) -> Callable[[], nn.Module]:
    """Import the factory from an installed module or from a module in the current folder.

    Parameters
    ----------
    model : str
    hint : str
        Text for the message if the module does not exist: other meanings of the name.

    Raises
    ------
    ModelError
        If the module or the callable does not exist, or the user's code has changed since
        featscape first used the code. Exceptions from the code of the module are not translated
        here: see `own_code_errors`.
    """
    module_name, _, name = model.partition(":")
    try:
        with _current_folder_importable():
            module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise
        raise ModelError(
            f"your own network must be in a module that can be imported; {error.name!r} for "
            f"{model!r} is neither in the current folder nor installed. {hint}"
            "Change to the folder that contains the module, or install the module."
        ) from error
    check_unchanged([module_name])
    factory = getattr(module, name, None)
    if not callable(factory):
        near = difflib.get_close_matches(
            name, [k for k, v in vars(module).items() if callable(v)], n=3
        )
        hint = f"Did you mean {' or '.join(near)}? " if near else ""
        what = (
            "does not define this name"
            if factory is None
            else f"defines {with_article(type(factory).__name__)}"
        )
        raise ModelError(
            f"your own network must be named as MODULE:FACTORY; got {model!r}, but "
            f"{module_name} {what}. {hint}The factory is a function without arguments that "
            "returns a torch.nn.Module."
        )
    return factory  # type: ignore[no-any-return]  # of type Any


def build(model: str, factory: Callable[[], nn.Module]) -> Architecture:
    """Call the factory, and return the architecture of the network."""
    from torch import nn

    required = _required_arguments(factory)
    if required:
        raise ModelError(
            f"the factory of a network must work without arguments; {model} requires "
            f"{', '.join(required)}. Give each argument a default, or name a function that calls "
            "the factory."
        )
    with _current_folder_importable():
        module = factory()
    if not isinstance(module, nn.Module):
        raise ModelError(
            f"the factory of a network must return a torch.nn.Module; {model} returned "
            f"{with_article(type(module).__name__)}. Return the network itself."
        )
    check_unchanged(_list_modules([model.partition(":")[0]], module))
    module = remove_compiler(module)
    given = getattr(factory, "preprocessing", None) or getattr(module, "preprocessing", {})
    return describe(model, module, preprocessing=given, weights=SET_BY_FACTORY)


def describe(model: str, module: nn.Module, *, preprocessing: object, weights: str) -> Architecture:
    """Return the architecture of a network that has its weights.

    Parameters
    ----------
    model : str
        MODULE:FACTORY, or MODULE:CLASS of the network.
    module : torch.nn.Module
    preprocessing : mapping
        As for `read_preprocessing`.
    weights : str
        The origin of the weights, in words.

    Raises
    ------
    ModelError
        If the network is in TorchScript, or the preprocessing is invalid.
    """
    check_is_python(model, module)
    steps = read_preprocessing(preprocessing, owner=model)

    def load(state: State, path: Path, layers: Sequence[str]) -> nn.Module:
        del layers  # unused: the factory's classifier already matches the weights
        remedy = f", or load the weights in {model.rpartition(':')[2]}"
        fit_state(module, state, owner=model, path=path, remedy=remedy)
        return module

    shape = (3, steps.input_size_px, steps.input_size_px)
    return Architecture(
        make=lambda: module,
        load=load,
        remove_classifier=lambda module: remove_classifier(module, shape),
        code_sha256=hash_code([model.partition(":")[0]], module),
        preprocessing=steps,
        weights=weights,
        find_weights=lambda _progress: None,
    )


def original_of(layer: nn.Module) -> nn.Module:
    """Return the layer that `torch.compile` has wrapped; other layers are returned as they are."""
    original: nn.Module = getattr(layer, "_orig_mod", layer)
    return original


def remove_compiler(module: nn.Module) -> nn.Module:
    """Return a network without `torch.compile` and `compile()`; the layers are changed in place.

    A compiled layer is compiled again for each test and each size of a batch.
    """
    module = original_of(module)
    for layer in list(module.modules()):
        layer._compiled_call_impl = None  # noqa: SLF001 - set by `layer.compile()`
        # `named_children` yields only one name of a child
        for name, child in layer._modules.items():  # noqa: SLF001
            if child is not None:
                setattr(layer, name, original_of(child))
    return module


def check_is_python(model: str, module: nn.Module) -> None:
    """Raise ModelError if a network is in TorchScript."""
    import torch

    if isinstance(module, torch.jit.ScriptModule):
        raise ModelError(
            f"a network must consist of Python modules, since TorchScript hides the layers; "
            f"{model} is a network in TorchScript. Give the original network, or export "
            "it to ONNX and give the ONNX file."
        )


def _required_arguments(factory: Callable[..., object]) -> list[str]:
    """Return the names of a function's arguments that have no default."""
    try:
        parameters = inspect.signature(factory).parameters
    except ValueError:  # some functions written in C have no signature
        return []
    return [
        name
        for name, one in parameters.items()
        if one.default is one.empty and one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
    ]


def hash_code(module_names: Sequence[str], network: nn.Module) -> str:
    """Return the SHA-256 of the source files of some modules of Python and of the layers.

    The code may change while the weights stay the same. PyTorch's own files are left out.
    Modules defined in a notebook or read from the standard input have no file.
    """
    digest = hashlib.sha256()
    for name in _list_modules(module_names, network):
        sha256 = hash_imported(name)
        if sha256 is not None:
            digest.update(f"{name} {sha256}\n".encode())
    return digest.hexdigest()


def _list_modules(names: Sequence[str], network: nn.Module) -> list[str]:
    """Return the given names and the names of the layers' Python modules, without PyTorch's."""
    all_names = {*names, *(type(layer).__module__ for layer in network.modules())}
    return sorted(name for name in all_names if name.partition(".")[0] != "torch")


def remove_classifier(module: nn.Module, shape: tuple[int, ...]) -> str:
    """Remove the last linear layer if its output is the network's; return the new output's name.

    Parameters
    ----------
    module : torch.nn.Module
        Changed in place.
    shape : tuple of int
        Shape (3, h, w) of the input for one image.
    """
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
        output = module(torch.zeros(1, *shape))
    hook.remove()
    if last == "" or not any(output is one for one in outputs):
        return OUTPUT
    replace_layer(module, last, nn.Identity())
    return INPUT_OF + last


@contextmanager
def _current_folder_importable() -> Iterator[None]:
    """Make modules in the current folder importable, as uvicorn and flask do."""
    folder = str(Path.cwd())
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)
