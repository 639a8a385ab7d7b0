"""Choose the precision of a network, and compile it, on the first images of a run."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from featscape.features.extraction.cache import FeatureCache
from featscape.features.extraction.earlier_runs import find_earlier_choice
from featscape.features.extraction.finished_maps import NetworkOfMap
from featscape.features.extraction.kept_runs import find_kept_choice
from featscape.features.extraction.prefetch import read_ahead
from featscape.features.extraction.reading import make_reader
from featscape.features.network import Network
from featscape.features.protocols import CachedFeatures, Read

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from featscape.features.protocols import Backend, ExtractOptions
    from featscape.features.zoo.preprocessing import Preprocessing
    from featscape.records import ImageSet, Inference, SkippedImage

_MAX_TRIED = 2  # images read for each image of the sample: half of the images may be unreadable


@dataclass(frozen=True, eq=False)
class PreparedNetwork:
    """A network whose precision is chosen.

    Attributes
    ----------
    network : Backend
    inference : Inference or None
        How the network runs; None for a backend of the caller.
    preprocessing : Preprocessing or None
        None for networks that do not report their preprocessing.
    sample : mapping of bytes to CachedFeatures
        The features of the sample by the images' hashes. Empty if the network would compute them
        with other rounding errors.
    n_sampled : int
        Number of images of the sample, of which several may be equal.
    """

    network: Backend
    inference: Inference | None = None
    preprocessing: Preprocessing | None = None
    sample: Mapping[bytes, CachedFeatures] = field(default_factory=dict)
    n_sampled: int = 0


def prepare_network(
    network: Backend,
    images: ImageSet,
    options: ExtractOptions,
) -> PreparedNetwork:
    """Choose the precision of a network on the first readable images, and compile the network.

    The choice of an interrupted run in `options.work` takes precedence over the choice for the same
    network in `options.maps`. If other machines run the network, it is not compiled, and the sample
    has no thumbnails. A backend other than `Network` is neither changed nor tried.
    """
    if isinstance(network, NetworkOfMap):
        return PreparedNetwork(network, network.inference)
    if not isinstance(network, Network):
        return PreparedNetwork(network)
    n_images = len(images)
    batch_size = options.batch_size or network.batch_size
    runs_here = options.machines is None
    n_compiled = network.compiled_batch_size(n_images, batch_size) if runs_here else 0
    work = None if options.work is None else Path(options.work)
    held, n_kept = _reuse_choice(network, images, maps=options.maps, work=work)
    n_sample = n_kept or held.sample_size(n_images)
    thumbnails = options.thumbnails if runs_here else None
    read = make_reader(images, network, thumbnails, FeatureCache(()))
    n_threads = options.n_workers or network.n_workers
    sample = _read_sample(read, n_images, max(n_sample, n_compiled), n_threads=n_threads)
    pixels = [one.pixels for one in sample if one.pixels is not None]  # of all: nothing is cached
    chosen, values = held.choose_precision(pixels[:n_sample])
    if n_kept:
        values = chosen.run(pixels[:n_kept])
    if 0 < n_compiled <= len(sample):
        options.progress.note(f"compiling the network, which saves time for {n_images:,} images")
        chosen = chosen.compiled(pixels[:n_compiled])
        if chosen.inference is None or not chosen.inference.fallback:
            values = None  # a compiled network has other rounding errors
        else:
            options.progress.note(f"the network is not compiled: {chosen.inference.fallback}")
    return PreparedNetwork(
        chosen, chosen.inference, chosen.preprocessing, _cache_sample(sample, values), n_sample
    )


def _reuse_choice(
    network: Network, images: ImageSet, *, maps: Sequence[Path], work: Path | None
) -> tuple[Network, int]:
    """Return a network with the precision of an earlier run, if there is such a run.

    Also return the number of images of the sample of an interrupted run, else 0: the sample is
    computed again, so that the other images form the same batches.
    """
    card, white, n_images = network.card, images.white, len(images)
    kept = find_kept_choice(work, card, white=white, n_images=n_images)
    earlier = (
        kept.inference if kept else find_earlier_choice(maps, card, white=white, n_images=n_images)
    )
    held = network if earlier is None else network.with_choice(earlier)
    return held, kept.n_sampled if kept is not None and held.inference is not None else 0


def _cache_sample(
    sample: Sequence[Read], values: NDArray[np.float32] | None
) -> dict[bytes, CachedFeatures]:
    """Return the features of the first images of the sample by the images' hashes.

    Features that are not finite are left out: the loop computes them again, and its error names the
    image.
    """
    return {
        one.digest: CachedFeatures(
            "", row, one.size_px, one.thumbnail, largest=one.largest, has_more=one.has_more
        )
        for one, row in zip(sample, () if values is None else values, strict=False)
        if np.isfinite(row).all()
    }


def _read_sample(
    read: Callable[[int], Read | SkippedImage], n_images: int, n_wanted: int, *, n_threads: int
) -> list[Read]:
    """Return the first `n_wanted` readable images, or fewer."""
    sample: list[Read] = []
    n_tried = min(_MAX_TRIED * n_wanted, n_images)
    with closing(read_ahead(read, n_tried, n_workers=n_threads, n_ahead=2 * n_threads)) as items:
        for item in items:
            if isinstance(item, Read):  # the loop reads the others again, and reports them
                sample.append(item)
            if len(sample) == n_wanted:
                break
    return sample
