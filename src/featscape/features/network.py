"""A network with its weights, cut off before its classifier and made ready for inference."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from featscape.errors import DeviceError, ImageError, InputError, ModelError
from featscape.features.models import find_architecture
from featscape.features.weights import fit_state, hash_file, read_state
from featscape.progress import SilentProgress
from featscape.records import ModelCard

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch
    from numpy.typing import NDArray
    from PIL import Image
    from torch import nn

    from featscape.features.architecture import Architecture
    from featscape.progress import Progress

# On a CPU small batches are as quick as large ones, and report progress sooner.
_BATCH_SIZE_CPU = 16
_BATCH_SIZE_GPU = 256
_MOST_WORKERS = 16


@dataclass(frozen=True, eq=False)
class Network:
    """A pretrained network up to the input of its classifier.

    Attributes
    ----------
    card : ModelCard
        Which network, which weights, which preprocessing.
    device : torch.device
        Where it runs.
    """

    card: ModelCard
    device: torch.device
    _module: nn.Module
    _architecture: Architecture

    @property
    def batch_size(self) -> int:
        """Images a batch that suit the device."""
        return _BATCH_SIZE_CPU if self.device.type == "cpu" else _BATCH_SIZE_GPU

    @property
    def n_workers(self) -> int:
        """Decoding threads that suit the device: on a CPU the network needs the cores more."""
        n_cores = _count_cores()
        return min(max(1, n_cores // 2 if self.device.type == "cpu" else n_cores), _MOST_WORKERS)

    def prepare(self, image: Image.Image) -> NDArray[np.uint8]:
        """Resize and crop one RGB image; called in any thread.

        Returns
        -------
        ndarray of uint8, shape (size, size, 3)

        Raises
        ------
        ImageError
            If the image is so narrow that to resize it would fill the memory.
        """
        from PIL import Image

        resize_px = self._architecture.resize_px
        n_pixels = resize_px**2 * max(image.size) // min(image.size)
        if Image.MAX_IMAGE_PIXELS is not None and n_pixels > Image.MAX_IMAGE_PIXELS:
            raise ImageError(
                f"its sides of {image.width} and {image.height} px are too unequal: with the "
                f"shorter one resized to {resize_px} px it would have {n_pixels:,} pixels, above "
                f"the limit of {Image.MAX_IMAGE_PIXELS:,}"
            )
        return self._architecture.crop(image)

    def run(self, pixels: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Compute the features of one batch of prepared images.

        Parameters
        ----------
        pixels : sequence of b uint8 arrays, each (size, size, 3)

        Returns
        -------
        ndarray of float32, shape (b, d)

        Raises
        ------
        DeviceError
            If the batch does not fit into the device's memory.
        """
        import torch

        try:
            with torch.inference_mode():
                # (b, h, w, 3) as it lies in memory is (b, 3, h, w) in channels_last.
                batch = torch.from_numpy(np.stack(pixels)).to(self.device).permute(0, 3, 1, 2)
                values = self._module(_normalize(batch, self._architecture))
                return values.float().cpu().numpy()  # type: ignore[no-any-return]
        except torch.cuda.OutOfMemoryError as error:
            raise DeviceError(
                f"A batch of {len(pixels)} images must fit into the memory of {self.device}; it "
                f"does not. Lower --batch-size below {len(pixels)}, or take --device cpu."
            ) from error


def load_network(
    model: str = "resnet101",
    *,
    weights: str | Path | None = None,
    device: str = "auto",
    progress: Progress | None = None,
) -> Network:
    """Load a pretrained network, ready for `extract`.

    Parameters
    ----------
    model : str
        A name from `list_models`. The weights are torchvision's IMAGENET1K_V1, or its DEFAULT
        where a network has no such ones; "resnet101:IMAGENET1K_V2" names others.
    weights : path, optional
        A file with a state dict, to load instead. Its classifier may have any number of classes.
    device : str
        "cpu", "cuda", "cuda:1", "mps", or "auto": the GPU if there is one, else the CPU.
    progress : Progress, optional
        Shows the download of weights.

    Raises
    ------
    ModelError
        If the network is unknown, or its weights are missing, damaged or another network's.
    InputError
        If `device` is no device's name.
    DeviceError
        If the device is absent.
    """
    build = find_architecture(model)
    processor = choose_device(device)
    path = None if weights is None else Path(weights)
    state = None if path is None else read_state(path)
    architecture = build()
    if path is None or state is None:
        path = architecture.find_weights(progress or SilentProgress())
        state = read_state(path)
    module = architecture.module.eval().requires_grad_(False)
    classifier = _find_classifier(module)
    fit_state(module, architecture.rename(state), classifier=classifier, owner=model, path=path)
    n_features = _cut_and_fold(module, classifier, architecture, path)
    card = ModelCard(
        name=model,
        layer=f"input of {classifier}",
        weights=architecture.weights if weights is None else str(weights),
        weights_sha256=hash_file(path),
        preprocessing=architecture.preprocessing,
        n_features=n_features,
    )
    import torch

    module.to(processor)
    module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # its stub lacks it
    return Network(card, processor, module, architecture)


def reload_network(card: ModelCard, *, device: str = "auto") -> Network:
    """Load the very network that made features, to make more of them.

    Parameters
    ----------
    card : ModelCard
        Of the features.
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
    is_own = find_architecture(card.name)().weights == card.weights
    network = load_network(card.name, weights=None if is_own else card.weights, device=device)
    differing = [
        f"{field.name} was {was}, is {now}"
        for field in fields(card)
        if (was := getattr(card, field.name)) != (now := getattr(network.card, field.name))
    ]
    if differing:
        raise ModelError(
            f"New features must be made as the others were; of {card.name} the "
            f"{'; the '.join(differing)}. Make the map again with --force."
        )
    return network


def choose_device(name: str) -> torch.device:
    """Return the device called `name`; "auto" is the GPU if there is one, else the CPU."""
    import torch

    present = ["cpu"]
    if torch.backends.mps.is_available():
        present.append("mps")
    if torch.cuda.is_available():
        present += ["cuda", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
    if name == "auto":
        return torch.device(next(n for n in ("cuda", "mps", "cpu") if n in present))
    kind, _, index = name.partition(":")
    if kind not in ("cpu", "cuda", "mps") or (":" in name and not index.isdecimal()):
        raise InputError(f"A device must be auto, cpu, cuda, cuda:N or mps; got {name!r}.")
    if name not in present:
        raise DeviceError(
            f"The device {name} must be present; PyTorch finds {', '.join(present)}. Take one of "
            "these, or install the build of PyTorch that fits your GPU (https://pytorch.org)."
        )
    return torch.device(name)


def _count_cores() -> int:
    """Count the cores that this process may use, where the system tells."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _normalize(batch: torch.Tensor, architecture: Architecture) -> torch.Tensor:
    """Scale uint8 (b, 3, h, w) to 0..1 and standardize each channel, as the libraries do."""
    import torch

    mean, std = (
        torch.tensor(v, device=batch.device).view(1, 3, 1, 1)
        for v in (architecture.mean, architecture.std)
    )
    return batch.float().div_(255).sub_(mean).div_(std)


def _find_classifier(module: nn.Module) -> str:
    """Name the last layer: the last linear one, or the last convolution where there is none."""
    from torch import nn

    layers = list(module.named_modules())
    linear: list[str] = [name for name, layer in layers if isinstance(layer, nn.Linear)]
    convolutions: list[str] = [name for name, layer in layers if isinstance(layer, nn.Conv2d)]
    return (linear or convolutions)[-1]


def _cut_and_fold(
    module: nn.Module, classifier: str, architecture: Architecture, path: Path
) -> int:
    """Take the classifier off, fold what can be folded, and return the number of features.

    Where the last layer is a convolution, what follows it still pools its input.
    """
    import torch
    from torch import nn

    _replace(module, classifier, nn.Identity())
    size_px = architecture.input_size_px
    noise = np.random.default_rng(0).integers(0, 256, (1, 3, size_px, size_px), dtype=np.uint8)
    probe = _normalize(torch.from_numpy(noise), architecture)
    values = fold_batch_norms(module, probe)
    if not torch.isfinite(values).all():
        raise ModelError(
            f"The features of an image must be finite numbers; with the weights {path} the "
            "network makes NaN or infinity. The weights are damaged: get others."
        )
    return values.shape[1]


def fold_batch_norms(module: nn.Module, probe: torch.Tensor) -> torch.Tensor:
    """Fold each batch normalization into the convolution before it, in place.

    In inference a batch normalization is one more linear step on each channel, and the
    convolution can do it on the way: on a CPU half as fast again for mobile networks. The layers
    are paired as data flows through them, so that any module will do; a network in which they
    cannot be folded without changing its output is left as it was.

    Parameters
    ----------
    module : torch.nn.Module
        In evaluation mode.
    probe : Tensor, shape (1, 3, h, w)
        Any input; the output is compared before and after.

    Returns
    -------
    Tensor
        The output for `probe`.
    """
    import torch
    from torch import nn
    from torch.nn.utils.fusion import fuse_conv_bn_eval

    outputs: dict[int, tuple[nn.Conv2d, torch.Tensor]] = {}  # the tensor is held: ids recur
    pairs: list[tuple[nn.Conv2d, nn.BatchNorm2d]] = []

    def watch(layer: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        if isinstance(layer, nn.Conv2d):
            outputs[id(output)] = (layer, output)
        elif isinstance(layer, nn.BatchNorm2d) and id(inputs[0]) in outputs:
            pairs.append((outputs[id(inputs[0])][0], layer))

    hooks = [layer.register_forward_hook(watch) for layer in module.modules()]
    with torch.inference_mode():
        before: torch.Tensor = module(probe)
    for hook in hooks:
        hook.remove()
    outputs.clear()

    names = {layer: name for name, layer in module.named_modules()}
    for convolution, norm in pairs:
        _replace(module, names[convolution], fuse_conv_bn_eval(convolution, norm))
        # timm's batch normalization has its activation inside.
        _replace(module, names[norm], getattr(norm, "act", nn.Identity()))
    with torch.inference_mode():
        after: torch.Tensor = module(probe)
    if (after - before).abs().max() <= 1e-3 * before.abs().max():
        return after
    for convolution, norm in pairs:
        _replace(module, names[convolution], convolution)
        _replace(module, names[norm], norm)
    return before


def _replace(module: nn.Module, name: str, layer: nn.Module) -> None:
    parent, _, child = name.rpartition(".")
    setattr(module.get_submodule(parent), child, layer)
