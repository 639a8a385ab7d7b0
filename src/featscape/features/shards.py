"""Shards: the features of some images, on disk as soon as they are made, for a later run to find.

    FOLDER/
      000000.npy          features (n, d), float32
      000000.thumbnails   the images' thumbnails, one after the other
      000000.json         the images' hashes and sizes, the thumbnails' lengths, and the hashes of
                          the two other files; the first line is the hash of the second

The state is written last and renamed into place: a shard is there when its .json is, and whole when
the hashes agree. What is not is deleted on reading, and made anew.
"""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from featscape.features.fingerprint import describe_change
from featscape.features.known import DIGEST_BYTES, Known, KnownFeatures, Part, read_map
from featscape.features.weights import hash_file
from featscape.mapfolder.staging import WriteError, flush, writing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    from numpy.typing import NDArray

    from featscape.features.fingerprint import Fingerprint
    from featscape.progress import Progress
    from featscape.records import ModelCard

_FEATURES, _THUMBNAILS, _STATE = ".npy", ".thumbnails", ".json"

# A shard is written when it has so many bytes, or is so old: what a power failure can cost.
MOST_BYTES = 32 << 20
MOST_SECONDS = 10.0


@dataclass(frozen=True, eq=False)
class Shard:
    """The features of n images, and what else was made of them.

    Attributes
    ----------
    values : ndarray of float32, shape (n, d)
    digests : sequence of n bytes
        Hashes of the images' files: see `known.digest`.
    sizes_px : sequence of n (width, height)
        Of the originals.
    thumbnails : sequence of n bytes, or None
    thumbnail_px : int or None
        The longest side that these were made for.
    fingerprint : tuple of tuple of float
        Of the network: see `ModelCard`.
    """

    values: NDArray[np.float32]
    digests: Sequence[bytes]
    sizes_px: Sequence[tuple[int, int]]
    thumbnails: Sequence[bytes] | None = None
    thumbnail_px: int | None = None
    fingerprint: Fingerprint = ()


def write_shard(folder: Path, number: int, shard: Shard) -> None:
    """Write a shard; when this returns it outlives a power failure.

    Parameters
    ----------
    folder : Path
        Created, with its parents, if it is missing.
    number : int
        Unlike those of the shards that are there.
    shard : Shard
    """
    files = {suffix: folder / f"{number:06d}{suffix}" for suffix in (_FEATURES, _THUMBNAILS)}
    state = folder / f"{number:06d}{_STATE}"
    begun = state.with_suffix(".begun")
    thumbnails = shard.thumbnails or ()
    try:
        with writing():
            folder.mkdir(parents=True, exist_ok=True)
            np.save(files[_FEATURES], np.ascontiguousarray(shard.values, dtype="<f4"))
            files[_THUMBNAILS].write_bytes(b"".join(thumbnails))
            text = json.dumps(
                {
                    "digests": [digest.hex() for digest in shard.digests],
                    "sizes_px": [list(size_px) for size_px in shard.sizes_px],
                    "thumbnail_px": shard.thumbnail_px,
                    "thumbnail_bytes": [len(one) for one in thumbnails],
                    "fingerprint": shard.fingerprint,
                    "sha256": {suffix: hash_file(file) for suffix, file in files.items()},
                }
            )
            begun.write_text(f"{_hash_text(text)}\n{text}\n", encoding="utf-8")
            for file in (*files.values(), begun):
                flush(file)
            begun.rename(state)
            flush(folder)
    except WriteError:
        for file in (*files.values(), begun):
            file.unlink(missing_ok=True)
        raise


@dataclass(eq=False)
class Kept:
    """What earlier runs left in a folder of shards.

    Attributes
    ----------
    parts : list of Part
        The shards that can be used, in their order.
    n_damaged : int
        The number of damaged shards, which were deleted.
    change : str
        Why other shards were deleted: how the network has changed since; "" if it has not.
    """

    parts: list[Part] = field(default_factory=list)
    n_damaged: int = 0
    change: str = ""


def read_shards(folder: Path, *, card: ModelCard) -> Kept:
    """Return the shards of a folder.

    Damaged shards, those of a network that has changed, and those that a killed run had only begun
    are deleted.

    Parameters
    ----------
    folder : Path
        May be missing.
    card : ModelCard
        Of the network.
    """
    kept = Kept()
    whole: set[str] = set()
    for state in sorted(folder.glob(f"*{_STATE}")):
        try:
            kept.parts.append(_read_shard(state, card))
            whole.add(state.stem)
        except _ChangedError as error:
            kept.change = str(error)
        except (OSError, ValueError, LookupError, TypeError):  # whatever damage may look like
            kept.n_damaged += 1
    if folder.is_dir():
        for file in folder.iterdir():
            if file.stem not in whole:
                file.unlink()
    return kept


def find_known(
    folder: Path | None,
    maps: Sequence[Path],
    *,
    card: ModelCard,
    n_images: int,
    sample: Mapping[bytes, Known],
    progress: Progress,
) -> tuple[KnownFeatures, int]:
    """Find what earlier runs left in a folder of shards, and what finished maps hold.

    Parameters
    ----------
    folder : Path or None
        Of the shards of this network alone.
    maps : sequence of Path
        Maps of other networks are left out.
    card : ModelCard
    n_images : int
        How many there are to do, for the line that is said.
    sample : mapping of bytes to Known
        What this run knows already, by the images' hashes.
    progress : Progress

    Returns
    -------
    KnownFeatures
    int
        The number of the next shard.
    """
    parts: list[Part] = []
    n_shards = 0
    if folder is not None:
        kept = read_shards(folder, card=card)
        parts, n_damaged = kept.parts, kept.n_damaged
        n_shards = 1 + max((int(one.stem) for one in folder.glob(f"*{_STATE}")), default=-1)
        if n_damaged:
            parts_are = "1 part is" if n_damaged == 1 else f"{n_damaged:,} parts are"
            progress.note(f"of the work that was kept, {parts_are} damaged and made anew")
        if kept.change:
            progress.note(f"the work that was kept is not used and done anew: {kept.change}")
        if parts:
            n_done = sum(len(part.digests) for part in parts)
            progress.note(f"continuing: {n_done:,} of {n_images:,} images were done")
    if len(card.layers) == 1:
        parts += _parts_of(maps, card, progress)
        return KnownFeatures(parts, sample=sample), n_shards
    layers = [
        KnownFeatures(_parts_of(maps, card.of_layer(layer), progress)) for layer in card.layers
    ]
    return KnownFeatures(parts, layers=layers, sample=sample), n_shards


def _parts_of(maps: Sequence[Path], card: ModelCard, progress: Progress) -> list[Part]:
    """Return the features of maps; a map whose images are all in others before it is closed."""
    parts: list[Part] = []
    known: set[bytes] = set()
    for one in maps:
        part = read_map(one, card, say=progress.note)
        if part is None:
            continue
        digests = {digest.tobytes() for digest in part.digests}
        if not digests <= known:
            parts.append(part)
            known |= digests
    return parts


class _ChangedError(Exception):
    """A shard is of the network as it was before its weights or its code changed."""


def _read_shard(state: Path, card: ModelCard) -> Part:
    """Return a shard whose files are as they were written.

    Raises
    ------
    _ChangedError
    OSError, ValueError, LookupError, TypeError
        If the shard is damaged.
    """
    said, text = state.read_text(encoding="utf-8").splitlines()
    if _hash_text(text) != said:
        raise ValueError("the state is damaged")
    facts: dict[str, Any] = json.loads(text)
    files = {suffix: state.with_suffix(suffix) for suffix in (_FEATURES, _THUMBNAILS)}
    if any(hash_file(file) != facts["sha256"][suffix] for suffix, file in files.items()):
        raise ValueError("a file is damaged")
    values = np.load(files[_FEATURES], mmap_mode="r", allow_pickle=False)
    digests = np.frombuffer(bytes.fromhex("".join(facts["digests"])), np.uint8)
    lengths = facts["thumbnail_bytes"]
    if values.shape != (len(facts["digests"]), card.n_features):
        raise ValueError("the features have another shape")
    change = describe_change(replace(card, fingerprint=facts.get("fingerprint", ())), card)
    if change:
        raise _ChangedError(change)
    ends = np.cumsum(lengths, dtype=np.int64)
    return Part(
        origin="",
        digests=digests.reshape(-1, DIGEST_BYTES),
        sizes_px=np.array(facts["sizes_px"], dtype=np.int32),
        read_features=partial(_read_row, files[_FEATURES], values.offset, card.n_features),
        read_thumbnail=partial(_read_piece, files[_THUMBNAILS], ends) if lengths else None,
        thumbnail_px=facts["thumbnail_px"],
    )


def _read_row(file: Path, start: int, n_features: int, row: int) -> NDArray[np.float32]:
    n_bytes = 4 * n_features
    return np.frombuffer(_read(file, start + row * n_bytes, n_bytes), "<f4")


def _read_piece(file: Path, ends: NDArray[np.int64], row: int) -> bytes:
    start = int(ends[row - 1]) if row else 0
    return _read(file, start, int(ends[row]) - start)


def _read(file: Path, start: int, n_bytes: int) -> bytes:
    # opened for each row: a million images may be in more shards than a process may hold open
    with file.open("rb") as stream:
        stream.seek(start)
        content = stream.read(n_bytes)
    if len(content) < n_bytes:
        raise OSError(f"{file} ends early")
    return content


@dataclass(eq=False)
class ShardWriter:
    """Gathers batches and writes them as shards; a context manager, which writes the last one.

    Only whole batches are written, so that a run that continues makes the same ones of the
    images that are left: in a batch of other images a network's last bits may differ.

    Parameters
    ----------
    folder : Path or None
        None writes nothing.
    first : int
        Number of the first shard.
    thumbnail_px : int or None
        The size that thumbnails are made for.
    fingerprint : tuple of tuple of float
        Of the network: see `ModelCard`.
    """

    folder: Path | None
    first: int = 0
    thumbnail_px: int | None = None
    fingerprint: Fingerprint = ()
    _batches: list[Shard] = field(default_factory=list)
    _n_bytes: int = 0
    _since: float = field(default_factory=time.monotonic)

    def add(self, batch: Shard) -> None:
        """Take a batch, and write those that are waiting where they are many or old."""
        if self.folder is None:
            return
        self._batches.append(batch)
        self._n_bytes += batch.values.nbytes + sum(len(one) for one in batch.thumbnails or ())
        if self._n_bytes >= MOST_BYTES or time.monotonic() - self._since >= MOST_SECONDS:
            self.write()

    def write(self) -> None:
        """Write what is waiting."""
        if self.folder is None or not self._batches:
            return
        batches = self._batches
        thumbnails = [one for batch in batches for one in batch.thumbnails or ()]
        shard = Shard(
            values=np.concatenate([batch.values for batch in batches]),
            digests=[one for batch in batches for one in batch.digests],
            sizes_px=[one for batch in batches for one in batch.sizes_px],
            thumbnails=None if self.thumbnail_px is None else thumbnails,
            thumbnail_px=self.thumbnail_px,
            fingerprint=self.fingerprint,
        )
        write_shard(self.folder, self.first, shard)
        self.first += 1
        self._batches = []
        self._n_bytes, self._since = 0, time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if isinstance(error, WriteError):  # a full disk takes no more before there is room
            error.rescue = self.write
        else:
            self.write()


def _hash_text(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
