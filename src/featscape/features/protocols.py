"""The records and protocols between the callers, the extraction loop, networks and machines."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from featscape.progress import SilentProgress

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image
    from torch import nn

    from featscape.progress import Progress
    from featscape.records import ImageSet, ModelCard, SkippedImage, ThumbnailSink


@dataclass(frozen=True, eq=False)
class CachedFeatures:
    """The features of one image that were computed earlier.

    Attributes
    ----------
    origin : str
        Where the features were found, for messages; empty if this run computed the features, or
        an interrupted run that this run continues.
    values : ndarray of float32, shape (d,)
    size_px : tuple of int
        Width and height of the original image.
    thumbnail : bytes or None
        None if there is no thumbnail of the requested size.
    largest : int or None
        As in `Read`; None if an earlier run computed the features.
    has_more : bool
        As in `Read`; False if an earlier run computed the features.
    """

    origin: str
    values: NDArray[np.float32]
    size_px: tuple[int, int]
    thumbnail: bytes | None
    largest: int | None = None
    has_more: bool = False


@dataclass(frozen=True, eq=False)
class Read:
    """An image that was read: prepared for the network, or with its cached features.

    Attributes
    ----------
    digest : bytes
        SHA-256 of the image's file.
    size_px : tuple of int
        Width and height of the original image.
    thumbnail : bytes or None
        The encoded thumbnail; None if no thumbnails are requested.
    pixels : ndarray or None
        Input of the network, from `prepare`; None if the features are cached, or another machine
        computed them.
    cached : CachedFeatures or None
    values : ndarray of float32, shape (d,), or None
        Features that another machine computed.
    largest : int or None
        As in `Decoded`; None if the image was not decoded.
    has_more : bool
        As in `Decoded`; False if the image was not decoded.
    """

    digest: bytes
    size_px: tuple[int, int]
    thumbnail: bytes | None
    pixels: NDArray[Any] | None = None
    cached: CachedFeatures | None = None
    values: NDArray[np.float32] | None = None
    largest: int | None = None
    has_more: bool = False


class Preparation(Protocol):
    """The conversion of decoded images to the input of the network."""

    @property
    def min_px(self) -> int:
        """Lower bound for the shorter side of a decoded image; 0 to always decode at full size."""
        ...

    @property
    def takes_pixels(self) -> bool:
        """Whether `prepare` also accepts arrays of shape (h, w, 3)."""
        ...

    def prepare(self, image: Image.Image | NDArray[np.uint8]) -> NDArray[Any]:
        """Convert an RGB image to the network's input; thread-safe.

        Parameters
        ----------
        image : Image in mode "RGB", or ndarray of uint8, shape (h, w, 3)
            Arrays are passed only if `takes_pixels` is true.

        Returns
        -------
        ndarray
            Any array that `run` accepts: networks of the zoo prepare uint8 (h', w', 3).

        Raises
        ------
        ImageError
            If the image cannot be the input of the network; the message is only the reason.
        """
        ...


class Backend(Preparation, Protocol):
    """The interface of a network for the extraction loop; `load_network` returns a `Backend`."""

    @property
    def card(self) -> ModelCard:
        """The description of the network."""
        ...

    @property
    def batch_size(self) -> int:
        """A suitable number of images per batch for the device."""
        ...

    @property
    def n_workers(self) -> int:
        """A suitable number of decoding threads for the device."""
        ...

    @property
    def n_concurrent(self) -> int:
        """Number of batches that may be in `run` at the same time, each in its own thread."""
        ...

    def run(self, pixels: Sequence[NDArray[Any]]) -> NDArray[np.float32]:
        """Compute the features of one batch of images.

        Parameters
        ----------
        pixels : sequence of b ndarray
            From `prepare`.

        Returns
        -------
        ndarray of float32, shape (b, d)
        """
        ...


class Finder(Protocol):
    """A lookup of cached features by the hash of an image."""

    def find(self, key: bytes, *, thumbnail_px: int | None) -> CachedFeatures | None:
        """Return the cached features of the image with this SHA-256, or None.

        On another machine the result may be a placeholder without values: see `Machines`.
        """
        ...


class DigestFinder(Finder, Protocol):
    """A `Finder` that can list the images with cached features."""

    def digest_prefixes(self, *, thumbnail_px: int | None) -> NDArray[np.uint64]:
        """Return the first eight bytes of each image's hash, sorted.

        Parameters
        ----------
        thumbnail_px : int or None
            If given, images without a thumbnail of this size are left out.

        Returns
        -------
        ndarray of uint64, shape (n,)
        """
        ...


class Machines(Protocol):
    """Other machines that read images and run the network; `distribute` implements them."""

    def compute(
        self,
        images: ImageSet,
        network: Backend,
        *,
        batch_size: int,
        thumbnails: ThumbnailSink | None,
        cache: DigestFinder,
    ) -> Generator[Read | SkippedImage, None, None]:
        """Yield each image in order, with its features or a placeholder for cached features.

        If the cache does not contain the features of an image with a placeholder, the caller
        reads the image and runs the network itself.
        """
        ...


@dataclass(frozen=True, eq=False, kw_only=True)
class NetworkRequest:
    """The network that computes features, as the caller of `extract` asks for it.

    All arguments but `model` are keywords.

    Attributes
    ----------
    model : str, torch.nn.Module or Backend
    preprocessing : mapping of str, callable or None
    weights : str, Path or None
    layers : tuple of str
    pool : str or None
    device, precision : str
        See `extract`.
    """

    model: str | nn.Module | Backend = field(kw_only=False)
    preprocessing: Mapping[str, Any] | Callable[[Image.Image], Any] | None = None
    weights: str | Path | None = None
    layers: tuple[str, ...] = ()
    pool: str | None = None
    device: str = "auto"
    precision: str = "auto"


@dataclass(frozen=True, eq=False, kw_only=True)
class ExtractOptions:
    """The options of an extraction for a map or on a cluster; all arguments are keywords.

    Attributes
    ----------
    batch_size, n_workers : int or None
    file : str, Path or None
    progress : Progress
        See `extract`.
    thumbnails : ThumbnailSink or None
        Receives a thumbnail of each image.
    work : str, Path or None
        Folder for intermediate results, from which an interrupted call is continued.
    maps : sequence of Path
        Finished maps, whose features of the same images by the same network are reused.
    machines : Machines or None
        Other machines that read the images and run the network. `NetworkRequest.model` must then
        be a name, and on `NetworkRequest.device` this machine only chooses the precision.
    """

    batch_size: int | None = None
    n_workers: int | None = None
    file: str | Path | None = None
    thumbnails: ThumbnailSink | None = None
    work: str | Path | None = None
    maps: Sequence[Path] = ()
    machines: Machines | None = None
    progress: Progress = field(default_factory=SilentProgress)
