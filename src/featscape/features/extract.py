"""The extraction loop: images are decoded in threads while the network works on those before.

What an earlier run made of the same bytes is taken up, not made again: see `known` and `shards`.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from featscape.errors import InputError, ModelError
from featscape.features.known import Known, KnownFeatures, card_key
from featscape.features.lanes import Waits, in_lanes
from featscape.features.loading import load_network
from featscape.features.network import Network
from featscape.features.precision import AUTO, find_choice
from featscape.features.reading import Read, make_reader, read_ahead, recall
from featscape.features.rows import RowsInFile, RowsInMemory
from featscape.features.shards import Shard, ShardWriter, find_known
from featscape.features.table import Table
from featscape.progress import SilentProgress, Task
from featscape.records import count_reasons

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from featscape.features.backend import Backend, Machines
    from featscape.progress import Progress
    from featscape.records import (
        Features,
        ImageSet,
        Inference,
        ModelCard,
        SkippedImage,
        ThumbnailSink,
    )

_MOST_TRIED = 2  # of so many times the images that a sample wants, at least half must be readable


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
        progress.note(f"loading {model}")
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
    sample: dict[bytes, Known] = {}
    if isinstance(network, Network):
        chosen = find_choice(maps, network.card, n_images=len(images))
        network, sample = _settle(
            network,
            images,
            thumbnails if machines is None else None,
            chosen=chosen,
            n_compiled=0
            if machines is not None
            else network.n_to_compile(len(images), batch_size or network.batch_size),
            n_workers=n_workers,
            progress=progress,
        )
    folder = None if work is None else work / card_key(network.card)
    known, n_shards = find_known(
        folder, maps, card=network.card, n_images=len(images), sample=sample, progress=progress
    )
    read = make_reader(images, network, thumbnails, known)
    batch_size = batch_size or network.batch_size
    if machines is None:
        n_workers = n_workers or network.n_workers
        # Two batches are read ahead of the one that is filled; on a GPU its lanes hold some more.
        source = read_ahead(read, len(images), n_workers=n_workers, n_ahead=2 * batch_size)
    else:
        read_there = machines.compute(
            images, network, batch_size=batch_size, thumbnails=thumbnails, known=known
        )
        source = recall(read_there, known, read, thumbnails)
    size = (len(images), network.card.n_features)
    thumbnail_px = None if thumbnails is None else thumbnails.size_px
    with (
        ShardWriter(folder, n_shards, thumbnail_px, network.card.fingerprint) as shards,
        closing(RowsInMemory(*size) if file is None else RowsInFile(file, *size)) as rows,
    ):
        table = Table(images, rows, thumbnails)
        with closing(source) as items:
            _fill(
                table,
                items,
                network,
                batch_size=batch_size,
                n_known=len(known),
                shards=shards,
                progress=progress,
            )
        shards.write()  # before the rows are mapped: what is mapped keeps its room on a full disk
        if not table.kept:
            raise InputError(_describe_failure(images, table.skipped))
        for origin, count in table.n_taken.items():
            progress.note(f"the features of {count:,} images were taken from {origin}")
        features = table.finish(network.card)
    return replace(features, inference=getattr(network, "inference", None))


def _settle(
    network: Network,
    images: ImageSet,
    thumbnails: ThumbnailSink | None,
    *,
    chosen: Inference | None,
    n_compiled: int,
    n_workers: int | None,
    progress: Progress,
) -> tuple[Network, dict[bytes, Known]]:
    """Settle the network's precision on the first images that can be read, and compile it on them.

    The precision may be `chosen` already, by an earlier run. Compiled the network is for batches of
    `n_compiled`, or not at all where that is 0. What it made of images on the way is returned too,
    by their hashes, if it would make the same again.
    """
    held = network if chosen is None else network.as_chosen(chosen)
    n_settling = held.sample_size(len(images))
    n_threads = n_workers or network.n_workers
    read = make_reader(images, network, thumbnails, KnownFeatures(()))
    sample = _read_sample(read, len(images), max(n_settling, n_compiled), n_threads=n_threads)
    pixels = [one.pixels for one in sample if one.pixels is not None]  # of all: nothing was known
    settled, values = held.settle(pixels[:n_settling])
    made = {
        one.digest: Known("", row, one.size_px, one.thumbnail)
        for one, row in zip(sample, () if values is None else values, strict=False)
        if np.isfinite(row).all()  # else the loop meets the image again, and says which it is
    }
    if settled is not network and settled.inference is not None:
        inference = settled.inference
        progress.note(f"{inference.engine} in {inference.precision}: {inference.reason}")
    if not 0 < n_compiled <= len(sample):
        return settled, made
    progress.note(f"the network is compiled first, which repays with {len(images):,} images")
    compiled = settled.compiled(pixels[:n_compiled])
    if compiled.inference is not None and compiled.inference.fallback:
        progress.note(f"it is not compiled: {compiled.inference.fallback}")
        return compiled, made
    return compiled, {}


def _read_sample(
    read: Callable[[int], Read | SkippedImage], n_images: int, n_wanted: int, *, n_threads: int
) -> list[Read]:
    """Return the first images that can be read: so many, or fewer."""
    sample: list[Read] = []
    n_tried = min(_MOST_TRIED * n_wanted, n_images)
    with closing(read_ahead(read, n_tried, n_workers=n_threads, n_ahead=2 * n_threads)) as items:
        for item in items:
            if isinstance(item, Read):  # the loop meets the others again, and tells of them
                sample.append(item)
            if len(sample) == n_wanted:
                break
    return sample


def _fill(
    table: Table,
    items: Iterable[Read | SkippedImage],
    network: Backend,
    *,
    batch_size: int,
    n_known: int,
    shards: ShardWriter,
    progress: Progress,
) -> None:
    """Give each image its row, and have the network make the features that no one knows."""
    waits = Waits(inner="limited by reading", outer="limited by the network")
    n_images = len(table.images)
    n_shown = n_computed = 0

    def work() -> tuple[int, int]:
        """Count the images that the network has seen, and those that it is still to see."""
        n_known_left = max(0, n_known - (n_shown - n_computed))
        return n_computed, max(0, n_images - n_shown - n_known_left)

    with (
        progress.task(
            Task(
                "Features",
                total=n_images,
                unit="images",
                remark=lambda: waits.told() if n_computed else "",
                work=work,
            )
        ) as advance,
        closing(_batches(table, waits.of_inner(items), batch_size)) as batches,
        closing(
            in_lanes(lambda one: _values_of(one[0], network), batches, n_lanes=network.n_lanes)
        ) as computed,
    ):
        for (batch, n_seen), values in waits.of_outer(computed):
            if batch:
                shards.add(_keep(batch, values, table, network.card))
            n_new, n_shown = n_seen - n_shown, n_seen
            n_computed += len(batch)
            advance(n_new)


def _batches(
    table: Table, items: Iterable[Read | SkippedImage], batch_size: int
) -> Generator[tuple[dict[int, Read], int], None, None]:
    """Give each image its row; yield those whose features no one knows, and how many were seen.

    They are by row, `batch_size` at once; where none waits, an empty batch.
    """
    batch: dict[int, Read] = {}
    for index, item in enumerate(items):
        row = table.add(index, item)
        if row is not None and isinstance(item, Read):
            batch[row] = item
        if not batch or len(batch) == batch_size or index == len(table.images) - 1:
            yield batch, index + 1
            batch = {}


def _keep(
    batch: Mapping[int, Read], values: NDArray[np.float32], table: Table, card: ModelCard
) -> Shard:
    """Put the features of a batch into their rows."""
    items = list(batch.values())
    _check_finite(values, [table.path_of(row) for row in batch], card)
    table.rows.write(list(batch), values)
    return Shard(
        values,
        [item.digest for item in items],
        [item.size_px for item in items],
        [item.thumbnail for item in items if item.thumbnail is not None],
    )


def _values_of(batch: Mapping[int, Read], network: Backend) -> NDArray[np.float32]:
    """Return the features, (b, d), of images: those that have none go through the network here."""
    pixels = [item.pixels for item in batch.values() if item.pixels is not None]
    made = iter(network.run(pixels) if pixels else ())
    rows = [next(made) if item.values is None else item.values for item in batch.values()]
    return np.stack(rows) if rows else np.empty((0, 0), dtype=np.float32)


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
    reason, count = count_reasons(skip.reason for skip in skipped)[0]
    return (
        f"At least one image must be readable; none of the {len(images)} in {images.source} is. "
        f"Most often ({count} of {len(images)}): {reason}."
    )
