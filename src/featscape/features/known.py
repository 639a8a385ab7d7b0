"""Features that were made earlier, found by the bytes of the image that they are of.

An image is known by the SHA-256 of its file, whatever it is called and wherever it lies. The
features are those of one network with one card: see `card_key`.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from functools import partial, reduce
from typing import TYPE_CHECKING

import numpy as np

from featscape.features.fingerprint import describe_change
from featscape.files.folder_handle import FolderHandle
from featscape.mapfolder.read import read_digests
from featscape.mapfolder.read import read_map as open_map_in
from featscape.mapfolder.thumbnails import Thumbnails
from featscape.printable_names import printable
from featscape.records import ModelCard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

DIGEST_BYTES = 32


def digest(content: bytes) -> bytes:
    """Return the SHA-256 of an image's file."""
    return hashlib.sha256(content).digest()


def card_key(card: ModelCard) -> str:
    """Return a hash that cards of the same features share.

    It covers all fields but the name of the weights' file, whose hash is a field, and the
    fingerprint, which holds rounding errors. So the fingerprints have to be compared too: see
    `fingerprint.describe_change`.
    """
    facts = asdict(card) | {"weights": None}
    del facts["fingerprint"]
    text = json.dumps(facts, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, eq=False)
class Known:
    """What was made of an image earlier.

    Attributes
    ----------
    origin : str
        Where it was found, in words; empty for what this run made, or a run that it continues.
    values : ndarray of float32, shape (d,)
    size_px : tuple of int
        Width and height of the original.
    thumbnail : bytes or None
        None where there is none of the size that is wanted.
    """

    origin: str
    values: NDArray[np.float32]
    size_px: tuple[int, int]
    thumbnail: bytes | None


@dataclass(frozen=True, eq=False)
class Part:
    """Features of n images on disk.

    Attributes
    ----------
    origin : str
        Where they are, in words.
    digests : ndarray of uint8, shape (n, 32)
        Hashes of the images.
    sizes_px : ndarray of int32, shape (n, 2)
        Width and height of the originals.
    read_features : callable
        Row -> ndarray of float32, shape (d,); may raise OSError. Called in any thread.
    read_thumbnail : callable or None
        Row -> the bytes of its thumbnail, likewise; None where there are no thumbnails.
    thumbnail_px : int or None
        The longest side that the thumbnails were made for.
    """

    origin: str
    digests: NDArray[np.uint8]
    sizes_px: NDArray[np.int32]
    read_features: Callable[[int], NDArray[np.float32]]
    read_thumbnail: Callable[[int], bytes] | None = None
    thumbnail_px: int | None = None

    def read(self, row: int, *, thumbnail_px: int | None) -> Known:
        """Return what is known of one image; raises OSError."""
        thumbnail = None
        if self.read_thumbnail is not None and thumbnail_px == self.thumbnail_px:
            thumbnail = self.read_thumbnail(row)
        width, height = self.sizes_px[row].tolist()
        return Known(self.origin, self.read_features(row), (width, height), thumbnail)


class KnownFeatures:
    """Features by the hash of their image; read from disk when asked for, from any thread.

    Parameters
    ----------
    parts : iterable of Part
        Of one network. Where two know an image, the first is asked.
    layers : sequence of KnownFeatures
        What is known of each of the network's layers alone: whoever is in all of them is known too.
    sample : mapping of bytes to Known, optional
        What lies in memory, by the images' hashes: asked where no one else knows an image, or its
        thumbnail.
    """

    def __init__(
        self,
        parts: Iterable[Part],
        *,
        layers: Sequence[KnownFeatures] = (),
        sample: Mapping[bytes, Known] | None = None,
    ) -> None:
        self._layers = tuple(layers)
        self._sample = sample or {}
        self._parts = tuple(parts)
        self._starts = np.cumsum([0, *(len(part.digests) for part in self._parts)])
        self._places: dict[bytes, int] = {}  # the row in all parts, one after the other
        for start, part in zip(self._starts.tolist(), self._parts, strict=False):
            for row, key in enumerate(part.digests):
                self._places.setdefault(key.tobytes(), start + row)

    def __len__(self) -> int:
        return len(self._places)

    def marks(self, *, thumbnail_px: int | None) -> NDArray[np.uint64]:
        """Return the first eight bytes of each hash on disk, sorted: small enough to be sent about.

        Parameters
        ----------
        thumbnail_px : int or None
            Leave out images that have no thumbnail of this size.
        """
        digests = [
            part.digests[:, :8]
            for part in self._parts
            if thumbnail_px is None or part.thumbnail_px == thumbnail_px
        ]
        marks = np.concatenate([np.empty((0, 8), np.uint8), *digests]).view(np.uint64)[:, 0]
        if self._layers:
            of_layers = [layer.marks(thumbnail_px=thumbnail_px) for layer in self._layers]
            marks = np.concatenate([marks, reduce(np.intersect1d, of_layers)])
        return np.unique(marks)

    def find(self, key: bytes, *, thumbnail_px: int | None) -> Known | None:
        """Return what is known of the image with this hash.

        Parameters
        ----------
        key : bytes
            As `digest` returns it.
        thumbnail_px : int or None
            The size of the thumbnail that is wanted.
        """
        known = self._find_in_parts(key, thumbnail_px=thumbnail_px)
        known = known or self._find_in_layers(key, thumbnail_px=thumbnail_px)
        if known is None or (thumbnail_px is not None and known.thumbnail is None):
            return self._sample.get(key, known)
        return known

    def _find_in_parts(self, key: bytes, *, thumbnail_px: int | None) -> Known | None:
        place = self._places.get(key)
        if place is None:
            return None
        number = int(np.searchsorted(self._starts, place, side="right")) - 1
        row = place - int(self._starts[number])
        try:
            known = self._parts[number].read(row, thumbnail_px=thumbnail_px)
        except OSError:  # a map that was deleted meanwhile: what it knew is made anew
            return None
        return known if np.isfinite(known.values).all() else None

    def _find_in_layers(self, key: bytes, *, thumbnail_px: int | None) -> Known | None:
        found = []
        for layer in self._layers:
            known = layer.find(key, thumbnail_px=thumbnail_px)
            if known is None:
                return None
            found.append(known)
        if not found:
            return None
        return replace(
            next((known for known in found if known.thumbnail is not None), found[0]),
            origin=" and ".join(dict.fromkeys(known.origin for known in found)),
            values=np.concatenate([known.values for known in found]),
        )


def read_map(folder: Path, card: ModelCard, *, say: Callable[[str], None]) -> Part | None:
    """Return the features of a finished map; None if they cannot be taken for the network's.

    The map's files are opened once, in one open folder, and stay open: the rows, the hashes and the
    thumbnails belong to one map even if another run replaces the map meanwhile.

    Parameters
    ----------
    folder : Path
        None is returned if the map is damaged, or too old to hold the hashes of its images.
    card : ModelCard
        None is returned if the map's card is of another network or layer.
    say : callable
        Takes the line that tells why features of the same name, weights and layer are not used.
    """
    try:
        opened = FolderHandle(folder)
        made = open_map_in(opened)
        model = made.run["model"]
        if model is None or card_key(ModelCard(**model)) != card_key(card):
            return None
        change = describe_change(ModelCard(**model), card)
        if change:
            say(f"the features in {printable(folder)} are not used and are computed anew: {change}")
            return None
        digests = read_digests(opened)
    except (OSError, ValueError, TypeError):  # damaged; TypeError: a card with other fields
        return None
    if digests is None or made.sizes_px is None:
        return None
    if made.features.dtype != np.float32 or made.features.shape[1:] != (card.n_features,):
        return None
    thumbnails = made.thumbnails
    return Part(
        origin=printable(folder),
        digests=digests,
        sizes_px=made.sizes_px,
        read_features=partial(_copy_row, made.features),
        read_thumbnail=thumbnails.encoded if isinstance(thumbnails, Thumbnails) else None,
        thumbnail_px=made.run.get("thumbnail_px"),
    )


def _copy_row(features: NDArray[np.float32], row: int) -> NDArray[np.float32]:
    return np.array(features[row])
