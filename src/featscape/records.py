"""What travels the corridor, images -> features -> embedding: all that rooms exchange."""

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
    """A file that was found but left out, and why.

    A reason begins with what it shares with others; what differs from file to file follows a colon
    or stands in parentheses: see `count_reasons`.
    """

    path: str
    reason: str


def count_reasons(reasons: Iterable[str]) -> list[tuple[str, int]]:
    """Count why files were skipped, the commonest first.

    Returns
    -------
    list of (str, int)
        Each kind of reason with the number of its files. Where these differ in details, the first
        one's stand for an example.
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
    """Anything that draws as a sequence of RGB images: an ImageSet, a map's thumbnails."""

    def __len__(self) -> int: ...

    def load(self, index: int, *, at_least_px: int = 0) -> Image.Image:
        """Return item `index` as an RGB image; called in any thread.

        Its longer side may shrink to so many pixels where that is quicker; 0: whole.
        """
        ...


class ImageBytes(Protocol):
    """Where the encoded images of a dataset lie: a folder, an archive, a table, a bucket."""

    def read(self, path: str) -> bytes:
        """Return the image file that stands under `path`; called in any thread.

        Raises ImageError, with the reason alone, where there is none or it cannot be read.
        """
        ...


@dataclass(frozen=True, eq=False)
class Decoded:
    """An image in memory.

    Attributes
    ----------
    image : PIL.Image.Image
        Mode "RGB", upright; perhaps at a smaller scale.
    size_px : tuple of int
        Width and height of the whole image, upright.
    """

    image: Image.Image
    size_px: tuple[int, int]


class Decoder(Protocol):
    """Makes an image of the bytes of its file."""

    def __call__(self, content: bytes, *, at_least_px: int = 0) -> Decoded:
        """Decode an image whose shorter side may shrink to so many pixels; 0: whole.

        Raises ImageError with the reason.
        """
        ...


class PlainDecoder(Protocol):
    """Makes pixels of those files that need no more than that, quicker than a `Decoder`."""

    def __call__(self, content: bytes, *, at_least_px: int = 0) -> NDArray[np.uint8] | None:
        """Return what the `Decoder` would decode as an array, (h, w, 3); None of other files."""
        ...


class ThumbnailSink(Protocol):
    """Receives a small copy of each image while extraction has it decoded anyway."""

    @property
    def size_px(self) -> int:
        """The longest side that the copies are made for; equal images make equal ones of a size."""
        ...

    def make(self, image: Image.Image, *, original_px: tuple[int, int] | None = None) -> bytes:
        """Encode the thumbnail of one image; called in any thread.

        The original's size tells the proportions where it was decoded at a smaller scale.
        """
        ...

    def append(self, encoded: bytes) -> None:
        """Take the next row's thumbnail; called in the features' order, for kept rows only."""
        ...


@dataclass(frozen=True, eq=False, repr=False)
class ImageSet:
    """The images of a dataset, in a fixed order, not yet decoded.

    Attributes
    ----------
    source : Path or str
        The folder, file or address they were found in.
    paths : tuple of str
        One path an image, unlike all others, below `source`; parts joined by "/".
    contents : ImageBytes
        Gives the bytes of the image at a path.
    decode : Decoder
        Bytes -> RGB image, whole or at a smaller scale.
    decode_plain : PlainDecoder or None
        The same for some of the files, as an array.
    kind : str
        What `source` is: with it and a path, `images.open_contents` finds an image again.
    labels : tuple of str or None
        The class of each image; None where the source has no classes.
    renamed_labels : mapping of str to str
        The names in the source that were replaced by other labels, with these labels: Italian
        folder names and English class names of Animals10. Empty for other datasets.
    splits : tuple of str or None
        "train", "val" or "test" where the source tells them apart.
    columns : mapping of str to sequence
        What else the source says of each image, by name: an array of numbers (NaN: none), or
        strings (None: none).
    skipped : tuple of SkippedImage
        Files left out, with reasons.
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
        """The source as every current folder finds it."""
        return self.source if isinstance(self.source, str) else str(self.source.resolve())

    def read(self, index: int) -> bytes:
        """Return image `index` as it is encoded; raises ImageError with the reason."""
        return self.contents.read(self.paths[index])

    def load(self, index: int, *, at_least_px: int = 0) -> Image.Image:
        """Decode image `index`: see `ImageSource`; raises ImageError with the reason.

        It is the shorter side that keeps so many pixels.
        """
        return self.decode(self.read(index), at_least_px=at_least_px).image

    def select(self, indices: Sequence[int] | NDArray[np.integer[Any]]) -> ImageSet:
        """Return the images at `indices`, in that order; `skipped` is kept."""
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
    """Which network made the features, exactly enough to make them again.

    Features whose cards agree, but for the weights' name, are taken for equal: whatever changes
    the features of an image must change the card.

    Attributes
    ----------
    name : str
        As the user gives it, for example "resnet101".
    layer : str
        What gives the features: "input of fc", the classifier's; a layer, "layer3"; or several,
        "layer3+layer4", side by side.
    weights : str
        The weights' name or file.
    weights_sha256 : str
        Hash of the weights' file, or of the tensors' bytes where there is no file.
    preprocessing : str
        Resize, crop, mean and standard deviation, in words.
    n_features : int
        Numbers an image.
    pool : str
        What made numbers of the layers' maps: "avg", "max", "gem", "flatten" or "token"; "none"
        where the layers give numbers.
    widths : tuple of int
        How many of the numbers each layer gave.
    precision : str
        Of the network's own numbers: "fp32", "bf16", or "int8-" with the calibration's name. Two
        engines or devices in one precision are taken for equal: they differ by its rounding.
    code_sha256 : str
        Hash of the sources of a network of the user's own; empty for others.
    fingerprint : tuple of tuple of float
        For each layer 16 numbers, made of its features of a fixed image: see
        `features.fingerprint`. Empty for maps of earlier versions, and for backends that have none.
        They hold rounding errors, so that cards are compared without them.

    Raises
    ------
    TypeError, ValueError
        If `fingerprint` does not hold numbers.
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
        # run.json holds lists, and no widths where there is only one layer
        object.__setattr__(self, "widths", tuple(self.widths) or (self.n_features,))
        fingerprint = tuple(tuple(map(float, one)) for one in self.fingerprint)
        object.__setattr__(self, "fingerprint", fingerprint)

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers apart, as `widths` counts them."""
        return tuple(self.layer.split("+"))

    def of_layer(self, layer: str) -> ModelCard:
        """Return the card that this layer's features have alone."""
        place = self.layers.index(layer)
        width = self.widths[place]
        fingerprint = self.fingerprint[place : place + 1]
        return replace(
            self, layer=layer, n_features=width, widths=(width,), fingerprint=fingerprint
        )


@dataclass(frozen=True)
class Inference:
    """What ran the network, in which precision, and why.

    Attributes
    ----------
    engine : str
        With its version, for example "OpenVINO 2026.4.1".
    precision : str
        "fp32", "bf16" or "int8".
    asked : str
        The precision that was asked for, or "auto".
    reason : str
        Why it is this one.
    cosine : float or None
        Between the features and those in fp32 of the same images, the mean; None if fp32 alone was
        looked at. Where `auto` refuses another precision, the figures are those of that one.
    recall : float or None
        How many of the 10 nearest images by one are among the 10 nearest by the other.
    n_checked : int
        How many images that was measured on.
    fallback : str
        Why the network does not run on the engine that is quickest here; empty if it does.
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
    """What a network says of each image.

    Attributes
    ----------
    values : ndarray of float32, shape (n, d)
        Row i belongs to ``images.paths[i]``. ``numpy.asarray(features)`` gives it too.
    images : ImageSet
        The images that could be decoded; `skipped` holds the others too.
    sizes_px : ndarray of int32, shape (n, 2)
        Width and height of each original.
    model : ModelCard
    digests : ndarray of uint8, shape (n, 32), or None
        The SHA-256 of each image's file.
    inference : Inference or None
        How the network ran; None for a backend that does not tell.
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
        """Shape (n, d) of `values`, by which scikit-learn's estimators tell an array."""
        return self.values.shape[0], self.values.shape[1]

    def of_layer(self, layer: str) -> Features:
        """Return the columns of one layer, where several were computed in one pass.

        Raises
        ------
        InputError
            If it is not among ``model.layers``.
        """
        layers = self.model.layers
        if layer not in layers:
            raise InputError(
                f"these features have the layers {', '.join(layers)}; got {layer!r}. Pass one."
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
    """The k nearest neighbours of each item, nearest first, itself left out.

    Attributes
    ----------
    indices : ndarray of int32, shape (n, k)
    distances : ndarray of float32, shape (n, k)
        In the metric of the search (euclidean: not squared).
    """

    indices: NDArray[np.int32]
    distances: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Embedding:
    """A finished map of the items, before it is drawn or stored.

    Attributes
    ----------
    positions : ndarray of float32, shape (n, 2) or (n, 3)
    kl_divergence : float
    n_iter : int
    parameters : mapping
        Every parameter of the embedding, the seed included.
    neighbors : Neighbors
        Of every item: among all others, or among the landmarks where there are such.
    labels : sequence of str, length n, or None
        The class of each item.
    landmarks : ndarray of intp, shape (m,), or None
        The items that t-SNE was fitted on, ascending; the others were placed among them. None
        where it was fitted on all.
    device : str
        Where t-SNE ran: "cpu", or the GPU with its name.
    neighbors_recall : float
        The share of the true neighbours that the search found, on a sample.
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
class Placement:
    """Where a new image falls on a finished map.

    Attributes
    ----------
    position : ndarray of float32, shape (c,)
        On a map of c dimensions.
    neighbors : Neighbors
        The items of the map nearest to it in the features, shape (1, k).
    """

    position: NDArray[np.float32]
    neighbors: Neighbors
