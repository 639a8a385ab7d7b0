"""Build a network with its weights, read its layers, and open the engine that runs the network."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from featscape.errors import ModelError
from featscape.features.engines.base import Probe
from featscape.features.engines.devices import choose_device, one_thread_if_small
from featscape.features.engines.folding import fold_batch_norms
from featscape.features.engines.selection import open_engine
from featscape.features.network import Network
from featscape.features.readout.pooling import DEFAULT_POOL
from featscape.features.zoo.architecture import OUTPUT
from featscape.features.zoo.fingerprint import make_fingerprint, make_probe
from featscape.features.zoo.own.code import is_name, own_code_errors
from featscape.features.zoo.own.onnx_file import OnnxModel, openvino_errors
from featscape.features.zoo.weights import (
    common_prefix,
    nested_prefixes,
    read_state,
    skip_random_weights,
)
from featscape.files.regular import hash_once
from featscape.number_text import plural
from featscape.printable_names import list_first
from featscape.records import ModelCard

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch
    from numpy.typing import NDArray
    from torch import nn

    from featscape.features.readout.hooks import LayerReadout
    from featscape.features.zoo.architecture import Architecture, State
    from featscape.features.zoo.fingerprint import Fingerprint
    from featscape.features.zoo.preprocessing import Preprocessing
    from featscape.progress import Progress


class ReadoutFacts(TypedDict):
    """The entries of a `ModelCard` that `describe_readout` returns."""

    n_features: int
    pool: str
    widths: tuple[int, ...]
    fingerprint: Fingerprint


_DECODED = "; JPEG files decoded at 1/2, 1/4 or 1/8 where that leaves twice the size or more"


def open_network(
    architecture: Architecture | OnnxModel,
    *,
    owner: str,
    weights: str | Path | None,
    layers: Sequence[str],
    pool: str | None,
    device: str,
    precision: str,
    progress: Progress,
    is_given: bool = False,
) -> Network:
    """Open a network of the zoo, in fp32.

    Parameters
    ----------
    architecture : Architecture or OnnxModel
    owner : str
        Name of the network.
    weights, layers, pool, device, precision
        As for `load_network`, checked. `Network.choose_precision` uses `precision`.
    progress : Progress
    is_given : bool
        Whether a program gave the network as a module.

    Raises
    ------
    ModelError
        As `load_network` does.
    """
    if isinstance(architecture, OnnxModel):
        return _open_onnx(architecture, layers, pool, precision=precision, progress=progress)

    import torch

    path = Path(weights) if weights is not None else architecture.find_weights(progress)
    module, sha256 = _load_weights(architecture, path, layers, progress=progress)
    module.eval().requires_grad_(False)
    noise = make_probe(architecture.preprocessing.input_size_px)
    batch = architecture.preprocessing.standardize(torch.from_numpy(noise).permute(2, 0, 1)[None])
    with own_code_errors(owner, input_shape=batch.shape[1:]):
        layer = "+".join(layers) if layers else architecture.remove_classifier(module)
        readout, features, reads_values = read_out(
            module, layers, batch, pool=pool, owner=owner, path=path, is_given=is_given
        )
    probe = Probe(noise, features, reads_values=reads_values)
    card = ModelCard(
        name=owner,
        layer=layer,
        weights=architecture.weights if weights is None else str(weights),
        weights_sha256=sha256,
        preprocessing=f"{architecture.preprocessing}{_DECODED}",
        code_sha256=architecture.code_sha256,
        **describe_readout(readout, layers, features),
    )
    return _start(
        card,
        readout,
        architecture.preprocessing,
        device=choose_device(device),
        precision=precision,
        probe=probe,
        progress=progress,
    )


def _start(
    card: ModelCard,
    readout: LayerReadout,
    preprocessing: Preprocessing,
    *,
    device: torch.device,
    precision: str,
    probe: Probe,
    progress: Progress,
) -> Network:
    """Choose the engine of a PyTorch network, and report why OpenVINO does not run it."""
    resizing = preprocessing.resizing if device.type == "cuda" else None
    engine, fallback = open_engine(
        readout,
        device=device,
        mean=preprocessing.mean,
        std=preprocessing.std,
        probe=probe,
        geometry=resizing,
    )
    if fallback:
        progress.note(f"{card.name} runs on {engine.name}: {fallback}")
    return Network(
        card,
        str(device),
        module=readout,
        preprocessing=preprocessing,
        engine=engine,
        requested=precision,
        fallback=fallback,
        resizing=resizing,
    )


def _open_onnx(
    network: OnnxModel,
    layers: Sequence[str],
    pool: str | None,
    *,
    precision: str,
    progress: Progress,
) -> Network:
    from featscape.features.engines.openvino import OpenVinoEngine, take_pixels
    from featscape.features.readout.onnx_graph import read_out

    preprocessing = network.preprocessing
    readout = read_out(network, layers, method=pool)
    with openvino_errors(network.path):
        engine = OpenVinoEngine(
            take_pixels(
                readout.model,
                mean=preprocessing.mean,
                std=preprocessing.std,
                layout=network.layout,
            )
        )
    remarks = (*network.remarks, *readout.remarks)
    if remarks:
        progress.note(f"{network.path.name}: {'; '.join(remarks)}")
    features = engine.run([make_probe(preprocessing.input_size_px)])  # (1, d)
    card = ModelCard(
        name=str(network.path),
        layer=readout.layer,
        weights=network.weights,
        weights_sha256=network.hash_weights(),
        preprocessing=f"{preprocessing}{_DECODED}",
        n_features=sum(readout.widths),
        pool=readout.pool,
        widths=readout.widths,
        fingerprint=_fingerprint(features[0], readout.widths),
    )
    return Network(
        card,
        "cpu",
        module=None,
        preprocessing=preprocessing,
        engine=engine,
        requested=precision,
        fallback="",
    )


def _load_weights(
    architecture: Architecture, path: Path | None, layers: Sequence[str], *, progress: Progress
) -> tuple[nn.Module, str]:
    """Return the whole network with its weights, and the SHA-256 of the weights."""
    if path is None:  # the network already has its weights
        module = architecture.make()
        return module, hash_tensors(module)
    state = read_state(path)  # checks that the file is regular before it is hashed
    with ThreadPoolExecutor(1) as hasher:
        hashing = hasher.submit(hash_once, path)
        with skip_random_weights():
            module = _load_state(architecture, state, path, layers, progress=progress)
        return module, hashing.result()


def _load_state(
    architecture: Architecture,
    state: State,
    path: Path,
    layers: Sequence[str],
    *,
    progress: Progress,
) -> nn.Module:
    """Return the network with the weights; raises ModelError if the weights do not fit.

    Training programs wrap a network, so that its names begin with "module." or "model.". Such a
    prefix is removed, and reported, if the weights fit only without the prefix. The names without
    the prefix, such as those of a loss, are then not used, and reported.
    """
    try:
        return architecture.load(state, path, layers)
    except ModelError as error:
        misfit = error
    own = architecture.make().state_dict()
    prefixes = nested_prefixes(state, own)
    if len(prefixes) > 1:
        raise ModelError(
            f"weights must be those of one network; {path} contains the names of the network below "
            f"{' and '.join(map(repr, prefixes))}. Save the tensors below one of them in a file."
        ) from misfit
    prefix = prefixes[0] if prefixes else common_prefix(state)
    if not prefix:
        raise misfit
    inner = {key.removeprefix(prefix): one for key, one in state.items() if key.startswith(prefix)}
    unused = [key for key in state if not key.startswith(prefix)]
    try:
        module = architecture.load(inner, path, layers)
    except ModelError as error:
        message = f"{error} The names were compared without the prefix {prefix!r}."
        if not prefixes:  # the names are those of another network, or the library converts them
            message = (
                f"{misfit} All names in the file begin with {prefix!r}, and the weights do not fit "
                "without this prefix either."
            )
        raise ModelError(message) from misfit
    names = "the weights" if unused else "all weights"
    progress.note(f"{path.name}: removed {prefix!r} from the names of {names}")
    if unused:
        are = "is" if len(unused) == 1 else "are"
        count = plural(len(unused), "further tensor")
        progress.note(f"{path.name}: {count} {are} not used: {list_first(unused, n_shown=3)}")
    return module


def hash_tensors(module: nn.Module) -> str:
    """Return the SHA-256 of a network's tensors, sorted by name.

    Raises
    ------
    ModelError
        If a tensor has no values, on PyTorch's device "meta".
    """
    import torch

    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        if tensor.is_meta:
            raise ModelError(
                f"the tensors of a network must have values; {name} is on the device meta. Load "
                "the weights, for example with load_state_dict(state, assign=True)."
            )
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.detach().cpu().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def read_out(
    module: nn.Module,
    layers: Sequence[str],
    batch: torch.Tensor,
    *,
    pool: str | None,
    owner: str,
    path: Path | None,
    is_given: bool = False,
) -> tuple[LayerReadout, NDArray[np.float32], bool]:
    """Read a network at its layers or its output, fold batch norms, and run it on the probe.

    Parameters
    ----------
    module : torch.nn.Module
        In evaluation mode; its batch norms are folded in place.
    layers : sequence of str
    batch : Tensor of float32, shape (1, 3, h, w)
        The standardized probe.
    pool : str or None
    owner : str
        Name of the network.
    path : Path or None
        The file of the weights, for messages.
    is_given : bool
        Whether a program gave the network as a module.

    Returns
    -------
    readout : LayerReadout
    features : ndarray of float32, shape (1, d)
    reads_values : bool
        As in `Probe`.

    Raises
    ------
    ModelError
        If a layer does not exist, the features are not finite, or depend on other images.
    """
    from featscape.features.engines.data_dependence import record_value_reads
    from featscape.features.readout.batch_check import check_batch
    from featscape.features.readout.hooks import LayerReadout, plan

    value_reads: list[str] = []

    def run(batch: torch.Tensor) -> list[torch.Tensor]:
        with record_value_reads(value_reads):
            return readout.read(batch.clone())  # some networks change their input in place

    with one_thread_if_small(module):
        outputs = plan(
            module,
            layers or (OUTPUT,),
            method=pool or DEFAULT_POOL,
            probe=batch,
            owner=owner,
            is_own=is_name(owner),
            is_given=is_given,
        )
        readout = LayerReadout(module, outputs, owner=owner).eval()
        kept = [module.get_submodule(output.layer) for output in outputs]
        features = fold_batch_norms(readout, batch, run=run, keep=kept)
        _check_finite(features, owner=owner, path=path)
        if is_name(owner):  # the networks of libraries do not mix images
            check_batch(readout.read, batch, features, owner=owner)
    return readout, features.numpy(), bool(value_reads)


def describe_readout(
    readout: LayerReadout, layers: Sequence[str], features: NDArray[np.float32]
) -> ReadoutFacts:
    """Return the entries of a model card that describe the features of the probe, (1, d)."""
    poolings = [output.pooling for output in readout.outputs]
    is_pooled = bool(layers) or any(pooling.is_pooled for pooling in poolings)
    widths = tuple(pooling.width for pooling in poolings)
    return {
        "n_features": sum(widths),
        "pool": poolings[0].method if is_pooled else "none",
        "widths": widths,
        "fingerprint": _fingerprint(features[0], widths),
    }


def _check_finite(features: torch.Tensor, *, owner: str, path: Path | None) -> None:
    """Raise ModelError if a network gives NaN or infinity for the probe."""
    if features.isfinite().all():
        return
    source = f"the weights {path}" if path is not None else f"the weights of {owner}"
    remedy = "The weights are damaged: use other weights."
    if path is None and is_name(owner):
        source, remedy = f"the tensors of {owner}", "Fix the network."
    raise ModelError(
        f"the features of an image must be finite numbers; with {source} the network gives NaN or "
        f"infinity. {remedy}"
    )


def _fingerprint(features: NDArray[np.float32], widths: Sequence[int]) -> Fingerprint:
    """Return the fingerprint of each layer from the features, shape (d,), of all layers."""
    return tuple(map(make_fingerprint, np.split(features, np.cumsum(widths)[:-1])))
