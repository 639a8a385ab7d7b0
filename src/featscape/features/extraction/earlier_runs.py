"""What earlier runs left: the features in shards and finished maps, and the chosen precision."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from featscape.errors import first_line
from featscape.features.engines.precision import is_reused
from featscape.features.extraction.cache import FeatureCache, StoredFeatures
from featscape.features.extraction.kept_runs import describe_unused
from featscape.features.extraction.shards import read_shards
from featscape.features.zoo.fingerprint import card_key, describe_change
from featscape.files.folder_handle import FolderHandle
from featscape.mapfolder.read import read_digests, read_map, read_run, white_of
from featscape.mapfolder.thumbnails import Thumbnails
from featscape.number_text import plural
from featscape.printable_names import printable
from featscape.records import Inference, ModelCard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from featscape.features.extraction.kept_runs import KeptRun
    from featscape.features.extraction.shards import ShardFolder
    from featscape.features.protocols import CachedFeatures
    from featscape.mapfolder.read import Map
    from featscape.progress import Progress


def open_cache(
    work: Path | None,
    maps: Sequence[Path],
    *,
    run: KeptRun,
    sample: Mapping[bytes, CachedFeatures],
    progress: Progress,
) -> tuple[FeatureCache, int]:
    """Open the cache of a network's features: the shards of a run, and finished maps.

    Parameters
    ----------
    work : Path or None
        Folder of the shards of all networks.
    maps : sequence of Path
        Maps of other networks, or with another value of white, are ignored.
    run : KeptRun
        This run.
    sample : mapping of bytes to CachedFeatures
        Features that this run has computed already, by the images' hashes.
    progress : Progress

    Returns
    -------
    cache : FeatureCache
    next_number : int
        Number of the next shard.
    """
    parts: list[StoredFeatures] = []
    next_number = 0
    card, white = run.card, run.white
    if work is not None:
        found = read_shards(work / run.name, card=card)
        unused = found.change or ("" if found.parts else describe_unused(work, run))
        _report_shards(found, unused=unused, n_images=run.n_images, progress=progress)
        parts, next_number = found.parts, found.next_number
    if len(card.layers) == 1:
        parts += _read_maps(maps, card, white, progress)
        return FeatureCache(parts, sample=sample), next_number
    layers = [
        FeatureCache(_read_maps(maps, card.of_layer(layer), white, progress))
        for layer in card.layers
    ]
    return FeatureCache(parts, layers=layers, sample=sample), next_number


def _report_shards(found: ShardFolder, *, unused: str, n_images: int, progress: Progress) -> None:
    if found.n_damaged:
        parts_are = plural(found.n_damaged, "part is", "parts are")
        progress.note(f"of the interrupted run, {parts_are} damaged and computed again")
    if unused:
        progress.note(f"the results of the interrupted run are not used: {unused}")
    if found.parts:
        n_done = sum(len(part.digests) for part in found.parts)
        progress.note(f"continuing: {n_done:,} of at most {n_images:,} different images were done")


def _read_maps(
    maps: Sequence[Path], card: ModelCard, white: int | None, progress: Progress
) -> list[StoredFeatures]:
    """Return the features of maps, without maps whose images are all in earlier maps."""
    parts: list[StoredFeatures] = []
    found: set[bytes] = set()
    for folder in maps:
        part = read_features_of_map(folder, card, white=white, report=progress.note)
        if part is None:
            continue
        digests = {digest.tobytes() for digest in part.digests}
        if not digests <= found:
            parts.append(part)
            found |= digests
    return parts


def read_features_of_map(
    folder: Path, card: ModelCard, *, white: int | None, report: Callable[[str], None]
) -> StoredFeatures | None:
    """Return the features of a finished map; None if they may differ from the network's.

    The map's files are opened once, relative to one open folder, and stay open: the features, the
    hashes and the thumbnails belong to the same map even if another run replaces the map.

    Parameters
    ----------
    folder : Path
    card : ModelCard
        None is returned if the map's card describes another network or layer.
    white : int or None
        See `ImageSet`. None is returned if the map was made with another value.
    report : callable
        Receives a message if the map has this card, and its features cannot be used: the map is
        damaged, contains no hashes of its images, or the network has changed.

    Returns
    -------
    StoredFeatures or None
        The features have shape (n, d) and dtype float32.
    """
    try:
        opened = FolderHandle(folder)
        made = read_map(opened)
        if made.run["model"] is None or white_of(made.run) != white:
            return None
        made_with = ModelCard(**made.run["model"])
        if card_key(made_with) != card_key(card):
            return None
        return _open_features(made, made_with, card, read_digests(opened), origin=printable(folder))
    except (OSError, ValueError, TypeError) as error:  # TypeError: a card with other fields
        report(f"the features in {printable(folder)} are not used: {first_line(error)}")
        return None


def _open_features(
    made: Map,
    made_with: ModelCard,
    card: ModelCard,
    digests: NDArray[np.uint8] | None,
    *,
    origin: str,
) -> StoredFeatures:
    """Return the features of a map; raises ValueError if they are not those of the network."""
    change = describe_change(made_with, card)
    if change:
        raise ValueError(change)
    if digests is None or made.sizes_px is None:
        raise ValueError("the map has no hashes or no sizes of its images")
    width = made.features.shape[1]
    if width != card.n_features:
        raise ValueError(
            f"the map has {width} features per image, and the network has {card.n_features}"
        )
    thumbnails = made.thumbnails
    return StoredFeatures(
        origin=origin,
        digests=digests,
        sizes_px=made.sizes_px,
        read_features=partial(_copy_row, made.features),
        read_thumbnail=thumbnails.encoded if isinstance(thumbnails, Thumbnails) else None,
        thumbnail_px=made.run.get("thumbnail_px"),
    )


def _copy_row(features: NDArray[np.float32], row: int) -> NDArray[np.float32]:
    return np.array(features[row])


def find_earlier_choice(
    maps: Iterable[Path], card: ModelCard, *, white: int | None, n_images: int
) -> Inference | None:
    """Return the choice of `auto` for the same network in a finished map; None if there is none.

    Parameters
    ----------
    maps : iterable of Path
    card : ModelCard
        Card of the network.
    white : int or None
        See `ImageSet`. A map that was made with another value has other pixels.
    n_images : int
        Number of images of this run.
    """
    cards = [replace(card.of_layer(layer), precision="") for layer in card.layers]
    wanted = {card_key(one): one for one in cards}
    for folder in maps:
        found = read_network(folder)
        if found is None:
            continue
        run, model, inference = found
        now = wanted.get(card_key(replace(model, precision="")))
        if (
            now is not None
            and white_of(run) == white
            and is_reused(inference, n_then=run["counts"]["items"], n_now=n_images)
            and not describe_change(model, now)
        ):
            return inference
    return None


def read_network(folder: Path) -> tuple[dict[str, Any], ModelCard, Inference] | None:
    """Return run.json of a finished map, with the network and its precision.

    None is returned for a map without a network, and for an invalid map, which `open_cache`
    reports.
    """
    try:
        run = read_run(folder)
        return run, ModelCard(**run["model"] or {}), Inference(**run["inference"] or {})
    except (TypeError, ValueError, LookupError):
        return None
