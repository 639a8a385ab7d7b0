"""Draw a picture of a map, which is being written or finished."""

from __future__ import annotations

from typing import TYPE_CHECKING

from featscape import mapfolder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL import Image

    from featscape.mapfolder.read import Map
    from featscape.progress import Progress
    from featscape.records import Embedding, ImageSource, PictureSettings
    from featscape.records.regions import Region


def draw_picture(
    name: str,
    placed: Embedding | Map,
    settings: PictureSettings,
    *,
    regions: Sequence[Region],
    thumbnails: ImageSource | None,
    progress: Progress | None = None,
) -> Image.Image:
    """Draw the scatter plot or a map made of the images.

    Parameters
    ----------
    name : str
        The file of the picture in a map folder: `mapfolder.SCATTER`, or one of `mapfolder.LAYOUTS`.
    placed : Embedding or Map
        The positions and the labels.
    settings : PictureSettings
    regions : sequence of Region
        A picture without labels has the names of the first level.
    thumbnails : ImageSource or None
        None for the scatter plot.
    progress : Progress, optional
    """
    from featscape.pictures import draw_mosaic, draw_scatter

    item_names = {region.anchor: region.name for region in regions if region.level == 0}
    if name == mapfolder.SCATTER:
        return draw_scatter(
            placed.positions,
            placed.labels,
            title=settings.title,
            caption=settings.caption,
            names=settings.names,
            item_names=item_names,
            dark=settings.dark,
        )
    return draw_mosaic(
        placed.positions,
        thumbnails,
        placed.labels,
        layout=mapfolder.LAYOUTS[name],
        size_px=settings.size_px,
        thumbnail_px=settings.thumbnail_px,
        title=settings.title,
        caption=settings.caption,
        names=settings.names,
        item_names=item_names,
        dark=settings.dark,
        progress=progress,
    )
