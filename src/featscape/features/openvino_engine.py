"""OpenVINO as the engine: on a CPU half as fast again as PyTorch, several times with bfloat16.

Each image is a request of its own, and OpenVINO works on as many of them at once as the cores are
good for. So a feature's bits depend neither on the batch nor on who else is in it, no core waits
for another within a layer, and every shape is known when the network is compiled.
"""

from __future__ import annotations

import threading
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from featscape.errors import InputError
from featscape.features.calibration import calibrate
from featscape.features.cores import count_cores
from featscape.features.discreet import import_openvino, openvino_core

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import nn

    from featscape.features.fingerprint import Fingerprint

_PRECISION_HINTS = {"fp32": "f32", "bf16": "bf16", "int8": "f32"}
# What a batch is good for here: the fewer batches, the less often the cores run dry at their end.
_BATCH_SIZE = 64
# One is worked on, and one waits: a core finds it at once, where Python may be late.
_REQUESTS_A_CORE = 2

# PyTorch's tracer lets through what the network raises; OpenVINO's own are RuntimeError, and those
# of its frontend, which `convert` makes one. (An error outside these is a defect, ours or theirs.)
CONVERSION_FAILURES = (RuntimeError, TypeError, ValueError, LookupError, AttributeError)


class OpenVinoEngine:
    """Runs a model of OpenVINO's on the CPU.

    Parameters
    ----------
    model : openvino.Model
        uint8 (1, size, size, 3) -> features (1, d).
    precision : str
        "fp32", "bf16" or "int8", for which the model must be quantized already.
    """

    def __init__(self, model: Any, *, precision: str = "fp32") -> None:
        openvino = import_openvino()
        core = openvino_core()
        self.name = f"OpenVINO {openvino.__version__.partition('-')[0]}"
        self.precision = precision
        has_bfloat16 = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        self.precisions = ("fp32", "bf16", "int8") if has_bfloat16 else ("fp32", "int8")
        self.batch_size = _BATCH_SIZE
        self._model = model
        compiled = core.compile_model(
            model,
            "CPU",
            {
                "PERFORMANCE_HINT": "THROUGHPUT",
                # said even where it is fp32: left open, OpenVINO takes what is quickest
                "INFERENCE_PRECISION_HINT": _PRECISION_HINTS[precision],
                "INFERENCE_NUM_THREADS": count_cores(),
                # images are decoded on the same cores
                "ENABLE_CPU_PINNING": False,
            },
        )
        self._n_features = compiled.output(0).shape[1]
        n_requests = compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")
        self._queue = openvino.AsyncInferQueue(compiled, _REQUESTS_A_CORE * n_requests)
        self._lock = threading.Lock()  # the queue serves one caller at a time

    def run(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Compute features, shape (b, d), of b images, each (size, size, 3)."""
        openvino = import_openvino()
        values = np.empty((len(images), self._n_features), dtype=np.float32)
        with self._lock:
            try:
                for row, image in zip(values[:, None], images, strict=True):
                    request = self._queue[self._queue.get_idle_request_id()]  # the next to start
                    # OpenVINO writes there itself: a callback would wait for Python's lock
                    request.set_output_tensor(openvino.Tensor(row, shared_memory=True))
                    self._queue.start_async({0: image[None]}, share_inputs=True)
            finally:  # after Ctrl-C too: it still writes into `values`
                self._queue.wait_all()
        return values

    def at(
        self,
        precision: str,
        *,
        sample: Sequence[NDArray[np.uint8]] = (),
        key: str = "",
        fingerprint: Fingerprint = (),
    ) -> OpenVinoEngine:
        """Return the same network in another precision.

        Raises
        ------
        InputError
            If the processor does not have it.
        MissingExtra, ModelError
            If the network cannot be calibrated for int8.
        """
        if precision not in self.precisions:
            raise InputError(
                f"The precision must be {' or '.join(self.precisions)} on this processor; got "
                f"{precision!r}. Take --precision auto (precision=), which chooses."
            )
        model = self._model
        if precision == "int8":
            model = calibrate(model, sample, key=key, fingerprint=fingerprint)
        return OpenVinoEngine(model, precision=precision)


def convert(
    module: nn.Module, *, mean: Sequence[float], std: Sequence[float], size_px: int
) -> OpenVinoEngine:
    """Make an engine of a module of PyTorch, which shares its weights.

    Parameters
    ----------
    module : torch.nn.Module
        Normalized floats (1, 3, size, size) -> features (1, d); in evaluation mode, on the CPU, of
        parameters that want no gradient.
    mean, std : sequence of float
        Of each channel, for values in 0..1.
    size_px : int

    Raises
    ------
    RuntimeError
        If OpenVINO cannot, or one of the other `CONVERSION_FAILURES`.
    """
    import torch

    openvino = import_openvino()
    example = torch.zeros(1, 3, size_px, size_px)

    def run(batch: torch.Tensor) -> Any:
        return module(batch)

    # a function: of a module the tracer first makes a copy in TorchScript, which takes as long
    # again, and is needed only where some of it is in TorchScript already
    has_script = any(isinstance(layer, torch.jit.ScriptModule) for layer in module.modules())

    with torch.no_grad(), warnings.catch_warnings():
        # of tracing, which is deprecated but converts in a fifth of the time that export takes,
        # and of values that become constants: the engine is compared with PyTorch afterwards
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(module if has_script else run, example, check_trace=False)  # type: ignore[no-untyped-call]
        try:
            model = openvino.convert_model(traced, example_input=example)
        except _frontend_failures(openvino) as error:
            raise RuntimeError(str(error)) from error
    if len(model.outputs) != 1:
        raise RuntimeError(f"it has {len(model.outputs)} outputs")
    model.reshape([1, 3, size_px, size_px])
    return OpenVinoEngine(take_pixels(model, mean=mean, std=std))


def take_pixels(
    model: Any, *, mean: Sequence[float], std: Sequence[float], layout: str = "NCHW"
) -> Any:
    """Put the standardization before a model of floats (1, 3, h, w).

    uint8 (1, h, w, 3) go in, and float32 come out.
    """
    openvino = import_openvino()
    steps = openvino.preprocess.PrePostProcessor(model)
    tensor = steps.input().tensor()
    tensor.set_element_type(openvino.Type.u8).set_layout(openvino.Layout("NHWC"))
    steps.input().model().set_layout(openvino.Layout(layout))
    prepare = steps.input().preprocess().convert_element_type(openvino.Type.f32)
    prepare.mean([255 * value for value in mean]).scale([255 * value for value in std])
    steps.output().tensor().set_element_type(openvino.Type.f32)
    return steps.build()


def _frontend_failures(openvino: Any) -> tuple[type[Exception], ...]:
    frontend = openvino.frontend
    return (
        frontend.GeneralFailure,
        frontend.InitializationFailure,
        frontend.NotImplementedFailure,
        frontend.OpConversionFailure,
        frontend.OpValidationFailure,
    )
