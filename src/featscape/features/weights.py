"""Files of weights: fetched, read without running any code in them, and fitted to a network."""

from __future__ import annotations

import hashlib
import http.client
import math
import os
import pickle
import re
import struct
import sys
import tempfile
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from featscape.errors import ModelError
from featscape.files.regular import NOT_REGULAR, open_regular
from featscape.printable_names import printable
from featscape.progress import Task

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import torch
    from torch import nn

    from featscape.progress import Progress

_TIMEOUT_S = 30.0
_BLOCK = 1 << 20
_HASH_IN_NAME = re.compile(r"-([0-9a-f]{8,64})\.")

# What torch.load raises over a damaged file or one of another kind, found by damaging files.
_UNREADABLE = (
    pickle.UnpicklingError,
    RuntimeError,
    LookupError,
    ValueError,
    TypeError,
    AssertionError,
    AttributeError,
    ArithmeticError,
    EOFError,
    struct.error,
)
# What a library's own loading raises over tensors of another network.
MISFITS = (RuntimeError, LookupError, ValueError, TypeError, AttributeError, AssertionError)
# Where training scripts put the state dict when they save more than it.
_WRAPPERS = ("state_dict", "model_state_dict", "model")
# Tensors of a network that have no part in its features: counters and training's classifiers.
_IDLE = re.compile(r"(.*\.num_batches_tracked|aux\d\..*|AuxLogits\..*)")


def hash_file(path: Path) -> str:
    """Return the SHA-256 of the file at `path`, in hexadecimal digits; raises OSError."""
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def cached_file(url: str) -> Path:
    """Return where the file at `url` lies once it is downloaded; torch itself is not loaded."""
    torch = sys.modules.get("torch")
    if torch is not None:
        folder = Path(torch.hub.get_dir())
    else:
        cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
        folder = Path(os.environ.get("TORCH_HOME", f"{cache}/torch")).expanduser() / "hub"
    return folder / "checkpoints" / url.rsplit("/", maxsplit=1)[-1]


def download(url: str, *, owner: str, progress: Progress) -> Path:
    """Return the file at `url`, fetched once into the cache that torchvision uses too.

    Parameters
    ----------
    url : str
        Its last part holds the first digits of the file's SHA-256, as in "resnet18-f37072fd.pth".
    owner : str
        Whose weights they are, for messages.
    progress : Progress

    Raises
    ------
    ModelError
        If the file cannot be fetched or stored, or its hash is not the one in its name.
    """
    path = cached_file(url)
    if not path.exists():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _fetch(url, path, owner=owner, progress=progress)
        except (OSError, http.client.HTTPException) as error:
            if isinstance(error, urllib.error.HTTPError):
                error.close()  # it is the answer too, and holds its connection
            reason = " ".join(str(error).split()) or type(error).__name__
            raise ModelError(
                f"The weights of {owner} could not be downloaded from {url} to {path.parent}: "
                f"{reason}. Give a file with --weights FILE (weights=), or take "
                "--model efficientnet_lite0 (model=), which needs no download."
            ) from error
    expected = _HASH_IN_NAME.search(path.name)
    if expected and not (found := hash_file(path)).startswith(expected[1]):
        raise ModelError(
            f"The weights of {owner}, {path}, must have a SHA-256 that starts with "
            f"{expected[1]}; got {found[: len(expected[1])]}: the file is damaged or incomplete. "
            "Delete it and run again to download it anew."
        )
    return path


def _fetch(url: str, path: Path, *, owner: str, progress: Progress) -> None:
    """Write the file at `url` beside `path`, and move it there when it is whole."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".partial")
    partial = Path(name)
    try:
        with (
            os.fdopen(handle, "wb") as file,
            urllib.request.urlopen(url, timeout=_TIMEOUT_S) as response,  # noqa: S310 - torchvision's own addresses
            progress.task(
                Task(f"Weights of {owner}", math.ceil((response.length or 0) / 1e6), unit="MB")
            ) as advance,
        ):
            n_shown = 0
            while block := response.read(_BLOCK):
                file.write(block)
                advance(math.ceil(file.tell() / 1e6) - n_shown)
                n_shown = math.ceil(file.tell() / 1e6)
            if response.length:
                raise http.client.IncompleteRead(b"", response.length)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def no_random_weights() -> Iterator[None]:
    """Let networks that are made within this keep what their memory happens to hold.

    All of it that counts comes from a file then, and to draw random weights for ResNet101 first
    takes longer than to read that file. Only what is drawn straight into a parameter is left out:
    a loop that draws until it likes the values draws others in between.
    """
    import torch
    from torch.nn import init
    from torch.overrides import TorchFunctionMode

    drawing = {
        torch.Tensor.uniform_,
        torch.Tensor.normal_,
        # these are asked about as a whole, and what they do within is not
        init.uniform_,
        init.normal_,
        init.kaiming_uniform_,
    }

    class Undrawn(TorchFunctionMode):
        def __torch_function__(
            self, function: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            given = kwargs or {}
            if function in drawing:
                tensor = args[0] if args else given["tensor"]
                if isinstance(tensor, torch.nn.Parameter):
                    return tensor
            return function(*args, **given)

    with Undrawn():
        yield


def check_weights(path: Path) -> None:
    """Raise ModelError unless `path` is a file that ends: not a folder, a pipe or a device."""
    try:
        open_regular(path).close()
    except FileNotFoundError:
        what = "is no such file"
    except IsADirectoryError:
        what = "is a folder"
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        what = f"is {reason}" if reason == NOT_REGULAR else f"cannot be read: {reason}"
    else:
        return
    raise ModelError(f"Weights must be a .pth or .safetensors file; {printable(path)} {what}.")


def read_state(path: Path) -> dict[str, torch.Tensor]:
    """Read a state dict: the tensors of a network by name.

    Raises
    ------
    ModelError
        If there is no such file, or it is damaged, holds code, or is no state dict. Code in the
        file is never run.
    """
    import torch

    check_weights(path)
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise ModelError(f"The weights {path} could not be read: {error.strerror}.") from error
    except _UNREADABLE as error:
        if isinstance(error, pickle.UnpicklingError) and "GLOBAL" in str(error):
            raise ModelError(
                f"Weights must be tensors alone; {path} holds pickled Python objects, which could "
                "run code and are not loaded. Save them with torch.save(model.state_dict(), FILE)."
            ) from error
        raise ModelError(
            f"Weights must be a file saved by torch.save; {path} is damaged or of another kind. "
            "Download or save it again."
        ) from error
    return _unwrap(content, path)


def _read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return _unwrap(load_file(path), path)
    except OSError as error:
        raise ModelError(f"The weights {path} could not be read: {error.strerror}.") from error
    except SafetensorError as error:
        raise ModelError(
            f"Weights named .safetensors must be such a file; {path} is damaged or of another "
            f"kind: {error}. Download or save it again."
        ) from error


def _unwrap(content: object, path: Path) -> dict[str, torch.Tensor]:
    """Return the state dict within what a training script saved."""
    import torch

    if isinstance(content, dict):
        wrapper = next((k for k in _WRAPPERS if isinstance(content.get(k), dict)), None)
        state = content if wrapper is None else content[wrapper]
        if state and all(
            isinstance(k, str) and isinstance(v, torch.Tensor) for k, v in state.items()
        ):
            prefix = "module." if all(key.startswith("module.") for key in state) else ""
            return {key.removeprefix(prefix): tensor for key, tensor in state.items()}
    raise ModelError(
        f"Weights must be a state dict, that is tensors by name; {path} holds "
        f"{_describe(content)}. Save them with torch.save(model.state_dict(), FILE)."
    )


def _describe(content: object) -> str:
    if isinstance(content, dict):
        keys = ", ".join(repr(key) for key in list(content)[:3])
        return f"a dict with the keys {keys}" if keys else "an empty dict"
    return f"a {type(content).__name__}"


def fit_state(
    module: nn.Module,
    state: Mapping[str, torch.Tensor],
    *,
    classifiers: Sequence[str] = (),
    owner: str,
    path: Path,
) -> None:
    """Copy `state` into `module`, but for the classifiers, which features do not need.

    So the weights of a network that was trained on other classes fit as well.

    Parameters
    ----------
    module : torch.nn.Module
    state : mapping of str to Tensor
    classifiers : sequence of str
        Names of layers within `module` that are left as they are.
    owner, path
        The network's name and the file, for messages.

    Raises
    ------
    ModelError
        If a tensor is missing, has another shape, or belongs to another network.
    """
    own = module.state_dict()
    optional = tuple(f"{name}." for name in classifiers)
    heads = tuple(name.split(".", maxsplit=1)[0] + "." for name in classifiers)
    needed = {
        key: tensor
        for key, tensor in own.items()
        if not key.startswith(optional) and not _IDLE.fullmatch(key)
    }
    missing = [key for key in needed if key not in state]
    misshaped = [
        f"{key} of shape {tuple(state[key].shape)} instead of {tuple(tensor.shape)}"
        for key, tensor in needed.items()
        if key in state and state[key].shape != tensor.shape
    ]
    foreign = [
        key
        for key in state
        if key not in own and not key.startswith(heads) and not _IDLE.fullmatch(key)
    ]
    if missing or misshaped or foreign:
        faults = (("missing", missing), ("misshaped", misshaped), ("unexpected", foreign))
        listed = "; ".join(f"{word}: {_few(keys)}" for word, keys in faults if keys)
        raise ModelError(
            f"The weights {path} do not fit {owner}: {listed}. "
            "Name the network that they were trained with by --model (model=)."
        )
    own.update((key, state[key]) for key in needed)
    module.load_state_dict(own)


def _few(keys: Iterable[str], *, n_shown: int = 3) -> str:
    keys = list(keys)
    more = f" and {len(keys) - n_shown} more" if len(keys) > n_shown else ""
    return ", ".join(keys[:n_shown]) + more
