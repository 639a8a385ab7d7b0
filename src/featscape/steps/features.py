"""Find the images of a run, and extract the features and thumbnails of the images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from featscape import mapfolder
from featscape.errors import DownloadError
from featscape.mapfolder.staging import kept_beside
from featscape.printable_names import printable
from featscape.steps.facts.source import check_number, describe_found, describe_unreadable
from featscape.steps.layer_maps import JOINT, name_outputs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from featscape.distribute.executor import Executor
    from featscape.options import MapOptions
    from featscape.records import Features, ImageSet


def fetch_weights(options: MapOptions) -> None:
    """Download the weights of the network if they are not on this disk.

    Raises
    ------
    DownloadError
        If the weights cannot be downloaded. The error names the network of the map that the run
        replaces, if that map has another network.
    """
    from featscape.features import fetch_weights

    if options.weights is not None:
        return
    try:
        fetch_weights(options.model, progress=options.reporter)
    except DownloadError as error:
        other = _other_network([_first_output(options)], options.model)
        if other is None:
            raise
        folder_name, name = other
        raise DownloadError(f"{error} {folder_name} was made with --model {name}.") from error


def find_replaced_network(options: MapOptions) -> str | None:
    """Return one line about another network of the map that the run replaces, else None."""
    return find_other_network([_first_output(options)], options.model)


def _first_output(options: MapOptions) -> Path:
    return name_outputs(options.folder, options.layer_names)[0]


def find(options: MapOptions) -> ImageSet:
    """Find the images of the source, and report the number of images and skipped files.

    Raises
    ------
    InputError
        As `find_images` and `check_number` do.
    """
    from featscape.images import find_images

    images = find_images(
        options.source,
        labels=options.labels,
        columns=options.columns,
        path_column=options.path_column,
        label_column=options.label_column,
        limit=options.limit,
        random_state=options.random_state,
        max_megapixels=options.max_megapixels,
    )
    for line in describe_found(images, is_label_chosen=options.label_column is not None):
        options.reporter.note(line)
    check_number(images)
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

    Raises
    ------
    InputError
        As `check_number` does.
    """
    from featscape.images import ThumbnailPacker

    other = find_other_network(maps, options.model)
    # the network of the replaced map was reported before the download
    if other is not None and other != find_replaced_network(options):
        options.reporter.note(other)
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
    check_number(features.images, n_found=len(images))
    return features


def find_other_network(maps: Sequence[Path], model: str) -> str | None:
    """Return the network of the first of the earlier maps if no earlier map has the network.

    Parameters
    ----------
    maps : sequence of Path
        Maps of the same source, and the map that the run replaces.
    model : str
        The name of the network of this run.

    Returns
    -------
    str or None
        One line; None if a map has the network, or no map has a network.
    """
    other = _other_network(maps, model)
    if other is None:
        return None
    folder_name, name = other
    return (
        f"{folder_name} was made with --model {name}; this run uses {printable(model)}, and reuses "
        f"no features of {folder_name}"
    )


def _other_network(maps: Sequence[Path], model: str) -> tuple[str, str] | None:
    """Return the printable names of the folder and of the network, as `find_other_network`."""
    names = {}
    for folder in maps:
        card = (mapfolder.find_run(folder) or {}).get("model")
        if isinstance(card, dict) and isinstance(card.get("name"), str):  # unchecked
            names[folder.name] = card["name"]
    if not names or model in names.values():
        return None
    return next((printable(key), printable(value)) for key, value in names.items())
