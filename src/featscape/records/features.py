"""The features of images, with the description of the network that computed the features."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from featscape.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from featscape.records.images import ImageSet


@dataclass(frozen=True)
class ModelCard:
    """A description of the network that is complete enough to compute the same features again.

    Features with equal cards are interchangeable; only the name of the weights may differ.
    Everything that changes the features of an image must change the card.

    Attributes
    ----------
    name : str
        The name that the user gave, for example "resnet101".
    layer : str
        The source of the features: "input of fc" for the input of the classifier, "layer3" for the
        output of a layer, "layer3+layer4" for the concatenated outputs of several layers.
    weights : str
        The name or the file of the weights.
    weights_sha256 : str
        Hash of the file of the weights, or of the tensors if there is no file.
    preprocessing : str
        Resize, crop, mean and standard deviation, in words.
    n_features : int
        Number of features per image.
    pool : str
        The pooling of the outputs: "avg", "max", "gem", "flatten" or "token"; "none" if the
        outputs are vectors.
    widths : tuple of int
        Number of features of each layer.
    precision : str
        "fp32", "bf16", or "int8-" with the name of the calibration. In one precision, the features
        of two engines or devices differ only by rounding, and are interchangeable.
    code_sha256 : str
        Hash of the source code of a user's own network; empty for other networks.
    fingerprint : tuple of tuple of float
        16 numbers for each layer, computed from its features of a fixed image: see
        `features.fingerprint`. Empty for maps of earlier versions and for backends without
        fingerprints. Comparisons of cards ignore the fingerprint, which has rounding errors. If a
        function prepares the images of a torch.nn.Module, the fixed image has the size of the first
        readable image, and the fingerprint depends on this size.

    Raises
    ------
    TypeError, ValueError
        If `fingerprint` contains something other than numbers.
    """

    name: str
    layer: str
    weights: str
    weights_sha256: str
    preprocessing: str
    n_features: int
    pool: str = "none"
    widths: tuple[int, ...] = ()
    precision: str = "fp32"
    code_sha256: str = ""
    fingerprint: tuple[tuple[float, ...], ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        # run.json contains lists, and no widths for a single layer
        object.__setattr__(self, "widths", tuple(self.widths) or (self.n_features,))
        fingerprint = tuple(tuple(map(float, numbers)) for numbers in self.fingerprint)
        object.__setattr__(self, "fingerprint", fingerprint)

    @property
    def layers(self) -> tuple[str, ...]:
        """The name of each layer, in the order of `widths`."""
        return tuple(self.layer.split("+"))

    def of_layer(self, layer: str) -> ModelCard:
        """Return the card of the features of one layer."""
        index = self.layers.index(layer)
        width = self.widths[index]
        fingerprint = self.fingerprint[index : index + 1]
        return replace(
            self, layer=layer, n_features=width, widths=(width,), fingerprint=fingerprint
        )


@dataclass(frozen=True)
class Inference:
    """The engine and the precision of the network, with the reasons.

    Attributes
    ----------
    engine : str
        Name and version, for example "OpenVINO 2026.4.1".
    precision : str
        "fp32", "bf16" or "int8".
    asked : str
        The requested precision, or "auto".
    reason : str
        The reason for the precision.
    cosine : float or None
        Mean cosine similarity between the features and the fp32 features of the same images; None
        if no other precision was tried. If `auto` rejects a precision, `cosine` and `recall` are
        those of the rejected precision.
    recall : float or None
        Mean share of the 10 nearest images in fp32 that are also among the 10 nearest images in
        the other precision.
    n_checked : int
        Number of images in this comparison.
    fallback : str
        The reason why the network does not run on the fastest engine of this machine; empty if it
        does.
    """

    engine: str
    precision: str
    asked: str
    reason: str
    cosine: float | None = None
    recall: float | None = None
    n_checked: int = 0
    fallback: str = ""


@dataclass(frozen=True, eq=False, repr=False)
class Features:
    """The features of n images.

    Attributes
    ----------
    values : ndarray of float32, shape (n, d)
        Row i belongs to ``images.paths[i]``. ``numpy.asarray(features)`` returns the same array.
    images : ImageSet
        The decoded images. Images that could not be decoded are in ``images.skipped``.
    sizes_px : ndarray of int32, shape (n, 2)
        Width and height of each original.
    model : ModelCard
    digests : ndarray of uint8, shape (n, 32), or None
        The SHA-256 of the file of each image.
    inference : Inference or None
        How the network ran; None if the backend does not report it.
    """

    values: NDArray[np.float32]
    images: ImageSet
    sizes_px: NDArray[np.int32]
    model: ModelCard
    digests: NDArray[np.uint8] | None = None
    inference: Inference | None = None

    def __len__(self) -> int:
        return len(self.values)

    def __repr__(self) -> str:
        n_images, n_features = self.shape
        return f"<Features: {n_images} x {n_features}, {self.model.name}, {self.model.layer}>"

    @property
    def shape(self) -> tuple[int, int]:
        """Shape (n, d) of `values`; scikit-learn's estimators require this attribute."""
        return self.values.shape[0], self.values.shape[1]

    def of_layer(self, layer: str) -> Features:
        """Return the features of one of several layers.

        Raises
        ------
        InputError
            If `layer` is not in ``model.layers``.
        """
        layers = self.model.layers
        if layer not in layers:
            raise InputError(
                f"layer must be one of {', '.join(layers)}; got {layer!r}. Pass one of these names."
            )
        index = layers.index(layer)
        width = self.model.widths[index]
        start = sum(self.model.widths[:index])
        return replace(
            self,
            values=self.values[:, start : start + width],
            model=self.model.of_layer(layer),
        )

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:  # noqa: FBT001 - NumPy's protocol
        """Return `values`, shape (n, d), for ``numpy.asarray(features)``."""
        return np.array(self.values, dtype=dtype, copy=copy)
