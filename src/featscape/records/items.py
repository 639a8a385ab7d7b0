"""The items of a map: images, or items of which only features are known."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from featscape.records.features import Features, Inference, ModelCard
    from featscape.records.images import Column, ImageSet
    from featscape.records.skipped import SkippedImage


@dataclass(frozen=True, eq=False)
class ItemSet:
    """What a map stores about its n items beside their features, labels and positions.

    Attributes
    ----------
    images : ImageSet or None
        The images; None for items without images.
    sizes_px : ndarray of int32, shape (n, 2), or None
        Width and height of each original.
    digests : ndarray of uint8, shape (n, 32), or None
        The SHA-256 of the file of each image.
    splits : tuple of str or None
        As in `ImageSet`; None without splits.
    columns : mapping of str to sequence
        Further values of each item by name, as in `ImageSet.columns`.
    skipped : tuple of SkippedImage
        Skipped files, rows and columns with the reasons.
    model : ModelCard or None
        The network; None if another program computed the features.
    inference : Inference or None
        How the network ran.
    """

    images: ImageSet | None = None
    sizes_px: NDArray[np.int32] | None = None
    digests: NDArray[np.uint8] | None = None
    splits: tuple[str, ...] | None = None
    columns: Mapping[str, Column] = field(default_factory=dict)
    skipped: tuple[SkippedImage, ...] = ()
    model: ModelCard | None = None
    inference: Inference | None = None

    @property
    def paths(self) -> tuple[str, ...] | None:
        """The path of each image in the source; None without images."""
        return None if self.images is None else self.images.paths

    @classmethod
    def of_images(
        cls,
        images: ImageSet,
        sizes_px: NDArray[np.int32],
        *,
        digests: NDArray[np.uint8] | None = None,
    ) -> ItemSet:
        """Return the items of images.

        Parameters
        ----------
        images : ImageSet
        sizes_px : ndarray of int32, shape (n, 2)
            Width and height of each original.
        digests : ndarray of uint8, shape (n, 32), optional
            The SHA-256 of the file of each image.
        """
        return cls(
            images=images,
            sizes_px=sizes_px,
            digests=digests,
            splits=images.splits,
            columns=images.columns,
            skipped=images.skipped,
        )

    @classmethod
    def of_features(cls, features: Features) -> ItemSet:
        """Return the items of images whose features a network computed."""
        items = cls.of_images(features.images, features.sizes_px, digests=features.digests)
        return replace(items, model=features.model, inference=features.inference)
