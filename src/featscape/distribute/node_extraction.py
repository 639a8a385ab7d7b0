"""Read a chunk of images and run the network on it; runs on the nodes of a cluster.

A chunk is a row of a Ray dataset: its number, and bytes with the data of its images. Ray moves,
spills, repeats and orders chunks, but never splits a chunk. The batches of the network therefore
do not depend on the number of machines, or on the loss of a machine.

An error of the user is returned as part of the result, because Ray would wrap an exception in
several exceptions of its own.
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

    ReadItems = list[Read | SkippedImage]


@dataclass(frozen=True, eq=False)
class Job:
    """The parameters of an extraction that a node needs.

    Attributes
    ----------
    kind, source
        The arguments of `images.open_contents`.
    decode, decode_plain
        See `ImageSet`.
    network : Network
        Without its engine: the network only prepares images. Its card names the network to load.
    device : str
        "cpu" or "cuda".
    thumbnails : ThumbnailSink or None
        Encodes thumbnails; nodes do not store thumbnails.
    prefixes : list of one ray.ObjectRef
        Reference to the sorted digest prefixes of the images with cached features: see
        `FeatureCache.digest_prefixes`.
    version : str
        The version of featscape on the calling machine.
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
        result: ReadItems | FeatscapeError = [
            _read(contents, path, prefixes, job) for path in paths
        ]
    except FeatscapeError as error:
        result = error
    return {"chunk": row["chunk"], "content": pickle.dumps(result)}


class Runner:
    """Run the network on chunks that were read, in a process of its own.

    Parameters
    ----------
    job : Job
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._network: Network | None = None

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """Compute the features of a chunk: {"chunk", "content"} -> {"chunk", "content"}."""
        result = unpack(row["content"])
        if not isinstance(result, FeatscapeError):
            try:
                result = self._run(result)
            except FeatscapeError as error:
                result = error
        return {"chunk": row["chunk"], "content": pickle.dumps(result)}

    def _run(self, items: ReadItems) -> ReadItems:
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


def unpack(content: bytes) -> ReadItems | FeatscapeError:
    """Return the result of a stage for a chunk."""
    result: ReadItems | FeatscapeError = pickle.loads(content)  # noqa: S301 - written by this run
    return result


def load(job: Job) -> Network:
    """Load the network of the caller; raises ModelError if the network on this node differs."""
    from featscape.cores import limit_cores
    from featscape.features import reload_network

    if job.device == "cpu":
        limit_cores(1)  # each core of the node runs its own copy of the network
    return reload_network(job.network.card, device=job.device)


class DigestPrefixes:
    """Finds out whether the features of an image are cached, without the features themselves.

    Parameters
    ----------
    prefixes : ndarray of uint64, shape (n,)
        Sorted: see `FeatureCache.digest_prefixes`.
    """

    def __init__(self, prefixes: NDArray[np.uint64]) -> None:
        self._prefixes = prefixes

    def find(self, key: bytes, *, thumbnail_px: int | None) -> CachedFeatures | None:
        """Return a placeholder without features if the image's features are cached, else None."""
        del thumbnail_px  # the prefixes contain only images with the requested thumbnails
        prefix = np.frombuffer(key, np.uint64, count=1)[0]
        index = int(np.searchsorted(self._prefixes, prefix))
        if index == len(self._prefixes) or self._prefixes[index] != prefix:
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
    """Open the source once per process; a missing source must not count as missing images."""
    if isinstance(source, Path) and not source.exists():
        raise InputError(
            f"every node of the cluster must have the source {printable(source)}; "
            f"{socket.gethostname()} does not. Use storage that all nodes share, or an address "
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
            f"every node of the cluster must have featscape {job.version} like this machine; got "
            f"{__version__} on {socket.gethostname()}. Install the same version on all nodes."
        )
