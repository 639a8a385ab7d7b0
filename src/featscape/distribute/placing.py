"""What a node does to place items on a map."""

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
        Of a fitted TSNE. In a list Ray hands it over as it is, and it is fetched once a process.
    block : ndarray of float32, shape (b, d)
    """
    placed: tuple[NDArray[np.float32], Neighbors] = _fetch(map_ref[0]).place(block)
    return placed


@lru_cache(maxsize=1)
def _fetch(map_ref: Any) -> Any:
    import ray

    # a core has one such task; a place does not depend on the number of threads
    return ray.get(map_ref).set_params(n_jobs=1)
