"""Find the images of a run, and extract the features and thumbnails of the images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from featscape import mapfolder
from featscape.mapfolder.staging import kept_beside
from featscape.steps.facts import describe_found, describe_unreadable
from featscape.steps.layer_maps import JOINT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from featscape.distribute.executor import Executor
    from featscape.options import MapOptions
    from featscape.records import Features, ImageSet


def fetch_weights(options: MapOptions) -> None:
    """Download the weights of the network if they are not on this disk."""
    from featscape.features import fetch_weights

    if options.weights is None:
        fetch_weights(options.model, progress=options.reporter)


def find(options: MapOptions) -> ImageSet:
    """Find the images of the source, and report the number of images and skipped files."""
    from featscape.images import find_images

    images = find_images(
        options.source,
        labels=options.labels,
        path_column=options.path_column,
        label_column=options.label_column,
        limit=options.limit,
        random_state=options.random_state,
        max_megapixels=options.max_megapixels,
    )
    for line in describe_found(images):
        options.reporter.note(line)
    return images


def extract(
    images: ImageSet,
    options: MapOptions,
    executor: Executor,
    folders: Sequence[Path],
    maps: Sequence[Path],
) -> Features:
    """Write the features of all layers and the thumbnails into the first folder.

    Returns
    -------
    Features
        `values` has shape (n, d), with the features of all layers side by side.
    """
    from featscape.images import ThumbnailPacker

    with ThumbnailPacker(folders[0] / mapfolder.THUMBNAILS, size_px=options.pack_px) as thumbnails:
        features = executor.extract(
            images,
            model=options.model,
            weights=None if options.weights is None else Path(options.weights),
            layers=options.layer_names,
            pool=options.pool,
            device=options.device,
            precision=options.precision,
            batch_size=options.batch_size,
            thumbnails=thumbnails,
            file=folders[0] / (mapfolder.FEATURES if len(folders) == 1 else JOINT),
            work=kept_beside(folders[0]),
            maps=maps,
            progress=options.reporter,
        )
    if len(features.images) < len(images):
        options.reporter.note(describe_unreadable(images, features.images))
    return features
