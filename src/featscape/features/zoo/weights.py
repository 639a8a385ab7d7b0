"""Read files of weights without running code from them, and copy the weights into a network."""

from __future__ import annotations

import pickle
import re
import struct
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from featscape.errors import ModelError
from featscape.files.regular import NOT_REGULAR, open_regular
from featscape.number_text import with_article
from featscape.printable_names import list_first, printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    import torch
    from torch import nn

# The exceptions of torch.load for damaged files and files of another kind, found by experiment.
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
# The exceptions of a library's own loading code for the weights of another network.
MISFITS = (RuntimeError, LookupError, ValueError, TypeError, AttributeError, AssertionError)
# The keys under which training scripts store the state dict beside other objects.
_WRAPPERS = ("state_dict", "model_state_dict", "model")
_LEAST_SHARE = 0.5  # of the names of a network that are below the prefix of the network
# Tensors that do not affect the features: counters, and classifiers used in training only.
_IDLE = re.compile(r"(.*\.num_batches_tracked|aux\d\..*|AuxLogits\..*)")


@contextmanager
def skip_random_weights() -> Iterator[None]:
    """Skip the random initialization of the networks that are made in this context.

    A file overwrites the weights afterwards, and drawing random weights for ResNet101 takes longer
    than reading the file. Only draws into a parameter are skipped: a rejection sampling loop that
    draws into other tensors would not end.
    """
    import torch
    from torch.nn import init
    from torch.overrides import TorchFunctionMode

    drawing = {
        torch.Tensor.uniform_,
        torch.Tensor.normal_,
        # torch overrides these functions as a whole, and not the draws inside them
        init.uniform_,
        init.normal_,
        init.kaiming_uniform_,
    }

    class SkipDraws(TorchFunctionMode):
        def __torch_function__(
            self, function: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            given = kwargs or {}
            if function in drawing:
                tensor = args[0] if args else given["tensor"]
                if isinstance(tensor, torch.nn.Parameter):
                    return tensor
            return function(*args, **given)

    with SkipDraws():
        yield


def check_weights(path: Path) -> None:
    """Raise ModelError unless `path` is a regular file: no folder, pipe or device."""
    try:
        open_regular(path).close()
    except FileNotFoundError:
        what = "does not exist"
    except IsADirectoryError:
        what = "is a folder"
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        what = f"is {reason}" if reason == NOT_REGULAR else f"cannot be read: {reason}"
    else:
        return
    raise ModelError(
        f"weights must be a .pth or .safetensors file; {printable(path)} {what}. "
        "Check the path given with --weights (weights=)."
    )


def read_state(path: Path) -> dict[str, torch.Tensor]:
    """Read a state dict.

    Returns
    -------
    dict of str to Tensor
        The tensors of a network by name; shapes and dtypes are those of the file.

    Raises
    ------
    ModelError
        If the file is missing or damaged, contains code, or is not a state dict. Code in the file
        is never run.
    """
    import torch

    check_weights(path)
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise _unreadable(path, error) from error
    except _UNREADABLE as error:
        if isinstance(error, pickle.UnpicklingError) and "GLOBAL" in str(error):
            raise ModelError(
                f"weights must be tensors only; {path} contains pickled Python objects, which "
                "could run code and are not loaded. Save them with "
                "torch.save(model.state_dict(), FILE)."
            ) from error
        raise ModelError(
            f"weights must be a file saved by torch.save; {path} is damaged or of another kind. "
            "Download or save the file again."
        ) from error
    return _unwrap(content, path)


def _read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return _unwrap(load_file(path), path)
    except OSError as error:
        raise _unreadable(path, error) from error
    except SafetensorError as error:
        raise ModelError(
            f"weights named .safetensors must be in that format; {path} is damaged or of another "
            f"kind: {error}. Download or save the file again."
        ) from error


def _unreadable(path: Path, error: OSError) -> ModelError:
    return ModelError(
        f"the weights {printable(path)} could not be read: {error.strerror}. Check the file and "
        "its permissions, or give another file with --weights (weights=)."
    )


def _unwrap(content: object, path: Path) -> dict[str, torch.Tensor]:
    """Return the state dict inside the object that a training script saved."""
    import torch

    if isinstance(content, dict):
        wrapper = next((k for k in _WRAPPERS if isinstance(content.get(k), dict)), None)
        state = content if wrapper is None else content[wrapper]
        if state and all(
            isinstance(k, str) and isinstance(v, torch.Tensor) for k, v in state.items()
        ):
            return dict(state)
    raise ModelError(
        f"weights must be a state dict, which maps names to tensors; {path} contains "
        f"{_describe(content)}. Save them with torch.save(model.state_dict(), FILE)."
    )


def common_prefix(state: Mapping[str, torch.Tensor]) -> str:
    """Return the common prefix of all names up to the first period, such as "module.", or ""."""
    first = {key.partition(".")[0] for key in state}
    return f"{first.pop()}." if len(first) == 1 and all("." in key for key in state) else ""


def nested_prefixes(state: Mapping[str, torch.Tensor], own: Iterable[str]) -> list[str]:
    """Return the prefixes below which a file contains the names of a network, such as "model.".

    Parameters
    ----------
    state : mapping of str to Tensor
        The file.
    own : iterable of str
        The names of the tensors of the network.

    Returns
    -------
    list of str
        The prefixes with the most names of the network, at least half of them; several prefixes if
        the file contains several such networks. Empty if as many names fit without a prefix.
    """
    own = list(own)
    if not own:
        return []
    first = own[0]
    prefixes = {"", *(key.removesuffix(first) for key in state if key.endswith(f".{first}"))}
    counts = {prefix: sum(f"{prefix}{key}" in state for key in own) for prefix in prefixes}
    most = max(counts.values())
    if counts[""] == most or most < _LEAST_SHARE * len(own):
        return []
    return sorted(prefix for prefix, count in counts.items() if count == most)


def _describe(content: object) -> str:
    if isinstance(content, dict):
        keys = ", ".join(repr(key) for key in list(content)[:3])
        return f"a dict with the keys {keys}" if keys else "an empty dict"
    return with_article(type(content).__name__)


def fit_state(
    module: nn.Module,
    state: Mapping[str, torch.Tensor],
    *,
    classifiers: Sequence[str] = (),
    owner: str,
    path: Path,
    remedy: str = "",
) -> None:
    """Copy `state` into `module`, except for the classifiers, which the features do not need.

    Weights of a network that was trained on other classes are therefore accepted.

    Parameters
    ----------
    module : torch.nn.Module
    state : mapping of str to Tensor
        The shapes must be those of the tensors in ``module.state_dict()``.
    classifiers : sequence of str
        Names of the layers of `module` that are not changed.
    owner, path
        Name of the network and path of the file, for messages.
    remedy : str
        Another remedy than the choice of another network, for the message.

    Raises
    ------
    ModelError
        If a tensor is missing, has another shape, or is unknown to the network.
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
        listed = "; ".join(
            f"{word}: {list_first(keys, n_shown=3)}" for word, keys in faults if keys
        )
        own_remedy = ""
        if not (missing or misshaped):
            own_remedy = f"; if this is {owner}, delete the unexpected tensors from the file"
        elif not (misshaped or foreign):
            own_remedy = f"; if this is {owner}, save all of module.state_dict() in the file"
        raise ModelError(
            f"the weights {path} do not fit {owner}: {listed}. Name the network that they were "
            f"trained with by --model (model=){remedy}{own_remedy}."
        )
    own.update((key, state[key]) for key in needed)
    module.load_state_dict(own)
