"""Connect to a Ray cluster, and run tasks on it."""

from __future__ import annotations

import logging
from collections import deque
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from featscape.distribute.node_placing import place_block
from featscape.distribute.pools import plan_pools
from featscape.distribute.ray_process import (
    check_answers,
    import_ray,
    suppress_native_messages,
    suppress_python_messages,
    unreachable,
)
from featscape.distribute.remote_extraction import RemoteExtraction
from featscape.errors import InputError
from featscape.number_text import plural

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from featscape.features.protocols import ExtractOptions, NetworkRequest
    from featscape.records import Features, ImageSet
    from featscape.steps.tsne.adapter import PlacedBlocks
    from meshtsne import TSNE

_BATCH_SIZE_GPU = 256


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
    ray = import_ray()
    if ray.is_initialized():
        if address is not None:
            raise InputError(
                f"no address can be given if Ray is connected already; got {address!r}. "
                "Remove the address, or call ray.shutdown() first."
            )
        yield Cluster(ray)
        return
    check_answers(address)
    with suppress_python_messages(ray):
        try:
            with suppress_native_messages():
                ray.init(address=address, log_to_driver=False, logging_level=logging.CRITICAL)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise unreachable(address, error) from error
        try:
            yield Cluster(ray)
        finally:
            ray.shutdown()


class Cluster:
    """A Ray cluster to which this process is connected; `connect` returns a `Cluster`.

    Parameters
    ----------
    ray : module
        Ray, initialized.
    """

    def __init__(self, ray: Any) -> None:
        self._ray = ray

    def extract(
        self, images: ImageSet, request: NetworkRequest, options: ExtractOptions
    ) -> Features:
        """Extract features like `features.extract`, on all machines of the cluster.

        Parameters
        ----------
        images : ImageSet
            Every node must be able to read the source of the images under the same name.
        request : NetworkRequest
            `device` is "cpu", "cuda", or "auto" for GPUs if the cluster has any.
        options : ExtractOptions
            `progress` also receives a note if nodes were lost.

        Returns
        -------
        Features
            `values` has shape (n, d) and dtype float32.

        Raises
        ------
        InputError, ModelError
            For the reasons of `features.extract`; also if a node cannot read the source, or has
            another version of featscape.
        DeviceError
            If the cluster has no such device.
        """
        from featscape.features import run_extraction

        pools = plan_pools(request.device, n_cpus=self.n_cpus, n_gpus=self.n_gpus)
        nodes = self._nodes()
        options = replace(options, machines=RemoteExtraction(pools))
        if options.batch_size is None and pools.device == "cuda":
            options = replace(options, batch_size=_BATCH_SIZE_GPU)
        # the device of this machine; `pools` has the device of the nodes
        features = run_extraction(images, replace(request, device="cpu"), options)
        lost = nodes - self._nodes()
        if lost:
            were = plural(len(lost), "node was", "nodes were")
            options.progress.note(f"{were} lost; other nodes repeated the unfinished tasks")
        return features

    def place(self, tsne: TSNE, blocks: Iterable[NDArray[np.float32]]) -> PlacedBlocks:
        """Place blocks of items on a map like ``map(tsne.place, blocks)``.

        Parameters
        ----------
        tsne : TSNE
            Fitted. Each machine receives one copy.
        blocks : iterable of ndarray of float32, each of shape (b, d)
            Two blocks per core are read in advance.

        Yields
        ------
        positions : ndarray of float32, shape (b, 2) or (b, 3)
        neighbors : meshtsne.Neighbors
            The rows of the fitted items that are nearest to each item, shape (b, k).
        """
        map_ref = self._ray.put(tsne)
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
