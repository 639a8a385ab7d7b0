"""PyTorch's compiler: for how many images it repays itself, and whether the network stays the same.

On an H100 a compiled ResNet101 takes 65 microseconds an image in bfloat16, and one as it is 111: a
million images win 46 seconds, about what compiling takes. Only how many images there are decides,
not how many of them are known: so that a run that was cut off goes on with the same bits.
"""

from __future__ import annotations

from subprocess import SubprocessError
from typing import TYPE_CHECKING

from featscape.errors import DeviceError
from featscape.features.precision import LEAST_COSINE, measure

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from featscape.features.torch_engine import TorchEngine

COMPILED_FROM = 1_000_000
_LEAST_COSINE = {"fp32": 0.9999, "bf16": LEAST_COSINE}  # with the network as it is
_BACKEND = "inductor"

# The compiler's own are RuntimeError; the others come from the programs that it calls, such as a
# C compiler that is not there.
_FAILURES = (RuntimeError, ImportError, OSError, SubprocessError)


def compile_engine(
    engine: TorchEngine, images: Sequence[NDArray[np.uint8]]
) -> tuple[TorchEngine, str]:
    """Compile a network for batches as large as this one, and compare it with itself on it.

    Returns
    -------
    engine : TorchEngine
        The compiled one, or the same where that fails or differs.
    reason : str
        Why it is not compiled; else nothing.

    Raises
    ------
    DeviceError
        If the batch does not fit into the device's memory with the network as it is.
    """
    expected = engine.run(images)  # first: what fails here is not the compiler's fault
    compiled = engine.compiled(len(images), backend=_BACKEND)
    try:
        values = compiled.run(images)
    except DeviceError:
        return engine, "compiled by PyTorch the network needs more memory than the device has"
    except _FAILURES as error:
        words = " ".join(str(error).split()) or repr(error)
        return engine, f"PyTorch cannot compile the network ({words:.200})"
    cosine = measure(expected, values).cosine
    least = _LEAST_COSINE[engine.precision]
    if not cosine >= least:
        return engine, (
            f"compiled by PyTorch the network gives other features: their mean cosine on the first "
            f"{len(images)} images is {cosine:.4f}, and {least} is wanted"
        )
    return compiled, ""
