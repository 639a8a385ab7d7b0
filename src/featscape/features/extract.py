"""The extraction loop: images are decoded in threads while the network works on those before.

What an earlier run made of the same bytes is taken up, not made again: see `known` and `shards`.
"""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from dataclasses import InitVar, dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from featscape.errors import ImageError, InputError, ModelError
from featscape.features.known import DIGEST_BYTES, card_key
from featscape.features.loading import load_network
from featscape.features.network import Network
from featscape.features.precision import AUTO
from featscape.features.reading import Read, make_reader, read_ahead, recall
from featscape.features.rows import RowsInFile, RowsInMemory
from featscape.features.shards import Shard, ShardWriter, find_known
from featscape.progress import SilentProgress
from featscape.records import Features, SkippedImage

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from PIL import Image

    from featscape.features.known import KnownFeatures
    from featscape.features.rows import Rows
    from featscape.progress import Progress
    from featscape.records import ImageSet, ModelCard, ThumbnailSink

_MOST_TRIED = 2  # of so many times the images that a sample wants, at least half must be readable


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

    @property
    def least_px(self) -> int:
        """The shorter side that an image may be decoded at; 0 for whole images alone."""
        ...

    def prepare(self, image: Image.Image) -> NDArray[np.uint8]:
        """Make an RGB image the network's input; called in any thread; may raise ImageError."""
        ...

    def run(self, pixels: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Compute the features, shape (b, d), of b prepared images."""
        ...


class Machines(Protocol):
    """What reads images, and runs the network, elsewhere: `distribute` has one."""

    def compute(
        self,
        images: ImageSet,
        network: Backend,
        *,
        batch_size: int,
        thumbnails: ThumbnailSink | None,
        known: KnownFeatures,
    ) -> Generator[Read | SkippedImage, None, None]:
        """Yield each image in order: with its features, or a mark in `known` that there are some.

        Where there are none after all the image is read here, and the network run here.
        """
        ...


def extract(
    images: ImageSet,
    *,
    model: str | Backend = "resnet101",
    weights: str | Path | None = None,
    layers: Sequence[str] = (),
    pool: str | None = None,
    device: str = "auto",
    precision: str = AUTO,
    batch_size: int | None = None,
    n_workers: int | None = None,
    machines: Machines | None = None,
    thumbnails: ThumbnailSink | None = None,
    file: Path | None = None,
    work: Path | None = None,
    maps: Sequence[Path] = (),
    progress: Progress | None = None,
) -> Features:
    """Compute the features of images: the input of a pretrained network's classifier, or a layer.

    Images that cannot be decoded are left out and recorded with the reason. The features do not
    depend on `n_workers`; between batch sizes they agree to floating-point error. With `work`, a
    call that was cut off and is made again gives the same bits as one that was not.

    Parameters
    ----------
    images : ImageSet
    model : str or Backend
        A name from `list_models`, or what `load_network` returned; `weights`, `layers`, `pool`,
        `device` and `precision` go with a name alone and are described there.
    weights : path, optional
    layers : sequence of str
        Several layers' features stand side by side: `Features.of_layer` takes them apart.
    pool : str, optional
    device : str
    precision : str
        Settled on the first images, which the network looks at twice.
    batch_size : int, optional
        Images that go through the network together; by default what suits the device.
    n_workers : int, optional
        Threads that decode; by default what suits the device.
    machines : Machines, optional
        What reads the images and runs the network; by default this machine. `model` is then a
        name, and `device` this machine's, where only the precision is settled.
    thumbnails : ThumbnailSink, optional
        Receives a small copy of each image while it is decoded.
    file : Path, optional
        Write the features into this .npy file, and return them mapped into memory.
    work : Path, optional
        A folder in which what is done is kept, and where it is looked for first.
    maps : sequence of Path
        Finished maps: what they know of the same images by the same network is taken from there.
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
            model,
            weights=weights,
            layers=layers,
            pool=pool,
            device=device,
            precision=precision,
            progress=progress,
        )
    elif weights is not None or layers or pool is not None or {device, precision} != {AUTO}:
        raise InputError(
            "weights, layers, pool, device and precision must be left out with a network that is "
            f"loaded already; got {weights=}, {layers=}, {pool=}, {device=}, {precision=}. Give "
            "them to load_network."
        )
    else:
        network = model
    if isinstance(network, Network):
        network = _settle(network, images, n_workers=n_workers, progress=progress)
    folder = None if work is None else work / card_key(network.card)
    thumbnail_px = None if thumbnails is None else thumbnails.size_px
    known, n_shards = find_known(
        folder, maps, card=network.card, n_images=len(images), progress=progress
    )
    size = (len(images), network.card.n_features)
    with (
        ShardWriter(folder, n_shards, thumbnail_px) as shards,
        closing(RowsInMemory(*size) if file is None else RowsInFile(file, *size)) as rows,
    ):
        features = _run(
            images,
            network,
            batch_size=batch_size or network.batch_size,
            n_workers=n_workers or network.n_workers,
            machines=machines,
            thumbnails=thumbnails,
            known=known,
            shards=shards,
            rows=rows,
            progress=progress,
        )
    return replace(features, inference=getattr(network, "inference", None))


def _settle(
    network: Network, images: ImageSet, *, n_workers: int | None, progress: Progress
) -> Network:
    """Settle the network's precision on the first images that can be read."""
    n_wanted = network.sample_size(len(images))
    sample: list[NDArray[np.uint8]] = []

    def read(index: int) -> NDArray[np.uint8] | None:
        try:
            decoded = images.decode(images.read(index), at_least_px=network.least_px)
            return network.prepare(decoded.image)
        except ImageError:  # the loop meets it again, and tells of it
            return None

    n_tried = min(_MOST_TRIED * n_wanted, len(images))
    n_threads = n_workers or network.n_workers
    with closing(read_ahead(read, n_tried, n_workers=n_threads, n_ahead=2 * n_threads)) as items:
        for pixels in items:
            if pixels is not None:
                sample.append(pixels)
            if len(sample) == n_wanted:
                break
    settled = network.settle(sample)
    if settled is not network and settled.inference is not None:
        inference = settled.inference
        progress.note(f"{inference.engine} in {inference.precision}: {inference.reason}")
    return settled


def _run(
    images: ImageSet,
    network: Backend,
    *,
    batch_size: int,
    n_workers: int,
    machines: Machines | None,
    thumbnails: ThumbnailSink | None,
    known: KnownFeatures,
    shards: ShardWriter,
    rows: Rows,
    progress: Progress,
) -> Features:
    n_images = len(images)
    table = _Table(n_images, rows, thumbnails)
    read = make_reader(images, network, thumbnails, known)
    batch: dict[int, Read] = {}  # by row

    def run_batch() -> None:
        items = list(batch.values())
        values = _values_of(items, network)
        _check_finite(values, [images.paths[table.kept[row]] for row in batch], network.card)
        rows.write(list(batch), values)
        shards.add(
            Shard(
                values,
                [item.digest for item in items],
                [item.size_px for item in items],
                [item.thumbnail for item in items if item.thumbnail is not None],
            )
        )
        batch.clear()

    # One batch waits for the network while another is decoded: never more than that.
    source = read_ahead(read, n_images, n_workers=n_workers, n_ahead=2 * batch_size)
    if machines is not None:
        source = recall(
            machines.compute(
                images, network, batch_size=batch_size, thumbnails=thumbnails, known=known
            ),
            known,
            read,
            thumbnails,
        )
    with (
        progress.task("Features", total=n_images, unit="images") as advance,
        closing(source) as items,
    ):
        n_shown = 0
        for index, item in enumerate(items):
            row = table.add(index, item)
            if row is not None and isinstance(item, Read):
                batch[row] = item
            if batch and (len(batch) == batch_size or index == n_images - 1):
                run_batch()
            if not batch:
                advance(index + 1 - n_shown)
                n_shown = index + 1
    shards.write()  # before the rows are mapped: what is mapped keeps its room on a full disk
    if not table.kept:
        raise InputError(_describe_failure(images, table.skipped))
    for origin, count in table.n_taken.items():
        progress.note(f"the features of {count:,} images were taken from {origin}")
    return table.finish(images, network.card)


@dataclass(eq=False)
class _Table:
    """Which image stands in which row of the features, and what is known of it beside them."""

    n_images: InitVar[int]
    rows: Rows
    thumbnails: ThumbnailSink | None
    kept: list[int] = field(default_factory=list)  # the index of the image in each row
    skipped: list[SkippedImage] = field(default_factory=list)
    n_taken: Counter[str] = field(default_factory=Counter)  # by the map they were taken from

    def __post_init__(self, n_images: int) -> None:
        self._sizes_px = np.empty((n_images, 2), dtype=np.int32)
        self._digests = np.empty((n_images, DIGEST_BYTES), dtype=np.uint8)
        self._computed: dict[bytes, int] = {}  # the row of each image that the network sees
        self._copies: list[tuple[int, int]] = []  # a later row with the same image, and that row

    def add(self, index: int, item: Read | SkippedImage) -> int | None:
        """Give an image the next row; return it if the network has to make the features."""
        if isinstance(item, SkippedImage):
            self.skipped.append(item)
            return None
        row = len(self.kept)
        self.kept.append(index)
        self._sizes_px[row] = item.size_px
        self._digests[row] = np.frombuffer(item.digest, np.uint8)
        if self.thumbnails is not None and item.thumbnail is not None:
            self.thumbnails.append(item.thumbnail)
        if item.known is not None:
            self.rows.write([row], item.known.values[None])
            if item.known.origin:
                self.n_taken[item.known.origin] += 1
            return None
        first = self._computed.setdefault(item.digest, row)
        if first != row:
            self._copies.append((row, first))
            return None
        return row

    def finish(self, images: ImageSet, card: ModelCard) -> Features:
        """Return the features of the images that have a row."""
        for row, first in self._copies:
            self.rows.copy(row, first)
        n_kept = len(self.kept)
        return Features(
            values=self.rows.finish(n_kept),
            images=replace(images.select(self.kept), skipped=(*images.skipped, *self.skipped)),
            sizes_px=self._sizes_px[:n_kept],
            model=card,
            digests=self._digests[:n_kept],
        )


def _values_of(items: Sequence[Read], network: Backend) -> NDArray[np.float32]:
    """Return the features, (b, d), of images: those that have none go through the network here."""
    pixels = [item.pixels for item in items if item.pixels is not None]
    made = iter(network.run(pixels) if pixels else ())
    return np.stack([next(made) if item.values is None else item.values for item in items])


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
