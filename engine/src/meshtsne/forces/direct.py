"""Both forces by the plain sum over all pairs, in native code: the quickest way for few points."""

from __future__ import annotations

from meshtsne.forces.native import NativeGradient

# An iteration over fewer pairs ends before another thread has begun.
PAIRS_PER_THREAD = 500_000


class DirectGradient(NativeGradient):
    """The `descent.Gradient` for few points: O(n^2) an iteration, exact but for rounding.

    Its parameters are those of `NativeGradient`.
    """

    @staticmethod
    def _useful_threads(n_points: int) -> int:
        return max(1, n_points**2 // PAIRS_PER_THREAD)

    def _find_forces(self) -> float:
        return self._points.direct_forces()
