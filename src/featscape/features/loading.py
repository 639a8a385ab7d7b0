"""A network by its name: its weights loaded, cut off before its classifier or at layers within."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from featscape.errors import ModelError
from featscape.features.architecture import INPUT_OF, OUTPUT
from featscape.features.devices import choose_device
from featscape.features.engine import FP32, Probe, open_engine
from featscape.features.fingerprint import describe_change, make_fingerprint, make_probe
from featscape.features.folding import fold_batch_norms
from featscape.features.layers import DEFAULT_POOL, check_layers
from featscape.features.models import find_architecture
from featscape.features.network import Network
from featscape.features.onnx_file import check_options, is_onnx
from featscape.features.onnx_network import OnnxNetwork
from featscape.features.own_network import is_name, its_errors
from featscape.features.precision import AUTO, check_precision
from featscape.features.weights import check_weights, hash_file, no_random_weights, read_state
from featscape.progress import SilentProgress
from featscape.records import ModelCard

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import nn

    from featscape.features.architecture import Architecture
    from featscape.features.cut import Cut
    from featscape.features.fingerprint import Fingerprint
    from featscape.progress import Progress

_DECODED = "; JPEG files decoded at 1/2, 1/4 or 1/8 where that leaves twice the size or more"


def check_network(
    model: str,
    *,
    weights: str | Path | None = None,
    layers: Sequence[str] = (),
    pool: str | None = None,
    device: str = "auto",
    precision: str = AUTO,
) -> None:
    """Check what `load_network` is asked for, as far as that can be told without loading.

    Parameters
    ----------
    model, weights, layers, pool, device, precision
        As `load_network` takes them.

    Raises
    ------
    ModelError, InputError, DeviceError, MissingExtra
        As `load_network` does.
    """
    check_layers(layers, pool)
    check_precision(precision)
    if is_onnx(model):
        check_options(model, weights=weights, device=device)
        return
    with its_errors(model):
        find_architecture(model)
    choose_device(device)
    if weights is not None:
        check_weights(Path(weights))


def load_network(
    model: str = "resnet101",
    *,
    weights: str | Path | None = None,
    layers: Sequence[str] = (),
    pool: str | None = None,
    device: str = "auto",
    precision: str = AUTO,
    progress: Progress | None = None,
) -> Network:
    """Load a pretrained network, ready for `extract`.

    Parameters
    ----------
    model : str
        A name from `list_models`, or the path of an ONNX file. The weights are torchvision's
        IMAGENET1K_V1, or its DEFAULT where a network has no such ones; "resnet101:IMAGENET1K_V2"
        names others.
    weights : path, optional
        A file with a state dict, to load instead. Its classifier may have any number of classes.
    layers : sequence of str
        Submodules whose output is wanted, for example "layer3" or "layer1.0.conv2"; "output" is
        that of the whole network. Several stand side by side in the features, in this order. By
        default the input of the classifier.
    pool : str, optional
        What makes numbers of a layer's map or tokens: "avg" (the default) their mean, "max" their
        maximum, "gem" their generalized mean with the exponent 3, "flatten" all of them, "token"
        a vision transformer's class token. All but the last two leave out a transformer's class
        and register tokens. A layer that gives plain numbers needs no pooling.
    device : str
        "cpu", "cuda", "cuda:1", "mps", or "auto": the GPU if there is one, else the CPU.
    precision : str
        "fp32", "bf16", "int8" (on the CPU, calibrated on the images; it needs the extra int8), or
        "auto": bf16 where the processor has it and the features of the first images have a mean
        cosine of .998 with those in fp32 and share .95 of their 10 nearest neighbors, else fp32.
        Until `extract` has images to settle it by, the network runs in fp32.
    progress : Progress, optional
        Shows the download of weights.

    Raises
    ------
    ModelError
        If the network or a layer is unknown, weights are missing, damaged or another network's, or
        the code of a network of one's own raises an error.
    InputError
        If `device` is no device's name, `pool` no way to pool, or `precision` none.
    DeviceError
        If the device is absent.
    """
    layers = (layers,) if isinstance(layers, str) else tuple(layers)
    check_network(
        model, weights=weights, layers=layers, pool=pool, device=device, precision=precision
    )
    if is_onnx(model):
        return _load_onnx(model, layers, pool, precision=precision, progress=progress)
    processor = choose_device(device)
    with its_errors(model):
        architecture = find_architecture(model)()
        if weights is not None:
            path: Path | None = Path(weights)
        else:
            path = architecture.find_weights(progress or SilentProgress())
        if path is None:  # the network has its weights already
            module = architecture.make()
            sha256 = _hash_tensors(module)
        else:
            state = read_state(path)  # before the hash, which reads to the end of any file
            with ThreadPoolExecutor(1) as hasher:
                hashing = hasher.submit(hash_file, path)
                with no_random_weights():
                    module = architecture.load(state, path, layers)
                sha256 = hashing.result()
        module.eval().requires_grad_(False)
        layer = "+".join(layers) if layers else architecture.behead(module)
        cut, probe = _cut_and_fold(module, layers, architecture, pool=pool, owner=model, path=path)
    preprocessing = architecture.preprocessing
    card = ModelCard(
        name=model,
        layer=layer,
        weights=architecture.weights if weights is None else str(weights),
        weights_sha256=sha256,
        preprocessing=f"{preprocessing}{_DECODED}",
        n_features=sum(reading.width for reading in cut.readings),
        pool=cut.pool if layers or any(len(one.shape) > 1 for one in cut.readings) else "none",
        widths=tuple(reading.width for reading in cut.readings),
        code_sha256=architecture.code_sha256,
        fingerprint=_fingerprint(probe.features[0], [reading.width for reading in cut.readings]),
    )
    resizing = preprocessing.resizing if processor.type == "cuda" else None
    engine, reason = open_engine(
        cut,
        device=processor,
        mean=preprocessing.mean,
        std=preprocessing.std,
        probe=probe,
        geometry=resizing,
    )
    if reason:
        (progress or SilentProgress()).note(f"{model} runs on {engine.name}: {reason}")
    network = Network(
        card, processor, cut, preprocessing, engine, precision, reason, _resizing=resizing
    )
    return network.settle(())[0] if precision == FP32 else network


def _load_onnx(
    model: str,
    layers: Sequence[str],
    pool: str | None,
    *,
    precision: str,
    progress: Progress | None,
) -> Network:
    path = Path(model).resolve()  # that the map can find it again from another folder
    network = OnnxNetwork(path, layers=layers, pool=pool)
    if network.remarks and progress is not None:
        progress.note(f"{path.name} tells {'; '.join(network.remarks)}")
    probe = make_probe(network.preprocessing.input_size_px)
    card = ModelCard(
        name=str(path),
        layer=network.layer,
        weights=path.name,
        weights_sha256=network.weights_sha256,
        preprocessing=f"{network.preprocessing}{_DECODED}",
        n_features=network.n_features,
        pool=network.pool,
        widths=network.widths,
        fingerprint=_fingerprint(network.engine.run([probe])[0], network.widths),
    )
    preprocessing = network.preprocessing
    loaded = Network(card, choose_device("cpu"), None, preprocessing, network.engine, precision, "")
    return loaded.settle(())[0] if precision == FP32 else loaded


def reload_network(
    card: ModelCard,
    *,
    model: str | None = None,
    weights: str | Path | None = None,
    device: str = "auto",
) -> Network:
    """Load the very network that made features, to make more of them.

    Parameters
    ----------
    card : ModelCard
        Of the features. Without `model`, the code and the files that the card names are loaded: it
        must be this program's own. For the card of a map see `map_network.load_for_map`.
    model, weights : optional
        What to load in place of what the card names. It must equal the card in all but the names
        of files.
    device : str
        As for `load_network`.

    Returns
    -------
    Network

    Raises
    ------
    ModelError
        If the network, its weights or its preprocessing are no longer those of the card: the
        features could not be compared. Also as `load_network` does.
    DeviceError
        If the device is absent.
    """
    if model is None:
        with its_errors(card.name):
            is_own = is_onnx(card.name) or find_architecture(card.name)().weights == card.weights
        weights = None if is_own else card.weights
    by_default = card.pool == "none" or card.layer.startswith(INPUT_OF)
    network = load_network(
        model or card.name,
        weights=weights,
        layers=() if by_default else card.layers,
        pool=None if by_default else card.pool,
        device=device,
    ).in_precision(card.precision)
    if model is not None:  # a file is compared by its hash, wherever it lies
        name = network.card.name if is_onnx(model) else card.name
        card = replace(card, name=name, weights=network.card.weights)
    differing = [
        f"{field.name} was {was}, is {now}"
        for field in fields(card)
        if field.compare
        and (was := getattr(card, field.name)) != (now := getattr(network.card, field.name))
    ]
    if differing:
        raise ModelError(
            f"New features must be made as the others were; of {card.name} the "
            f"{'; the '.join(differing)}. Make the map again with --force (force=True)."
        )
    change = describe_change(card, network.card)
    if change:
        raise ModelError(
            f"New features must be made as the others were; for {card.name} {change}. Make the "
            "map again with --force (force=True)."
        )
    return network


def _fingerprint(features: NDArray[np.float32], widths: Sequence[int]) -> Fingerprint:
    """Return the fingerprint of each layer from the features, shape (d,), of all layers."""
    return tuple(map(make_fingerprint, np.split(features, np.cumsum(widths)[:-1])))


def _hash_tensors(module: nn.Module) -> str:
    """Return the SHA-256 of a network's tensors, by name, where no file holds them."""
    import torch

    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.detach().cpu().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _cut_and_fold(
    module: nn.Module,
    layers: Sequence[str],
    architecture: Architecture,
    *,
    pool: str | None,
    owner: str,
    path: Path | None,
) -> tuple[Cut, Probe]:
    """Cut a network at its layers, or at its end, fold what can be folded, and run it on noise."""
    import torch

    from featscape.features.batch_check import check_batch
    from featscape.features.branching import looking_at_numbers
    from featscape.features.cut import Cut, plan

    noise = make_probe(architecture.preprocessing.input_size_px)
    batch = architecture.preprocessing.standardize(torch.from_numpy(noise).permute(2, 0, 1)[None])
    readings = plan(module, layers or (OUTPUT,), pool=pool, probe=batch, owner=owner)
    cut = Cut(module, readings, pool=pool or DEFAULT_POOL).eval()
    kept = [module.get_submodule(reading.layer) for reading in readings]
    looks: list[str] = []

    def run(batch: torch.Tensor) -> list[torch.Tensor]:
        with looking_at_numbers(looks):
            return cut.read(batch)

    values = fold_batch_norms(cut, batch, run=run, keep=kept)
    if not torch.isfinite(values).all():
        whose = f"the weights {path}" if path is not None else f"the weights that {owner} has"
        remedy = "The weights are damaged: get others."
        if path is None and is_name(owner):
            whose, remedy = f"the tensors that {owner} has", "Fix the factory."
        raise ModelError(
            f"The features of an image must be finite numbers; with {whose} the "
            f"network makes NaN or infinity. {remedy}"
        )
    if is_name(owner):  # a library's networks need no such check
        check_batch(cut.read, batch, values, owner=owner)
    return cut, Probe(noise, values.numpy(), is_branching=bool(looks))
