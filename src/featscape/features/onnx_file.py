"""An ONNX file as a network: read, cut and run by OpenVINO, up to the input of its classifier."""

from __future__ import annotations

import difflib
import hashlib
import math
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from featscape.errors import InputError, MissingExtra, ModelError
from featscape.features.architecture import INPUT_OF, OUTPUT
from featscape.features.geometry import resize_and_crop, say
from featscape.features.weights import hash_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from featscape.features.openvino_engine import OpenVinoEngine

_SUFFIX = ".onnx"
_DEFAULT_SIZE_PX = 224
_RESIZE_SHARE = 0.875  # of the image's shorter side the crop shows, as for most of ImageNet's
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet
_CHANNELS = 3
_GEM_POWER, _GEM_SMALLEST = 3.0, 1e-6  # as in `cut`
_CONSTANT_DEPTH = 3  # weights may be transposed, converted and scaled
# What may stand between a classifier and the output: its bias and factors, probabilities, shapes.
_AFTER_CLASSIFIER = ("Add", "Multiply", "Softmax", "LogSoftmax", "Convert", "Reshape", "Squeeze")


class OnnxNetwork:
    """What an ONNX file holds, cut.

    Parameters
    ----------
    path : Path
    layers : sequence of str
        Names of nodes, or of their outputs; by default the input of the classifier.
    pool : str or None
        What makes numbers of maps and tokens; None for "avg".

    Attributes
    ----------
    engine : OpenVinoEngine
        In fp32.
    layer, pool, widths, n_features, preprocessing, weights_sha256
        As in `ModelCard`.
    input_size_px, resize_px, mean, std, crop
        As in `Architecture`.
    remarks : tuple of str
        What the file leaves open, and what was taken.

    Raises
    ------
    ModelError
        If the file is missing or damaged, does not take one square image, or has no such node.
    MissingExtra
        If OpenVINO is not installed.
    """

    def __init__(self, path: Path, *, layers: Sequence[str], pool: str | None) -> None:
        from featscape.features.discreet import import_openvino
        from featscape.features.openvino_engine import OpenVinoEngine, take_pixels

        if find_spec("openvino") is None:
            raise MissingExtra(
                "An ONNX file needs OpenVINO to run. Install it: pip install openvino"
            )
        if not path.is_file():
            raise ModelError(f"There is no ONNX file {path}. Check the path.")
        self._openvino = import_openvino()
        self._path = path
        remarks = []
        try:
            model = self._openvino.Core().read_model(path)
            layout, size_px = self._see_input(model)
            if size_px is None:
                size_px = _DEFAULT_SIZE_PX
                remarks.append(f"any size of image, taken at {size_px} px")
            shape = [1, size_px, size_px]
            shape.insert(layout.index("C"), _CHANNELS)
            model.reshape(shape)
            outputs, self.layer = self._find_outputs(model, layers)
            rows = [self._pool(output, pool or "avg") for output in outputs]
            self.widths = tuple(row.get_shape()[1] for row in rows)
            row = rows[0] if len(rows) == 1 else self._ops.concat(rows, axis=1).output(0)
            cut = self._openvino.Model([row], model.get_parameters(), path.stem)
            cut = take_pixels(cut, mean=_MEAN, std=_STD, layout=layout)
            self.engine: OpenVinoEngine = OpenVinoEngine(cut)
        except RuntimeError as error:  # all that OpenVINO raises
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            raise ModelError(
                f"An ONNX file must be whole, and take one image at a time; {path} cannot be run "
                f"({(lines or ['no reason given'])[-1]:.200}). Export it again."
            ) from error
        remarks.append("no preprocessing, taken as ImageNet's")
        if self.layer == OUTPUT and not layers:
            remarks.append("no classifier that can be told, so that its output is the features")
        self.remarks = tuple(remarks)
        is_pooled = bool(layers) or any(len(one.get_shape()) > 2 for one in outputs)
        self.pool = (pool or "avg") if is_pooled else "none"
        self.n_features = sum(self.widths)
        self.input_size_px, self.resize_px = size_px, round(size_px / _RESIZE_SHARE)
        self.mean, self.std = _MEAN, _STD
        self.crop = partial(
            resize_and_crop, resize_px=self.resize_px, crop_px=size_px, interpolation="bilinear"
        )
        geometry = f"shorter side resized to {self.resize_px} px (bilinear)"
        self.preprocessing = say(geometry, size_px, _MEAN, _STD)
        self.weights_sha256 = _hash_files(path)

    @property
    def _ops(self) -> Any:
        return self._openvino.opset13

    def _see_input(self, model: Any) -> tuple[str, int | None]:
        """Return the layout of the input, "NCHW" or "NHWC", and its side; None for any side."""
        shapes = [one.get_partial_shape() for one in model.inputs]
        told = ", ".join(str(shape) for shape in shapes)
        if len(shapes) == 1 and shapes[0].rank.is_static and len(shapes[0]) == 4:
            sizes = [d.get_length() if d.is_static else None for d in shapes[0]]
            for layout, channels, sides in (("NCHW", 1, (2, 3)), ("NHWC", 3, (1, 2))):
                height, width = (sizes[side] for side in sides)
                if sizes[channels] == _CHANNELS and height == width:
                    return layout, height
        raise ModelError(
            f"An ONNX file must take one square RGB image, (n, 3, size, size) or "
            f"(n, size, size, 3); {self._path} takes {told or 'nothing'}. Export it so."
        )

    def _find_outputs(self, model: Any, layers: Sequence[str]) -> tuple[list[Any], str]:
        if not layers:
            classifier = _find_classifier(model)
            if classifier is None:
                return [model.output(0).get_node().input_value(0)], OUTPUT
            name = classifier.get_friendly_name().removesuffix("/WithoutBiases")
            return [classifier.input_value(0)], f"{INPUT_OF}{name}"
        named: dict[str, Any] = {OUTPUT: model.output(0).get_node().input_value(0)}
        for node in model.get_ordered_ops():
            if node.get_type_name() in ("Constant", "Result"):
                continue
            for output in node.outputs():
                named |= dict.fromkeys((node.get_friendly_name(), *output.get_names()), output)
        for layer in layers:
            if layer not in named:
                near = difflib.get_close_matches(layer, named, n=3)
                hint = f"Did you mean {' or '.join(near)}? " if near else ""
                raise ModelError(
                    f"A layer must be a node of {self._path}; got {layer!r}. {hint}"
                    "A viewer of ONNX files, such as Netron, shows their names."
                )
        return [named[layer] for layer in layers], "+".join(layers)

    def _pool(self, output: Any, pool: str) -> Any:
        """Make a row of numbers of a node's output: (1, ...) -> (1, d)."""
        shape = tuple(output.get_shape())
        if pool == "token" and len(shape) != 3:
            raise ModelError(
                f"--pool token takes the class token, the first of a sequence; {self._path} gives "
                f"{shape[1:]} an image there. Take --pool avg."
            )
        if len(shape) <= 2 or pool == "flatten":
            return self._ops.reshape(output, [1, -1], special_zero=False).output(0)
        if len(shape) not in (3, 4):
            raise ModelError(
                "A layer's map must have two dimensions of places to be pooled; "
                f"{self._path} gives {shape[1:]} an image there. Take --pool flatten."
            )
        if pool == "token":
            return self._ops.gather(output, 0, 1).output(0)
        axes = [2, 3]
        if len(shape) == 3:
            axes = [1]
            n_tokens = shape[1]
            if not _is_square(n_tokens) and _is_square(n_tokens - 1):  # the class token is first
                output = self._ops.slice(output, [1], [n_tokens], [1], [1]).output(0)
        if pool == "max":
            return self._ops.reduce_max(output, axes, keep_dims=False).output(0)
        if pool == "gem":
            least, power = np.float32(_GEM_SMALLEST), np.float32(_GEM_POWER)
            powers = self._ops.power(self._ops.maximum(output, least), power)
            mean = self._ops.reduce_mean(powers, axes, keep_dims=False)
            return self._ops.power(mean, 1 / power).output(0)
        return self._ops.reduce_mean(output, axes, keep_dims=False).output(0)


def is_onnx(model: str) -> bool:
    """Whether a model's name is that of an ONNX file."""
    return model.lower().endswith(_SUFFIX)


def check_options(model: str, *, weights: object, device: str) -> None:
    """Raise InputError where an option does not go with an ONNX file."""
    if weights is not None:
        raise InputError(
            f"weights must be left out with an ONNX file, which has its own; got {weights!r} with "
            f"{model}."
        )
    if device not in ("auto", "cpu"):
        raise InputError(
            f"An ONNX file runs on the CPU: device must be auto or cpu; got {device!r}. For "
            "another give the network of PyTorch that it was exported from."
        )


def _find_classifier(model: Any) -> Any:
    """Return the last linear layer, if nothing but its bias and a softmax follow it, or None."""
    node = model.output(0).get_node().input_value(0).get_node()
    while True:
        computed = [
            value.get_node() for value in node.input_values() if not _is_constant(value.get_node())
        ]
        if node.get_type_name() == "MatMul":
            return node if len(computed) == 1 and len(node.output(0).get_shape()) == 2 else None
        if node.get_type_name() not in _AFTER_CLASSIFIER or len(computed) != 1:
            return None
        node = computed[0]


def _is_constant(node: Any, depth: int = _CONSTANT_DEPTH) -> bool:
    """Whether a node is made of the file's own numbers alone, in a few steps."""
    if node.get_type_name() == "Constant":
        return True
    inputs = [value.get_node() for value in node.input_values()]
    return bool(inputs) and depth > 0 and all(_is_constant(one, depth - 1) for one in inputs)


def _is_square(n: int) -> bool:
    return n > 0 and math.isqrt(n) ** 2 == n


def _hash_files(path: Path) -> str:
    """Return the SHA-256 of the file, and of the one beside it that may hold its tensors."""
    beside = [path.with_name(path.name + end) for end in (".data", "_data")]
    hashes = [hash_file(one) for one in (path, *beside) if one.is_file()]
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()
