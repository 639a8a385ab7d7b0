"""The cache of features that were computed earlier, found by the hash of the image.

An image is identified by the SHA-256 of its file, regardless of its name and folder. The features
belong to one network: see `card_key`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np

from featscape.features.protocols import CachedFeatures

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

DIGEST_BYTES = 32


@dataclass(frozen=True, eq=False)
class StoredFeatures:
    """Features of n images on disk.

    Attributes
    ----------
    origin : str
        Where the features are stored, for messages.
    digests : ndarray of uint8, shape (n, 32)
        Hashes of the images.
    sizes_px : ndarray of int32, shape (n, 2)
        Width and height of the original images.
    read_features : callable
        Row -> ndarray of float32, shape (d,); may raise OSError; thread-safe.
    read_thumbnail : callable or None
        Row -> the encoded thumbnail; may raise OSError; thread-safe. None if there are no
        thumbnails.
    thumbnail_px : int or None
        Longest side of the thumbnails.
    """

    origin: str
    digests: NDArray[np.uint8]
    sizes_px: NDArray[np.int32]
    read_features: Callable[[int], NDArray[np.float32]]
    read_thumbnail: Callable[[int], bytes] | None = None
    thumbnail_px: int | None = None

    def read(self, row: int, *, thumbnail_px: int | None) -> CachedFeatures:
        """Return the features of one image; may raise OSError."""
        thumbnail = None
        if self.read_thumbnail is not None and thumbnail_px == self.thumbnail_px:
            thumbnail = self.read_thumbnail(row)
        width, height = self.sizes_px[row].tolist()
        return CachedFeatures(self.origin, self.read_features(row), (width, height), thumbnail)


class FeatureCache:
    """Features by the hash of the image; read from disk on request, from any thread.

    Parameters
    ----------
    parts : iterable of StoredFeatures
        Features of the same network. If several parts contain an image, the first part is used.
    layers : sequence of FeatureCache
        A cache for each layer of the network. An image that all of them contain is cached too.
    sample : mapping of bytes to CachedFeatures, optional
        Features in memory, by the images' hashes, for images that are not found on disk with the
        requested thumbnail.
    """

    def __init__(
        self,
        parts: Iterable[StoredFeatures],
        *,
        layers: Sequence[FeatureCache] = (),
        sample: Mapping[bytes, CachedFeatures] | None = None,
    ) -> None:
        self._damaged: set[str] = set()
        self._layers = tuple(layers)
        self._sample = sample or {}
        self._parts = tuple(parts)
        self._starts = np.cumsum([0, *(len(part.digests) for part in self._parts)])
        self._row_numbers: dict[bytes, int] = {}  # digest -> row in the concatenation of all parts
        for start, part in zip(self._starts.tolist(), self._parts, strict=False):
            for row, key in enumerate(part.digests):
                self._row_numbers.setdefault(key.tobytes(), start + row)

    def __len__(self) -> int:
        return len(self._row_numbers)

    @property
    def damaged(self) -> set[str]:
        """The origins of features that `find` could not read, or that are not finite."""
        return self._damaged.union(*(layer.damaged for layer in self._layers))

    def digest_prefixes(self, *, thumbnail_px: int | None) -> NDArray[np.uint64]:
        """Return the first eight bytes of the hash of each image on disk, sorted.

        The prefixes are small enough to be sent to other machines.

        Parameters
        ----------
        thumbnail_px : int or None
            If given, images without a thumbnail of this size are left out.

        Returns
        -------
        ndarray of uint64, shape (n,)
        """
        digests = [
            part.digests[:, :8]
            for part in self._parts
            if thumbnail_px is None or part.thumbnail_px == thumbnail_px
        ]
        prefixes = np.concatenate([np.empty((0, 8), np.uint8), *digests]).view(np.uint64)[:, 0]
        if self._layers:
            of_layers = [layer.digest_prefixes(thumbnail_px=thumbnail_px) for layer in self._layers]
            prefixes = np.concatenate([prefixes, reduce(np.intersect1d, of_layers)])
        return np.unique(prefixes)

    def find(self, key: bytes, *, thumbnail_px: int | None) -> CachedFeatures | None:
        """Return the features of the image with this hash; None if they are not cached.

        Parameters
        ----------
        key : bytes
            SHA-256 of the image's file.
        thumbnail_px : int or None
            Longest side of the requested thumbnail; None to request no thumbnail.
        """
        found = self._find_in_parts(key, thumbnail_px=thumbnail_px)
        found = found or self._find_in_layers(key, thumbnail_px=thumbnail_px)
        if found is None or (thumbnail_px is not None and found.thumbnail is None):
            return self._sample.get(key, found)
        return found

    def _find_in_parts(self, key: bytes, *, thumbnail_px: int | None) -> CachedFeatures | None:
        row_number = self._row_numbers.get(key)
        if row_number is None:
            return None
        number = int(np.searchsorted(self._starts, row_number, side="right")) - 1
        part, row = self._parts[number], row_number - int(self._starts[number])
        try:
            found = part.read(row, thumbnail_px=thumbnail_px)
        except OSError:  # for example, the map was deleted in the meantime
            found = None
        if found is not None and np.isfinite(found.values).all():
            return found
        self._damaged.add(part.origin)
        return None

    def _find_in_layers(self, key: bytes, *, thumbnail_px: int | None) -> CachedFeatures | None:
        of_layers = []
        for layer in self._layers:
            found = layer.find(key, thumbnail_px=thumbnail_px)
            if found is None:
                return None
            of_layers.append(found)
        if not of_layers:
            return None
        return replace(
            next((one for one in of_layers if one.thumbnail is not None), of_layers[0]),
            origin=" and ".join(dict.fromkeys(one.origin for one in of_layers)),
            values=np.concatenate([one.values for one in of_layers]),
        )
