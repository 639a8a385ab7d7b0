"""Connect to a Ray cluster, plan its resources, and run tasks on it."""

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

# Without a GPU, each core runs one actor with the network and the tasks that read images. If an
# actor reserved a whole core, the actors that restart after the loss of a node could reserve every
# remaining core, and the reading tasks that they wait for could not start.
_NETWORK_CPUS, _READING_CPUS = 0.9, 0.1


class Workers(Protocol):
    """Extract features and place items among landmarks, on this machine or on a cluster."""

    def extract(self, images: ImageSet, **options: Any) -> Features:
        """Extract features like `features.extract`."""
        ...

    def place(self, tsne: TSNE, blocks: Iterable[NDArray[np.float32]]) -> Placed:
        """Place blocks of items like ``map(tsne.place, blocks)``."""
        ...


class LocalWorkers:
    """Extract features and place items on this machine."""

    def extract(self, images: ImageSet, **options: Any) -> Features:
        """Extract features with `features.extract`."""
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
        If the engine is unknown, or for the reasons of `connect`.
    """
    if engine not in ENGINES:
        raise InputError(
            f"engine must be {' or '.join(ENGINES)}; got {engine!r}. Choose one of these."
        )
    if address is not None and engine != "ray":
        raise InputError(
            f"an address needs the engine ray; got {address!r} with the engine {engine!r}. "
            "Remove the address, or add --engine ray (engine=)."
        )
    if engine == "local":
        yield LocalWorkers()
        return
    with connect(address) as cluster:
        yield cluster


@contextmanager
def connect(address: str | None = None) -> Iterator[Cluster]:
    """Connect to a Ray cluster for the duration of the block.

    Parameters
    ----------
    address : str, optional
        HOST:PORT of the head of the cluster. The default is the address in RAY_ADDRESS, or a
        cluster on this machine, which is started if needed and stopped after the block. If Ray is
        connected already, the block uses this connection and leaves it open.

    Raises
    ------
    MissingExtra
        If Ray is not installed.
    InputError
        If no cluster answers at the address, or if an address is given although Ray is connected.
    """
    ray = _import_ray()
    if ray.is_initialized():
        if address is not None:
            raise InputError(
                f"no address can be given if Ray is connected already; got {address!r}. "
                "Remove the address, or call ray.shutdown() first."
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
    """A Ray cluster that this process is connected to; `connect` returns one.

    Parameters
    ----------
    ray : module
        Ray, initialized.
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
        """Extract features like `features.extract`, on all machines of the cluster.

        Parameters
        ----------
        images : ImageSet
            Every node must be able to read the source of the images under the same name.
        device : str
            "cpu", "cuda", or "auto" for GPUs if the cluster has any.
        batch_size : int, optional
        progress : Progress, optional
            Also receives a note if nodes were lost.
        **options
            See `features.extract`.

        Raises
        ------
        InputError, ModelError
            For the reasons of `features.extract`; also if a node cannot read the source, or has
            another version of featscape.
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
            device="cpu",  # the device of this machine; `pools` has the device of the nodes
            batch_size=batch_size,
            machines=Extraction(pools),
            progress=progress,
            **options,
        )
        lost = nodes - self._nodes()
        if lost and progress is not None:
            were = "1 node was" if len(lost) == 1 else f"{len(lost)} nodes were"
            progress.note(f"{were} lost; other nodes repeated the unfinished tasks")
        return features

    def place(self, tsne: TSNE, blocks: Iterable[NDArray[np.float32]]) -> Placed:
        """Place blocks of items on a map like ``map(tsne.place, blocks)``.

        Parameters
        ----------
        tsne : TSNE
            Fitted. Each machine receives one copy.
        blocks : iterable of ndarray, each of shape (b, d)
            Two blocks per core are read in advance.
        """
        sent = copy(tsne)
        sent.affinities_ = None  # the largest attribute, which `place` does not need
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
        """Number of whole cores of all nodes that are alive."""
        nodes = (node["Resources"] for node in self._ray.nodes() if node["Alive"])
        return sum(int(resources.get("CPU", 0)) for resources in nodes)

    @property
    def n_gpus(self) -> int:
        """Number of GPUs of all nodes."""
        return int(self._ray.cluster_resources().get("GPU", 0))

    def _plan(self, device: str) -> Pools:
        """Divide the cluster between reading tasks and copies of the network."""
        if device not in ("auto", "cpu", "cuda"):
            raise InputError(
                f"with the engine ray the device must be auto, cpu or cuda; got {device!r}. "
                "Choose one of these; Ray assigns the GPUs."
            )
        n_cpus, n_gpus = self.n_cpus, self.n_gpus
        if n_cpus == 0:
            raise DeviceError(
                "The cluster must have at least 1 processor core to decode images; it has none. "
                "Add a node, or start a node with more --num-cpus."
            )
        if device == "cuda" and n_gpus == 0:
            raise DeviceError(
                "The cluster must have a GPU for the device cuda; it has none. Add a node with a "
                "GPU, or choose --device cpu (device=)."
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
    """The resources for reading tasks and for copies of the network.

    Attributes
    ----------
    device : str
        Device of the network: "cpu" or "cuda".
    n_networks : int
        Maximum number of copies of the network at once.
    network_cpus, network_gpus : float
        Resources of a node that each copy reserves.
    n_readers : int
        Maximum number of reading tasks at once.
    reader_cpus : float
        Resources of a node that each reading task reserves.
    """

    device: str
    n_networks: int
    network_cpus: float
    network_gpus: float
    n_readers: int
    reader_cpus: float


def _import_ray() -> Any:
    """Import Ray with its usage reports disabled."""
    # Ray reads these variables during the import
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
    """Suppress the messages of Ray's Python code while this process has its own connection."""
    logger = logging.getLogger("ray.data")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    # Ray prints a message when a node dies, and no setting disables it: `Cluster.extract` reports
    # the loss. If a later version of Ray renames the function, the message is printed again.
    worker = ray._private.worker  # noqa: SLF001
    original = getattr(worker, "print_to_stdstream", None)
    worker.print_to_stdstream = lambda *_, **__: None
    try:
        yield
    finally:
        logger.setLevel(level)
        if original is not None:
            worker.print_to_stdstream = original


@contextmanager
def _muted() -> Iterator[None]:
    """Suppress the startup messages of Ray's C++ code; Ray raises its errors as exceptions."""
    kept = os.dup(2)
    try:
        with open(os.devnull, "wb") as nothing:  # noqa: PTH123 - os.devnull is not a path of a file
            os.dup2(nothing.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _check_answers(address: str | None) -> None:
    """Raise InputError if no process listens at the address; Ray would retry for minutes."""
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
            "`ray start --head` and `ray status` print the address."
        )
    try:
        socket.create_connection((host, port), timeout=_REACH_S).close()
    except OSError as error:
        raise _unreachable(address, error) from error


def _unreachable(address: str | None, error: Exception) -> InputError:
    reason = str(error).strip().splitlines() or [type(error).__name__]
    return InputError(
        f"no Ray cluster answers at {address or 'the default address'} "
        f"({reason[0].rstrip('.')}). Check the address, or start a cluster: ray start --head."
    )
