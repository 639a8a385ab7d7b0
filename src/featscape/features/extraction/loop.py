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
from featscape.features.extraction.finished_maps import find_network_of_map
from featscape.features.extraction.kept_runs import KeptRun
from featscape.features.extraction.prefetch import BottleneckMeter, map_ahead, read_ahead
from featscape.features.extraction.reading import fill_placeholders, make_reader
from featscape.features.extraction.result_builder import ResultBuilder
from featscape.features.extraction.row_store import open_row_store
from featscape.features.extraction.sampling import PreparedNetwork, prepare_network
from featscape.features.extraction.shards import Shard, ShardWriter
from featscape.features.given_network import open_given
from featscape.features.protocols import ExtractOptions, NetworkRequest, Read
from featscape.files.features import has_equal_rows, largest_feature
from featscape.progress import SilentProgress, Task, note_or_warn
from featscape.records import ImageSet

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping, Sequence

    from numpy.typing import NDArray
    from PIL import Image
    from torch import nn

    from featscape.features.extraction.cache import FeatureCache
    from featscape.features.protocols import Backend
    from featscape.progress import Progress
    from featscape.records import Features, ModelCard, SkippedImage


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
    file: str | Path | None = None,
    progress: Progress | None = None,
) -> Features:
    """Compute the features of images with a pretrained network.

    The features are the input of the network's classifier, or the outputs of selected layers.
    Images that cannot be decoded are skipped, and recorded with the reason. The features do not
    depend on `n_workers`, and agree to floating-point error for different batch sizes.

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
    file : path, optional
        If given, the features are written into this .npy file, and returned memory-mapped. An
        existing file is overwritten.
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
    OSError
        If `file` cannot be written.

    Examples
    --------
    >>> from featscape import extract, find_images
    >>> features = extract(find_images("photos"))
    >>> len(features.values)
    24
    """
    layers = (layers,) if isinstance(layers, str) else tuple(layers)
    return run_extraction(
        images,
        NetworkRequest(
            model,
            preprocessing=preprocessing,
            weights=weights,
            layers=layers,
            pool=pool,
            device=device,
            precision=precision,
        ),
        ExtractOptions(
            batch_size=batch_size,
            n_workers=n_workers,
            file=file,
            progress=progress or SilentProgress(),
        ),
    )


def run_extraction(images: ImageSet, request: NetworkRequest, options: ExtractOptions) -> Features:
    """Compute the features of images like `extract`, also for a map or on other machines.

    The result and the errors are those of `extract`.

    Parameters
    ----------
    images : ImageSet
    request : NetworkRequest
    options : ExtractOptions
        With `work`, repeating an interrupted call returns bit-identical features.
    """
    _check_inputs(images, options)
    network: Backend | None = None
    is_name = isinstance(request.model, str) and request.preprocessing is None
    if is_name and options.machines is None:
        network = find_network_of_map(options.maps, images, options.thumbnails, request)
    network = network or open_given(request, images, options.progress)
    prepared = prepare_network(network, images, options)
    card = prepared.network.card
    run = KeptRun(card, images.white, prepared.inference, len(images), prepared.n_sampled)
    work = None if options.work is None else Path(options.work)
    cache, n_shards = open_cache(
        work, options.maps, run=run, sample=prepared.sample, progress=options.progress
    )
    shards = ShardWriter(
        None if work is None else work / run.name,
        next_number=n_shards,
        thumbnail_px=None if options.thumbnails is None else options.thumbnails.size_px,
        run=run,
    )
    return _Extraction(images, prepared, options, cache).run(shards)


@dataclass(frozen=True, eq=False)
class _Extraction:
    """One pass over the images.

    Attributes
    ----------
    images : ImageSet
    prepared : PreparedNetwork
    options : ExtractOptions
    cache : FeatureCache
    """

    images: ImageSet
    prepared: PreparedNetwork
    options: ExtractOptions
    cache: FeatureCache

    @property
    def network(self) -> Backend:
        """The network that computes the features."""
        return self.prepared.network

    @property
    def batch_size(self) -> int:
        """Number of images per batch."""
        return self.options.batch_size or self.network.batch_size

    def run(self, shards: ShardWriter) -> Features:
        """Return the features of all images; write them into shards.

        Raises
        ------
        InputError
            If no image could be decoded.
        """
        card = self.network.card
        with (
            shards,
            closing(open_row_store(self.options.file, len(self.images), card.n_features)) as rows,
            closing(self._read_images()) as items,
        ):
            result = ResultBuilder(self.images, self.options.thumbnails, rows=rows)
            self._fill(result, items, shards)
            shards.write()  # before `finish` maps the file: a mapped file keeps its disk space
            self._report(result)
            features = result.finish(card)
        _report_equal(features, self.options.progress)
        return replace(features, inference=self.prepared.inference)

    def _read_images(self) -> Generator[Read | SkippedImage, None, None]:
        """Return a generator of all images in order, read by threads here or by other machines."""
        thumbnails = self.options.thumbnails
        read = make_reader(self.images, self.network, thumbnails, self.cache)
        if self.options.machines is None:
            # two batches ahead of the current batch; on a GPU `map_ahead` holds further batches
            return read_ahead(
                read,
                len(self.images),
                n_workers=self.options.n_workers or self.network.n_workers,
                n_ahead=2 * self.batch_size,
            )
        read_there = self.options.machines.compute(
            self.images,
            self.network,
            batch_size=self.batch_size,
            thumbnails=thumbnails,
            cache=self.cache,
        )
        return fill_placeholders(read_there, self.cache, read, thumbnails)

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
            self.options.progress.task(task) as advance,
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
        progress = self.options.progress
        result.report_decoding(progress)
        if self.prepared.preprocessing is not None:
            result.report_cropped(self.prepared.preprocessing, progress)
        for origin, count in result.n_cached.items():
            progress.note(f"the features of {count:,} images were taken from {origin}")
        for origin in sorted(self.cache.damaged):
            progress.note(
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


def _report_equal(features: Features, progress: Progress) -> None:
    """Report each layer that gives all images the same features."""
    card, n_images = features.model, len(features.values)
    parts = np.split(features.values, np.cumsum(card.widths)[:-1], axis=1)
    # the name of a single layer may contain a "+"
    layers = card.layers if len(parts) > 1 else [card.layer]
    for layer, values in zip(layers, parts, strict=True):
        if n_images > 1 and has_equal_rows(values):
            note_or_warn(
                progress,
                f"{card.name} gives all {n_images:,} images the same features ({layer}), so that "
                "positions on a map have no meaning: check the images, the weights and the "
                "preprocessing",
            )


def _check_inputs(images: ImageSet, options: ExtractOptions) -> None:
    if not isinstance(images, ImageSet):
        raise InputError(
            f"images must be the result of find_images; got the type {type(images).__name__}. "
            "Pass find_images(SOURCE)."
        )
    _check_count("batch_size", options.batch_size)
    _check_count("n_workers", options.n_workers)
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
