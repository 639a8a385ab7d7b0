"""Draw the pictures and the interactive map of a map folder."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from featscape import mapfolder
from featscape.files.folder_handle import FolderHandle
from featscape.findings import arrange_findings, relate_classes
from featscape.labels.classes import label_names
from featscape.mapfolder.read import open_map
from featscape.mapfolder.words_file import read_recognized, read_vectors
from featscape.steps.facts.run import facts_of
from featscape.words import make_comparable, name_classes

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from concurrent.futures import Future
    from typing import Any

    from PIL import Image

    from featscape.findings import Findings
    from featscape.options import PictureOptions
    from featscape.progress import Progress, Stopwatch
    from featscape.records import Embedding, ItemSet
    from featscape.records.regions import Region

_LEAST_CLASSES, _MOST_CLASSES = 3, 60  # in the picture; the names of more classes are too small


def draw(
    folder: Path,
    embedding: Embedding,
    options: PictureOptions,
    *,
    output: Path,
    items: ItemSet,
    regions: Sequence[Region] = (),
    find: Callable[[], Findings] | None = None,
    watch: Stopwatch,
) -> Findings | None:
    """Draw the pictures and the page, and compute the findings while the pictures are drawn.

    A map without images has no pictures made of images; a map without findings, or with fewer than
    three classes, has no picture of the classes.

    Parameters
    ----------
    folder : Path
        Contains the thumbnails, if the items are images; words.npz and vocabulary.npz are
        optional.
    embedding : Embedding
    options : PictureOptions
    output : Path
        The final name of the folder, for the title of the page.
    items : ItemSet
    regions : sequence of Region
        The page shows the names of all regions. The pictures of a map without labels have the names
        of the first level.
    find : callable or None
        Computes the findings; None for a map without findings.
    watch : Stopwatch
        The time of the pictures is the time that they take longer than the findings.

    Returns
    -------
    Findings or None
        The result of `find`.
    """
    look = {name: getattr(options, name) for name in ("title", "caption", "names", "dark")}
    look["item_names"] = {one.anchor: one.name for one in regions if one.level == 0}
    with _PictureWriter(folder) as writer, _drawing_thread() as thread:
        with watch.stage("findings"):
            if find is not None:  # else only the thread imports SciPy
                _import_scipy()
            drawn = [thread.submit(_draw_points, embedding, look, writer)]
            if items.images is not None:
                mosaic = partial(_draw_mosaic, folder, embedding, options, look, writer)
                drawn += [
                    thread.submit(mosaic, name=name, progress=options.reporter)
                    for name in mapfolder.LAYOUTS
                ]
            findings = None if find is None else find()
        with watch.stage("pictures"):
            for picture in drawn:
                picture.result()
            if findings is not None:
                _draw_classes(folder, embedding, findings, options, writer)
            writer.finish()
    with watch.stage("interactive"):
        _write_interactive(
            folder,
            embedding,
            options,
            title=options.title or output.resolve().name.removesuffix("-map"),
            items=items,
            findings=findings,
            regions=regions,
            progress=options.reporter,
        )
    return findings


def _import_scipy() -> None:
    """Import the parts of SciPy that the findings and the pictures use.

    Two threads that import parts of SciPy at the same time may get a part that is not complete.
    """
    for part in ("cluster.hierarchy", "ndimage", "optimize", "spatial.distance"):
        import_module(f"scipy.{part}")


@contextmanager
def _drawing_thread() -> Iterator[ThreadPoolExecutor]:
    """Open one thread. After an exception, the pictures that have not begun are not drawn."""
    thread = ThreadPoolExecutor(1)
    try:
        yield thread
    finally:
        thread.shutdown(cancel_futures=True)


class _PictureWriter:
    """Write each picture in a thread, while the next picture is drawn.

    At most one picture waits, so that two pictures are in memory. `finish` returns when all
    pictures are written, and raises the error of a picture that cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pool = ThreadPoolExecutor(1)
        self._writing: Future[None] | None = None

    def write(self, name: str, picture: Image.Image) -> None:
        """Write a picture of the map as PNG, when the previous picture is written."""
        self.finish()
        self._writing = self._pool.submit(mapfolder.write_picture, self._folder, name, picture)

    def finish(self) -> None:
        """Wait until all pictures are written."""
        if self._writing is not None:
            self._writing.result()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._pool.shutdown()


def _draw_points(embedding: Embedding, look: Mapping[str, Any], writer: _PictureWriter) -> None:
    """Write the scatter plot; `look` contains arguments of `draw_scatter`."""
    from featscape.pictures import draw_scatter

    picture = draw_scatter(embedding.positions, embedding.labels, **look)
    writer.write(mapfolder.SCATTER, picture)


def _draw_classes(
    folder: Path,
    embedding: Embedding,
    findings: Findings,
    options: PictureOptions,
    writer: _PictureWriter,
) -> None:
    """Write the matrix and the tree of the classes."""
    from featscape.pictures import draw_relations

    if len(label_names(embedding.labels)) < _LEAST_CLASSES:
        return
    relations = relate_classes(
        np.load(folder / mapfolder.FEATURES, mmap_mode="r"),
        embedding.neighbors.indices,
        embedding.labels,
        most_classes=_MOST_CLASSES,
        found=findings.classes,
        random_state=embedding.parameters["seed"],
    )
    if relations is not None:
        picture = draw_relations(
            relations, title=options.title, caption=options.caption, dark=options.dark
        )
        writer.write(mapfolder.CLASSES, picture)


def _draw_mosaic(
    folder: Path,
    embedding: Embedding,
    options: PictureOptions,
    look: Mapping[str, Any],
    writer: _PictureWriter,
    *,
    name: str,
    progress: Progress,
) -> None:
    """Write a map made of images, from the thumbnails in the folder.

    `name` is one of `mapfolder.LAYOUTS`, and `look` contains arguments of `draw_mosaic`.
    """
    from featscape.mapfolder.thumbnails import Thumbnails
    from featscape.pictures import draw_mosaic

    picture = draw_mosaic(
        embedding.positions,
        Thumbnails(folder / mapfolder.THUMBNAILS),
        embedding.labels,
        layout=mapfolder.LAYOUTS[name],
        size_px=options.size_px,
        thumbnail_px=options.thumbnail_px,
        **look,
        progress=progress,
    )
    writer.write(name, picture)


def _write_interactive(
    folder: Path,
    embedding: Embedding,
    options: PictureOptions,
    *,
    title: str,
    items: ItemSet,
    findings: Findings | None,
    regions: Sequence[Region],
    progress: Progress,
) -> None:
    """Write map.html, and the bundle of files that the browser reads."""
    from featscape.bundle import encode_from, open_bundle, write_bundle, write_page
    from featscape.mapfolder.thumbnails import Thumbnails

    recognized = read_recognized(folder, n_items=len(embedding.positions))
    features = np.load(folder / mapfolder.FEATURES, mmap_mode="r")
    word_vectors = read_vectors(folder, n_features=features.shape[1])
    columns: dict[str, Any] = {}
    thumbnails = None
    if items.splits is not None:
        columns["split"] = items.splits
    columns |= items.columns
    if items.sizes_px is not None:
        columns |= {"width": items.sizes_px[:, 0], "height": items.sizes_px[:, 1]}
        thumbnails = encode_from(Thumbnails(folder / mapfolder.THUMBNAILS))
    write_bundle(
        folder / mapfolder.BUNDLE,
        title=title,
        positions=embedding.positions,
        neighbors=embedding.neighbors,
        seed=embedding.parameters["seed"],
        labels=embedding.labels,
        paths=items.paths,
        columns=columns,
        thumbnails=thumbnails,
        facts=facts_of(embedding, items.model),
        findings=None if findings is None else arrange_findings(findings),
        words=None if recognized is None else name_classes(recognized),
        vectors=None if word_vectors is None else make_comparable(features, word_vectors),
        regions=regions,
        progress=progress,
    )
    write_page(
        open_bundle(folder / mapfolder.BUNDLE),
        folder / mapfolder.PAGE,
        picture=folder / mapfolder.SCATTER,
        n_images=options.page_images,
    )


def export_site(
    folder: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    force: bool = False,
    progress: Progress | None = None,
) -> None:
    """Write the interactive map as a static site for any web server.

    Parameters
    ----------
    folder : path
        A map folder.
    output : path
        The folder of the site: new, empty, or with `force` an older site.
    force : bool
        Replace the site at `output`.
    progress : Progress, optional

    Raises
    ------
    InputError
        The folder at `output` is then unchanged.
    """
    from featscape.bundle import open_bundle, write_site

    opened = FolderHandle(open_map(folder).folder)
    bundle = open_bundle(mapfolder.open_part(opened, mapfolder.BUNDLE))
    write_site(bundle, Path(output), picture_in=opened, force=force, progress=progress)
