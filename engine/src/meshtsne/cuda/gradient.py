"""The descent's gradient on an NVIDIA GPU: the device runs all work of an iteration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import triton

from meshtsne.checks import count_threads
from meshtsne.cuda.affinities import DeviceAffinities, PackedAffinities
from meshtsne.cuda.kernels import descent as kernels
from meshtsne.cuda.kernels.launch import launch
from meshtsne.cuda.repulsion import SPACING, NodeExtent, RepulsionGrid
from meshtsne.forces.direct import normalization
from meshtsne.forces.grid import LEAST_MEAN_OF_GRID

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor

# Iterations after the start of a phase at which the points are renumbered along a space-filling
# curve: neighbors are then close in memory, and the points of a program are close on the grid.
_RENUMBER_AT = (0, 40, 120, 300)
# Maximum number of iterations between two checks of the embedding's extent.
_STRIDE_MAX = 16
# Rows of P per program of one warp, and entries of a row that the program loads at once.
_ROWS, _BLOCK = 4, 32


class CudaGradient:
    """Particle-mesh repulsion and exact attraction on a GPU, in two dimensions.

    The error of the force is about 1 % of `exact.ExactGradient`. The same input gives the same bits
    in every run on the same GPU and libraries: each sum has a fixed order or adds integers.

    Parameters
    ----------
    P : scipy.sparse.csr_array or DeviceAffinities
        Joint probabilities, shape (n, n), symmetric, sum 1.
    Y : ndarray or Tensor of float32, shape (n, 2)
        Initial positions, in the caller's order.
    names : Tensor of int64, shape (n,), optional
        The caller's point in each row of P; by default row r is point r.
    device : str or torch.device
    spacing : float
        Distance between the grid's nodes.
    n_jobs : int or None
        Threads of the CPU for the exact normalization of small embeddings.

    Attributes
    ----------
    n_iter : int
        Number of iterations so far.
    """

    def __init__(
        self,
        P: DeviceAffinities | Any,
        Y: NDArray[np.float32] | Tensor,
        *,
        names: Tensor | None = None,
        device: str | torch.device = "cuda",
        spacing: float = SPACING,
        n_jobs: int | None = None,
    ) -> None:
        self._n_threads = count_threads(n_jobs)
        self._device = torch.device(device)
        self._P = (
            P if isinstance(P, DeviceAffinities) else DeviceAffinities.from_csr(P, self._device)
        )
        self._packed = PackedAffinities(self._P)
        n = len(self._P)
        self._names = torch.arange(n, device=self._device) if names is None else names
        start = torch.as_tensor(Y, dtype=torch.float32, device=self._device)[self._names]
        self._points = (start - start.mean(0)).contiguous()
        self._velocity = torch.zeros(2, n, device=self._device)
        self._gains = torch.ones(2, n, device=self._device)
        self._parameters = torch.zeros(3, device=self._device)
        self._order = torch.arange(n, device=self._device)
        self._grid = RepulsionGrid(n, self._device, spacing=spacing)
        self._graph: torch.cuda.CUDAGraph | None = None
        self._capturing: Any = None  # the stream on which graphs are recorded
        if self._device.type == "cuda":
            self._capturing = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
        self._graph_is_current = False
        self._cover_points()
        self._stride = 2
        self.n_iter = 0
        self._age = 0  # iterations since the phase began
        self._renumbered_at = 0  # the search has ordered the points already

    def restart(self) -> None:
        """Set the velocity to zero and the gains to one."""
        self._velocity.zero_()
        self._gains.fill_(1)
        self._stride = 2
        if self._age:
            self._renumbered_at = -1
        self._age = 0

    def advance(
        self, n_iter: int, *, exaggeration: float, momentum: float, learning_rate: float
    ) -> None:
        """Take `n_iter` steps of gradient descent with momentum and gains (Jacobs 1988)."""
        parameters = torch.tensor([exaggeration, momentum, learning_rate], dtype=torch.float32)
        self._parameters.copy_(parameters)
        done = 0
        margin = 1.5
        while done < n_iter:
            self._renumber_when_due()
            n_steps = min(self._stride, n_iter - done)
            saved = [tensor.clone() for tensor in self._state()]
            self._grid.begin()
            try:
                self._run(n_steps)
                extent = self._grid.extent()
            except KeyboardInterrupt:  # the extent of these steps has not been checked
                self._restore(saved)
                raise
            if self._grid.holds(extent):
                done += n_steps
                self.n_iter += n_steps
                margin = 1.5
                self._age += n_steps
                self._follow(extent, n_steps)
            else:  # a point left the grid: repeat the steps on a larger grid
                self._restore(saved)
                self._stride = max(2, self._stride // 2)
                self._cover_points(margin)
                margin *= 2

    def embedding(self) -> NDArray[np.float32]:
        """Return a copy of the positions, shape (n, 2), in the caller's order, centered on 0."""
        positions = self._in_order_of_p()
        positions -= positions.mean(0)
        named = torch.empty_like(positions)
        named[self._names] = positions
        embedding: NDArray[np.float32] = named.cpu().numpy()
        return embedding

    def kl_divergence(self) -> float:
        """Return KL(P || Q) of the current positions, in nats, without exaggeration."""
        if not self._evaluate():  # a point left the grid in the last step
            self._cover_points()
            self._evaluate()
        z = int(self._grid.z) / self._grid.z_scale
        if z < LEAST_MEAN_OF_GRID * self._grid.n:
            z = normalization(self.embedding(), n_threads=self._n_threads)
        P = self._P
        rows = torch.empty(len(P), device=self._device)
        launch(
            kernels.divergence_kernel, len(P),
            self._in_order_of_p().view(torch.int64), P.row_start, P.indices, P.values, rows,
            BLOCK=128, num_warps=1,
        )  # fmt: skip
        return float(rows.double().sum() + P.values.double().sum() * np.log(z))

    def _evaluate(self) -> bool:
        """Evaluate the repulsion at the current positions; return whether they are on the grid."""
        self._grid.begin()
        self._grid.evaluate(self._points.view(torch.int64))
        return self._grid.holds(self._grid.extent())

    def _state(self) -> tuple[Tensor, Tensor, Tensor]:
        return self._points, self._velocity, self._gains

    def _restore(self, saved: list[Tensor]) -> None:
        for tensor, before in zip(self._state(), saved, strict=True):
            tensor.copy_(before)

    def _in_order_of_p(self) -> Tensor:
        positions = torch.empty_like(self._points)
        positions[self._order] = self._points
        return positions

    def _cover_points(self, margin: float = 1.06) -> None:
        low, high = self._points.amin(0).tolist(), self._points.amax(0).tolist()
        self._cover(low, high, margin)
        self._last_nodes = 0

    def _cover(self, low: Sequence[float], high: Sequence[float], margin: float) -> None:
        if self._grid.cover((low[0], low[1]), (high[0], high[1]), margin):
            self._graph_is_current = False  # the graph contains the addresses of the old grid

    def _follow(self, extent: NodeExtent, n_steps: int) -> None:
        """Choose the number of steps, and move the grid, by the growth of the embedding."""
        grown = max(0, extent.n_nodes - self._last_nodes) if self._last_nodes else 0
        self._last_nodes = extent.n_nodes
        if 4 * grown > self._grid.size - extent.n_nodes:
            self._stride = max(2, self._stride // 2)
        elif n_steps == self._stride:
            self._stride = min(_STRIDE_MAX, 2 * self._stride)
        if not self._grid.holds(extent.widened(grown + 1)):
            low, high = self._grid.box(extent)
            self._cover(low, high, min(3.0, 1.06 + 8 * grown / extent.n_nodes))

    def _renumber_when_due(self) -> None:
        due = max(age for age in _RENUMBER_AT if age <= self._age)
        if due <= self._renumbered_at:
            return
        self._renumbered_at = due
        order = _curve_order(self._points)
        for tensor in (self._velocity, self._gains):
            tensor.copy_(tensor[:, order])
        self._points.copy_(self._points[order])
        self._order = self._order[order]
        self._packed.renumber(self._order)

    def _run(self, n_steps: int) -> None:
        """Enqueue the steps."""
        for _ in range(n_steps):
            if self._graph is not None and self._graph_is_current:
                self._graph.replay()
                continue
            # The first step on a grid plans the transforms. A CUDA graph cannot record a plan.
            self._step()
            if self._device.type == "cuda":
                self._capture()

    def _capture(self) -> None:
        """Record a step as a CUDA graph, so that the host starts a step with one call."""
        # The new graph uses the memory of the old graph, which must live until the capture.
        pool = self._graph.pool() if self._graph is not None else None
        graph = torch.cuda.CUDAGraph()
        stream = self._capturing
        stream.wait_stream(torch.cuda.current_stream(self._device))
        # torch.cuda.graph() first collects garbage and empties the cache, which takes longer than
        # many iterations.
        with torch.cuda.stream(stream):
            graph.capture_begin(pool=pool, capture_error_mode="thread_local")
            try:
                self._step()
            finally:
                graph.capture_end()
        torch.cuda.current_stream(self._device).wait_stream(stream)
        self._graph = graph
        self._graph_is_current = True

    def _step(self) -> None:
        grid, packed = self._grid, self._packed
        points = self._points.view(torch.int64)
        grid.evaluate(points)
        launch(
            kernels.step_kernel, triton.cdiv(grid.n, _ROWS),
            points, grid.before, self._velocity, self._gains, grid.repulsion, grid.z,
            self._parameters, packed.row_start, packed.entries, 1 / grid.z_scale, packed.low,
            packed.per_step, grid.n, packed.p_bits, ROWS=_ROWS, BLOCK=_BLOCK, num_warps=1,
        )  # fmt: skip


def _curve_order(points: Tensor) -> Tensor:
    """Return the order of the points along a Morton curve, int64, shape (n,)."""
    low, high = points.amin(0), points.amax(0)
    side = (high - low).amax().clamp_min(1e-30)
    cell = ((points - low) / side * 65535).to(torch.int32)
    for shift, mask in ((8, 0x00FF00FF), (4, 0x0F0F0F0F), (2, 0x33333333), (1, 0x55555555)):
        cell = (cell | (cell << shift)) & mask
    # int64: in int32 the upper bit of y would be the sign
    return torch.argsort(cell[:, 0].long() | (cell[:, 1].long() << 1), stable=True)
