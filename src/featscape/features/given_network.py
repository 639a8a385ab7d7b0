"""Open the network that the caller of `extract` gives: a name, a torch.nn.Module or a backend."""

from __future__ import annotations

import re
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from featscape.errors import ImageError, InputError, ModelError, first_line
from featscape.features.engines.base import FP32
from featscape.features.engines.devices import check_device, choose_device
from featscape.features.engines.precision import AUTO, check_precision
from featscape.features.loading import load_network
from featscape.features.network import check_shape
from featscape.features.opening import describe_readout, hash_tensors, open_network, read_out
from featscape.features.readout.layers import check_layers
from featscape.features.zoo.fingerprint import make_probe
from featscape.features.zoo.own.code import (
    check_is_python,
    describe,
    hash_code,
    original_of,
    own_code_errors,
    remove_classifier,
    remove_compiler,
)
from featscape.features.zoo.preprocessing import ONE_CHANNEL
from featscape.features.zoo.registry import check_is_name
from featscape.number_text import plural
from featscape.records import ModelCard

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from PIL import Image
    from torch import nn

    from featscape.features.engines.torch import TorchEngine
    from featscape.features.protocols import Backend, NetworkRequest
    from featscape.progress import Progress
    from featscape.records import ImageSet

_WEIGHTS = "of the given module"
_N_REPEATED = 8  # calls of a function for one image: a step with a probability of 1/2 shows in 99 %
_N_WORKERS = 4


def open_given(request: NetworkRequest, images: ImageSet, progress: Progress) -> Backend:
    """Load the requested network, or check that a loaded network is given without options.

    A function that prepares images, and the module behind the function, are tested with an image of
    the size of the first readable image. The errors are those of `extract`.
    """
    model = request.model
    is_module = hasattr(model, "named_modules")  # without an import of PyTorch
    if is_module and isinstance(model, type):
        raise InputError(
            f"model must be a network, not its class; got the class {model.__name__}. Give "
            f"{model.__name__}()."
        )
    if request.preprocessing is not None and not is_module:
        raise InputError(
            "preprocessing must be left out unless model is a torch.nn.Module; got the model "
            f"{model!r:.60}. Remove preprocessing, or give a module."
        )
    if isinstance(model, str):
        progress.note(f"loading {model}")
        return load_network(
            model,
            weights=request.weights,
            layers=request.layers,
            pool=request.pool,
            device=request.device,
            precision=request.precision,
            progress=progress,
        )
    if is_module:
        return _open_module(cast("nn.Module", model), request, images, progress)
    if not hasattr(model, "card"):  # not a Backend
        check_is_name(model)
    options = {name: value for name, value in vars(request).items() if name != "model"}
    given = [f"{name}={value}" for name, value in options.items() if value not in (None, (), AUTO)]
    if given:
        raise InputError(
            "weights, layers, pool, device and precision must be left out with a loaded network; "
            f"got {', '.join(given)}. Leave these out, or give the name of a network."
        )
    return cast("Backend", model)


def _open_module(
    module: nn.Module, request: NetworkRequest, images: ImageSet, progress: Progress
) -> Backend:
    """Open a copy of a module; the module itself stays as it is, for example in training."""
    if request.weights is not None:
        raise InputError(
            f"weights must be left out with a torch.nn.Module; got {request.weights}. Load the "
            "weights into the module with module.load_state_dict(torch.load(FILE))."
        )
    check_layers(request.layers, request.pool)
    check_precision(request.precision)
    check_device(request.device)
    preprocessing = request.preprocessing
    module = original_of(module)
    name = f"{type(module).__module__}:{type(module).__name__}"
    with own_code_errors(name):
        check_is_python(name, module)
        module = remove_compiler(deepcopy(module))  # the classifier is removed from the copy
        if callable(preprocessing):
            probe = _prepare_probe(preprocessing, images)
            with own_code_errors(name, input_shape=probe.shape):
                return _open_transformed(module, name, preprocessing, probe, request)
        if preprocessing is None:
            preprocessing = getattr(module, "preprocessing", {})
        return open_network(
            describe(name, module, preprocessing=preprocessing, weights=_WEIGHTS),
            owner=name,
            is_given=True,
            weights=None,
            layers=request.layers,
            pool=request.pool,
            device=request.device,
            precision=request.precision,
            progress=progress,
        )


@dataclass(frozen=True, eq=False)
class TransformedModule:
    """A module behind a function that prepares images; a `Backend` for `extract`.

    Attributes
    ----------
    card : ModelCard
    engine : TorchEngine
    transform : callable
        RGB image -> standardized tensor of shape (3, h, w).
    """

    card: ModelCard
    engine: TorchEngine
    transform: Callable[[Image.Image], Any]
    min_px: int = 0
    takes_pixels: bool = False
    n_workers: int = _N_WORKERS
    n_concurrent: int = 1

    @property
    def batch_size(self) -> int:
        """A suitable number of images per batch for the device."""
        return self.engine.batch_size

    def prepare(self, image: Any) -> NDArray[np.float32]:
        """Apply the function to one RGB image; the shape of the result is (3, h, w)."""
        return apply_transform(self.transform, image)

    def run(self, pixels: Sequence[NDArray[Any]]) -> NDArray[np.float32]:
        """Compute the features of one batch of b prepared images, shape (b, d)."""
        import torch

        shapes = sorted({image.shape for image in pixels})
        if len(shapes) > 1:
            raise ModelError(
                f"preprocessing must give all images one shape; got {shapes[0]} and {shapes[-1]}. "
                "Add a crop, for example torchvision.transforms.CenterCrop(224)."
            )
        with own_code_errors(self.card.name, input_shape=shapes[0]):
            values = self.engine.run_standardized(torch.from_numpy(np.stack(pixels)))
        check_shape(values, self.card, n_images=len(pixels))
        return values


def apply_transform(
    transform: Callable[[Image.Image], Any], image: Image.Image
) -> NDArray[np.float32]:
    """Apply a function of the caller to one image, and check the result.

    Parameters
    ----------
    transform : callable
    image : Image in mode "RGB"

    Returns
    -------
    ndarray of float32, shape (3, h, w)

    Raises
    ------
    ModelError
        If the function raises an exception, or returns something else.
    """
    name = _name_of(transform)
    try:
        tensor = transform(image)
    except Exception as error:
        raise ModelError(
            f"preprocessing must work for every RGB image; {name} raises {type(error).__name__} "
            f"({first_line(error)}) for an image of {image.width} x {image.height} px. Correct the "
            "function."
        ) from error
    shape = tuple(getattr(tensor, "shape", ()))
    kind = str(getattr(tensor, "dtype", type(tensor).__name__)).removeprefix("torch.")
    if len(shape) != 3 or shape[0] != 3 or kind not in ("float16", "float32", "float64"):
        remedy = "Add for example torchvision.transforms.ToTensor()."
        if len(shape) == 3 and shape[0] == 1:
            remedy = (
                "The tensor has 1 channel: add for example torchvision.transforms.Grayscale(3). "
                f"{ONE_CHANNEL}"
            )
        raise ModelError(
            "preprocessing must return a tensor of floats with the shape (3, h, w); "
            f"{name} returns {kind} of the shape {shape}. {remedy}"
        )
    if hasattr(tensor, "detach"):  # a tensor of PyTorch, perhaps with a gradient or on a GPU
        tensor = tensor.detach().cpu()
    return np.asarray(tensor, dtype=np.float32)


def _open_transformed(
    module: nn.Module,
    name: str,
    transform: Callable[[Image.Image], Any],
    probe: NDArray[np.float32],
    request: NetworkRequest,
) -> TransformedModule:
    import torch

    from featscape.features.engines.torch import TorchEngine

    if request.precision not in (AUTO, FP32):
        raise InputError(
            "precision must be fp32 with a function as preprocessing; got "
            f"{request.precision!r}. Remove precision, or give preprocessing as a dict."
        )
    layers = request.layers
    sha256 = hash_tensors(module)
    module.cpu().float().eval().requires_grad_(False)
    layer = "+".join(layers) if layers else remove_classifier(module, probe.shape)
    readout, features, _ = read_out(
        module,
        layers,
        torch.from_numpy(probe)[None],
        pool=request.pool,
        owner=name,
        path=None,
        is_given=True,
    )
    card = ModelCard(
        name=name,
        layer=layer,
        weights=_WEIGHTS,
        weights_sha256=sha256,
        preprocessing=_name_of(transform),
        code_sha256=hash_code([type(module).__module__, _module_of(transform)], module),
        **describe_readout(readout, layers, features),
    )
    # the function standardizes the images: `run_standardized` uses neither mean nor std
    engine = TorchEngine(
        readout, device=choose_device(request.device), mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0)
    )
    return TransformedModule(card, engine, transform)


def _prepare_probe(
    transform: Callable[[Image.Image], Any], images: ImageSet
) -> NDArray[np.float32]:
    """Apply a function to the fixed image, and check the results.

    The image has the size of the first readable image, because the network may need this size. The
    fingerprint therefore depends on the size; no earlier features are searched for such a network.

    Returns
    -------
    ndarray of float32, shape (3, h, w)

    Raises
    ------
    InputError
        If no image is readable.
    ModelError
        If the function does not work, or the results of several calls differ.
    """
    from PIL import Image

    width_px, height_px = _find_size(images)
    image = Image.fromarray(make_probe(height_px, width_px))
    probe = apply_transform(transform, image)
    if not np.isfinite(probe).all():
        raise ModelError(
            f"preprocessing must return finite numbers; {_name_of(transform)} returns NaN or "
            "infinity. Check the standard deviation of Normalize."
        )
    for _ in range(_N_REPEATED - 1):
        if not np.array_equal(probe, apply_transform(transform, image)):
            raise ModelError(
                f"preprocessing must not depend on chance; {_name_of(transform)} gives one image "
                "two results. Remove random steps, such as RandomCrop."
            )
    return probe


def _find_size(images: ImageSet) -> tuple[int, int]:
    """Return the width and the height of the first readable image."""
    reasons = []
    for index in range(len(images)):
        try:
            return images.load(index).size
        except ImageError as error:
            reasons.append(str(error))
    raise InputError(
        f"at least one image must be readable; none of {plural(len(images), 'image')} in "
        f"{images.source} is. The first reason: {reasons[0]}. Check these files, or give another "
        "source."
    )


def _module_of(transform: object) -> str:
    return str(getattr(transform, "__module__", None) or type(transform).__module__)


def _name_of(transform: object) -> str:
    """Return a description on one line without the address in memory, which differs in each run."""
    name = getattr(transform, "__qualname__", None)
    text = f"{_module_of(transform)}.{name}" if name else repr(transform)
    return re.sub(r" at 0x[0-9a-f]+", "", " ".join(text.split()))
