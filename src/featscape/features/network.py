"""A network that is ready for inference: it prepares images, and computes their features."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from featscape.cores import count_cores
from featscape.errors import ImageError, ModelError
from featscape.features.engines.base import BF16, FP32
from featscape.features.engines.compiling import COMPILED_FROM, compile_engine
from featscape.features.engines.precision import (
    AUTO,
    auto_min_images,
    choose_precision,
    sample_size,
)
from featscape.features.engines.torch import TorchEngine
from featscape.features.zoo.fingerprint import make_probe
from featscape.features.zoo.own.code import own_code_errors
from featscape.records import Inference

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from PIL import Image
    from torch import nn

    from featscape.features.engines.base import Engine
    from featscape.features.zoo.geometry import ResizeAndCrop
    from featscape.features.zoo.preprocessing import Preprocessing
    from featscape.records import ModelCard

_MAX_WORKERS = 16
_MIN_SCALE = 2  # minimum shorter side of a decoded image, as a multiple of the resized side
# One batch is computed, one is copied into pinned memory, and one is ready if the copy is late.
_N_CONCURRENT_GPU = 3


@dataclass(frozen=True, eq=False)
class Network:
    """A pretrained network up to the input of its classifier, or up to selected layers.

    Attributes
    ----------
    card : ModelCard
        Describes the network, its weights, its preprocessing and its precision.
    device : str
        The device that runs the network: "cpu", "mps", "cuda" or "cuda:1".
    module : torch.nn.Module or None
        Standardized floats (b, 3, h, w) -> features (b, d). None for an ONNX file and for a cached
        network.
    preprocessing : Preprocessing
    engine : Engine
        Runs the network.
    requested : str
        The requested precision, or "auto".
    fallback : str
        The reason why OpenVINO does not run the network on the CPU; empty otherwise.
    inference : Inference or None
        The engine, and the reason for the precision. None before `choose_precision` is called;
        until then the network runs in fp32.
    resizing : ResizeAndCrop or None
        The resize and crop that the engine does on the device.
    """

    card: ModelCard
    device: str
    module: nn.Module | None
    preprocessing: Preprocessing
    engine: Engine
    requested: str
    fallback: str
    inference: Inference | None = None
    resizing: ResizeAndCrop | None = None  # done by the engine, on the device

    @property
    def batch_size(self) -> int:
        """A suitable number of images per batch for the device."""
        return self.engine.batch_size

    @property
    def n_workers(self) -> int:
        """A suitable number of decoding threads for the device.

        On a CPU, PyTorch's threads wait for each other in each layer, so a core that decodes an
        image delays all threads. OpenVINO's threads do not wait for each other.
        """
        n_cores = count_cores()
        threads_wait = self.device == "cpu" and isinstance(self.engine, TorchEngine)
        return min(max(1, n_cores // 2 if threads_wait else n_cores), _MAX_WORKERS)

    @property
    def n_concurrent(self) -> int:
        """Number of batches in `run` at the same time: a GPU receives the next batch early."""
        return _N_CONCURRENT_GPU if self.device.startswith("cuda") else 1

    @property
    def min_px(self) -> int:
        """Lower bound for the shorter side of a decoded image: twice the resized length.

        The features then have a mean cosine similarity of .9999 to the features of images decoded
        at full size. A factor of 1.5 gave .999, and a factor of 1 gave .997.
        """
        preprocessing = self.preprocessing
        return _MIN_SCALE * (preprocessing.resize_px or preprocessing.input_size_px)

    @property
    def takes_pixels(self) -> bool:
        """Whether `prepare` also accepts arrays; True for a plain resize and central crop."""
        return self.preprocessing.resizing is not None

    def prepare(self, image: Image.Image | NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Resize and crop one RGB image, unless the device resizes the image later; thread-safe.

        Parameters
        ----------
        image : Image in mode "RGB", or ndarray of uint8, shape (h, w, 3)
            Arrays are allowed only if `takes_pixels` is true.

        Returns
        -------
        ndarray of uint8, shape (size, size, 3)
            If the device resizes the image later, the shape is (h, w, 3).

        Raises
        ------
        ImageError
            If the image is so narrow that the resized image would exceed the pixel limit.
        """
        from PIL import Image

        resize_px = self.preprocessing.resize_px
        shape = image.shape if isinstance(image, np.ndarray) else (image.height, image.width)
        height, width = shape[:2]
        n_pixels = (resize_px or 0) ** 2 * max(height, width) // min(height, width)
        if Image.MAX_IMAGE_PIXELS is not None and n_pixels > Image.MAX_IMAGE_PIXELS:
            raise ImageError(
                f"sides too unequal: {width} and {height} px; with the shorter side "
                f"resized to {resize_px} px the image has {n_pixels:,} pixels, above the limit of "
                f"{Image.MAX_IMAGE_PIXELS:,}"
            )
        if self.resizing is not None:
            can_defer = self.resizing.can_defer(height, width)
            return np.asarray(image) if can_defer else self.resizing(image)
        return self.preprocessing.crop(image)

    def without_engine(self) -> Network:
        """Return a copy that only prepares images, and can be sent to another machine."""
        return replace(self, module=None, engine=None, resizing=None)  # type: ignore[arg-type]  # `run` is never called

    def run(self, pixels: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Compute the features of one batch of images.

        Parameters
        ----------
        pixels : sequence of b ndarray of uint8, each of shape (size, size, 3) or (h, w, 3)
            From `prepare`.

        Returns
        -------
        ndarray of float32, shape (b, d)

        Raises
        ------
        DeviceError
            If the batch does not fit into the device's memory.
        ModelError
            If the code of a user's own network raises an exception, or the number of features
            differs from the number in the card.
        """
        with own_code_errors(self.card.name):
            values = self.engine.run(pixels)
        check_shape(values, self.card, n_images=len(pixels))
        return values

    def sample_size(self, n_images: int) -> int:
        """Return the sample size for `choose_precision`; 0 if no sample is needed."""
        if self.inference is not None:
            return 0
        with own_code_errors(self.card.name):
            return sample_size(self.requested, n_images, min_images=self._auto_min_images)

    @cached_property
    def _auto_min_images(self) -> int:
        """See `auto_min_images`; 0 if another precision than `auto` is requested."""
        if self.requested != AUTO:
            return 0
        probe = make_probe(self.preprocessing.input_size_px)
        return auto_min_images(self.engine, probe, device=self.device)

    def choose_precision(
        self, sample: Sequence[NDArray[np.uint8]]
    ) -> tuple[Network, NDArray[np.float32] | None]:
        """Choose the precision on a sample of the images, and measure its cost.

        Parameters
        ----------
        sample : sequence of ndarray of uint8, each of shape (size, size, 3) or (h, w, 3)
            `sample_size` prepared images, or fewer if there are fewer.

        Returns
        -------
        network : Network
            The same network in the chosen precision.
        values : ndarray of float32, shape (n, d), or None
            The features of the sample; None if no sample was used.

        Raises
        ------
        InputError
            If this processor does not support the precision.
        MissingExtra
            If int8 is requested, and NNCF is not installed.
        """
        if self.inference is not None:
            return self, None
        with own_code_errors(self.card.name):
            choice = choose_precision(
                self.engine,
                self.requested,
                sample,
                card=self.card,
                min_images=self._auto_min_images,
            )
        network = replace(
            self,
            card=replace(self.card, precision=choice.precision),
            inference=replace(choice.inference, fallback=self.fallback),
            engine=choice.engine,
        )
        return network, choice.values

    def compiled_batch_size(self, n_images: int, batch_size: int) -> int:
        """Return the batch size for `compiled`; 0 if compiling does not save time."""
        saves_time = self.device.startswith("cuda") and n_images >= COMPILED_FROM
        return batch_size if saves_time else 0

    def compiled(self, images: Sequence[NDArray[np.uint8]]) -> Network:
        """Compile the network for batches of this size, if PyTorch can compile it.

        Parameters
        ----------
        images : sequence of ndarray of uint8, each of shape (size, size, 3) or (h, w, 3)
            Prepared images; `choose_precision` must have been called before.

        Returns
        -------
        Network
            Its `inference` contains the reason if the network is not compiled.
        """
        if self.inference is None or not isinstance(self.engine, TorchEngine):
            return self
        with own_code_errors(self.card.name):
            engine, reason = compile_engine(self.engine, images)
        inference = replace(self.inference, engine=engine.name, fallback=reason)
        return replace(self, inference=inference, engine=engine)

    def with_choice(self, inference: Inference) -> Network:
        """Return the network with an earlier choice of `auto`.

        The network itself is returned if another precision than `auto` is requested, or the engine
        does not support the earlier precision.
        """
        precision = inference.precision
        if self.inference is not None or self.requested != AUTO:
            return self
        if precision not in self.engine.precisions:
            return self
        engine = self.engine if precision == FP32 else self.engine.at(precision)
        return replace(
            self,
            card=replace(self.card, precision=precision),
            inference=replace(inference, engine=engine.name, fallback=self.fallback),
            engine=engine,
        )

    def at_precision(self, precision: str) -> Network:
        """Return the network in the precision of a card, without a measurement."""
        name, _, key = precision.partition("-")
        engine: Engine = self.engine
        if name == BF16 and BF16 not in engine.precisions and self.module is not None:
            # PyTorch emulates bfloat16: this is slower, and the features differ only by rounding
            import torch

            engine = TorchEngine(
                self.module,
                device=torch.device(self.device),
                mean=self.preprocessing.mean,
                std=self.preprocessing.std,
                geometry=self.resizing,
            )
        if name != FP32:
            engine = engine.at(name, key=key, fingerprint=self.card.fingerprint)
        return replace(
            self,
            card=replace(self.card, precision=precision),
            inference=Inference(engine.name, name, name, "as for the map", fallback=self.fallback),
            engine=engine,
        )


def check_shape(values: NDArray[np.float32], card: ModelCard, *, n_images: int) -> None:
    """Raise ModelError if the features of a batch do not have the shape (n_images, d).

    Parameters
    ----------
    values : ndarray of float32
        The output of a network.
    card : ModelCard
        Has the number of features, d.
    n_images : int
    """
    if values.shape != (n_images, card.n_features):
        raise ModelError(
            f"a network must always give the same number of features per image, here "
            f"{card.n_features}; {card.name} gives {values.shape} for a batch of {n_images}. "
            "Change the network."
        )
