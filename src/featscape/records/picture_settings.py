"""How the pictures and the page of a map were made, so that another command makes them again."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class PictureSettings:
    """The options of the pictures and of map.html, as run.json records them.

    Attributes
    ----------
    title, caption : str or None
        The texts above and below the pictures.
    names : bool
        Whether the pictures have the names of the classes, or of the regions.
    dark : bool
        Whether the pictures have a dark background.
    size_px : int
        Side of the map made of images.
    thumbnail_px : int or None
        Longest side of the images in the map made of images; None for the automatic size.
    page_images : int
        Number of thumbnails in map.html.
    """

    title: str | None
    caption: str | None
    names: bool
    dark: bool
    size_px: int
    thumbnail_px: int | None
    page_images: int
