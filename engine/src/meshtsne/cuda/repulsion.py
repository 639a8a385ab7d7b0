"""The repulsion on a GPU by a particle-mesh method: a grid that follows the points.

With q = 1 / (1 + r^2) the potential Phi(y) = sum_j q(y - y_j) gives both sums of t-SNE's gradient:

    F_i = sum_j q_ij^2 (y_i - y_j) = -grad Phi(y_i) / 2        Z = sum_i (Phi(y_i) - 1)

Phi is a convolution. Cubic B-splines spread the points on a grid; a Fourier transform, a product
and the inverse transform give Phi at the nodes; the same splines interpolate Phi at the points
(smooth particle-mesh Ewald: Essmann et al. 1995, J. Chem. Phys. 103, 8577).
"""

from __future__ import annotations

import bisect
import math
from typing import TYPE_CHECKING, NamedTuple

import torch
import triton

from meshtsne.cuda.kernels import descent as kernels
from meshtsne.cuda.kernels.launch import launch
from meshtsne.errors import DivergenceError

if TYPE_CHECKING:
    from torch import Tensor

# Distance between nodes, in the unit of r in q = 1 / (1 + r^2). With cubic splines the error of the
# force is 0.2 to 1.2 % of the exact sum.
SPACING = 0.4
# Distance between nodes while the embedding fits into the smallest grid. At the coarse distance the
# relative error of the force between points of one cell is up to 0.13.
_FINE = SPACING / 8
_POINTS_FEW, _POINTS_MANY = 128, 256  # points per program of spread_kernel: n below 2^18, or above
_TILE = 32  # nodes per side of the tile that one program can spread at once
_GATHER_POINTS = 128
_NO_EXTENT = 1 << 30


class NodeExtent(NamedTuple):
    """The smallest and largest index of the node to the left of a point, on each axis."""

    low: tuple[int, int]
    high: tuple[int, int]

    @property
    def n_nodes(self) -> int:
        """Number of nodes that the points' splines reach, on the longer axis."""
        return max(high - low for low, high in zip(self.low, self.high, strict=True)) + 4

    def widened(self, n_nodes: int) -> NodeExtent:
        """Return the extent with `n_nodes` more nodes on every side."""
        return NodeExtent(
            (self.low[0] - n_nodes, self.low[1] - n_nodes),
            (self.high[0] + n_nodes, self.high[1] + n_nodes),
        )


# Nodes per side of a grid. The first transform of a size costs tens of milliseconds, its CUDA graph
# one or two. So a few sizes are faster in total than sizes that fit closely.
SIZES = [quarter * 2**power for power in range(5, 12) for quarter in (4, 5, 6)]


class RepulsionGrid:
    """The grid's position and buffers, and the evaluation of the repulsion.

    Parameters
    ----------
    n : int
        Number of points.
    device : torch.device
    spacing : float
        Distance between nodes.
    """

    def __init__(self, n: int, device: torch.device, *, spacing: float = SPACING) -> None:
        self.n = n
        self.spacing = self._coarse = spacing
        self._device = device
        self._points_at_once = _POINTS_FEW if n < 2**18 else _POINTS_MANY
        self.repulsion = torch.empty(2, n, device=device)
        self.before = torch.empty(n, dtype=torch.int64, device=device)
        self.z = torch.zeros(1, dtype=torch.int64, device=device)
        # Z is at most n^2. Multiplication by a power of two does not round.
        self.z_scale = 2.0 ** math.floor(61 - 2 * math.log2(n))
        self._origin = torch.zeros(2, device=device)
        self._extent = torch.full((4,), _NO_EXTENT, dtype=torch.int32, device=device)
        # If all points coincide, the nearest node gets at most (2/3)^2 n, which fits 31 bits.
        self._scale = 2.0 ** math.floor(31 - math.log2(max(n, 2) * 0.45))
        self.size = 0
        self._corner = (0.0, 0.0)

    def cover(self, low: tuple[float, float], high: tuple[float, float], margin: float) -> bool:
        """Center the grid on a box; return whether the grid's size or spacing has changed.

        Parameters
        ----------
        low, high : tuple of float
            The box that holds all points.
        margin : float
            Factor on the side of the box, at least 1: room for growth.
        """
        span = max(high[0] - low[0], high[1] - low[1])
        spacing = min(_FINE, self._coarse)
        if span / spacing * margin + 9 > SIZES[0]:
            spacing = self._coarse
        needed = int(min(span / spacing * margin, 1e9)) + 9
        if needed > SIZES[-1]:
            raise DivergenceError(
                f"the embedding's extent on a GPU must be at most {SIZES[-1] * spacing:.0f}; it "
                f"grew to {span:.0f}. Lower learning_rate."
            )
        size = SIZES[bisect.bisect_left(SIZES, needed)]
        resized: bool = size > self.size or size < 0.3 * self.size or spacing != self.spacing
        if resized:
            self.spacing = spacing
            self._resize(size)
        center = ((low[0] + high[0]) / 2, (low[1] + high[1]) / 2)
        half = self.size / 2 * self.spacing
        self._corner = (center[0] - half, center[1] - half)
        self._origin.copy_(torch.tensor(self._corner))
        return resized

    def _resize(self, size: int) -> None:
        self.size = size
        doubled = 2 * size
        self._density = torch.zeros(size, size, dtype=torch.int32, device=self._device)
        self._padded = torch.zeros(doubled, doubled, device=self._device)
        # q on the doubled grid, with periodic distances
        r = torch.arange(doubled, device=self._device, dtype=torch.float32)
        r2 = (torch.minimum(r, doubled - r) * self.spacing) ** 2
        response = torch.fft.rfft2(1 / (1 + r2[:, None] + r2[None])[None])[0].real
        # correct for the splines of spreading and gathering, and for the factor of the transforms
        wave = torch.arange(doubled, device=self._device, dtype=torch.float32)
        b2 = (6 / (4 + 2 * torch.cos(2 * math.pi / doubled * wave))) ** 2
        response *= b2[:, None] * b2[None, : size + 1] / doubled**2
        self._response = response.contiguous()

    def begin(self) -> None:
        """Clear the extent, and the density that an interrupted evaluation left."""
        self._density.zero_()
        self._extent.fill_(_NO_EXTENT)

    def extent(self) -> NodeExtent:
        """Return the extent of the points since `begin`; waits for the GPU."""
        low_a, low_b, high_a, high_b = self._extent.tolist()
        return NodeExtent((low_a, low_b), (-high_a, -high_b))

    def holds(self, extent: NodeExtent) -> bool:
        """Return whether the 4 x 4 nodes of every point lie on the grid."""
        return min(extent.low) >= 1 and max(extent.high) <= self.size - 3

    def box(self, extent: NodeExtent) -> tuple[tuple[float, float], tuple[float, float]]:
        """Return the corners of an extent in the coordinates of the embedding."""
        (x, y), h = self._corner, self.spacing
        low = (x + h * extent.low[0], y + h * extent.low[1])
        high = (x + h * (extent.high[0] + 1), y + h * (extent.high[1] + 1))
        return low, high

    def evaluate(self, points: Tensor) -> None:
        """Write F to `repulsion`, Z to `z` (fixed point), and a copy of the points to `before`.

        `points` and `before` are int64 views, shape (n,), of float32 arrays of shape (n, 2).
        """
        size, n = self.size, self.n
        per_spacing = 1 / self.spacing
        launch(
            kernels.spread_kernel, triton.cdiv(n, self._points_at_once),
            points, self._density, self._origin, self._extent, per_spacing, self._scale, n, size,
            POINTS=self._points_at_once, TILE=_TILE, num_warps=4,
        )  # fmt: skip
        launch(
            kernels.fold_kernel, triton.cdiv(size * size, 1024),
            self._density, self._padded, self.z, 1 / self._scale, size, BLOCK=1024,
        )  # fmt: skip
        # A batch of one matrix: PyTorch then transforms both axes in one plan and returns a
        # contiguous result. Without the batch it transforms one axis after the other and returns
        # a transposed result.
        spectrum = torch.fft.rfft2(self._padded[None]).contiguous()
        n_modes = spectrum.numel()
        launch(
            kernels.filter_kernel, triton.cdiv(2 * n_modes, 2048),
            torch.view_as_real(spectrum), self._response, n_modes, BLOCK=2048,
        )  # fmt: skip
        # norm="forward": no factor here; the response contains the factor
        shape = (2 * size, 2 * size)
        potential = torch.fft.irfft2(spectrum, s=shape, norm="forward").contiguous()
        launch(
            kernels.gather_kernel, triton.cdiv(n, _GATHER_POINTS),
            points, potential, self.before, self.repulsion, self.z, self._origin,
            per_spacing, self.z_scale, n, size, POINTS=_GATHER_POINTS, num_warps=4,
        )  # fmt: skip
