"""Choose the precision of a network, and compile it, on the first images of a run."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from featscape.features.engines.precision import AUTO
from featscape.features.extraction.cache import FeatureCache
from featscape.features.extraction.prefetch import read_ahead
from featscape.features.extraction.reading import make_reader
from featscape.features.protocols import CachedFeatures, Read
from featscape.features.zoo.fingerprint import card_key, describe_change
from featscape.mapfolder.read import read_run
from featscape.printable_names import printable
from featscape.records import Inference, ModelCard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from featscape.features.network import Network
    from featscape.progress import Progress
    from featscape.records import ImageSet, SkippedImage, ThumbnailSink

_MOST_TRIED = 2  # images that are tried for each image of a sample: half may be unreadable


def prepare_network(
    network: Network,
    images: ImageSet,
    thumbnails: ThumbnailSink | None,
    *,
    earlier: Inference | None,
    n_compiled: int,
    n_workers: int | None,
    progress: Progress,
) -> tuple[Network, dict[bytes, CachedFeatures]]:
    """Choose the precision of a network on the first readable images, and compile it for them.

    Parameters
    ----------
    network : Network
    images : ImageSet
    thumbnails : ThumbnailSink or None
        Makes the thumbnails of the sample.
    earlier : Inference or None
        The choice of an earlier run, which is reused.
    n_compiled : int
        Batch size for which the network is compiled; 0 to not compile it.
    n_workers : int or None
        Number of decoding threads; None for the network's default.
    progress : Progress

    Returns
    -------
    network : Network
    features : dict of bytes to CachedFeatures
        The features of the sample by the images' hashes. Empty if the returned network would
        compute them with other rounding errors.
    """
    held = network if earlier is None else network.with_choice(earlier)
    n_sample = held.sample_size(len(images))
    n_threads = n_workers or network.n_workers
    read = make_reader(images, network, thumbnails, FeatureCache(()))
    sample = _read_sample(read, len(images), max(n_sample, n_compiled), n_threads=n_threads)
    pixels = [one.pixels for one in sample if one.pixels is not None]  # of all: nothing is cached
    chosen, values = held.choose_precision(pixels[:n_sample])
    computed = {
        one.digest: CachedFeatures("", row, one.size_px, one.thumbnail)
        for one, row in zip(sample, () if values is None else values, strict=False)
        if np.isfinite(row).all()  # otherwise the loop computes it again, and names the image
    }
    if chosen is not network and chosen.inference is not None:
        inference = chosen.inference
        progress.note(f"{inference.engine} in {inference.precision}: {inference.reason}")
    if not 0 < n_compiled <= len(sample):
        return chosen, computed
    progress.note(f"compiling the network, which saves time for {len(images):,} images")
    compiled = chosen.compiled(pixels[:n_compiled])
    if compiled.inference is not None and compiled.inference.fallback:
        progress.note(f"the network is not compiled: {compiled.inference.fallback}")
        return compiled, computed
    return compiled, {}


def find_earlier_choice(
    maps: Iterable[Path], card: ModelCard, *, n_images: int
) -> Inference | None:
    """Return the choice of `auto` for the same network in a finished map; None if there is none.

    The map must contain at least half of `n_images` images. The choice, and with it the features,
    therefore stay the same while a folder of images grows.

    Parameters
    ----------
    maps : iterable of Path
    card : ModelCard
        Card of the network.
    n_images : int
        Number of images of this run.
    """
    cards = [replace(card.of_layer(layer), precision="") for layer in card.layers]
    wanted = {card_key(one): one for one in cards}
    for folder in maps:
        try:
            run = read_run(folder)
            model, inference = ModelCard(**run["model"] or {}), Inference(**run["inference"] or {})
            n_then = run["counts"]["items"]
        except (TypeError, ValueError, LookupError):  # of another version, or without a network
            continue
        now = wanted.get(card_key(replace(model, precision="")))
        if (
            now is not None
            and inference.asked == AUTO
            and 2 * n_then >= n_images
            and not describe_change(model, now)
        ):
            return replace(inference, reason=f"as for the features in {printable(folder)}")
    return None


def _read_sample(
    read: Callable[[int], Read | SkippedImage], n_images: int, n_wanted: int, *, n_threads: int
) -> list[Read]:
    """Return the first `n_wanted` readable images, or fewer."""
    sample: list[Read] = []
    n_tried = min(_MOST_TRIED * n_wanted, n_images)
    with closing(read_ahead(read, n_tried, n_workers=n_threads, n_ahead=2 * n_threads)) as items:
        for item in items:
            if isinstance(item, Read):  # the loop reads the others again, and reports them
                sample.append(item)
            if len(sample) == n_wanted:
                break
    return sample
