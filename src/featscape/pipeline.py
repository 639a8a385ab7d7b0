"""The corridor itself: images -> features -> t-SNE -> pictures, and the map folder they end in."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, overload

from featscape import mapfolder
from featscape.embedding import (
    check_landmarks,
    check_options,
    choose_tsne_device,
    embed,
    load_tsne,
    measure_agreement,
)
from featscape.folder_handle import FolderHandle
from featscape.layermaps import JOINT, name_outputs, share
from featscape.maps import find_maps, open_map
from featscape.placement import open_placer
from featscape.progress import SilentProgress, Stopwatch
from featscape.report import tell_found
from featscape.staging import kept_beside
from featscape.views import Look, draw_mosaics, draw_points, write_interactive

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from typing import Any

    from featscape.maps import Map
    from featscape.progress import Progress
    from featscape.records import Embedding, Features

__all__ = ["embed_features", "export_site", "load_tsne", "make_map", "open_map", "open_placer"]


@overload
def make_map(
    source: str | os.PathLike[str],
    output: str | os.PathLike[str] | None = None,
    *,
    layers: str | None = None,
    **options: Any,
) -> Map: ...
@overload
def make_map(
    source: str | os.PathLike[str],
    output: str | os.PathLike[str] | None = None,
    *,
    layers: tuple[str, ...] | list[str],
    **options: Any,
) -> tuple[Map, ...]: ...
def make_map(  # type: ignore[misc]  # the overloads leave the options to be read here
    source: str | os.PathLike[str],
    output: str | os.PathLike[str] | None = None,
    *,
    model: str = "resnet101",
    weights: str | os.PathLike[str] | None = None,
    layers: str | Sequence[str] | None = None,
    pool: str | None = None,
    path_column: str | None = None,
    label_column: str | None = None,
    limit: int | None = None,
    max_megapixels: float | None = None,
    seed: int = 10,
    perplexity: float = 30.0,
    n_dimensions: int = 2,
    n_landmarks: int | None = None,
    device: str = "auto",
    precision: str = "auto",
    batch_size: int | None = None,
    size_px: int = 2400,
    thumbnail_px: int | None = None,
    page_images: int = 20_000,
    force: bool = False,
    made_from: str | None = None,
    engine: str = "local",
    address: str | None = None,
    progress: Progress | None = None,
) -> Map | tuple[Map, ...]:
    """Make the map of a source of images; or of each of several layers, a map.

    Parameters
    ----------
    source : path
        A folder of images, or another source: see `find_images`.
    output : path, optional
        The map folder to write; by default NAME-map in the current folder. With the layers
        "layer3" and "layer4", "photos-map" means photos-layer3-map and photos-layer4-map.
    model : str
        One of ``featscape models``, or MODULE:FACTORY of your own.
    weights : path, optional
        A file of weights, instead of those that the model downloads.
    layers : str, or tuple or list of str, optional
        What the map is of, instead of the input of the network's classifier: one of ``featscape
        layers MODEL``. Of several each gets a map, and the images go through the network once.
    pool : str, optional
        What makes numbers of a layer's map or tokens: "avg" (the default), "max", "gem",
        "flatten" or "token", as `load_network` describes them.
    path_column, label_column : str, optional
        Of a table of images: see `find_images`.
    limit : int, optional
        Take this many images at random.
    max_megapixels : float, optional
        Skip images that are larger; by default those above Pillow's limit, 89.5.
    seed : int
        For the choice of the images and for t-SNE.
    perplexity : float
        About how many neighbours each image is drawn to; below (n - 1) / 3.
    n_dimensions : int
        2, or 3 for a map that turns in the browser.
    n_landmarks : int, optional
        Fit t-SNE on this many images, drawn at random and of every class, and place each other
        one among them: for more images than t-SNE has memory for. n is then this number, and
        neighbors and agreement are those among the landmarks.
    device : str
        "auto", "cpu", "cuda", "cuda:N" or "mps". t-SNE is on the GPU too from 100,000 images on,
        where it is NVIDIA's.
    precision : str
        Of the network's numbers, "fp32", "bf16" or "int8"; "auto" takes bf16 where it is quick and
        close to fp32: see `load_network`.
    batch_size : int, optional
        Images that go through the network at once.
    size_px, thumbnail_px : int
        Side of the map made of images, and longest side of the images in it, in pixels.
    page_images : int
        map.html holds thumbnails of so many images; those of 20,000 can be mailed.
    force : bool
        Replace a map that stands at `output`. Features that it, or a map of the same source
        beside it, has of the same images by the same network are taken from there.
    made_from : str, optional
        What run.json names as the source, where `source` itself is only temporary.
    engine : str
        "local", or "ray": images are decoded and run through the network, and placed among
        landmarks, on a Ray cluster, whose nodes must see `source` under the same name.
    address : str, optional
        HOST:PORT of that cluster; without it, the one that RAY_ADDRESS or this machine has, or a
        new one on this machine.
    progress : Progress, optional
        Where to report; a call is silent without it.

    Returns
    -------
    Map, or tuple of Map
        A map; for a tuple or list of layers a tuple of maps, in their order.

    Raises
    ------
    InputError, ModelError, DeviceError, MissingExtra
        Nothing stands at `output` then that did not stand there before. Features that were made
        are kept beside it, as after Ctrl-C or a crash, and the same call continues from them.
    """
    from featscape.distribute import open_workers
    from featscape.features import check_network
    from featscape.images import ThumbnailPack, check_choice, find_images, name_source

    asked = (layers,) if isinstance(layers, str) else tuple(layers or ())
    check_network(
        model,
        weights=None if weights is None else Path(weights),
        layers=asked,
        pool=pool,
        device=device,
        precision=precision,
    )
    check_choice(limit=limit, seed=seed, max_megapixels=max_megapixels)
    check_options(perplexity=perplexity, n_dimensions=n_dimensions)
    look = Look(size_px=size_px, thumbnail_px=thumbnail_px, page_images=page_images)
    output = Path(f"{name_source(source)}-map" if output is None else output)
    mapfolder.check_source(Path(source), output=output)
    outputs = name_outputs(output, asked)
    progress = progress or SilentProgress()
    watch = Stopwatch()
    with ExitStack() as stack:
        folders = [
            stack.enter_context(mapfolder.new_map_folder(one, force=force, say=progress.note))
            for one in outputs
        ]
        extract, place = stack.enter_context(open_workers(engine, address))
        with watch.stage("find"):
            images = find_images(
                source,
                path_column=path_column,
                label_column=label_column,
                limit=limit,
                seed=seed,
                max_megapixels=max_megapixels,
            )
            progress.note(tell_found(images))
            tsne_device = choose_tsne_device(
                device if engine == "local" or device == "cpu" else "auto",  # not the cluster's GPU
                n_landmarks or len(images),
                n_dimensions=n_dimensions,
            )
            check_landmarks(
                n_landmarks,
                perplexity=perplexity,
                n_items=len(images),
                n_dimensions=n_dimensions,
                device=tsne_device,
            )
        made_from = made_from or _settle(images.source)
        small = folders[0] / mapfolder.THUMBNAILS
        stage = "features" if len(folders) == 1 else f"features of {len(folders)} layers"
        with watch.stage(stage), ThumbnailPack(small, size_px=look.pack_px) as pack:
            computed = extract(
                images,
                model=model,
                weights=None if weights is None else Path(weights),
                layers=asked,
                pool=pool,
                device=device,
                precision=precision,
                batch_size=batch_size,
                thumbnails=pack,
                file=folders[0] / (mapfolder.FEATURES if len(folders) == 1 else JOINT),
                work=kept_beside(folders[0]),
                maps=find_maps(outputs[0], source=made_from),
                progress=progress,
            )
        for made, folder, features in zip(outputs, folders, share(computed, folders), strict=True):
            with watch.stage("t-SNE"):
                embedding = embed(
                    features.values,
                    perplexity=perplexity,
                    seed=seed,
                    n_dimensions=n_dimensions,
                    n_landmarks=n_landmarks,
                    labels=features.images.labels,
                    device=tsne_device,
                    place=place,
                    progress=progress,
                )
            _finish(
                folder,
                embedding,
                output=made,
                source=made_from,
                features=features,
                limit=limit,
                look=look,
                watch=watch,
                progress=progress,
            )
    maps = tuple(open_map(made) for made in outputs)
    return maps[0] if layers is None or isinstance(layers, str) else maps


def embed_features(
    features_file: str | os.PathLike[str],
    output: str | os.PathLike[str] | None = None,
    *,
    labels_file: str | os.PathLike[str] | None = None,
    perplexity: float = 30.0,
    n_dimensions: int = 2,
    n_landmarks: int | None = None,
    seed: int = 10,
    device: str = "auto",
    force: bool = False,
    progress: Progress | None = None,
) -> Map:
    """Make the map of features that were made elsewhere: t-SNE, the scatter plot, map.html.

    Parameters
    ----------
    features_file : path
        An (n, d) array of numbers in an .npy file.
    output : path, optional
        The map folder to write; by default NAME-map in the current folder.
    labels_file : path, optional
        Text with a label a line, or an .npy file of n integers or strings.
    perplexity, n_dimensions, n_landmarks, seed, force, progress
        As in `make_map`.
    device : str
        Where t-SNE runs, as TSNE takes it: "auto", "cpu", "cuda" or "cuda:N".

    Returns
    -------
    Map
        Without paths and thumbnails.

    Raises
    ------
    InputError, DeviceError
        Nothing stands at `output` then that did not stand there before.
    """
    import numpy as np

    from featscape.features.files import read_features, read_labels

    check_options(perplexity=perplexity, n_dimensions=n_dimensions)
    features_file = Path(features_file)
    output = Path(f"{features_file.stem}-map" if output is None else output)
    progress = progress or SilentProgress()
    watch = Stopwatch()
    with mapfolder.new_map_folder(output, force=force) as folder:
        with watch.stage("read"):
            stored = read_features(features_file)
            labels = None
            if labels_file is not None:
                labels = read_labels(Path(labels_file), n_items=len(stored))
            values = np.asarray(stored, dtype=np.float32)
            mapfolder.write_features(folder, values)
        with watch.stage("t-SNE"):
            embedding = embed(
                values,
                perplexity=perplexity,
                seed=seed,
                n_dimensions=n_dimensions,
                n_landmarks=n_landmarks,
                labels=labels,
                device=device,
                progress=progress,
            )
        source = str(features_file.resolve())
        _finish(folder, embedding, output=output, source=source, watch=watch, progress=progress)
    return open_map(output)


def _finish(
    folder: Path,
    embedding: Embedding,
    *,
    output: Path,
    source: str,
    features: Features | None = None,
    limit: int | None = None,
    look: Look | None = None,
    watch: Stopwatch,
    progress: Progress,
) -> None:
    """Judge, draw and store what was embedded: all of a map folder but features and thumbnails."""
    look = look or Look()
    with watch.stage("agreement"):
        agreement = measure_agreement(embedding)
    with watch.stage("pictures"):
        draw_points(folder, embedding)
        if features is not None:
            draw_mosaics(folder, embedding, look=look, progress=progress)
    with watch.stage("write"):
        mapfolder.write_embedding(folder, embedding, features=features)
    with watch.stage("interactive"):
        write_interactive(
            folder, embedding, output=output, features=features, look=look, progress=progress
        )
    mapfolder.write_run(
        folder,
        embedding,
        source=source,
        features=features,
        limit=limit,
        thumbnail_px=None if features is None else look.pack_px,
        agreement=agreement,
        timings_s=watch.timings_s,
    )


def export_site(
    folder: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    force: bool = False,
    progress: Progress | None = None,
) -> None:
    """Write the interactive map as a static site: files alone, for any web server.

    Parameters
    ----------
    folder : path
        A map folder.
    output : path
        The site's folder: new, empty, or with `force` an older site.
    force : bool
        Replace a site that stands at `output`.
    progress : Progress, optional

    Raises
    ------
    InputError
        Nothing stands at `output` then that did not stand there before.
    """
    from featscape.bundle import open_bundle, write_site

    opened = FolderHandle(open_map(folder).folder)
    bundle = open_bundle(mapfolder.open_part(opened, mapfolder.BUNDLE))
    write_site(bundle, Path(output), picture_in=opened, force=force, progress=progress)


def _settle(source: Path | str) -> str:
    """Return a source as it is found from any current folder."""
    return source if isinstance(source, str) else str(source.resolve())
