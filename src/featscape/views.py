"""What a map folder shows: the pictures of its items, and the interactive map."""

from __future__ import annotations

from typing import TYPE_CHECKING

from featscape import mapfolder
from featscape.report import facts_of

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from featscape.progress import Progress
    from featscape.records import Embedding, Features


def draw_points(folder: Path, embedding: Embedding) -> None:
    """Write the scatter plot."""
    from featscape.pictures import draw_scatter

    picture = draw_scatter(embedding.positions, embedding.labels)
    mapfolder.write_picture(folder, mapfolder.SCATTER, picture)


def draw_mosaics(
    folder: Path,
    embedding: Embedding,
    *,
    size_px: int,
    thumbnail_px: int | None,
    progress: Progress,
) -> None:
    """Write the maps made of the images, whose thumbnails lie in the folder.

    Parameters
    ----------
    folder : Path
    embedding : Embedding
    size_px, thumbnail_px : int
        As for `pipeline.make_map`.
    progress : Progress
    """
    from featscape.pictures import draw_mosaic
    from featscape.thumbnails import Thumbnails

    for name, layout in mapfolder.LAYOUTS.items():
        picture = draw_mosaic(
            embedding.positions,
            Thumbnails(folder / mapfolder.THUMBNAILS),
            embedding.labels,
            layout=layout,
            size_px=size_px,
            thumbnail_px=thumbnail_px,
            progress=progress,
        )
        mapfolder.write_picture(folder, name, picture)


def write_interactive(
    folder: Path,
    output: Path,
    embedding: Embedding,
    *,
    features: Features | None = None,
    page_images: int = 0,
    progress: Progress,
) -> None:
    """Write what the browser reads of a map, and map.html.

    Parameters
    ----------
    folder : Path
        It has the scatter plot already, and the thumbnails where there are `features`.
    output : Path
        Where the folder will stand, for the title.
    embedding : Embedding
    features : Features, optional
        None for those that were made elsewhere.
    page_images : int
        As for `pipeline.make_map`.
    progress : Progress
    """
    from featscape.bundle import encode_from, open_bundle, write_bundle, write_page
    from featscape.thumbnails import Thumbnails

    columns: dict[str, Any] = {}
    thumbnails = None
    if features is not None:
        if features.images.splits is not None:
            columns["split"] = features.images.splits
        columns |= features.images.columns
        columns |= {"width": features.sizes_px[:, 0], "height": features.sizes_px[:, 1]}
        thumbnails = encode_from(Thumbnails(folder / mapfolder.THUMBNAILS))
    write_bundle(
        folder / mapfolder.BUNDLE,
        title=output.resolve().name.removesuffix("-map"),
        positions=embedding.positions,
        neighbors=embedding.neighbors,
        seed=embedding.parameters["seed"],
        labels=embedding.labels,
        paths=None if features is None else features.images.paths,
        columns=columns,
        thumbnails=thumbnails,
        facts=facts_of(embedding, features),
        progress=progress,
    )
    write_page(
        open_bundle(folder / mapfolder.BUNDLE),
        folder / mapfolder.PAGE,
        picture=folder / mapfolder.SCATTER,
        n_images=page_images,
    )
