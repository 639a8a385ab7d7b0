"""A network with its weights, cut off before its classifier and made ready for inference."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from featscape.errors import DeviceError, ImageError, InputError, ModelError
from featscape.features.architecture import INPUT_OF, OUTPUT
from featscape.features.cores import count_cores
from featscape.features.engine import BF16, FP32, open_engine
from featscape.features.folding import fold_batch_norms
from featscape.features.layers import DEFAULT_POOL, check_layers
from featscape.features.models import find_architecture
from featscape.features.onnx_file import OnnxNetwork, check_options, is_onnx
from featscape.features.precision import AUTO, check_precision, sample_size, settle
from featscape.features.torch_engine import TorchEngine, normalize
from featscape.features.weights import hash_file, read_state
from featscape.progress import SilentProgress
from featscape.records import Inference, ModelCard

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch
    from numpy.typing import NDArray
    from PIL import Image
    from torch import nn

    from featscape.features.architecture import Architecture, Preprocessor
    from featscape.features.cut import Cut
    from featscape.features.engine import Engine
    from featscape.progress import Progress

_MOST_WORKERS = 16
_SCALE_LEFT = 2
_DECODED = "; JPEG files decoded at 1/2, 1/4 or 1/8 where that leaves twice the size or more"


@dataclass(frozen=True, eq=False)
class Network:
    """A pretrained network up to the input of its classifier, or to layers that were asked for.

    Attributes
    ----------
    card : ModelCard
        Which network, which weights, which preprocessing, in which precision.
    device : torch.device
        Where it runs.
    inference : Inference or None
        What runs it, and why in this precision; None while that waits for images: see `settle`.
        Until then it runs in fp32.
    """

    card: ModelCard
    device: torch.device
    _module: nn.Module | None  # of an ONNX file there is none
    _architecture: Preprocessor
    _engine: Engine
    _asked: str
    _fallback: str
    inference: Inference | None = None

    @property
    def batch_size(self) -> int:
        """Images a batch that suit the device."""
        return self._engine.batch_size

    @property
    def n_workers(self) -> int:
        """Decoding threads that suit the device: on a CPU the network needs the cores more."""
        n_cores = count_cores()
        return min(max(1, n_cores // 2 if self.device.type == "cpu" else n_cores), _MOST_WORKERS)

    @property
    def least_px(self) -> int:
        """The shorter side that an image may be decoded at.

        Twice what it is resized to: a mean cosine of .9999 with the features of whole images,
        where 1.5 times as much left .999 and once .997.
        """
        architecture = self._architecture
        return _SCALE_LEFT * (architecture.resize_px or architecture.input_size_px)

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
        n_pixels = (resize_px or 0) ** 2 * max(image.size) // min(image.size)
        if Image.MAX_IMAGE_PIXELS is not None and n_pixels > Image.MAX_IMAGE_PIXELS:
            raise ImageError(
                f"its sides of {image.width} and {image.height} px are too unequal: with the "
                f"shorter one resized to {resize_px} px it would have {n_pixels:,} pixels, above "
                f"the limit of {Image.MAX_IMAGE_PIXELS:,}"
            )
        return self._architecture.crop(image)

    def without_engine(self) -> Network:
        """Return what prepares images as this network does, and can be sent to another machine."""
        return replace(self, _module=None, _engine=None)  # type: ignore[arg-type]  # it never runs

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
        return self._engine.run(np.stack(pixels))

    def sample_size(self, n_images: int) -> int:
        """Return how many of `n_images` `settle` wants to see; 0 where nothing is to be settled."""
        return 0 if self.inference is not None else sample_size(self._asked, n_images)

    def settle(self, sample: Sequence[NDArray[np.uint8]]) -> Network:
        """Choose the precision on a sample of the images, and measure what it costs.

        Parameters
        ----------
        sample : sequence of uint8 arrays, each (size, size, 3)
            As many prepared images as `sample_size` says, or those that there are.

        Returns
        -------
        Network
            The same one, in the precision that was asked for, or that "auto" takes.

        Raises
        ------
        InputError
            If the precision is not to be had on this processor.
        MissingExtra
            If int8 is asked for, and NNCF not installed.
        """
        if self.inference is not None:
            return self
        engine, inference, precision = settle(self._engine, self._asked, sample, card=self.card)
        return replace(
            self,
            card=replace(self.card, precision=precision),
            inference=replace(inference, fallback=self._fallback),
            _engine=engine,
        )

    def in_precision(self, precision: str) -> Network:
        """Return the network in the precision that a card names, unmeasured."""
        name, _, key = precision.partition("-")
        engine: Engine = self._engine
        if name == BF16 and BF16 not in engine.precisions and self._module is not None:
            # slower, and the same but for rounding: PyTorch does without the processor's help
            engine = TorchEngine(
                self._module,
                device=self.device,
                mean=self._architecture.mean,
                std=self._architecture.std,
            )
        if name != FP32:
            engine = engine.at(name, key=key)
        return replace(
            self,
            card=replace(self.card, precision=precision),
            inference=Inference(
                engine.name, name, name, "the map was made so", fallback=self._fallback
            ),
            _engine=engine,
        )


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
        If the network or a layer is unknown, or weights are missing, damaged or another network's.
    InputError
        If `device` is no device's name, `pool` no way to pool, or `precision` none.
    DeviceError
        If the device is absent.
    """
    layers = (layers,) if isinstance(layers, str) else tuple(layers)
    check_layers(layers, pool)
    check_precision(precision)
    if is_onnx(model):
        return _load_onnx(
            model, weights, layers, pool, device=device, precision=precision, progress=progress
        )
    build = find_architecture(model)
    processor = choose_device(device)
    path = None if weights is None else Path(weights)
    state = None if path is None else read_state(path)
    architecture = build()
    if path is None:
        path = architecture.find_weights(progress or SilentProgress())
        state = None if path is None else read_state(path)
    if path is None or state is None:
        module = architecture.make()
    else:
        module = architecture.load(state, path, layers)
    sha256 = _hash_tensors(module) if path is None else hash_file(path)
    module.eval().requires_grad_(False)
    layer = "+".join(layers) if layers else architecture.behead(module)
    cut = _cut_and_fold(module, layers, architecture, pool=pool, owner=model, path=path)
    card = ModelCard(
        name=model,
        layer=layer,
        weights=architecture.weights if weights is None else str(weights),
        weights_sha256=sha256,
        preprocessing=f"{architecture.preprocessing}{_DECODED}",
        n_features=sum(reading.width for reading in cut.readings),
        pool=cut.pool if layers or any(len(one.shape) > 1 for one in cut.readings) else "none",
        widths=tuple(reading.width for reading in cut.readings),
        code_sha256=architecture.code_sha256,
    )
    engine, reason = open_engine(
        cut,
        device=processor,
        mean=architecture.mean,
        std=architecture.std,
        size_px=architecture.input_size_px,
    )
    if reason:
        (progress or SilentProgress()).note(f"{model} runs on {engine.name}: {reason}")
    network = Network(card, processor, cut, architecture, engine, precision, reason)
    return network.settle(()) if precision == FP32 else network


def _load_onnx(
    model: str,
    weights: str | Path | None,
    layers: Sequence[str],
    pool: str | None,
    *,
    device: str,
    precision: str,
    progress: Progress | None,
) -> Network:
    check_options(model, weights=weights, device=device)
    path = Path(model).resolve()  # that the map can find it again from another folder
    network = OnnxNetwork(path, layers=layers, pool=pool)
    (progress or SilentProgress()).note(f"{path.name} tells {'; '.join(network.remarks)}")
    card = ModelCard(
        name=str(path),
        layer=network.layer,
        weights=path.name,
        weights_sha256=network.weights_sha256,
        preprocessing=f"{network.preprocessing}{_DECODED}",
        n_features=network.n_features,
        pool=network.pool,
        widths=network.widths,
    )
    loaded = Network(card, choose_device("cpu"), None, network, network.engine, precision, "")
    return loaded.settle(()) if precision == FP32 else loaded


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
    is_own = is_onnx(card.name) or find_architecture(card.name)().weights == card.weights
    by_default = card.pool == "none" or card.layer.startswith(INPUT_OF)
    network = load_network(
        card.name,
        weights=None if is_own else card.weights,
        layers=() if by_default else card.layers,
        pool=None if by_default else card.pool,
        device=device,
    ).in_precision(card.precision)
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


def _normalize(batch: torch.Tensor, architecture: Architecture) -> torch.Tensor:
    """Scale uint8 (b, 3, h, w) to 0..1 and standardize each channel, as the libraries do."""
    return normalize(batch, architecture.mean, architecture.std)


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
) -> Cut:
    """Cut a network at its layers, or at its end, and fold what can be folded."""
    import torch

    from featscape.features.cut import Cut, plan

    size_px = architecture.input_size_px
    noise = np.random.default_rng(0).integers(0, 256, (1, 3, size_px, size_px), dtype=np.uint8)
    probe = _normalize(torch.from_numpy(noise), architecture)
    readings = plan(module, layers or (OUTPUT,), pool=pool, probe=probe, owner=owner)
    cut = Cut(module, readings, pool=pool or DEFAULT_POOL).eval()
    kept = [module.get_submodule(reading.layer) for reading in readings]
    values = fold_batch_norms(cut, probe, run=cut.read, keep=kept)
    if not torch.isfinite(values).all():
        whose = f"the weights {path}" if path is not None else f"the weights that {owner} has"
        raise ModelError(
            f"The features of an image must be finite numbers; with {whose} the "
            "network makes NaN or infinity. The weights are damaged: get others."
        )
    return cut
