"""Place items on a map; runs on the nodes of a cluster."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from meshtsne import Neighbors


def place_block(
    map_ref: list[Any], block: NDArray[np.float32]
) -> tuple[NDArray[np.float32], Neighbors]:
    """Place some items.

    Parameters
    ----------
    map_ref : list of one ray.ObjectRef
        Reference to a fitted TSNE. Ray does not resolve a reference inside a list, so each process
        fetches the TSNE only once.
    block : ndarray of float32, shape (b, d)

    Returns
    -------
    positions : ndarray of float32, shape (b, 2) or (b, 3)
    neighbors : meshtsne.Neighbors
        The rows of the fitted items that are nearest to each item, shape (b, k).
    """
    placed: tuple[NDArray[np.float32], Neighbors] = _fetch(map_ref[0]).place(block)
    return placed


@lru_cache(maxsize=1)
def _fetch(map_ref: Any) -> Any:
    import ray

    # each core runs one task; the result does not depend on the number of threads
    return ray.get(map_ref).set_params(n_jobs=1)
