"""A Ray cluster: how it is reached, what it has, and what is asked of it."""

from __future__ import annotations

import logging
import os
import socket
from collections import deque
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from featscape.distribute.extraction import Extraction
from featscape.distribute.placing import place_block
from featscape.errors import DeviceError, InputError, MissingExtra

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from featscape.progress import Progress
    from featscape.records import Features, ImageSet
    from featscape.steps.embedding import Placed
    from meshtsne import TSNE

ENGINES = ("local", "ray")
_REACH_S = 5.0
_BATCH_SIZE_GPU = 256

# On a core without a GPU one actor runs the network, and beside it images are read: the core is
# theirs together. Were the network's share a whole core, the actors that return after a node was
# lost could take every core that is left, and the reading that they wait for would find none.
_NETWORK_CPUS, _READING_CPUS = 0.9, 0.1


class Workers(Protocol):
    """Who extracts features, and who places items among landmarks: this machine or a cluster."""

    def extract(self, images: ImageSet, **options: Any) -> Features:
        """Extract features as `features.extract` does."""
        ...

    def place(self, tsne: TSNE, blocks: Iterable[NDArray[np.float32]]) -> Placed:
        """Place blocks of items as ``map(tsne.place, blocks)`` does."""
        ...


class LocalWorkers:
    """The workers of one machine: the machine itself."""

    def extract(self, images: ImageSet, **options: Any) -> Features:
        """Extract features as `features.extract` does."""
        from featscape.features import extract

        return extract(images, **options)

    def place(self, tsne: TSNE, blocks: Iterable[NDArray[np.float32]]) -> Placed:
        """Place blocks of items one after the other."""
        return map(tsne.place, blocks)


@contextmanager
def open_workers(engine: str, address: str | None) -> Iterator[Workers]:
    """Yield the workers of an engine.

    Parameters
    ----------
    engine : str
        "local", or "ray" for the machines of a cluster.
    address : str or None
        The address of the cluster: see `connect`.

    Raises
    ------
    InputError, MissingExtra
        If there is no such engine or cluster; also as `connect` does.
    """
    if engine not in ENGINES:
        raise InputError(f"engine must be {' or '.join(ENGINES)}; got {engine!r}.")
    if address is not None and engine != "ray":
        raise InputError(
            f"an address goes with the engine ray alone; got {address!r} with {engine!r}. "
            "Leave it out, or add --engine ray (engine=)."
        )
    if engine == "local":
        yield LocalWorkers()
        return
    with connect(address) as cluster:
        yield cluster


@contextmanager
def connect(address: str | None = None) -> Iterator[Cluster]:
    """Connect to a Ray cluster for a while.

    Parameters
    ----------
    address : str, optional
        HOST:PORT of the cluster's head; by default what RAY_ADDRESS names, or a cluster on this
        machine, which is started if there is none and then ended with the block. Where the caller
        is connected already, that connection is used and stays.

    Raises
    ------
    MissingExtra
        If Ray is not installed.
    InputError
        If nothing answers at the address, or the caller is connected already and gave one.
    """
    ray = _import_ray()
    if ray.is_initialized():
        if address is not None:
            raise InputError(
                f"an address must be left out where Ray is connected already; got {address!r}. "
                "Leave it out, or call ray.shutdown() first."
            )
        yield Cluster(ray)
        return
    _check_answers(address)
    with _quiet(ray):
        try:
            with _muted():
                ray.init(address=address, log_to_driver=False, logging_level=logging.CRITICAL)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise _unreachable(address, error) from error
        try:
            yield Cluster(ray)
        finally:
            ray.shutdown()


class Cluster:
    """A Ray cluster that this process is connected to; `connect` gives one.

    Parameters
    ----------
    ray : module
        Initialized.
    """

    def __init__(self, ray: Any) -> None:
        self._ray = ray

    def extract(
        self,
        images: ImageSet,
        *,
        device: str = "auto",
        batch_size: int | None = None,
        progress: Progress | None = None,
        **options: Any,
    ) -> Features:
        """Do what `features.extract` does, on all machines of the cluster.

        Parameters
        ----------
        images : ImageSet
            Of a source that every node sees under the same name.
        device : str
            "cpu", "cuda", or "auto": GPUs if the cluster has any.
        batch_size : int, optional
        progress : Progress, optional
            Is told, too, if nodes were lost.
        **options
            See `features.extract`.

        Raises
        ------
        InputError, ModelError
            As `features.extract` does; also if a node does not see the source, or runs another
            featscape.
        DeviceError
            If the cluster has no such device.
        """
        from featscape.features import extract

        pools = self._plan(device)
        nodes = self._nodes()
        if batch_size is None and pools.device == "cuda":
            batch_size = _BATCH_SIZE_GPU
        features = extract(
            images,
            device="cpu",  # of this machine: the others have those of the cluster
            batch_size=batch_size,
            machines=Extraction(pools),
            progress=progress,
            **options,
        )
        lost = nodes - self._nodes()
        if lost and progress is not None:
            were = "1 node was" if len(lost) == 1 else f"{len(lost)} nodes were"
            progress.note(f"{were} lost; what was in hand there was done again elsewhere")
        return features

    def place(self, tsne: TSNE, blocks: Iterable[NDArray[np.float32]]) -> Placed:
        """Place blocks of items on a map, as ``map(tsne.place, blocks)`` does.

        Parameters
        ----------
        tsne : TSNE
            Fitted; sent to each machine once.
        blocks : iterable of arrays, each (b, d)
            Some more are taken than were yielded, so that each core has one to come.
        """
        sent = copy(tsne)
        sent.affinities_ = None  # the largest part, and placing does not need it
        map_ref = self._ray.put(sent)
        place = self._ray.remote(num_cpus=1, max_retries=-1)(place_block)
        pending: deque[Any] = deque()
        for block in blocks:
            pending.append(place.remote([map_ref], block))
            if len(pending) > 2 * self.n_cpus:
                yield self._ray.get(pending.popleft())
        while pending:
            yield self._ray.get(pending.popleft())

    def _nodes(self) -> set[str]:
        return {node["NodeID"] for node in self._ray.nodes() if node["Alive"]}

    @property
    def n_cpus(self) -> int:
        """Whole cores, of all nodes that live."""
        nodes = (node["Resources"] for node in self._ray.nodes() if node["Alive"])
        return sum(int(resources.get("CPU", 0)) for resources in nodes)

    @property
    def n_gpus(self) -> int:
        """GPUs of all nodes."""
        return int(self._ray.cluster_resources().get("GPU", 0))

    def _plan(self, device: str) -> Pools:
        """Share the cluster between reading and the network."""
        if device not in ("auto", "cpu", "cuda"):
            raise InputError(
                f"with the engine ray the device must be auto, cpu or cuda; got {device!r}. "
                "The cluster says which GPU is whose."
            )
        n_cpus, n_gpus = self.n_cpus, self.n_gpus
        if n_cpus == 0:
            raise DeviceError(
                "The cluster must have a processor core to decode images on; it has none. "
                "Add a node, or start one with more --num-cpus."
            )
        if device == "cuda" and n_gpus == 0:
            raise DeviceError(
                "The cluster must have a GPU for the device cuda; it has none. Add a node that "
                "has one, or take --device cpu (device=)."
            )
        if device != "cpu" and n_gpus:
            return Pools(
                device="cuda",
                n_networks=n_gpus,
                network_cpus=0,
                network_gpus=1,
                n_readers=n_cpus,
                reader_cpus=1,
            )
        return Pools(
            device="cpu",
            n_networks=n_cpus,
            network_cpus=_NETWORK_CPUS,
            network_gpus=0,
            n_readers=n_cpus,
            reader_cpus=_READING_CPUS,
        )


@dataclass(frozen=True)
class Pools:
    """What reads and what runs the network.

    Attributes
    ----------
    device : str
        Of the network: "cpu" or "cuda".
    n_networks : int
        At most so many copies of the network run at once.
    network_cpus, network_gpus : float
        What each takes of a node.
    n_readers : int
        At most so many tasks read at once.
    reader_cpus : float
        What each takes of a node.
    """

    device: str
    n_networks: int
    network_cpus: float
    network_gpus: float
    n_readers: int
    reader_cpus: float


def _import_ray() -> Any:
    """Import Ray, which is to tell its makers nothing."""
    # before the import: Ray's own code reads them then
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise MissingExtra(
            "The engine ray needs Ray with its data library, which is not installed here. "
            "Install it with: pip install 'featscape[ray]'."
        ) from error
    return ray


@contextmanager
def _quiet(ray: Any) -> Iterator[None]:
    """Keep off the screen what Ray's Python says for as long as a connection is ours."""
    logger = logging.getLogger("ray.data")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    # What Ray hears of a node that died, it prints, and no switch stops that: we say it ourselves.
    # Should the function be called otherwise some day, it prints again.
    worker = ray._private.worker  # noqa: SLF001
    spoken = getattr(worker, "print_to_stdstream", None)
    worker.print_to_stdstream = lambda *_, **__: None
    try:
        yield
    finally:
        logger.setLevel(level)
        if spoken is not None:
            worker.print_to_stdstream = spoken


@contextmanager
def _muted() -> Iterator[None]:
    """Keep off the screen what Ray's own C++ writes there as it starts; errors are raised."""
    kept = os.dup(2)
    try:
        with open(os.devnull, "wb") as nothing:  # noqa: PTH123 - it is no path of a file
            os.dup2(nothing.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _check_answers(address: str | None) -> None:
    """Raise InputError where nothing listens: Ray itself would try for minutes."""
    if address is None or address in ("auto", "local"):
        return
    parts = urlsplit(address if "://" in address else f"//{address}")
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if host is None or port is None:
        raise InputError(
            f"the address of a Ray cluster must be HOST:PORT; got {address!r}. "
            "`ray status` on its head, or `ray start --head`, tells it."
        )
    try:
        socket.create_connection((host, port), timeout=_REACH_S).close()
    except OSError as error:
        raise _unreachable(address, error) from error


def _unreachable(address: str | None, error: Exception) -> InputError:
    reason = str(error).strip().splitlines() or [type(error).__name__]
    return InputError(
        f"a Ray cluster must answer at {address or 'the default address'}; none does "
        f"({reason[0].rstrip('.')}). Check the address, or start one with: ray start --head."
    )
