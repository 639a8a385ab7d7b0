"""What a node does to extract features: read a chunk of images, run the network on it.

A chunk is a row of a Ray dataset: its number, and bytes that hold what is known of its images. So
Ray moves, spills, repeats and orders chunks, and never takes one apart: what goes through the
network together does not depend on which machines there are, or are no more.

A mistake of the user's comes back as part of the result. As an exception it would be wrapped in
several of Ray's, and its message drowned.
"""

from __future__ import annotations

import json
import pickle
import socket
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from featscape import __version__
from featscape.errors import FeatscapeError, ImageError, InputError
from featscape.features.extraction.reading import read_image
from featscape.features.protocols import CachedFeatures, Read
from featscape.images import open_contents
from featscape.printable_names import printable
from featscape.records import SkippedImage

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from featscape.features import Network
    from featscape.records import Decoder, ImageBytes, PlainDecoder, ThumbnailSink

    Items = list[Read | SkippedImage]


@dataclass(frozen=True, eq=False)
class Job:
    """All that a node has to know.

    Attributes
    ----------
    kind, source
        What `images.open_contents` opens.
    decode, decode_plain
        As of the `ImageSet`.
    network : Network
        Without its engine: it prepares images, and its card says what to load.
    device : str
        "cpu" or "cuda".
    thumbnails : ThumbnailSink or None
        Makes thumbnails, and takes none.
    prefixes : list of one ray.ObjectRef
        Of the sorted digest prefixes of the images with cached features: see
        `FeatureCache.digest_prefixes`.
    version : str
        Of the featscape that asks.
    """

    kind: str
    source: Path | str
    decode: Decoder
    decode_plain: PlainDecoder | None
    network: Network
    device: str
    thumbnails: ThumbnailSink | None
    prefixes: list[Any]
    version: str = __version__


def read_chunk(row: dict[str, Any], job: Job) -> dict[str, Any]:
    """Read and prepare the images of a chunk: {"chunk", "paths"} -> {"chunk", "content"}."""
    try:
        _check_version(job)
        contents, prefixes = _open(job.kind, job.source), DigestPrefixes(_fetch(job.prefixes[0]))
        paths = json.loads(row["paths"])
        result: Items | FeatscapeError = [_read(contents, path, prefixes, job) for path in paths]
    except FeatscapeError as error:
        result = error
    return {"chunk": row["chunk"], "content": pickle.dumps(result)}


class Runner:
    """Runs the network on chunks that were read, in one process of its own.

    Parameters
    ----------
    job : Job
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._network: Network | None = None

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """Compute the features of a chunk: {"chunk", "content"} -> the same."""
        result = unpack(row["content"])
        if not isinstance(result, FeatscapeError):
            try:
                result = self._run(result)
            except FeatscapeError as error:
                result = error
        return {"chunk": row["chunk"], "content": pickle.dumps(result)}

    def _run(self, items: Items) -> Items:
        pixels = [item.pixels for item in items if isinstance(item, Read)]
        waiting = [one for one in pixels if one is not None]
        if not waiting:
            return items
        if self._network is None:
            self._network = load(self._job)
        values = iter(self._network.run(waiting))
        return [
            replace(item, pixels=None, values=next(values))
            if isinstance(item, Read) and item.pixels is not None
            else item
            for item in items
        ]


def unpack(content: bytes) -> Items | FeatscapeError:
    """Return what a stage made of a chunk."""
    result: Items | FeatscapeError = pickle.loads(content)  # noqa: S301 - our own, of this run
    return result


def load(job: Job) -> Network:
    """Load the very network that the caller has; raises ModelError where it is another here."""
    from featscape.features import reload_network
    from featscape.features.engines.devices import limit_cores

    if job.device == "cpu":
        limit_cores(1)  # each core of the node has a network of its own
    return reload_network(job.network.card, device=job.device)


class DigestPrefixes:
    """Finds out whether the features of an image are cached, without the features themselves.

    Parameters
    ----------
    prefixes : ndarray of uint64, sorted
        See `FeatureCache.digest_prefixes`.
    """

    def __init__(self, prefixes: NDArray[np.uint64]) -> None:
        self._prefixes = prefixes

    def find(self, key: bytes, *, thumbnail_px: int | None) -> CachedFeatures | None:
        """Return a placeholder without features if the image's features are cached, else None."""
        del thumbnail_px  # the prefixes contain only images with the requested thumbnails
        prefix = np.frombuffer(key, np.uint64, count=1)[0]
        place = int(np.searchsorted(self._prefixes, prefix))
        if place == len(self._prefixes) or self._prefixes[place] != prefix:
            return None
        return CachedFeatures("", np.empty(0, np.float32), (0, 0), b"")


def _read(
    contents: ImageBytes, path: str, prefixes: DigestPrefixes, job: Job
) -> Read | SkippedImage:
    try:
        content = contents.read(path)
        return read_image(
            content,
            job.decode,
            job.network,
            job.thumbnails,
            prefixes,
            decode_plain=job.decode_plain,
        )
    except ImageError as error:
        return SkippedImage(path, str(error))


@lru_cache(maxsize=1)
def _open(kind: str, source: Path | str) -> ImageBytes:
    """Open the source once a process; what is not seen here must not pass for missing images."""
    if isinstance(source, Path) and not source.exists():
        raise InputError(
            f"every node of the cluster must see the source; {socket.gethostname()} does not see "
            f"{printable(source)}. Put it on storage that all share, or name it by its address "
            "(s3://, gs://, https://)."
        )
    return open_contents(kind, source)


@lru_cache(maxsize=1)
def _fetch(prefixes: Any) -> NDArray[np.uint64]:
    import ray

    array: NDArray[np.uint64] = ray.get(prefixes)
    return array


def _check_version(job: Job) -> None:
    if job.version != __version__:
        raise InputError(
            f"every node of the cluster must have featscape {job.version} as this machine has; one "
            f"has {__version__}. Install the same version on all."
        )
