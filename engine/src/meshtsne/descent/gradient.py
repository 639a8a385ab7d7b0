"""The interface between the loop of the descent and the code that computes the forces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Gradient(Protocol):
    """The forces on a set of points, and the state of their descent: positions, velocity, gains.

    `forces.exact.ExactGradient` is the readable reference. `forces.grid.GridGradient` and
    `cuda.CudaGradient` agree with the reference to the accuracy that their tests state.

    Attributes
    ----------
    n_iter : int
        Number of steps so far, also after Ctrl-C has interrupted `advance`.
    """

    n_iter: int

    def advance(
        self, n_iter: int, *, exaggeration: float, momentum: float, learning_rate: float
    ) -> None:
        """Take `n_iter` steps."""
        ...

    def restart(self) -> None:
        """Set the velocity to zero and the gains to one."""
        ...

    def embedding(self) -> NDArray[np.float32]:
        """Return a copy of the positions, shape (n, c), in the caller's order, centered at 0."""
        ...

    def kl_divergence(self) -> float:
        """Return KL(P || Q) at the current positions, in nats, without exaggeration."""
        ...
