"""What a map folder shows: the pictures of its items, and the interactive map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from featscape import mapfolder
from featscape.report import facts_of

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from featscape.progress import Progress
    from featscape.records import Embedding, Features


_PACK_PX = 256  # of the stored thumbnails' longest side at the least: the page shows them large


@dataclass(frozen=True)
class Look:
    """How a map of images is drawn.

    Attributes
    ----------
    size_px : int
        Side of the map made of images.
    thumbnail_px : int or None
        Longest side of the images in it; by default what suits their number.
    page_images : int
        map.html holds thumbnails of so many.

    Raises
    ------
    InputError
        If one of them cannot be: known before the long work.
    """

    size_px: int = 2400
    thumbnail_px: int | None = None
    page_images: int = 20_000

    def __post_init__(self) -> None:
        from featscape.bundle import check_page_images
        from featscape.pictures import check_sizes

        check_sizes(self.size_px, self.thumbnail_px)
        check_page_images(self.page_images)

    @property
    def pack_px(self) -> int:
        """The longest side of the thumbnails that the map folder holds."""
        return max(_PACK_PX, self.thumbnail_px or 0)


def draw_points(folder: Path, embedding: Embedding) -> None:
    """Write the scatter plot."""
    from featscape.pictures import draw_scatter

    picture = draw_scatter(embedding.positions, embedding.labels)
    mapfolder.write_picture(folder, mapfolder.SCATTER, picture)


def draw_mosaics(
    folder: Path,
    embedding: Embedding,
    *,
    look: Look,
    progress: Progress,
) -> None:
    """Write the maps made of the images, whose thumbnails lie in the folder."""
    from featscape.pictures import draw_mosaic
    from featscape.thumbnails import Thumbnails

    for name, layout in mapfolder.LAYOUTS.items():
        picture = draw_mosaic(
            embedding.positions,
            Thumbnails(folder / mapfolder.THUMBNAILS),
            embedding.labels,
            layout=layout,
            size_px=look.size_px,
            thumbnail_px=look.thumbnail_px,
            progress=progress,
        )
        mapfolder.write_picture(folder, name, picture)


def write_interactive(
    folder: Path,
    embedding: Embedding,
    *,
    output: Path,
    features: Features | None,
    look: Look,
    progress: Progress,
) -> None:
    """Write what the browser reads of a map, and map.html.

    Parameters
    ----------
    folder : Path
        It has the scatter plot already, and the thumbnails where there are `features`.
    embedding : Embedding
    output : Path
        Where the folder will stand, for the title.
    features : Features or None
        None for those that were made elsewhere.
    look : Look
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
        n_images=look.page_images,
    )
