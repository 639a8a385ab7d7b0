"""The engine of OpenVINO: on a CPU 1.5 times as fast as PyTorch, and with bfloat16 even faster.

Each image is a separate request, and OpenVINO computes several requests at the same time. The
features of an image are therefore bit-identical in every batch, no core waits for another core
within a layer, and all shapes are fixed when the network is compiled.
"""

from __future__ import annotations

import math
import threading
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from featscape.cores import count_cores
from featscape.errors import InputError
from featscape.features.engines.calibration import calibrate
from featscape.features.engines.devices import one_thread_if_small
from featscape.features.openvino_import import import_openvino, openvino_core

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import nn

    from featscape.features.zoo.fingerprint import Fingerprint

_PRECISION_HINTS = {"fp32": "f32", "bf16": "bf16", "int8": "f32"}
# Larger batches are hardly faster: cores are idle only at the end of a batch.
_BATCH_SIZE = 64
# For each core, one request is computed and one is queued, so that no core waits for Python.
_REQUESTS_A_CORE = 2

# PyTorch's tracer passes on the exceptions of the network. OpenVINO raises RuntimeError, and
# `convert` translates the exceptions of its frontend to RuntimeError. Other exceptions are defects.
CONVERSION_FAILURES = (RuntimeError, TypeError, ValueError, LookupError, AttributeError)


class OpenVinoEngine:
    """Run a model of OpenVINO on the CPU.

    Parameters
    ----------
    model : openvino.Model
        uint8 (1, size, size, 3) -> features (1, d).
    precision : str
        "fp32", "bf16" or "int8"; for int8 the model must already be quantized.
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
                # also for fp32, since OpenVINO uses the fastest precision by default
                "INFERENCE_PRECISION_HINT": _PRECISION_HINTS[precision],
                "INFERENCE_NUM_THREADS": count_cores(),
                # the same cores decode images
                "ENABLE_CPU_PINNING": False,
            },
        )
        self._n_features = compiled.output(0).shape[1]
        n_requests = compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")
        self._queue = openvino.AsyncInferQueue(compiled, _REQUESTS_A_CORE * n_requests)
        self._lock = threading.Lock()  # the queue supports one caller at a time

    @classmethod
    def read(cls, path: Path) -> OpenVinoEngine:
        """Return the engine that `save` wrote, in fp32."""
        return cls(openvino_core().read_model(path))

    def save(self, path: Path) -> None:
        """Write the model to an .xml file, and its weights to the .bin file beside it.

        Raises
        ------
        RuntimeError
            If the files cannot be written.
        """
        import_openvino().save_model(self._model, path, compress_to_fp16=False)

    def run(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Compute the features of one batch of images: see `Engine.run`.

        Parameters
        ----------
        images : sequence of b ndarray of uint8, each of shape (size, size, 3)

        Returns
        -------
        ndarray of float32, shape (b, d)
        """
        openvino = import_openvino()
        values = np.empty((len(images), self._n_features), dtype=np.float32)
        with self._lock:
            try:
                for row, image in zip(values[:, None], images, strict=True):
                    request = self._queue[self._queue.get_idle_request_id()]
                    # OpenVINO writes the result itself: a callback would wait for the GIL
                    request.set_output_tensor(openvino.Tensor(row, shared_memory=True))
                    self._queue.start_async({0: image[None]}, share_inputs=True)
            finally:  # also after Ctrl-C: OpenVINO still writes into `values`
                self._queue.wait_all()
        return values

    def count_multiply_adds(self, image: NDArray[np.uint8]) -> int:
        """Return the multiply-adds for one image: see `Engine.count_multiply_adds`.

        Operations whose shapes depend on the values of the image are not counted.

        Parameters
        ----------
        image : ndarray of uint8, shape (size, size, 3)
            Ignored: the model has one input size.
        """
        del image
        return sum(map(_count_multiply_adds, self._model.get_ops()))

    def at(
        self,
        precision: str,
        *,
        sample: Sequence[NDArray[np.uint8]] = (),
        key: str = "",
        fingerprint: Fingerprint = (),
    ) -> OpenVinoEngine:
        """Return the same network in another precision: see `Engine.at`.

        Parameters
        ----------
        precision : str
        sample : sequence of ndarray of uint8, each of shape (size, size, 3)
        key : str
        fingerprint : tuple of tuple of float

        Raises
        ------
        InputError
            If the processor does not support the precision.
        MissingExtra, ModelError
            If the network cannot be calibrated for int8.
        """
        if precision not in self.precisions:
            raise InputError(
                f"precision must be {' or '.join(self.precisions)} on this processor; got "
                f"{precision!r}. Use --precision auto (precision=) to choose automatically."
            )
        model = self._model
        if precision == "int8":
            model = calibrate(model, sample, key=key, fingerprint=fingerprint)
        return OpenVinoEngine(model, precision=precision)


def _count_multiply_adds(operation: Any) -> int:
    """Return the multiply-adds of a convolution or a matrix product, and 0 for other operations."""
    kind = operation.get_type_name()
    if kind not in ("Convolution", "GroupConvolution", "MatMul", "ScaledDotProductAttention"):
        return 0
    ports = (*operation.inputs(), *operation.outputs())
    if any(port.get_partial_shape().is_dynamic for port in ports):
        return 0
    shapes: list[tuple[int, ...]] = [tuple(port.get_shape()) for port in ports]
    *inputs, output = shapes
    if kind == "MatMul":
        is_transposed = operation.get_attributes()["transpose_a"]
        return math.prod(output) * inputs[0][-2 if is_transposed else -1]
    if kind == "ScaledDotProductAttention":
        queries, keys, values = inputs[:3]
        return math.prod(queries[:-1]) * keys[-2] * (keys[-1] + values[-1])
    # each weight is multiplied once at each position of the output, of shape (1, channels, h, w)
    return math.prod(inputs[1]) * math.prod(output[2:]) * output[0]


def convert(
    module: nn.Module, *, mean: Sequence[float], std: Sequence[float], size_px: int
) -> OpenVinoEngine:
    """Convert a module of PyTorch to an engine that shares the module's weights.

    Parameters
    ----------
    module : torch.nn.Module
        Standardized floats (1, 3, size, size) -> features (1, d); in evaluation mode, on the CPU,
        with parameters that require no gradient.
    mean, std : sequence of float
        Per channel, for values from 0 to 1.
    size_px : int

    Raises
    ------
    RuntimeError
        If OpenVINO cannot convert the network. Other `CONVERSION_FAILURES` are possible too.
    """
    import torch

    openvino = import_openvino()
    example = torch.zeros(1, 3, size_px, size_px)

    def run(batch: torch.Tensor) -> Any:
        return module(batch)

    # The tracer copies a module to TorchScript before it traces the module, which doubles the time.
    # A function is not copied. The copy is needed only if a part is in TorchScript already.
    has_script = any(isinstance(layer, torch.jit.ScriptModule) for layer in module.modules())

    with torch.no_grad(), one_thread_if_small(module), warnings.catch_warnings():
        # Tracing is deprecated, but takes a fifth of the time of torch.export. It also warns of
        # values that become constants; the engine is compared with PyTorch afterwards.
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(module if has_script else run, example, check_trace=False)  # type: ignore[no-untyped-call]  # untyped in torch
        try:
            model = openvino.convert_model(traced, example_input=example)
        except _frontend_failures(openvino) as error:
            raise RuntimeError(str(error)) from error
    if len(model.outputs) != 1:
        raise RuntimeError(f"the converted network has {len(model.outputs)} outputs")
    model.reshape([1, 3, size_px, size_px])
    return OpenVinoEngine(take_pixels(model, mean=mean, std=std))


def take_pixels(
    model: Any, *, mean: Sequence[float], std: Sequence[float], layout: str = "NCHW"
) -> Any:
    """Return a model that standardizes its input: uint8 (1, h, w, 3) -> float32.

    Parameters
    ----------
    model : openvino.Model
        Takes standardized floats of one image, in the order of `layout`.
    mean, std : sequence of float
        Per channel, for values from 0 to 1.
    layout : str
        "NCHW" or "NHWC".
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
