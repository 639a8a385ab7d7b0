"""Repulsion by a particle-mesh method: one density, one convolution, and its analytic gradient.

With w_ij = 1 / (1 + |y_i - y_j|^2) and the potential Phi(y) = sum_j w(y - y_j),

    F_i = sum_j w_ij^2 (y_i - y_j) = -1/2 grad Phi(y_i)        Z = sum_i (Phi(y_i) - 1)

since grad w = -2 w^2 (y_i - y_j). Phi is the convolution of the density of the points with w.
B-splines spread the points onto a regular grid and interpolate the potential, as in smooth
particle-mesh Ewald (Essmann et al. 1995, J. Chem. Phys. 103, 8577). The loops are native code; this
module chooses the grid.

In three dimensions the number of nodes would grow with the cube of the extent, although most nodes
are far from all points. There w is split into a long and a short range (Ewald 1921, Annalen der
Physik 369, 253): with 1 / w = 1 + r^2, w is the integral of exp(-t / w) over t > 0; the part up to
t = s is the long range, and the rest is the short range,

    w = w (1 - exp(-s / w)) + w exp(-s / w).

The long range is smooth over lengths of 1 / sqrt(s), so a coarse grid suffices. The short range
vanishes after a few such lengths and is summed over pairs of close points.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from meshtsne.errors import DivergenceError
from meshtsne.forces.native import NativeGradient, extent_text
from meshtsne.native import _native

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

# Distance between two nodes, which increases to WIDEST_SPACING in two dimensions, in steps: several
# iterations then use the same solver. With splines of order 6 the error of the repulsive force is
# about ERROR_FACTOR * spacing^ERROR_EXPONENT / sqrt(points per unit of area) (measurements in
# docs/design.md), and the spacing is chosen so that this error is at most MOST_ERROR. For a small
# embedding the spacing is halved until the grid has enough nodes; these grids are cheap.
SPACING = 0.4
WIDEST_SPACING = 0.48
MOST_ERROR = 0.01
ERROR_FACTOR = 0.4
ERROR_EXPONENT = 4.8
PLANE_STEPS_PER_OCTAVE = 16
FINEST_SPACING = SPACING / 4
FEWEST_NODES = 64

# In three dimensions the spacing grows if the grid has more than NODES_PER_POINT nodes per point,
# in steps, so that several iterations use the same solver. Then s = SPLIT / spacing^2, and the
# short range is cut off where exp(-s r^2) = exp(-REACH).
NODES_PER_POINT = 2
STEPS_PER_OCTAVE = 4
SPLIT = 0.6
REACH = 2.5

# Most maps need fewer nodes: a map of ten million points needs half of this number. A map of many
# separate clusters is wider, and its spacing grows to at most COARSEST_SPACING (docs/design.md). A
# map that is too wide for this spacing is a sign of divergence. A node takes 30 bytes.
MOST_NODES = 2**26
COARSEST_SPACING = 0.8

# A map of few points that is so wide that the grid has more than FEW_NODES nodes, and more than one
# for PAIRS_PER_NODE pairs of points, uses the sum over all pairs, which then takes a tenth of the
# time: a perplexity near 1, or a learning rate that is too high.
FEW_NODES = 2**19
PAIRS_PER_NODE = 16

# The interpolation lowers the mean over the points of sum_j w_ij by about 0.002. Below this mean,
# the KL divergence is computed with the sum over all pairs.
LEAST_MEAN_OF_GRID = 0.2

# Iterations at which the points are sorted again along a space-filling curve. After the
# exaggeration, which ends at iteration 60 or 90 by default, the points move less and less.
RENUMBER_AFTER = (40, 70, 110, 170)

# With fewer points per thread, more threads save no time.
POINTS_PER_THREAD = 1_000

# Distance that the grid of a GridPotential extends beyond the embedding. Positions beyond the grid
# get the value at its border.
POTENTIAL_MARGIN = 10.0

# Solvers kept for other grid sizes, with at most this number of nodes together: a solver takes 20
# bytes per node. The embedding rarely shrinks, so a few solvers are enough.
CACHED_SOLVERS = 3
MOST_CACHED_NODES = MOST_NODES


def good_size(n: int) -> int:
    """Return the smallest multiple of 16 of the form 2^a 3^b 5^c that is at least n."""
    size = -(-n // 16)
    while True:
        rest = size
        for factor in (2, 3, 5):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return 16 * size
        size += 1


@dataclass(frozen=True)
class GridGeometry:
    """The number of nodes on each axis, their distance, and the position of the first node.

    If `split` is above 0, the grid has the long range only, and the short range ends at `radius`.
    """

    shape: tuple[int, ...]
    spacing: float
    origin: tuple[float, float, float]
    split: float = 0.0

    @property
    def radius(self) -> float:
        """The distance at which the short range is cut off; 0 without a split."""
        return math.sqrt(REACH / self.split) if self.split else 0.0

    @classmethod
    def around(
        cls, low: NDArray[np.float32], high: NDArray[np.float32], *, n_points: int
    ) -> GridGeometry:
        """Return the geometry for points between `low` and `high`, each of shape (c,)."""
        span = high.astype(np.float64) - low
        if not np.isfinite(span).all():
            raise _too_large(span)
        spacing = _spacing(span, n_points)
        while np.prod(span / spacing + _native.SPLINE_ORDER + 2) >= MOST_NODES:
            spacing *= 2 ** (1 / PLANE_STEPS_PER_OCTAVE)
            if spacing > COARSEST_SPACING:
                raise _too_large(span)
        shape = tuple(good_size(int(s / spacing) + _native.SPLINE_ORDER + 2) for s in span)
        center = (low.astype(np.float64) + high) / 2
        origin = [float(c - (n - 1) / 2 * spacing) for c, n in zip(center, shape, strict=True)]
        x, y, z = [*origin, 0.0, 0.0][:3]
        split = SPLIT / spacing**2 if len(span) == 3 and spacing > SPACING else 0.0
        return cls(shape, spacing, (x, y, z), split)


def _spacing(span: NDArray[np.float64], n_points: int) -> float:
    """Return the distance between nodes for points within `span`, shape (c,)."""
    if len(span) == 3:
        octaves = math.log2((span + 1).prod() / (NODES_PER_POINT * n_points * SPACING**3)) / 3
        if octaves > 0:
            return SPACING * 2 ** (math.ceil(octaves * STEPS_PER_OCTAVE) / STEPS_PER_OCTAVE)
    spacing = _plane_spacing(n_points / (span + 1).prod()) if len(span) == 2 else SPACING
    while spacing > FINEST_SPACING and span.max() / spacing < FEWEST_NODES / 2:
        spacing /= 2
    return spacing


def _plane_spacing(density: float) -> float:
    """Return the widest spacing with an error of at most `MOST_ERROR`, for points per area."""
    widest = (MOST_ERROR / ERROR_FACTOR * math.sqrt(density)) ** (1 / ERROR_EXPONENT)
    octaves = math.log2(min(max(widest, SPACING), WIDEST_SPACING) / SPACING)
    return SPACING * 2 ** (math.floor(octaves * PLANE_STEPS_PER_OCTAVE) / PLANE_STEPS_PER_OCTAVE)


def _too_large(span: NDArray[np.float64]) -> DivergenceError:
    """Return the error for an embedding of this extent, shape (c,)."""
    return DivergenceError(
        f"the embedding must fit a grid of {MOST_NODES:,} nodes; it reached an extent of "
        f"{extent_text(span.max())}. Lower learning_rate or early_exaggeration, or scale the init "
        "array down."
    )


def kernel_spectrum(pool: _native.Pool, geometry: GridGeometry) -> NDArray[np.float32]:
    """Return the transform of w, or of its long range, divided by that of both splines.

    The kernel on the padded grid is even on every axis, so its transform is a cosine transform of
    one corner: shape (n + 1, ...), frequencies 0 .. pi. The division by the squared transform of
    the spline corrects the spreading and the interpolation (Essmann et al. 1995).
    """
    squared = np.zeros((), dtype=np.float32)
    for n in geometry.shape:
        along = np.arange(n + 1, dtype=np.float32) * np.float32(geometry.spacing)
        squared = np.add.outer(squared, along**2)
    w = 1 / (1 + squared)
    if geometry.split:
        w *= -np.expm1(-np.float32(geometry.split) / w)
    spectrum = _cosine_transform(pool, w.astype(np.float32, copy=False))
    for axis, n in enumerate(geometry.shape):
        correction = 1 / _spline_transform(np.pi * np.arange(n + 1) / n) ** 2
        spectrum *= np.expand_dims(
            correction, tuple(a for a in range(spectrum.ndim) if a != axis)
        ).astype(np.float32)
    return np.asarray(spectrum, dtype=np.float32)


def _cosine_transform(pool: _native.Pool, w: NDArray[np.float32]) -> NDArray[np.float32]:
    if w.ndim == 2:  # the import of SciPy's takes longer than all transforms of 10,000 points
        return _native.cosine_transform(pool, w)
    from scipy.fft import dctn

    return np.asarray(dctn(w, type=1), dtype=np.float32)


def _spline_transform(frequency: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return sum_m M_p(m) exp(-i m w), the transform of the cardinal B-spline at the integers."""
    at_nodes = {4: (4 / 6, 1 / 6), 6: (66 / 120, 26 / 120, 1 / 120)}[_native.SPLINE_ORDER]
    total = np.full_like(frequency, at_nodes[0])
    for m, value in enumerate(at_nodes[1:], start=1):
        total += 2 * value * np.cos(m * frequency)
    return total


class PlaneSolver:
    """Compute the potential of a density on a 2-D grid in native code.

    Parameters
    ----------
    pool : _native.Pool
    geometry : GridGeometry
    """

    def __init__(self, pool: _native.Pool, geometry: GridGeometry) -> None:
        self._solver = _native.PotentialSolver(pool, kernel_spectrum(pool, geometry))

    def solve(self, density: NDArray[np.float32]) -> None:
        """Turn the density into the potential, in place.

        Parameters
        ----------
        density : ndarray of float32, shape (*geometry.shape[:-1], geometry.shape[-1] + PADDING)
            The `_native.PADDING` last columns are not nodes.
        """
        self._solver.solve(density)


class GeneralSolver:
    """Compute the potential in any number of dimensions by SciPy; see `PlaneSolver`."""

    def __init__(self, pool: _native.Pool, geometry: GridGeometry) -> None:
        self._workers = pool.n_threads
        self._padded = tuple(2 * n for n in geometry.shape)
        self._inside = tuple(slice(n) for n in geometry.shape)
        spectrum = kernel_spectrum(pool, geometry)
        for axis, n in enumerate(geometry.shape[:-1]):  # a real transform halves only the last axis
            mirrored = np.concatenate([np.arange(n + 1), np.arange(n - 1, 0, -1)])
            spectrum = np.take(spectrum, mirrored, axis=axis)
        self._spectrum = spectrum

    def solve(self, density: NDArray[np.float32]) -> None:
        """Turn the density into the potential, in place; see `PlaneSolver.solve`."""
        from scipy.fft import fft, ifft, irfft, rfft

        nodes = density[self._inside]
        # Padded and cropped axis by axis, which skips transforms of zeros and of cropped values.
        *others, last = range(nodes.ndim)
        transform = rfft(nodes, n=self._padded[last], axis=last, workers=self._workers)
        for axis in others:
            transform = fft(transform, n=self._padded[axis], axis=axis, workers=self._workers)
        transform *= self._spectrum
        for axis in reversed(others):
            transform = ifft(transform, axis=axis, workers=self._workers, overwrite_x=True)
            transform = transform[(slice(None),) * axis + (self._inside[axis],)]
        potential = irfft(transform, n=self._padded[last], axis=last, workers=self._workers)
        nodes[...] = potential[..., self._inside[last]]


class PotentialGrid:
    """A cache of solvers and node arrays for the grid sizes of a descent."""

    def __init__(self, pool: _native.Pool) -> None:
        self._pool = pool
        self._kept: OrderedDict[tuple[Any, ...], tuple[Any, NDArray[np.float32]]] = OrderedDict()

    def at(self, geometry: GridGeometry) -> tuple[Any, NDArray[np.float32]]:
        """Return the solver and the nodes for a geometry; both depend on its shape and spacing."""
        key = (geometry.shape, geometry.spacing)
        if key not in self._kept:
            n_nodes = math.prod(geometry.shape)
            while self._kept and (
                len(self._kept) >= CACHED_SOLVERS
                or n_nodes + sum(math.prod(shape) for shape, _ in self._kept) > MOST_CACHED_NODES
            ):
                self._kept.popitem(last=False)
            solver = PlaneSolver if len(geometry.shape) == 2 else GeneralSolver
            nodes = np.zeros(
                (*geometry.shape[:-1], geometry.shape[-1] + _native.PADDING), dtype=np.float32
            )
            self._kept[key] = solver(self._pool, geometry), nodes
        self._kept.move_to_end(key)
        return self._kept[key]


class GridGradient(NativeGradient):
    """The `Gradient` for many points: O(n) per iteration, in one to three dimensions.

    The parameters are those of `NativeGradient`.
    """

    def __init__(self, P: csr_array, Y: NDArray[np.float32], *, n_jobs: int) -> None:
        super().__init__(P, Y, n_jobs=n_jobs)
        self._grids = PotentialGrid(self._pool)

    @staticmethod
    def _useful_threads(n_points: int) -> int:
        return max(1, n_points // POINTS_PER_THREAD)

    def advance(
        self, n_iter: int, *, exaggeration: float, momentum: float, learning_rate: float
    ) -> None:
        """Take `n_iter` steps; sort the points at the iterations `RENUMBER_AFTER`."""
        for _ in range(n_iter):
            if self.n_iter in RENUMBER_AFTER:
                self._points.renumber()
            super().advance(
                1, exaggeration=exaggeration, momentum=momentum, learning_rate=learning_rate
            )

    def normalization(self) -> float:
        """Return Z at the current positions, for the KL divergence."""
        z = self._find_forces()
        if z < LEAST_MEAN_OF_GRID * self._points.size:
            z = self._points.direct_forces()
        return self._exact_if_small(z)

    def _find_forces(self) -> float:
        low, high = self._points.extent()
        if self._is_sparse(low, high):
            return self._points.direct_forces()
        geometry = GridGeometry.around(low, high, n_points=self._points.size)
        solver, nodes = self._grids.at(geometry)
        self._points.spread(nodes, geometry.origin, geometry.spacing)
        solver.solve(nodes)
        return self._points.grid_forces(
            nodes, geometry.origin, geometry.spacing, geometry.split, geometry.radius
        )

    def _is_sparse(self, low: NDArray[np.float32], high: NDArray[np.float32]) -> bool:
        """Return whether the sum over all pairs is faster than a grid between `low` and `high`."""
        if len(low) == 3:  # the number of nodes does not depend on the extent
            return False
        n_nodes = float(((high.astype(np.float64) - low) / SPACING).prod())
        return n_nodes > max(self._points.size**2 / PAIRS_PER_NODE, FEW_NODES)


class GridPotential:
    """Phi of a finished embedding, at any positions; a `transform.Potential`.

    Parameters
    ----------
    Y : ndarray of float32, shape (n, c)
        Positions of the embedding.
    n_jobs : int
        Number of threads.
    """

    def __init__(self, Y: NDArray[np.float32], *, n_jobs: int) -> None:
        self._pool = _native.Pool(n_jobs)
        Y = np.ascontiguousarray(Y, dtype=np.float32)
        n = len(Y)
        self._geometry = GridGeometry.around(
            Y.min(axis=0) - POTENTIAL_MARGIN, Y.max(axis=0) + POTENTIAL_MARGIN, n_points=n
        )
        points = _native.Points(
            self._pool,
            np.zeros(n + 1, dtype=np.int64),
            np.empty(0, dtype=np.int32),
            np.empty(0, dtype=np.float32),
            Y,
        )
        solver, self._nodes = PotentialGrid(self._pool).at(self._geometry)
        points.spread(self._nodes, self._geometry.origin, self._geometry.spacing)
        solver.solve(self._nodes)
        self._near = (
            _native.ShortRange(Y, self._geometry.radius, self._pool)
            if self._geometry.split
            else None
        )

    def evaluate(
        self, positions: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return Phi, shape (m,), and grad Phi, shape (m, c), at positions, shape (m, c)."""
        positions = np.ascontiguousarray(positions, dtype=np.float32)
        phi, gradient = _native.evaluate(
            self._pool, self._nodes, self._geometry.origin, self._geometry.spacing, positions
        )
        if self._near is not None:
            self._near.add(positions, self._geometry.split, phi, gradient, self._pool)
        return phi, gradient
