"""Features that were made earlier, found by the bytes of the image that they are of.

An image is known by the SHA-256 of its file, whatever it is called and wherever it lies. The
features are those of one network with one card: see `card_key`.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np

from featscape.errors import InputError
from featscape.filenames import printable
from featscape.mapfolder import FEATURES, THUMBNAILS
from featscape.maps import open_map, read_digests, read_run
from featscape.records import ModelCard
from featscape.thumbnails import find_thumbnails

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

DIGEST_BYTES = 32


def digest(content: bytes) -> bytes:
    """Return the SHA-256 of an image's file."""
    return hashlib.sha256(content).digest()


def card_key(card: ModelCard) -> str:
    """Return what two networks share exactly when their features of an image are equal.

    It is made of all that the card says but the weights' file, whose hash stands there too.
    """
    text = json.dumps(asdict(card) | {"weights": None}, sort_keys=True)
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
    """Features of n images as they lie on disk.

    Attributes
    ----------
    origin : str
        Where they are, in words.
    digests : ndarray of uint8, shape (n, 32)
        Hashes of the images.
    sizes_px : ndarray of int32, shape (n, 2)
        Width and height of the originals.
    features : Path
        An .npy file, float32, shape (n, d).
    start, n_features : int
        Where its first number lies, and d.
    thumbnails : Path or None
        Their files, one after the other.
    offsets : ndarray of int64, shape (n + 1,), or None
        Where each begins.
    thumbnail_px : int or None
        The longest side that they were made for.
    """

    origin: str
    digests: NDArray[np.uint8]
    sizes_px: NDArray[np.int32]
    features: Path
    start: int
    n_features: int
    thumbnails: Path | None = None
    offsets: NDArray[np.int64] | None = None
    thumbnail_px: int | None = None

    def read(self, row: int, *, thumbnail_px: int | None) -> Known:
        """Return what is known of one image; raises OSError."""
        n_bytes = 4 * self.n_features
        values = np.frombuffer(_read(self.features, self.start + row * n_bytes, n_bytes), "<f4")
        thumbnail = None
        if self.thumbnails and self.offsets is not None and thumbnail_px == self.thumbnail_px:
            start, end = (int(offset) for offset in self.offsets[row : row + 2])
            thumbnail = _read(self.thumbnails, start, end - start)
        width, height = self.sizes_px[row].tolist()
        return Known(self.origin, values, (width, height), thumbnail)


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


def read_map(folder: Path, card: ModelCard) -> Part | None:
    """Return the features of a finished map; None where they are another network's.

    Also where the map is damaged, or older than the hashes that images are known by.
    """
    try:
        model = read_run(folder).get("model")
        if model is None or card_key(ModelCard(**model)) != card_key(card):
            return None
        made = open_map(folder)
        digests = read_digests(folder)
    except (InputError, TypeError):  # TypeError: a card with other fields than ours
        return None
    features = made.features
    if digests is None or made.sizes_px is None or not isinstance(features, np.memmap):
        return None
    if features.dtype != np.float32 or features.shape[1] != card.n_features:
        return None
    thumbnails, offsets = find_thumbnails(folder / THUMBNAILS)
    return Part(
        origin=printable(folder),
        digests=digests,
        sizes_px=made.sizes_px,
        features=folder / FEATURES,
        start=features.offset,
        n_features=card.n_features,
        thumbnails=thumbnails,
        offsets=offsets,
        thumbnail_px=made.run.get("thumbnail_px"),
    )


def _read(path: Path, start: int, n_bytes: int) -> bytes:
    # opened for each: a million images may lie in thousands of files, more than a process may hold
    with path.open("rb") as file:
        file.seek(start)
        content = file.read(n_bytes)
    if len(content) < n_bytes:
        raise OSError(f"{path} ends early")
    return content
