"""A network in 8-bit integers: NNCF finds the range of each layer on the user's own images.

The result is kept in the cache, so that the same network can be had again: new images then have
features that can be compared with those of the map.
"""

from __future__ import annotations

import io
import logging
import tempfile
from contextlib import redirect_stdout
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from featscape.errors import MissingExtra, ModelError
from featscape.features.discreet import discreetly, import_openvino, openvino_core

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray


def calibrate(model: Any, sample: Sequence[NDArray[np.uint8]], *, key: str) -> Any:
    """Return a model of OpenVINO's with 8-bit weights and activations, kept under `key`.

    Parameters
    ----------
    model : openvino.Model
        uint8 (1, size, size, 3) -> features (1, d); not changed.
    sample : sequence of uint8 arrays, each (size, size, 3)
        None of them where the calibration must be there already.
    key : str
        Names all that the result hangs on.

    Raises
    ------
    MissingExtra
        If NNCF is not installed, and the calibration is not kept.
    ModelError
        If there is no sample, and the calibration is not kept.
    """
    openvino = import_openvino()
    path = _path(key)
    if path.exists():
        return openvino_core().read_model(path)
    if not sample:
        raise ModelError(
            f"A network in int8 must have been calibrated on this machine; {path} is not there. "
            "Make the map again with --force (force=True)."
        )
    if find_spec("nncf") is None:
        raise MissingExtra(
            "The precision int8 needs NNCF, which is not installed. "
            "Install it: pip install 'featscape[int8]'"
        )
    # it draws bars of its own on the standard output, and has no switch for them
    with discreetly(), redirect_stdout(io.StringIO()):
        import nncf

        nncf.set_log_level(logging.ERROR)
        images = nncf.Dataset([pixels[None] for pixels in sample])
        quantized = nncf.quantize(model, images, subset_size=len(sample))
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        made = Path(folder, path.name)
        openvino.save_model(quantized, made, compress_to_fp16=False)
        # the weights first: the other's presence says that both are whole
        made.with_suffix(".bin").replace(path.with_suffix(".bin"))
        made.replace(path)
    return quantized


def _path(key: str) -> Path:
    import torch

    return Path(torch.hub.get_dir(), "featscape", f"int8-{key}.xml")
