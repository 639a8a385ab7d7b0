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
from featscape.steps.tables.checked_labels import apply_checked, describe_lost

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from featscape.distribute.executor import Executor
    from featscape.options import MapOptions
    from featscape.records import Features, ImageSet
    from featscape.steps.tables.checked_labels import CheckedLabels


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
        folder = _first_output(options)
        name = _other_network(folder, options.model)
        if name is None:
            raise
        made = f"{printable(folder.name)} was made with --model {name}."
        raise DownloadError(f"{error} {made}") from error


def compare_with_replaced(options: MapOptions, checked: CheckedLabels | None) -> Iterator[str]:
    """Yield a line for another network and for checked labels of the map that the run replaces.

    Parameters
    ----------
    options : MapOptions
    checked : CheckedLabels or None
        The checked labels of the options.
    """
    folder = _first_output(options)
    other = find_other_network(folder, options.model)
    if other is not None:
        yield other
    parameters = (mapfolder.find_run(folder) or {}).get("parameters")
    table = parameters.get("checked_source") if isinstance(parameters, dict) else None
    if not isinstance(table, str):  # unchecked text of a file
        return
    if checked is not None:
        yield from describe_lost(folder, checked)
    else:
        yield (
            f"{printable(folder.name)} was made with --checked {printable(table)}; this run uses "
            "no checked labels"
        )


def _first_output(options: MapOptions) -> Path:
    return name_outputs(options.folder, options.layer_names)[0]


def find(options: MapOptions, checked: CheckedLabels | None) -> ImageSet:
    """Find the images of the source, and report the number of images and skipped files.

    Parameters
    ----------
    options : MapOptions
    checked : CheckedLabels or None
        The checked labels of the options.

    Raises
    ------
    InputError
        As `find_images`, `check_number` and `apply_checked` do.
    """
    from featscape.images import draw_images, find_images

    found = find_images(
        options.source,
        labels=options.labels,
        columns=options.columns,
        path_column=options.path_column,
        label_column=options.label_column,
        max_megapixels=options.max_megapixels,
        white=options.white,
    )
    images = draw_images(found, limit=options.limit, random_state=options.random_state)
    for line in describe_found(images, is_label_chosen=options.label_column is not None):
        options.reporter.note(line)
    check_number(images)
    return apply_checked(images, checked, options.reporter, found=found)


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
    from featscape.features import ExtractOptions, NetworkRequest
    from featscape.images import ThumbnailPacker

    request = NetworkRequest(
        options.model,
        weights=None if options.weights is None else Path(options.weights),
        layers=options.layer_names,
        pool=options.pool,
        device=options.device,
        precision=options.precision,
    )
    with ThumbnailPacker(folders[0] / mapfolder.THUMBNAILS, size_px=options.pack_px) as thumbnails:
        extract_options = ExtractOptions(
            batch_size=options.batch_size,
            file=folders[0] / (mapfolder.FEATURES if len(folders) == 1 else JOINT),
            thumbnails=thumbnails,
            work=kept_beside(folders[0]),
            maps=maps,
            progress=options.reporter,
        )
        features = executor.extract(images, request, extract_options)
    if len(features.images) < len(images):
        options.reporter.note(describe_unreadable(images, features.images))
    check_number(features.images, n_found=len(images))
    return features


def find_other_network(folder: Path, model: str) -> str | None:
    """Return one line if a map has another network than the run.

    Parameters
    ----------
    folder : Path
        The map that the run replaces, if there is one.
    model : str
        The name of the network of this run.

    Returns
    -------
    str or None
        None without a map, or if the map has this network or none.
    """
    name = _other_network(folder, model)
    if name is None:
        return None
    shown = printable(folder.name)
    return (
        f"{shown} was made with --model {name}; this run uses {printable(model)}, and reuses no "
        f"features of {shown}"
    )


def _other_network(folder: Path, model: str) -> str | None:
    """Return the printable name of the network of a map if this is another network."""
    card = (mapfolder.find_run(folder) or {}).get("model")
    name = card.get("name") if isinstance(card, dict) else None  # unchecked
    return printable(name) if isinstance(name, str) and name != model else None
