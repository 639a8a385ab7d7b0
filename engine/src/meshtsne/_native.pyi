# The names of the extension for type checkers; the docstrings are in native/bindings/.
# tests/unit/forces/test_native.py compares the names with the extension.
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

INTERFACE: str
SPLINE_ORDER: int
PADDING: int

def instruction_set() -> str: ...

class Pool:
    def __init__(self, n_threads: int) -> None: ...
    @property
    def n_threads(self) -> int: ...

def find_gaussians(
    distances: NDArray[np.float32],
    indices: NDArray[np.int32],
    perplexities: Sequence[float],
    pool: Pool,
) -> NDArray[np.float32]: ...
def conditional_probabilities(
    distances: NDArray[np.float32],
    indices: NDArray[np.int32],
    gaussians: NDArray[np.float32],
    pool: Pool,
) -> NDArray[np.float32]: ...
def cosine_transform(pool: Pool, values: NDArray[np.float32]) -> NDArray[np.float32]: ...
def symmetrize(
    indices: NDArray[np.int32], probabilities: NDArray[np.float32], pool: Pool
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]: ...

class CellIndex:
    def __init__(
        self, points: NDArray[np.float32], cells: NDArray[np.int32], n_cells: int, pool: Pool
    ) -> None: ...
    def search(
        self,
        queries: NDArray[np.float32],
        cells: NDArray[np.int32],
        k: int,
        pool: Pool,
        metric: str = "euclidean",
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]: ...

def search_tree(
    points: NDArray[np.float32], k: int, pool: Pool
) -> tuple[NDArray[np.int32], NDArray[np.float32]]: ...

class PotentialSolver:
    def __init__(self, pool: Pool, spectrum: NDArray[np.float32]) -> None: ...
    def solve(self, density: NDArray[np.float32]) -> None: ...

class Points:
    def __init__(
        self,
        pool: Pool,
        indptr: NDArray[np.int64],
        indices: NDArray[np.int32],
        data: NDArray[np.float32],
        positions: NDArray[np.float32],
    ) -> None: ...
    @staticmethod
    def from_gaussians(
        pool: Pool,
        indices: NDArray[np.int32],
        distances: NDArray[np.float32],
        gaussians: NDArray[np.float32],
        positions: NDArray[np.float32],
    ) -> Points: ...
    @property
    def size(self) -> int: ...
    def restart(self) -> None: ...
    def renumber(self) -> None: ...
    def extent(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]: ...
    def spread(
        self, density: NDArray[np.float32], origin: tuple[float, float, float], spacing: float
    ) -> None: ...
    def grid_forces(
        self,
        potential: NDArray[np.float32],
        origin: tuple[float, float, float],
        spacing: float,
        split: float = 0.0,
        radius: float = 0.0,
    ) -> float: ...
    def direct_forces(self) -> float: ...
    def step(
        self, z: float, exaggeration: float, momentum: float, learning_rate: float
    ) -> None: ...
    def kl_divergence(self, z: float) -> float: ...
    def positions(self) -> NDArray[np.float32]: ...
    def forces(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]: ...

class ShortRange:
    def __init__(self, positions: NDArray[np.float32], radius: float, pool: Pool) -> None: ...
    def add(
        self,
        positions: NDArray[np.float32],
        split: float,
        phi: NDArray[np.float32],
        gradient: NDArray[np.float32],
        pool: Pool,
    ) -> None: ...

def evaluate(
    pool: Pool,
    potential: NDArray[np.float32],
    origin: tuple[float, float, float],
    spacing: float,
    positions: NDArray[np.float32],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]: ...
