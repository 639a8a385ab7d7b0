"""Quantize a network to 8-bit integers: NNCF calibrates each layer on the user's own images.

The calibrated network is cached, so that the same network can be loaded again for new images.
"""

from __future__ import annotations

import io
import json
import logging
import tempfile
from contextlib import redirect_stdout
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from featscape.errors import ModelError, missing_extra
from featscape.features.cache_folder import cache_folder
from featscape.features.openvino_import import import_openvino, openvino_core, telemetry_disabled
from featscape.features.zoo.fingerprint import TOLERANCE, measure_change

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from featscape.features.zoo.fingerprint import Fingerprint

_FINGERPRINT = ["featscape", "fingerprint"]  # the key in the metadata of OpenVINO's model file


def calibrate(
    model: Any, sample: Sequence[NDArray[np.uint8]], *, key: str, fingerprint: Fingerprint
) -> Any:
    """Return a model of OpenVINO with 8-bit weights and activations, cached under `key`.

    Parameters
    ----------
    model : openvino.Model
        uint8 (1, size, size, 3) -> features (1, d); not changed.
    sample : sequence of ndarray of uint8, each of shape (size, size, 3)
        Empty if the calibrated model must already be in the cache.
    key : str
        Identifies the network's card and the sample.
    fingerprint : tuple of tuple of float
        Fingerprint of the network in fp32. A cached model of another network is replaced.

    Raises
    ------
    MissingExtra
        If NNCF is not installed, and the calibrated model is not in the cache.
    ModelError
        If there is no sample, and the calibrated model is not in the cache.
    """
    openvino = import_openvino()
    path = _path(key)
    if path.exists():
        cached = openvino_core().read_model(path)
        if _is_of(cached, fingerprint, if_unknown=not sample):
            return cached
    if not sample:
        raise ModelError(
            f"a network in int8 must be calibrated on this machine; {path} is missing or belongs "
            "to another network. Make the map again with --force (force=True)."
        )
    if find_spec("nncf") is None:
        raise missing_extra("precision int8 needs NNCF, which is not installed", extra="int8")
    # NNCF prints progress bars on the standard output, and has no option to disable them
    with telemetry_disabled(), redirect_stdout(io.StringIO()):
        import nncf

        nncf.set_log_level(logging.ERROR)
        images = nncf.Dataset([pixels[None] for pixels in sample])
        quantized = nncf.quantize(model, images, subset_size=len(sample))
    quantized.set_rt_info(json.dumps(fingerprint), _FINGERPRINT)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        made = Path(folder, path.name)
        openvino.save_model(quantized, made, compress_to_fp16=False)
        # the weights first: if the .xml file exists, both files are complete
        made.with_suffix(".bin").replace(path.with_suffix(".bin"))
        made.replace(path)
    return quantized


def _is_of(model: Any, fingerprint: Fingerprint, *, if_unknown: bool) -> bool:
    """Return whether a cached model belongs to the network with this fingerprint."""
    if not fingerprint or not model.has_rt_info(_FINGERPRINT):
        return if_unknown
    made = json.loads(model.get_rt_info(_FINGERPRINT).astype(str))
    return measure_change(made, fingerprint) <= TOLERANCE


def _path(key: str) -> Path:
    return cache_folder() / f"int8-{key}.xml"
