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
from featscape.defaults import MOST_CLASSES
from featscape.files.folder_handle import FolderHandle
from featscape.findings import arrange_findings, relate_classes
from featscape.findings.wording import noun_of
from featscape.labels.classes import label_names
from featscape.mapfolder.read import open_map
from featscape.mapfolder.words_file import read_recognized, read_vectors
from featscape.steps.facts.run import facts_of
from featscape.steps.map_pictures import draw_picture
from featscape.words import make_comparable, name_classes

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Future
    from typing import Any

    from PIL import Image

    from featscape.findings import Findings
    from featscape.options import PictureOptions
    from featscape.progress import Progress
    from featscape.records import Embedding, ItemSet
    from featscape.records.regions import Region

_LEAST_CLASSES = 3  # in the picture of the classes


@contextmanager
def draw(
    folder: Path,
    embedding: Embedding,
    options: PictureOptions,
    *,
    items: ItemSet,
    regions: Sequence[Region],
) -> Iterator[Callable[[Findings | None], None]]:
    """Draw the pictures in a thread while the block computes the findings.

    A map without images has no pictures made of images; a map without findings, or with fewer than
    three classes, has no picture of the classes.

    Parameters
    ----------
    folder : Path
        Contains the thumbnails, if the items are images.
    embedding : Embedding
    options : PictureOptions
    items : ItemSet
    regions : sequence of Region
        The pictures of a map without labels have the names of the first level.

    Yields
    ------
    callable
        Receives the findings, if any, draws the picture of the classes, and returns when all
        pictures are written.
    """
    from featscape.mapfolder.thumbnails import Thumbnails

    names = [mapfolder.SCATTER]
    thumbnails = None
    if items.images is not None:
        names += mapfolder.LAYOUTS
        thumbnails = Thumbnails(folder / mapfolder.THUMBNAILS)
    draw_one = partial(
        draw_picture,
        placed=embedding,
        settings=options.pictures,
        regions=regions,
        thumbnails=thumbnails,
        progress=options.reporter,
    )
    _import_scipy()
    with _PictureWriter(folder) as writer, _drawing_thread() as thread:
        drawn = [thread.submit(_draw_and_write, name, draw_one, writer) for name in names]

        def finish(findings: Findings | None) -> None:
            for picture in drawn:
                picture.result()
            if findings is not None:
                noun = noun_of(items.paths)
                _draw_classes(folder, embedding, findings, options, writer, noun=noun)
            writer.finish()

        yield finish


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


def _draw_and_write(
    name: str, draw_one: Callable[[str], Image.Image], writer: _PictureWriter
) -> None:
    writer.write(name, draw_one(name))


def _draw_classes(
    folder: Path,
    embedding: Embedding,
    findings: Findings,
    options: PictureOptions,
    writer: _PictureWriter,
    *,
    noun: str,
) -> None:
    """Write the matrix and the tree of the classes."""
    from featscape.pictures import draw_relations

    if len(label_names(embedding.labels)) < _LEAST_CLASSES:
        return
    relations = relate_classes(
        np.load(folder / mapfolder.FEATURES, mmap_mode="r"),
        embedding.neighbors.indices,
        embedding.labels,
        most_classes=MOST_CLASSES,
        found=findings.classes,
        random_state=embedding.parameters["seed"],
    )
    if relations is not None:
        picture = draw_relations(
            relations,
            title=options.title,
            caption=options.caption,
            dark=options.dark,
            noun=noun,
        )
        writer.write(mapfolder.CLASSES, picture)


def write_interactive(
    folder: Path,
    embedding: Embedding,
    options: PictureOptions,
    *,
    output: Path,
    items: ItemSet,
    findings: Findings | None,
    regions: Sequence[Region],
) -> None:
    """Write map.html, and the bundle of files that the browser reads.

    Parameters
    ----------
    folder : Path
        Contains scatter.png, and the thumbnails if the items are images; words.npz and
        vocabulary.npz are optional.
    embedding : Embedding
    options : PictureOptions
    output : Path
        The final name of the folder, for the title of the page.
    items : ItemSet
    findings : Findings or None
    regions : sequence of Region
        The page shows the names of all regions.
    """
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
        title=options.title or output.resolve().name.removesuffix("-map"),
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
        progress=options.reporter,
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
