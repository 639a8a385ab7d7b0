"""Extract features and place items on this machine or on a Ray cluster."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from featscape.distribute.cluster import connect
from featscape.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from featscape.features.protocols import ExtractOptions, NetworkRequest
    from featscape.records import Features, ImageSet
    from featscape.steps.tsne.adapter import PlacedBlocks
    from meshtsne import TSNE

ENGINES = ("local", "ray")


class Executor(Protocol):
    """Extracts features and places items among landmarks, on this machine or on a cluster."""

    def extract(
        self, images: ImageSet, request: NetworkRequest, options: ExtractOptions
    ) -> Features:
        """Extract features like `features.extract`: `Features` with values of shape (n, d)."""
        ...

    def place(self, tsne: TSNE, blocks: Iterable[NDArray[np.float32]]) -> PlacedBlocks:
        """Place blocks of items like ``map(tsne.place, blocks)``.

        Parameters
        ----------
        tsne : TSNE
            Fitted.
        blocks : iterable of ndarray of float32, each of shape (b, d)
            Features of b items each.

        Yields
        ------
        positions : ndarray of float32, shape (b, 2) or (b, 3)
        neighbors : meshtsne.Neighbors
            The rows of the fitted items that are nearest to each item, shape (b, k).
        """
        ...


class LocalExecutor:
    """Extracts features and places items on this machine."""

    def extract(
        self, images: ImageSet, request: NetworkRequest, options: ExtractOptions
    ) -> Features:
        """Extract features with `run_extraction`: `Features` with values of shape (n, d)."""
        from featscape.features import run_extraction

        return run_extraction(images, request, options)

    def place(self, tsne: TSNE, blocks: Iterable[NDArray[np.float32]]) -> PlacedBlocks:
        """Place blocks of items, each of shape (b, d), one after the other: see `Executor`."""
        return map(tsne.place, blocks)


@contextmanager
def open_executor(engine: str, address: str | None) -> Iterator[Executor]:
    """Yield the executor of an engine.

    Parameters
    ----------
    engine : str
        "local" for this machine, "ray" for a Ray cluster.
    address : str or None
        The address of the cluster: see `connect`.

    Raises
    ------
    InputError, MissingExtra
        If the engine is unknown, or if `connect` fails.
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
        yield LocalExecutor()
        return
    with connect(address) as cluster:
        yield cluster
