"""A fit of 100 points with the t-SNE engine, whose result is known."""

from __future__ import annotations

from featscape.doctor.records import Problem, TsneEngine
from featscape.errors import first_line

_SIDE = 10  # points per side of the grid
_PERPLEXITY = 10.0
# The KL divergence of scikit-learn's exact t-SNE for the same points: TSNE(perplexity=10,
# method="exact", init="pca", max_iter=3000). meshtsne reaches .410.
_LARGEST_KL = 0.446


def check_tsne_engine() -> TsneEngine | Problem:
    """Fit the points of a square grid with meshtsne, and compare the KL divergence with a limit.

    Returns
    -------
    TsneEngine or Problem
        A problem if the native module cannot be loaded, the fit fails, or the KL divergence exceeds
        the limit.
    """
    try:
        from meshtsne import TSNE, _native
    except ImportError as error:
        return Problem(
            "meshtsne",
            f"the native module of meshtsne cannot be loaded: {first_line(error)}",
            "Reinstall meshtsne: pip install --force-reinstall --no-deps meshtsne.",
        )
    try:
        import numpy as np

        # scikit-learn, whose import takes a second, checks all data but arrays of numbers
        points = np.indices((_SIDE, _SIDE), dtype=np.float32).reshape(2, -1).T
        tsne = TSNE(perplexity=_PERPLEXITY, random_state=0).fit(points)
    except Exception as error:  # noqa: BLE001 - a damaged installation raises any error
        return _wrong(f"the fit of 100 points failed: {type(error).__name__}: {first_line(error)}")
    if not tsne.kl_divergence_ <= _LARGEST_KL:  # also for NaN
        return _wrong(
            f"the fit of 100 points must reach a KL divergence of at most {_LARGEST_KL}; it "
            f"reached {tsne.kl_divergence_:.3f}"
        )
    return TsneEngine(
        native_module=str(_native.__file__),
        instruction_set=_native.instruction_set(),
        kl_divergence=float(tsne.kl_divergence_),
        largest_kl_divergence=_LARGEST_KL,
    )


def _wrong(text: str) -> Problem:
    remedy = (
        "Compare with MESHTSNE_INSTRUCTION_SET=baseline in the environment, reinstall meshtsne, "
        "and report the problem with the output of featscape doctor --json."
    )
    return Problem("meshtsne", text, remedy)
