"""The extraction loop: images are decoded in threads while the network works on those before."""

from __future__ import annotations

from collections import Counter, deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, TypeVar

import numpy as np

from featscape.errors import ImageError, InputError, ModelError
from featscape.features.network import load_network
from featscape.progress import SilentProgress
from featscape.records import Features, SkippedImage

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from PIL import Image

    from featscape.progress import Progress
    from featscape.records import ImageSet, ModelCard, ThumbnailSink

_Item = TypeVar("_Item")


class Backend(Protocol):
    """What the loop asks of a network; `load_network` gives one."""

    @property
    def card(self) -> ModelCard:
        """Which network it is."""
        ...

    @property
    def batch_size(self) -> int:
        """Images a batch that suit its device."""
        ...

    @property
    def n_workers(self) -> int:
        """Decoding threads that suit its device."""
        ...

    def prepare(self, image: Image.Image) -> NDArray[np.uint8]:
        """Make an RGB image the network's input; called in any thread; may raise ImageError."""
        ...

    def run(self, pixels: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Compute the features, shape (b, d), of b prepared images."""
        ...


@dataclass(frozen=True, eq=False)
class _Prepared:
    """An image on its way from a decoding thread to the network."""

    pixels: NDArray[np.uint8]
    size_px: tuple[int, int]
    thumbnail: bytes | None


def extract(
    images: ImageSet,
    *,
    model: str | Backend = "resnet101",
    weights: str | Path | None = None,
    layers: Sequence[str] = (),
    pool: str | None = None,
    device: str = "auto",
    batch_size: int | None = None,
    n_workers: int | None = None,
    thumbnails: ThumbnailSink | None = None,
    progress: Progress | None = None,
) -> Features:
    """Compute the features of images: the input of a pretrained network's classifier, or a layer.

    Images that cannot be decoded are left out and recorded with the reason. The features do not
    depend on `n_workers`; between batch sizes they agree to floating-point error.

    Parameters
    ----------
    images : ImageSet
    model : str or Backend
        A name from `list_models`, or what `load_network` returned; `weights`, `layers`, `pool`
        and `device` go with a name alone and are described there.
    weights : path, optional
    layers : sequence of str
        Several layers' features stand side by side: `Features.of_layer` takes them apart.
    pool : str, optional
    device : str
    batch_size : int, optional
        Images that go through the network together; by default what suits the device.
    n_workers : int, optional
        Threads that decode; by default what suits the device.
    thumbnails : ThumbnailSink, optional
        Receives a small copy of each image while it is decoded.
    progress : Progress, optional

    Returns
    -------
    Features
        `images` holds those that could be decoded, in their order.

    Raises
    ------
    InputError
        If an argument is out of range, or no image can be decoded.
    ModelError, DeviceError
        As `load_network` does; or if a feature is not finite, or a batch too large.
    """
    _check_count("batch_size", batch_size)
    _check_count("n_workers", n_workers)
    if len(images) == 0:
        raise InputError(f"There must be images to extract features from; {images.source} has 0.")
    progress = progress or SilentProgress()
    if isinstance(model, str):
        network: Backend = load_network(
            model, weights=weights, layers=layers, pool=pool, device=device, progress=progress
        )
    elif weights is not None or layers or pool is not None or device != "auto":
        raise InputError(
            "weights, layers, pool and device must be left out with a network that is loaded "
            f"already; got {weights=}, {layers=}, {pool=}, {device=}. Give them to load_network."
        )
    else:
        network = model
    return _run(
        images,
        network,
        batch_size=batch_size or network.batch_size,
        n_workers=n_workers or network.n_workers,
        thumbnails=thumbnails,
        progress=progress,
    )


def _run(
    images: ImageSet,
    network: Backend,
    *,
    batch_size: int,
    n_workers: int,
    thumbnails: ThumbnailSink | None,
    progress: Progress,
) -> Features:
    n_images = len(images)
    values = np.empty((n_images, network.card.n_features), dtype=np.float32)
    sizes_px = np.empty((n_images, 2), dtype=np.int32)
    kept: list[int] = []
    skipped: list[SkippedImage] = []
    batch: list[NDArray[np.uint8]] = []

    def read(index: int) -> _Prepared | SkippedImage:
        try:
            image = images.load(index)
            thumbnail = None if thumbnails is None else thumbnails.make(image)
            return _Prepared(network.prepare(image), image.size, thumbnail)
        except ImageError as error:
            return SkippedImage(images.paths[index], str(error))

    def run_batch() -> None:
        rows = slice(len(kept) - len(batch), len(kept))
        values[rows] = network.run(batch)
        _check_finite(values[rows], [images.paths[i] for i in kept[rows]], network.card)
        batch.clear()

    with (
        progress.task("Features", total=n_images, unit="images") as advance,
        # One batch waits for the network while another is decoded: never more than that.
        closing(_read_ahead(read, n_images, n_workers=n_workers, n_ahead=2 * batch_size)) as items,
    ):
        n_shown = 0
        for index, item in enumerate(items):
            if isinstance(item, SkippedImage):
                skipped.append(item)
            else:
                sizes_px[len(kept)] = item.size_px
                kept.append(index)
                batch.append(item.pixels)
                if thumbnails is not None and item.thumbnail is not None:
                    thumbnails.append(item.thumbnail)
            if batch and (len(batch) == batch_size or index == n_images - 1):
                run_batch()
                advance(index + 1 - n_shown)
                n_shown = index + 1
        advance(n_images - n_shown)
    if not kept:
        raise InputError(_describe_failure(images, skipped))
    return Features(
        values=values[: len(kept)],
        images=replace(images.select(kept), skipped=(*images.skipped, *skipped)),
        sizes_px=sizes_px[: len(kept)],
        model=network.card,
    )


def _read_ahead(
    read: Callable[[int], _Item], n_items: int, *, n_workers: int, n_ahead: int
) -> Generator[_Item, None, None]:
    """Yield ``read(0)``, ``read(1)``, ... in order, computed in threads at most `n_ahead` ahead.

    Whatever `read` raises is raised here. When the iterator is closed, what is being read is
    finished and the rest forgotten.
    """
    pool = ThreadPoolExecutor(n_workers, thread_name_prefix="featscape-decode")
    pending: deque[Future[_Item]] = deque()
    try:
        for index in range(n_items):
            pending.append(pool.submit(read, index))
            if len(pending) == n_ahead:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _check_count(name: str, value: int | None) -> None:
    if value is not None and value < 1:
        raise InputError(f"{name} must be 1 or more; got {value}. Leave it out for the default.")


def _check_finite(values: NDArray[np.float32], paths: list[str], card: ModelCard) -> None:
    bad = ~np.isfinite(values).all(axis=1)
    if bad.any():
        raise ModelError(
            f"The features of an image must be finite numbers; {card.name} with the weights "
            f"{card.weights} makes NaN or infinity of {paths[int(bad.argmax())]}. The weights are "
            "damaged: get others."
        )


def _describe_failure(images: ImageSet, skipped: list[SkippedImage]) -> str:
    reason, count = Counter(skip.reason for skip in skipped).most_common(1)[0]
    return (
        f"At least one image must be readable; none of the {len(images)} in {images.source} is. "
        f"Most often ({count} of {len(images)}): {reason}."
    )
