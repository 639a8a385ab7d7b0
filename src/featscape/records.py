"""The records that the packages exchange: images -> features -> embedding."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from featscape.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from PIL import Image

    Column = Sequence[str | None] | NDArray[Any]

_DETAILS = re.compile(r": | \(")


@dataclass(frozen=True)
class SkippedImage:
    """A file that was found and skipped, with the reason.

    The reason starts with its kind, which many files share. Details of the file follow a colon or
    are in parentheses: see `count_reasons`.
    """

    path: str
    reason: str


def count_reasons(reasons: Iterable[str]) -> list[tuple[str, int]]:
    """Count the reasons for skipped files.

    Returns
    -------
    list of (str, int)
        Each kind of reason with its number of files, the most common kind first. If the details of
        the files differ, the details of the first file are given as an example.
    """
    by_kind: dict[str, list[str]] = {}
    for reason in reasons:
        by_kind.setdefault(_DETAILS.split(reason, maxsplit=1)[0], []).append(reason)
    counted = []
    for kind, alike in sorted(by_kind.items(), key=lambda item: -len(item[1])):
        details = alike[0][len(kind) :]
        shown = alike[0] if len(set(alike)) == 1 else f"{kind}, for example{details}"
        counted.append((shown, len(alike)))
    return counted


class ImageSource(Protocol):
    """A sequence of RGB images to draw: an ImageSet, or the thumbnails of a map."""

    def __len__(self) -> int: ...

    def load(self, index: int, *, at_least_px: int = 0) -> Image.Image:
        """Return item `index` as an RGB image. Several threads may call this method.

        The image may be reduced if its longer side keeps `at_least_px` pixels; 0 means full size.
        """
        ...


class ImageBytes(Protocol):
    """The storage of the encoded images of a dataset: a folder, an archive, a table, a bucket."""

    def read(self, path: str) -> bytes:
        """Return the content of the image file at `path`. Several threads may call this method.

        Raises ImageError if the file is missing or cannot be read; the message is only the reason.
        """
        ...


@dataclass(frozen=True, eq=False)
class Decoded:
    """A decoded image.

    Attributes
    ----------
    image : PIL.Image.Image
        Mode "RGB", upright; may be reduced.
    size_px : tuple of int
        Width and height of the original, upright.
    """

    image: Image.Image
    size_px: tuple[int, int]


class Decoder(Protocol):
    """A function that decodes the content of an image file."""

    def __call__(self, content: bytes, *, at_least_px: int = 0) -> Decoded:
        """Decode an image.

        The image may be reduced if its shorter side keeps `at_least_px` pixels; 0 means full size.
        Raises ImageError with the reason.
        """
        ...


class PlainDecoder(Protocol):
    """A function that decodes simple files faster than a `Decoder`."""

    def __call__(self, content: bytes, *, at_least_px: int = 0) -> NDArray[np.uint8] | None:
        """Return the pixels that the `Decoder` returns, (h, w, 3); None for other files."""
        ...


class ThumbnailSink(Protocol):
    """A receiver of thumbnails, made from the images that feature extraction decodes."""

    @property
    def size_px(self) -> int:
        """The longest side of the thumbnails. Equal images give equal thumbnails of one size."""
        ...

    def make(self, image: Image.Image, *, original_px: tuple[int, int] | None = None) -> bytes:
        """Encode the thumbnail of one image. Several threads may call this method.

        `original_px` gives the proportions of an image that was reduced while it was decoded.
        """
        ...

    def append(self, encoded: bytes) -> None:
        """Store the thumbnail of the next row of the features. Skipped images have no row."""
        ...


@dataclass(frozen=True, eq=False, repr=False)
class ImageSet:
    """The images of a dataset in a fixed order. Images are decoded on demand.

    Attributes
    ----------
    source : Path or str
        The folder, file or address of the images.
    paths : tuple of str
        One unique path per image, relative to `source`, with "/" between the parts.
    contents : ImageBytes
        Reads the image file at a path.
    decode : Decoder
        Content of a file -> RGB image.
    decode_plain : PlainDecoder or None
        Content of a simple file -> pixels.
    kind : str
        The kind of `source`, with which `images.open_contents` opens the source again.
    labels : tuple of str or None
        The class of each image; None if the source has no classes.
    renamed_labels : mapping of str to str
        The names in the source that were replaced by other labels, with these labels: Italian
        folder names and English class names of Animals10. Empty for other datasets.
    splits : tuple of str or None
        "train", "val" or "test" for each image; None if the source has no splits.
    columns : mapping of str to sequence
        Further values of each image by name: an array of numbers (NaN if missing), or strings
        (None if missing).
    skipped : tuple of SkippedImage
        Skipped files with the reasons.
    """

    source: Path | str
    paths: tuple[str, ...]
    contents: ImageBytes = field(repr=False)
    decode: Decoder = field(repr=False)
    kind: str = "folder"
    decode_plain: PlainDecoder | None = field(default=None, repr=False)
    labels: tuple[str, ...] | None = None
    renamed_labels: Mapping[str, str] = field(default_factory=dict)
    splits: tuple[str, ...] | None = None
    columns: Mapping[str, Column] = field(default_factory=dict)
    skipped: tuple[SkippedImage, ...] = ()

    def __len__(self) -> int:
        return len(self.paths)

    def __repr__(self) -> str:
        classes = "" if self.labels is None else f", {len(set(self.labels)):,} classes"
        return f"<ImageSet: {len(self):,} images{classes}, {self.source}>"

    @property
    def absolute_source(self) -> str:
        """The source as an absolute path or address."""
        return self.source if isinstance(self.source, str) else str(self.source.resolve())

    def read(self, index: int) -> bytes:
        """Return the file of image `index`; raises ImageError with the reason."""
        return self.contents.read(self.paths[index])

    def load(self, index: int, *, at_least_px: int = 0) -> Image.Image:
        """Decode image `index`; raises ImageError with the reason.

        The image may be reduced if its shorter side keeps `at_least_px` pixels; 0 means full size.
        """
        return self.decode(self.read(index), at_least_px=at_least_px).image

    def select(self, indices: Sequence[int] | NDArray[np.integer[Any]]) -> ImageSet:
        """Return the images at `indices` in the order of `indices`, and all skipped files."""
        return replace(
            self,
            paths=tuple(self.paths[i] for i in indices),
            labels=None if self.labels is None else tuple(self.labels[i] for i in indices),
            splits=None if self.splits is None else tuple(self.splits[i] for i in indices),
            columns={
                name: values[np.asarray(indices, dtype=np.intp)]
                if isinstance(values, np.ndarray)
                else tuple(values[i] for i in indices)
                for name, values in self.columns.items()
            },
        )


@dataclass(frozen=True)
class ModelCard:
    """A description of the network that is complete enough to compute the same features again.

    Features with equal cards are interchangeable; only the name of the weights may differ.
    Everything that changes the features of an image must change the card.

    Attributes
    ----------
    name : str
        As the user gives the name, for example "resnet101".
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
        "fp32", "bf16", or "int8-" with the name of the calibration. Features of two engines or
        devices in one precision are interchangeable: they differ only by rounding.
    code_sha256 : str
        Hash of the source code of a user's own network; empty for other networks.
    fingerprint : tuple of tuple of float
        16 numbers for each layer, computed from its features of a fixed image: see
        `features.fingerprint`. Empty for maps of earlier versions and for backends without
        fingerprints. Comparisons of cards ignore the fingerprint, which has rounding errors.

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
        place = self.layers.index(layer)
        width = self.widths[place]
        fingerprint = self.fingerprint[place : place + 1]
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
        place = layers.index(layer)
        width = self.model.widths[place]
        start = sum(self.model.widths[:place])
        return replace(
            self,
            values=self.values[:, start : start + width],
            model=self.model.of_layer(layer),
        )

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:  # noqa: FBT001 - NumPy's protocol
        return np.array(self.values, dtype=dtype, copy=copy)


@dataclass(frozen=True, eq=False)
class Neighbors:
    """The k nearest neighbors of each item, nearest first, without the item.

    Attributes
    ----------
    indices : ndarray of int32, shape (n, k)
    distances : ndarray of float32, shape (n, k)
        In the metric of the search. Euclidean distances are not squared.
    """

    indices: NDArray[np.int32]
    distances: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Embedding:
    """The result of t-SNE.

    Attributes
    ----------
    positions : ndarray of float32, shape (n, 2) or (n, 3)
    kl_divergence : float
    n_iter : int
    parameters : mapping
        Every parameter of the embedding, including the seed.
    neighbors : Neighbors
        The neighbors of every item among all other items, or among the landmarks if there are any.
    labels : sequence of str, length n, or None
        The class of each item.
    landmarks : ndarray of intp, shape (m,), or None
        Indices of the items that t-SNE was fitted on, ascending; the other items were placed among
        these. None if t-SNE was fitted on all items.
    device : str
        The device of t-SNE: "cpu", or the GPU with its name.
    neighbors_recall : float
        The share of the true neighbors that the search found, measured on a sample.
    """

    positions: NDArray[np.float32]
    kl_divergence: float
    n_iter: int
    parameters: Mapping[str, Any]
    neighbors: Neighbors
    labels: Sequence[str] | None = None
    landmarks: NDArray[np.intp] | None = None
    device: str = "cpu"
    neighbors_recall: float = 1.0


@dataclass(frozen=True, eq=False)
class PlacedImage:
    """The place of a new image on an existing map.

    Attributes
    ----------
    position : ndarray of float32, shape (c,)
        Coordinates on a map of c dimensions.
    neighbors : Neighbors
        The items of the map that are nearest to the image in feature space, shape (1, k).
    """

    position: NDArray[np.float32]
    neighbors: Neighbors
