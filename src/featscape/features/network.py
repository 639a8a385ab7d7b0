"""A network ready for inference: it prepares images, and gives a row of features of each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from featscape.errors import ImageError, ModelError
from featscape.features.compiling import COMPILED_FROM, compile_engine
from featscape.features.cores import count_cores
from featscape.features.engine import BF16, FP32
from featscape.features.own_network import its_errors
from featscape.features.precision import AUTO, sample_size, settle
from featscape.features.torch_engine import TorchEngine
from featscape.records import Inference

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch
    from numpy.typing import NDArray
    from PIL import Image
    from torch import nn

    from featscape.features.engine import Engine
    from featscape.features.geometry import ResizeAndCrop
    from featscape.features.preprocessing import Preprocessing
    from featscape.records import ModelCard

_MOST_WORKERS = 16
_SCALE_LEFT = 2
# One batch is computed, one is copied into pinned memory, and one waits for what is late.
_LANES_GPU = 3


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
    _preprocessing: Preprocessing
    _engine: Engine
    _asked: str
    _fallback: str
    inference: Inference | None = None
    _resizing: ResizeAndCrop | None = None  # what the engine resizes comes whole

    @property
    def batch_size(self) -> int:
        """Images a batch that suit the device."""
        return self._engine.batch_size

    @property
    def n_workers(self) -> int:
        """Decoding threads that suit the device.

        On a CPU PyTorch's threads wait for one another within each layer, and so for a core that
        decodes. OpenVINO's do not; there the network waits for the first batch instead.
        """
        n_cores = count_cores()
        waits = self.device.type == "cpu" and isinstance(self._engine, TorchEngine)
        return min(max(1, n_cores // 2 if waits else n_cores), _MOST_WORKERS)

    @property
    def n_lanes(self) -> int:
        """Batches under way at once: a GPU gets the next one before it is done with the last."""
        return _LANES_GPU if self.device.type == "cuda" else 1

    @property
    def least_px(self) -> int:
        """The shorter side that an image may be decoded at.

        Twice what it is resized to: a mean cosine of .9999 with the features of whole images,
        where 1.5 times as much left .999 and once .997.
        """
        seen = self._preprocessing
        return _SCALE_LEFT * (seen.resize_px or seen.input_size_px)

    @property
    def takes_pixels(self) -> bool:
        """Whether `prepare` takes arrays too: where the resize is the usual one."""
        return self._preprocessing.resizing is not None

    def prepare(self, image: Image.Image | NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Resize and crop one RGB image, if that is not done on the device; called in any thread.

        Returns
        -------
        ndarray of uint8, shape (size, size, 3) or, where the device resizes it, its own

        Raises
        ------
        ImageError
            If the image is so narrow that to resize it would fill the memory.
        """
        from PIL import Image

        resize_px = self._preprocessing.resize_px
        of_array = image.shape if isinstance(image, np.ndarray) else (image.height, image.width)
        height, width = of_array[:2]
        n_pixels = (resize_px or 0) ** 2 * max(height, width) // min(height, width)
        if Image.MAX_IMAGE_PIXELS is not None and n_pixels > Image.MAX_IMAGE_PIXELS:
            raise ImageError(
                f"sides too unequal: {width} and {height} px; with the shorter one "
                f"resized to {resize_px} px it would have {n_pixels:,} pixels, above the limit of "
                f"{Image.MAX_IMAGE_PIXELS:,}"
            )
        if self._resizing is not None:
            may_wait = self._resizing.may_wait(height, width)
            return np.asarray(image) if may_wait else self._resizing(image)
        return self._preprocessing.crop(image)

    def without_engine(self) -> Network:
        """Return what prepares images as this network does, and can be sent to another machine."""
        return replace(self, _module=None, _engine=None, _resizing=None)  # type: ignore[arg-type]  # it never runs

    def run(self, pixels: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Compute the features of one batch of images.

        Parameters
        ----------
        pixels : sequence of b uint8 arrays
            As `prepare` gives them.

        Returns
        -------
        ndarray of float32, shape (b, d)

        Raises
        ------
        DeviceError
            If the batch does not fit into the device's memory.
        ModelError
            If the code of a network of the user's own raises an error, or gives features of
            another shape than for the images that it was checked with.
        """
        with its_errors(self.card.name):
            values = self._engine.run(pixels)
        if values.shape != (len(pixels), self.card.n_features):
            raise ModelError(
                f"A network must give {self.card.n_features} features for each image; "
                f"{self.card.name} gives {values.shape} for a batch of {len(pixels)}. Fix the "
                "network so that the number of features is fixed."
            )
        return values

    def sample_size(self, n_images: int) -> int:
        """Return how many of `n_images` `settle` wants to see; 0 where nothing is to be settled."""
        if self.inference is not None:
            return 0
        return sample_size(self._asked, n_images, engine=self._engine)

    def settle(
        self, sample: Sequence[NDArray[np.uint8]]
    ) -> tuple[Network, NDArray[np.float32] | None]:
        """Choose the precision on a sample of the images, and measure what it costs.

        Parameters
        ----------
        sample : sequence of uint8 arrays
            As many prepared images as `sample_size` says, or those that there are.

        Returns
        -------
        network : Network
            The same one, in the precision that was asked for, or that "auto" takes.
        values : ndarray of float32, shape (n, d), or None
            Its features of the sample, where it was looked at.

        Raises
        ------
        InputError
            If the precision is not to be had on this processor.
        MissingExtra
            If int8 is asked for, and NNCF not installed.
        """
        if self.inference is not None:
            return self, None
        with its_errors(self.card.name):
            settled = settle(self._engine, self._asked, sample, card=self.card)
        network = replace(
            self,
            card=replace(self.card, precision=settled.precision),
            inference=replace(settled.inference, fallback=self._fallback),
            _engine=settled.engine,
        )
        return network, settled.values

    def n_to_compile(self, n_images: int, batch_size: int) -> int:
        """Return how many images `compiled` wants to see; 0 where compiling does not repay."""
        repays = self.device.type == "cuda" and n_images >= COMPILED_FROM
        return batch_size if repays else 0

    def compiled(self, images: Sequence[NDArray[np.uint8]]) -> Network:
        """Compile the network for batches as large as this one, if PyTorch can.

        Parameters
        ----------
        images : sequence of uint8 arrays
            Prepared; `settle` was called before.

        Returns
        -------
        Network
            Its `inference` says whether it is compiled, and why not.
        """
        if self.inference is None or not isinstance(self._engine, TorchEngine):
            return self
        with its_errors(self.card.name):
            engine, reason = compile_engine(self._engine, images)
        inference = replace(self.inference, engine=engine.name, fallback=reason)
        return replace(self, inference=inference, _engine=engine)

    def as_chosen(self, inference: Inference) -> Network:
        """Return the network as `auto` had it run before, if it is still asked and can."""
        precision = inference.precision
        if self.inference is not None or self._asked != AUTO:
            return self
        if precision not in self._engine.precisions:
            return self
        engine = self._engine if precision == FP32 else self._engine.at(precision)
        return replace(
            self,
            card=replace(self.card, precision=precision),
            inference=replace(inference, engine=engine.name, fallback=self._fallback),
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
                mean=self._preprocessing.mean,
                std=self._preprocessing.std,
                geometry=self._resizing,
            )
        if name != FP32:
            engine = engine.at(name, key=key, fingerprint=self.card.fingerprint)
        return replace(
            self,
            card=replace(self.card, precision=precision),
            inference=Inference(
                engine.name, name, name, "the map was made so", fallback=self._fallback
            ),
            _engine=engine,
        )
