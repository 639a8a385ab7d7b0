"""Run the whole program: find images, extract features, embed, draw, store.

Each step calls one package. The packages exchange the records in `records`.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from featscape import mapfolder
from featscape.mapfolder.read import Map, find_maps, open_map
from featscape.progress import Stopwatch
from featscape.records import ItemSet
from featscape.steps.content.regions import name_in_folder
from featscape.steps.content.words import recognize_in_folder
from featscape.steps.drawing import draw, write_interactive
from featscape.steps.features import compare_with_replaced, extract, fetch_weights, find
from featscape.steps.findings import find_in_folder
from featscape.steps.layer_maps import name_outputs, split_by_layer
from featscape.steps.own_features import pack_thumbnails, read_own_features
from featscape.steps.storing import store
from featscape.steps.tables.checked_labels import read_checked
from featscape.steps.tsne.embedding import check_early, choose_tsne_device, embed

if TYPE_CHECKING:
    from pathlib import Path

    from featscape.feature_options import FeatureMapOptions
    from featscape.options import MapOptions, PictureOptions
    from featscape.records import Embedding


def make_maps(options: MapOptions) -> tuple[Map, ...]:
    """Make the map of a source of images, or one map for each of several layers.

    Raises
    ------
    InputError, ModelError, DeviceError, MissingExtra
        The output folder is then unchanged; the same call reuses the finished features.
    """
    from featscape.distribute import open_executor

    watch = Stopwatch()
    outputs = name_outputs(options.folder, options.layer_names)
    with watch.stage("check"):  # a wrong source is reported before an older map at the output
        check_early(options)
        checked = read_checked(options.checked)
    with ExitStack() as stack:
        folders = [
            stack.enter_context(
                mapfolder.new_map_folder(output, force=options.force, note=options.reporter.note)
            )
            for output in outputs
        ]
        executor = stack.enter_context(open_executor(options.engine, options.address))
        with watch.stage("weights"):  # another network is reported before a long download
            for line in compare_with_replaced(options, checked):
                options.reporter.note(line)
            fetch_weights(options)
        with watch.stage("find"):
            images = find(options, checked)
        with watch.stage("load t-SNE"):
            device = choose_tsne_device(options, n_items=len(images))
        source = options.made_from or images.absolute_source
        with watch.stage("features" + (f" of {len(folders)} layers" if folders[1:] else "")):
            maps = find_maps(
                outputs[0], source=source, kind=images.kind, note=options.reporter.note
            )
            features = extract(images, options, executor, folders, maps)
        layers = split_by_layer(features, folders)
        for output, folder, layer in zip(outputs, folders, layers, strict=True):
            with watch.stage("t-SNE"):
                embedding = embed(
                    layer.values,
                    options,
                    labels=layer.images.labels,
                    device=device,
                    place=executor.place,
                )
            with watch.stage("words"):
                recognize_in_folder(
                    folder, layer, maps=maps, weights=options.weights, progress=options.reporter
                )
            _finish(
                folder,
                embedding,
                options,
                output=output,
                source=source,
                items=ItemSet.of_features(layer),
                watch=watch,
            )
    return tuple(open_map(output) for output in outputs)


def embed_features(options: FeatureMapOptions) -> Map:
    """Make a map of features that another program computed, with images if they are given.

    Raises
    ------
    InputError, DeviceError
        The output folder is then unchanged.
    """
    watch = Stopwatch()
    with watch.stage("read"):  # a wrong input is reported before an older map at the output
        own = read_own_features(options)
    with watch.stage("load t-SNE"):
        device = choose_tsne_device(options, n_items=len(own.values))
    with mapfolder.new_map_folder(
        options.folder, force=options.force, note=options.reporter.note
    ) as folder:
        with watch.stage("images"):
            own = pack_thumbnails(own, folder, options)
        with watch.stage("write features"):
            mapfolder.write_features(folder, own.values)
        with watch.stage("t-SNE"):
            embedding = embed(own.values, options, labels=own.labels, device=device)
        images = own.items.images
        source = str(
            options.recorded["features_source"] if images is None else images.absolute_source
        )
        _finish(
            folder,
            embedding,
            options,
            output=options.folder,
            source=source,
            items=own.items,
            watch=watch,
        )
    return open_map(options.folder)


def _finish(
    folder: Path,
    embedding: Embedding,
    options: PictureOptions,
    *,
    output: Path,
    source: str,
    items: ItemSet,
    watch: Stopwatch,
) -> None:
    """Compute the findings and regions, draw the pictures and the page, and write the tables."""
    with watch.stage("regions"):
        regions = name_in_folder(folder, embedding, items=items) if options.names else ()
    with ExitStack() as stack:
        with watch.stage("findings"):
            finish_pictures = stack.enter_context(
                draw(folder, embedding, options, items=items, regions=regions)
            )
            findings = find_in_folder(folder, embedding, items=items) if options.findings else None
        with watch.stage("pictures"):  # the time after the findings
            finish_pictures(findings)
    with watch.stage("interactive"):
        write_interactive(
            folder,
            embedding,
            options,
            output=output,
            items=items,
            findings=findings,
            regions=regions,
        )
    store(
        folder,
        embedding,
        options,
        source=source,
        items=items,
        findings=findings,
        watch=watch,
    )
