"""The extraction loop: threads decode images while the network computes earlier batches.

Features that an earlier run computed for the same image file are reused: see `earlier_runs`.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from featscape.defaults import DEFAULT_MODEL
from featscape.errors import InputError, ModelError
from featscape.features.engines.precision import AUTO
from featscape.features.extraction.earlier_runs import open_cache
from featscape.features.extraction.finished_maps import NetworkRequest, find_network_of_map
from featscape.features.extraction.kept_runs import KeptRun
from featscape.features.extraction.prefetch import BottleneckMeter, map_ahead, read_ahead
from featscape.features.extraction.reading import fill_placeholders, make_reader
from featscape.features.extraction.result_builder import ResultBuilder
from featscape.features.extraction.row_store import open_row_store
from featscape.features.extraction.sampling import PreparedNetwork, prepare_network
from featscape.features.extraction.shards import Shard, ShardWriter
from featscape.features.given_network import open_given
from featscape.features.protocols import Read
from featscape.files.features import largest_feature
from featscape.progress import SilentProgress, Task
from featscape.records import ImageSet

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping, Sequence

    from numpy.typing import NDArray
    from PIL import Image
    from torch import nn

    from featscape.features.extraction.cache import FeatureCache
    from featscape.features.protocols import Backend, Machines
    from featscape.progress import Progress
    from featscape.records import (
        Features,
        ModelCard,
        SkippedImage,
        ThumbnailSink,
    )


def extract(
    images: ImageSet,
    *,
    model: str | nn.Module | Backend = DEFAULT_MODEL,
    preprocessing: Mapping[str, Any] | Callable[[Image.Image], Any] | None = None,
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
    """Compute the features of images with a pretrained network.

    The features are the input of the network's classifier, or the outputs of selected layers.
    Images that cannot be decoded are skipped, and recorded with the reason. The features do not
    depend on `n_workers`, and agree to floating-point error for different batch sizes. With `work`,
    repeating an interrupted call returns bit-identical features.

    Parameters
    ----------
    images : ImageSet
    model : str, torch.nn.Module or Backend
        A name that ``featscape models`` lists, MODULE:FACTORY, or the path of an ONNX file. A
        module is copied, and the copy runs in evaluation mode. Also an object with the attributes
        and methods of ``featscape.features.Backend``.
    preprocessing : mapping or callable, optional
        Only for a module. A mapping has the keys of the guide to own networks; without it,
        the module's attribute ``preprocessing`` or ImageNet's values are used. A callable, such as
        ``torchvision.transforms.Compose``, takes an RGB image of Pillow and returns a standardized
        tensor (3, h, w). With a callable, PyTorch computes the features in fp32.
    weights, layers, pool, device, precision : optional
        As in `make_map`; not allowed with a ``Backend``, and `weights` not for a module. The
        features of several layers are concatenated: `Features.of_layer` separates them. With the
        precision "auto", the images that decide the precision are computed twice.
    batch_size : int, optional
        Number of images per batch; the default depends on the device.
    n_workers : int, optional
        Number of decoding threads; the default depends on the device.
    machines : Machines, optional
        An object with the method of ``featscape.features.protocols.Machines``: other machines that
        read the images and run the network. By default this machine does; `make_map` creates the
        object for the engine "ray". `model` must then be a name. On `device`, this machine only
        chooses the precision.
    thumbnails : ThumbnailSink, optional
        Receives a thumbnail of each image: an object with the attributes and methods of
        ``featscape.records.ThumbnailSink``.
    file : Path, optional
        If given, the features are written into this .npy file, and returned memory-mapped.
    work : Path, optional
        Folder for intermediate results, from which an interrupted call is continued.
    maps : sequence of Path
        Finished maps, whose features of the same images by the same network are reused.
    progress : Progress, optional

    Returns
    -------
    Features
        `values` has shape (n, d) and dtype float32, for the n images that could be decoded, in the
        order of `images`.

    Raises
    ------
    InputError
        If an argument is out of range, or no image can be decoded.
    ModelError, DeviceError
        As `make_map` does. Also if a feature is not finite or too large, or a batch does not fit
        into the memory of the device.

    Examples
    --------
    >>> from featscape import extract, find_images
    >>> features = extract(find_images("photos"))
    >>> len(features.values)
    24
    """
    _check_inputs(images, batch_size=batch_size, n_workers=n_workers)
    progress = progress or SilentProgress()
    network: Backend | None = None
    if isinstance(model, str) and machines is None and preprocessing is None:
        path = None if weights is None else Path(weights)
        request = NetworkRequest(model, path, tuple(layers), pool, precision)
        network = find_network_of_map(maps, images, thumbnails, request)
    network = network or open_given(
        model,
        preprocessing=preprocessing,
        weights=weights,
        layers=layers,
        pool=pool,
        device=device,
        precision=precision,
        progress=progress,
    )
    prepared = prepare_network(
        network,
        images,
        thumbnails,
        runs_here=machines is None,
        maps=maps,
        work=work,
        batch_size=batch_size,
        n_workers=n_workers,
        progress=progress,
    )
    run = KeptRun(
        prepared.network.card, images.white, prepared.inference, len(images), prepared.n_sampled
    )
    cache, n_shards = open_cache(work, maps, run=run, sample=prepared.sample, progress=progress)
    extraction = _Extraction(
        images,
        prepared,
        thumbnails,
        cache,
        batch_size=batch_size or prepared.network.batch_size,
        progress=progress,
    )
    thumbnail_px = None if thumbnails is None else thumbnails.size_px
    shards = ShardWriter(
        None if work is None else work / run.name,
        next_number=n_shards,
        thumbnail_px=thumbnail_px,
        run=run,
    )
    return extraction.run(file=file, shards=shards, machines=machines, n_workers=n_workers)


@dataclass(frozen=True, eq=False)
class _Extraction:
    """One pass over the images.

    Attributes
    ----------
    images : ImageSet
    prepared : PreparedNetwork
    thumbnails : ThumbnailSink or None
    cache : FeatureCache
    batch_size : int
    progress : Progress
    """

    images: ImageSet
    prepared: PreparedNetwork
    thumbnails: ThumbnailSink | None
    cache: FeatureCache
    batch_size: int
    progress: Progress

    @property
    def network(self) -> Backend:
        """The network that computes the features."""
        return self.prepared.network

    def run(
        self,
        *,
        file: Path | None,
        shards: ShardWriter,
        machines: Machines | None,
        n_workers: int | None,
    ) -> Features:
        """Return the features of all images; write them into shards.

        Raises
        ------
        InputError
            If no image could be decoded.
        """
        card = self.network.card
        with (
            shards,
            closing(open_row_store(file, len(self.images), card.n_features)) as rows,
            closing(self._read_images(machines, n_workers=n_workers)) as items,
        ):
            result = ResultBuilder(self.images, self.thumbnails, rows=rows)
            self._fill(result, items, shards)
            shards.write()  # before `finish` maps the file: a mapped file keeps its disk space
            self._report(result)
            features = result.finish(card)
        return replace(features, inference=self.prepared.inference)

    def _read_images(
        self, machines: Machines | None, *, n_workers: int | None
    ) -> Generator[Read | SkippedImage, None, None]:
        """Return a generator of all images in order, read by threads here or by other machines."""
        read = make_reader(self.images, self.network, self.thumbnails, self.cache)
        if machines is None:
            # two batches ahead of the current batch; on a GPU `map_ahead` holds further batches
            return read_ahead(
                read,
                len(self.images),
                n_workers=n_workers or self.network.n_workers,
                n_ahead=2 * self.batch_size,
            )
        read_there = machines.compute(
            self.images,
            self.network,
            batch_size=self.batch_size,
            thumbnails=self.thumbnails,
            cache=self.cache,
        )
        return fill_placeholders(read_there, self.cache, read, self.thumbnails)

    def _fill(
        self, result: ResultBuilder, items: Iterable[Read | SkippedImage], shards: ShardWriter
    ) -> None:
        """Assign a row to each image, and compute the features that are not cached."""
        meter = BottleneckMeter(
            inner="reading is the slowest step", outer="the neural network is the slowest step"
        )
        n_shown = n_computed = 0

        def work() -> tuple[int, int]:
            """Return the number of computed images, and the number of images to compute."""
            n_cached_left = max(0, len(self.cache) - (n_shown - n_computed))
            return n_computed, max(0, len(self.images) - n_shown - n_cached_left)

        task = Task(
            "Features",
            total=len(self.images),
            unit="images",
            remark=lambda: meter.describe() if n_computed else "",
            work=work,
            n_before=len(self.prepared.sample),
        )
        with (
            self.progress.task(task) as advance,
            closing(_batches(result, meter.time_inner(items), self.batch_size)) as batches,
            closing(
                map_ahead(
                    lambda one: _compute(one[0], self.network),
                    batches,
                    n_concurrent=self.network.n_concurrent,
                )
            ) as computed,
        ):
            for (batch, n_seen), values in meter.time_outer(computed):
                if batch:
                    shards.add(_store(batch, values, result, self.network.card))
                n_new, n_shown = n_seen - n_shown, n_seen
                n_computed += len(batch)
                advance(n_new)

    def _report(self, result: ResultBuilder) -> None:
        """Report the decoding, the crop and cached features; raise InputError without an image."""
        result.check()
        result.report_decoding(self.progress)
        if self.prepared.preprocessing is not None:
            result.report_cropped(self.prepared.preprocessing, self.progress)
        for origin, count in result.n_cached.items():
            self.progress.note(f"the features of {count:,} images were taken from {origin}")
        for origin in sorted(self.cache.damaged):
            self.progress.note(
                f"some features in {origin or 'the results of the interrupted run'} could not be "
                "read and were computed again"
            )


def _batches(
    result: ResultBuilder, items: Iterable[Read | SkippedImage], batch_size: int
) -> Generator[tuple[dict[int, Read], int], None, None]:
    """Assign a row to each image; yield batches of images to compute.

    Yields
    ------
    batch : dict of int to Read
        At most `batch_size` images by row. Empty after an image that needs no computation, so that
        the progress is reported.
    n_seen : int
        Number of images that have been read.
    """
    batch: dict[int, Read] = {}
    for index, item in enumerate(items):
        row = result.add(index, item)
        if row is not None and isinstance(item, Read):
            batch[row] = item
        if not batch or len(batch) == batch_size or index == len(result.images) - 1:
            yield batch, index + 1
            batch = {}


def _store(
    batch: Mapping[int, Read], values: NDArray[np.float32], result: ResultBuilder, card: ModelCard
) -> Shard:
    """Write the features of a batch into their rows, and return them as a part of a shard."""
    items = list(batch.values())
    _check_values(values, [result.path_of(row) for row in batch], card)
    result.rows.write(list(batch), values)
    return Shard(
        values,
        [item.digest for item in items],
        [item.size_px for item in items],
        [item.thumbnail for item in items if item.thumbnail is not None],
    )


def _compute(batch: Mapping[int, Read], network: Backend) -> NDArray[np.float32]:
    """Return the features of images, shape (b, d); run the network unless other machines did."""
    pixels = [item.pixels for item in batch.values() if item.pixels is not None]
    computed = iter(network.run(pixels) if pixels else ())
    rows = [next(computed) if item.values is None else item.values for item in batch.values()]
    return np.stack(rows) if rows else np.empty((0, 0), dtype=np.float32)


def _check_inputs(images: ImageSet, *, batch_size: int | None, n_workers: int | None) -> None:
    if not isinstance(images, ImageSet):
        raise InputError(
            f"images must be the result of find_images; got the type {type(images).__name__}. "
            "Pass find_images(SOURCE)."
        )
    _check_count("batch_size", batch_size)
    _check_count("n_workers", n_workers)
    if len(images) == 0:
        raise InputError(
            f"feature extraction needs at least one image; {images.source} has none. "
            "Check the source."
        )


def _check_count(name: str, value: int | None) -> None:
    if value is not None and value < 1:
        raise InputError(f"{name} must be 1 or more; got {value}. Leave it out for the default.")


def _check_values(values: NDArray[np.float32], paths: list[str], card: ModelCard) -> None:
    bad = ~np.isfinite(values).all(axis=1)
    if bad.any():
        raise ModelError(
            f"the features of an image must be finite numbers; {card.name} with the weights "
            f"{card.weights} gives NaN or infinity for {paths[int(bad.argmax())]}. The weights are "
            "damaged: use other weights."
        )
    limit = largest_feature(values.shape[1])
    too_large = (np.abs(values) > limit).any(axis=1)
    if too_large.any():
        row = int(too_large.argmax())
        raise ModelError(
            f"the features of an image must be at most {limit:.3g}, because float32 cannot contain "
            f"the squared distances of larger values; {card.name} with the weights {card.weights} "
            f"reaches {np.abs(values[row]).max():.3g} for {paths[row]}. Divide the output of the "
            "network by one number."
        )
