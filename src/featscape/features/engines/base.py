"""The interface of an engine, which runs a network in one precision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from featscape.features.zoo.fingerprint import Fingerprint

FP32, BF16, INT8 = "fp32", "bf16", "int8"
PRECISIONS = (FP32, BF16, INT8)


class Engine(Protocol):
    """A network in one precision, ready to run."""

    @property
    def name(self) -> str:
        """Name and version of the library, for example "OpenVINO 2026.4.1"."""
        ...

    @property
    def precision(self) -> str:
        """The precision: "fp32", "bf16" or "int8"."""
        ...

    @property
    def precisions(self) -> tuple[str, ...]:
        """The precisions that are no slower than fp32 on this machine."""
        ...

    @property
    def batch_size(self) -> int:
        """A suitable number of images per batch."""
        ...

    def run(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Compute the features of one batch of images.

        Parameters
        ----------
        images : sequence of b ndarray of uint8, each of shape (size, size, 3)
            Prepared RGB images, values from 0 to 255.

        Returns
        -------
        ndarray of float32, shape (b, d)

        Raises
        ------
        DeviceError
            If the batch does not fit into the device's memory.
        """
        ...

    def count_multiply_adds(self, image: NDArray[np.uint8]) -> int:
        """Return the multiply-adds of the convolutions and matrix products for one image.

        Parameters
        ----------
        image : ndarray of uint8, shape (size, size, 3)
            Any prepared image.
        """
        ...

    def at(
        self,
        precision: str,
        *,
        sample: Sequence[NDArray[np.uint8]] = (),
        key: str = "",
        fingerprint: Fingerprint = (),
    ) -> Engine:
        """Return the same network in another precision.

        Parameters
        ----------
        precision : str
            "fp32", "bf16" or "int8".
        sample : sequence of ndarray of uint8, each of shape (size, size, 3)
            Prepared RGB images, on which the network is calibrated for int8.
        key : str
            Key under which the calibrated network is cached.
        fingerprint : tuple of tuple of float
            Fingerprint of the network in fp32, which is cached with the calibrated network.

        Raises
        ------
        InputError
            If the engine does not support the precision.
        MissingExtra, ModelError
            If the network cannot be calibrated for int8.
        """
        ...


@dataclass(frozen=True, eq=False)
class Probe:
    """An image, and the features that PyTorch computes for it.

    Attributes
    ----------
    pixels : ndarray of uint8, shape (size, size, 3)
    features : ndarray of float32, shape (1, d)
    reads_values : bool
        Whether Python code of the network reads computed values, as code does that chooses a path
        by them.
    """

    pixels: NDArray[np.uint8]
    features: NDArray[np.float32]
    reads_values: bool = False
