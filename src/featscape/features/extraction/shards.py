"""Shards: features that are written during a run, so that an interrupted run can be continued.

    FOLDER/
      000000.npy          features (n, d), float32
      000000.thumbnails   the thumbnails of the images, concatenated
      000000.json         the hashes and sizes of the images, the lengths of the thumbnails, and the
                          hashes of the two other files; the first line is the hash of the second
      run.json            the network and its precision: see `kept_runs`

The .json file is written last and renamed into place. A shard exists if its .json file exists, and
is undamaged if the hashes agree. Other files with such names are deleted on reading, and their
features are computed again.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
import time
from dataclasses import KW_ONLY, asdict, dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, Self

import numpy as np
from pydantic import Field, TypeAdapter, ValidationError

from featscape.errors import InputError
from featscape.features.extraction.cache import DIGEST_BYTES, StoredFeatures
from featscape.features.extraction.kept_runs import RUN_FILE
from featscape.features.zoo.fingerprint import describe_change
from featscape.files.npy import read_npy_header
from featscape.files.regular import hash_file
from featscape.mapfolder.staging import WriteError, flush, writing
from featscape.printable_names import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from types import TracebackType

    from numpy.typing import NDArray

    from featscape.features.extraction.kept_runs import KeptRun
    from featscape.features.zoo.fingerprint import Fingerprint
    from featscape.records import ModelCard

_FEATURES, _THUMBNAILS, _STATE, _BEGUN = ".npy", ".thumbnails", ".json", ".begun"
_NAME = re.compile(r"[0-9]{6,}\.(npy|thumbnails|json|begun)")

# A shard is written at this size or age, which bounds the work that a power failure can destroy.
MAX_BYTES = 32 << 20
MAX_SECONDS = 10.0


@dataclass(frozen=True, eq=False)
class Shard:
    """The features of n images, with the images' sizes and thumbnails.

    Attributes
    ----------
    values : ndarray of float32, shape (n, d)
    digests : sequence of n bytes
        SHA-256 of the images' files.
    sizes_px : sequence of n (width, height)
        Of the original images.
    thumbnails : sequence of n bytes, or None
    thumbnail_px : int or None
        Longest side of the thumbnails.
    fingerprint : tuple of tuple of float
        Fingerprint of the network: see `ModelCard`.
    """

    values: NDArray[np.float32]
    digests: Sequence[bytes]
    sizes_px: Sequence[tuple[int, int]]
    thumbnails: Sequence[bytes] | None = None
    thumbnail_px: int | None = None
    fingerprint: Fingerprint = ()


_Side = Annotated[int, Field(gt=0, lt=1 << 31)]


@dataclass(frozen=True)
class _ShardFacts:
    """The content of the .json file of a shard of n images."""

    digests: tuple[str, ...]  # hexadecimal, n
    sizes_px: tuple[tuple[_Side, _Side], ...]  # n
    thumbnail_px: int | None
    thumbnail_bytes: tuple[Annotated[int, Field(ge=0, lt=1 << 31)], ...]  # n, or none
    sha256: dict[str, str]  # of each other file, by its suffix
    fingerprint: tuple[tuple[float, ...], ...] = ()  # empty in early versions


_FACTS = TypeAdapter(_ShardFacts)


def write_shard(folder: Path, number: int, shard: Shard) -> None:
    """Write a shard, and flush it to the disk.

    Parameters
    ----------
    folder : Path
        Created with its parents if it is missing.
    number : int
        Different from the numbers of existing shards.
    shard : Shard

    Raises
    ------
    WriteError
        If the disk is full. The files of the shard are then removed.
    """
    files = {suffix: folder / f"{number:06d}{suffix}" for suffix in (_FEATURES, _THUMBNAILS)}
    state = folder / f"{number:06d}{_STATE}"
    begun = state.with_suffix(_BEGUN)
    thumbnails = shard.thumbnails or ()
    try:
        with writing():
            folder.mkdir(parents=True, exist_ok=True)
            np.save(files[_FEATURES], np.ascontiguousarray(shard.values, dtype="<f4"))
            files[_THUMBNAILS].write_bytes(b"".join(thumbnails))
            facts = _ShardFacts(
                digests=tuple(digest.hex() for digest in shard.digests),
                sizes_px=tuple(shard.sizes_px),
                thumbnail_px=shard.thumbnail_px,
                thumbnail_bytes=tuple(len(one) for one in thumbnails),
                sha256={suffix: hash_file(file) for suffix, file in files.items()},
                fingerprint=shard.fingerprint,
            )
            text = json.dumps(asdict(facts))
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
class ShardFolder:
    """The shards that earlier runs wrote into a folder.

    Attributes
    ----------
    parts : list of StoredFeatures
        The usable shards, in order.
    n_damaged : int
        Number of damaged shards, which were deleted.
    change : str
        Why other shards were deleted: how the network has changed since they were written, or that
        another version of featscape wrote them; "" if no shard was deleted for such a reason.
    next_number : int
        Number of the next shard.
    """

    parts: list[StoredFeatures] = field(default_factory=list)
    n_damaged: int = 0
    change: str = ""
    next_number: int = 0


def read_shards(folder: Path, *, card: ModelCard) -> ShardFolder:
    """Read the shards of a folder.

    Damaged shards, shards of a changed network or of another version of featscape, and incomplete
    shards of a killed run are deleted. Files with other names stay.

    Parameters
    ----------
    folder : Path
        May be missing.
    card : ModelCard
        Card of the network.

    Raises
    ------
    InputError
        If `folder` is a link or a file, or if a link or a folder has the name of a shard's file.
    """
    found = ShardFolder()
    whole: set[str] = set()
    files = _list_files(folder)
    for state in files:
        if state.suffix != _STATE:
            continue
        try:
            found.parts.append(_read_shard(state, card))
            whole.add(state.stem)
            found.next_number = int(state.stem) + 1
        except _OutdatedShardError as error:
            found.change = str(error)
        except (OSError, ValueError):
            found.n_damaged += 1
    for file in files:
        if file.stem not in whole:
            file.unlink()
    if files and not whole:
        (folder / RUN_FILE).unlink(missing_ok=True)
    return found


def _list_files(folder: Path) -> list[Path]:
    """Return the files of shards, sorted; raises InputError for links and folders of such names."""
    if not os.path.lexists(folder):
        return []
    _check_kind(folder, stat.S_ISDIR, "folder")
    files = sorted(file for file in folder.iterdir() if _NAME.fullmatch(file.name))
    for file in files:
        _check_kind(file, stat.S_ISREG, "file")
    return files


def _check_kind(path: Path, is_kind: Callable[[int], bool], kind: str) -> None:
    if not is_kind(path.lstat().st_mode):
        raise InputError(
            f"featscape did not create {printable(path)}: it is not a {kind}. Move it away, and "
            "repeat the call."
        )


class _OutdatedShardError(Exception):
    """A shard was written before featscape, or the weights or code of the network, changed."""


def _read_shard(state: Path, card: ModelCard) -> StoredFeatures:
    """Return the features of an undamaged shard.

    Raises
    ------
    _OutdatedShardError
        If the network has changed, or if the file of facts has another format.
    OSError, ValueError
        If the shard is damaged.
    """
    expected, text = state.read_text(encoding="utf-8").splitlines()
    if _hash_text(text) != expected:
        raise ValueError("the .json file is damaged")
    try:
        facts = _FACTS.validate_json(text, strict=True)
    except ValidationError as error:
        raise _OutdatedShardError("another version of featscape wrote them") from error
    files = {suffix: state.with_suffix(suffix) for suffix in (_FEATURES, _THUMBNAILS)}
    if any(hash_file(file) != facts.sha256.get(suffix) for suffix, file in files.items()):
        raise ValueError("a file is damaged")
    n_images = len(facts.digests)
    with files[_FEATURES].open("rb") as file:
        header = read_npy_header(file)
    if header.shape != (n_images, card.n_features) or header.dtype != np.float32:
        raise ValueError("the features have another shape or type")
    digests = np.frombuffer(bytes.fromhex("".join(facts.digests)), np.uint8)
    lengths = facts.thumbnail_bytes
    if len(lengths) not in (0, n_images):
        raise ValueError("the number of thumbnails is not the number of images")
    change = describe_change(replace(card, fingerprint=facts.fingerprint), card)
    if change:
        raise _OutdatedShardError(change)
    ends = np.cumsum(lengths, dtype=np.int64)
    return StoredFeatures(
        origin="",
        digests=digests.reshape(n_images, DIGEST_BYTES),
        sizes_px=np.array(facts.sizes_px, dtype=np.int32).reshape(n_images, 2),
        read_features=partial(_read_row, files[_FEATURES], header.start, card.n_features),
        read_thumbnail=partial(_read_piece, files[_THUMBNAILS], ends) if lengths else None,
        thumbnail_px=facts.thumbnail_px,
    )


def _read_row(file: Path, start: int, n_features: int, row: int) -> NDArray[np.float32]:
    n_bytes = 4 * n_features
    return np.frombuffer(_read(file, start + row * n_bytes, n_bytes), "<f4")


def _read_piece(file: Path, ends: NDArray[np.int64], row: int) -> bytes:
    start = int(ends[row - 1]) if row else 0
    return _read(file, start, int(ends[row]) - start)


def _read(file: Path, start: int, n_bytes: int) -> bytes:
    # opened for each row: a million images may need more shards than the limit of open files
    with file.open("rb") as stream:
        stream.seek(start)
        content = stream.read(n_bytes)
    if len(content) < n_bytes:
        raise OSError(f"{file} ends early")
    return content


@dataclass(eq=False)
class ShardWriter:
    """Collect batches and write them as shards; as a context manager, write the last shard on exit.

    Only whole batches are written, so that a continued run forms the same batches of the remaining
    images: the last bits of features may depend on the other images of a batch.

    Parameters
    ----------
    folder : Path or None
        If None, nothing is written.
    next_number : int
        Number of the next shard.
    thumbnail_px : int or None
        Longest side of the thumbnails.
    run : KeptRun or None
        Written into the folder after the first shard. The shards have the fingerprint of its
        network.
    """

    folder: Path | None
    _: KW_ONLY
    next_number: int
    thumbnail_px: int | None
    run: KeptRun | None = None
    _batches: list[Shard] = field(default_factory=list, init=False)
    _n_bytes: int = field(default=0, init=False)
    _since: float = field(default_factory=time.monotonic, init=False)
    _has_described_run: bool = field(default=False, init=False)

    def add(self, batch: Shard) -> None:
        """Add a batch, and write a shard if the collected batches are large or old enough."""
        if self.folder is None:
            return
        self._batches.append(batch)
        self._n_bytes += batch.values.nbytes + sum(len(one) for one in batch.thumbnails or ())
        if self._n_bytes >= MAX_BYTES or time.monotonic() - self._since >= MAX_SECONDS:
            self.write()

    def write(self) -> None:
        """Write the collected batches as a shard."""
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
            fingerprint=() if self.run is None else self.run.card.fingerprint,
        )
        write_shard(self.folder, self.next_number, shard)
        self.next_number += 1
        self._batches = []
        self._n_bytes, self._since = 0, time.monotonic()
        if self.run is not None and not self._has_described_run:
            self.run.write(self.folder)
            self._has_described_run = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if isinstance(error, WriteError):  # the disk is full: write later, when space is free
            error.rescue = self.write
        else:
            self.write()


def _hash_text(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
