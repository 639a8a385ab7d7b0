"""Read the outputs of the nodes of an ONNX file, as a graph of OpenVINO."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from featscape.errors import ModelError
from featscape.features.openvino_import import import_openvino
from featscape.features.readout.pooling import (
    DEFAULT_POOL,
    form_of,
    is_square,
    plan_pooling,
    pool,
    pooled_width,
)
from featscape.features.zoo.architecture import INPUT_OF, OUTPUT, Layer, LayerTree
from featscape.features.zoo.own.onnx_file import openvino_errors

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from featscape.features.zoo.own.onnx_file import OnnxModel

# A weight may be transposed, converted and scaled before it is used.
_MAX_CONSTANT_STEPS = 3
# Nodes that may follow the classifier: its bias and factors, probabilities, reshapes.
_AFTER_CLASSIFIER = ("Add", "Multiply", "Softmax", "LogSoftmax", "Convert", "Reshape", "Squeeze")


@dataclass(frozen=True, eq=False)
class OnnxReadout:
    """An ONNX file up to some of its nodes, each pooled, side by side.

    Attributes
    ----------
    model : openvino.Model
        Standardized floats of one image, in the file's layout -> features (1, d).
    layer, pool, widths
        As in `ModelCard`.
    remarks : tuple of str
        Messages to the user about choices that the file does not specify.
    """

    model: Any
    layer: str
    pool: str
    widths: tuple[int, ...]
    remarks: tuple[str, ...]


def read_out(network: OnnxModel, layers: Sequence[str], *, method: str | None) -> OnnxReadout:
    """Return the graph that computes the features at some nodes.

    Parameters
    ----------
    network : OnnxModel
    layers : sequence of str
        Names of nodes or of their outputs; if empty, the input of the classifier is read.
    method : str or None
        One of `POOLS`; None for the default.

    Raises
    ------
    ModelError
        If there is no such node, or `method` does not apply to its output.
    """
    method = method or DEFAULT_POOL
    with openvino_errors(network.path):
        outputs, layer = _find_outputs(network, layers)
        rows, is_pooled = [], False
        for name, output in zip(layers or (layer,), outputs, strict=True):
            shape = tuple(output.get_shape())[1:]  # of one image
            is_tokens = form_of(shape) == "tokens"
            # The file does not specify the number of tokens before the patch tokens. A class token
            # is assumed if the other tokens, without it, form a square.
            n_prefix = int(is_tokens and is_square(shape[0] - 1) and not is_square(shape[0]))
            pooling = plan_pooling(
                shape, method, n_prefix=n_prefix, has_class_token=is_tokens, layer=name
            )
            rows.append(pool(output, pooling, _OpenVinoOperations()))
            is_pooled |= len(shape) > 1
        row = rows[0] if len(rows) == 1 else import_openvino().opset13.concat(rows, 1).output(0)
        model = import_openvino().Model([row], network.model.get_parameters(), network.path.stem)
    remarks: tuple[str, ...] = ()
    if layer == OUTPUT and not layers:
        remarks = ("no classifier was recognized: the output is used as the features",)
    return OnnxReadout(
        model=model,
        layer=layer,
        pool=method if layers or is_pooled else "none",
        widths=tuple(one.get_shape()[1] for one in rows),
        remarks=remarks,
    )


def list_nodes(network: OnnxModel, *, name: str) -> LayerTree:
    """List the nodes of an ONNX file that can be layers, without the nodes that OpenVINO adds.

    Parameters
    ----------
    network : OnnxModel
    name : str
        Name of the network in the result.

    Raises
    ------
    ModelError
        If the file is damaged.
    """
    with openvino_errors(network.path):
        layers = []
        for node in _find_computed(network.model):
            shape = tuple(node.output(0).get_shape())
            is_in_file = bool(node.output(0).get_names())
            if is_in_file and len(shape) > 1 and shape[0] == 1:
                operation = node.get_type_name()
                width = pooled_width(shape[1:])
                layers.append(Layer(node.get_friendly_name(), operation, shape[1:], width))
        classifier = _find_classifier(network.model)
    default = OUTPUT if classifier is None else f"{INPUT_OF}{_name_of(classifier)}"
    return LayerTree(name, network.preprocessing.input_size_px, default, tuple(layers))


def _find_outputs(network: OnnxModel, layers: Sequence[str]) -> tuple[list[Any], str]:
    """Return the outputs to read, and their name in the model card."""
    result = network.model.output(0).get_node().input_value(0)
    if not layers:
        classifier = _find_classifier(network.model)
        if classifier is None:
            return [result], OUTPUT
        return [classifier.input_value(0)], f"{INPUT_OF}{_name_of(classifier)}"
    named: dict[str, Any] = {OUTPUT: result}
    for node in _find_computed(network.model):
        for output in node.outputs():
            named |= dict.fromkeys((node.get_friendly_name(), *output.get_names()), output)
    for layer in layers:
        if layer not in named:
            near = difflib.get_close_matches(layer, named, n=3)
            hint = f"Did you mean {' or '.join(near)}? " if near else ""
            raise ModelError(
                f"layer must be a node of {network.path}; got {layer!r}. {hint}"
                f"`featscape layers {network.path}` lists them."
            )
    return [named[layer] for layer in layers], "+".join(layers)


class _OpenVinoOperations:
    """The `Operations` of OpenVINO, on the outputs of graph nodes for one image."""

    def __init__(self) -> None:
        self._opset = import_openvino().opset13

    def flatten(self, tensor: Any) -> Any:
        return self._opset.reshape(tensor, [1, -1], special_zero=False).output(0)

    def first_token(self, tensor: Any) -> Any:
        return self._opset.gather(tensor, 0, 1).output(0)

    def drop_tokens(self, tensor: Any, n_dropped: int) -> Any:
        n_tokens = tensor.get_shape()[1]
        return self._opset.slice(tensor, [n_dropped], [n_tokens], [1], [1]).output(0)

    def mean(self, tensor: Any, axes: Sequence[int]) -> Any:
        return self._opset.reduce_mean(tensor, list(axes), keep_dims=False).output(0)

    def max(self, tensor: Any, axes: Sequence[int]) -> Any:
        return self._opset.reduce_max(tensor, list(axes), keep_dims=False).output(0)

    def clamp(self, tensor: Any, smallest: float) -> Any:
        return self._opset.maximum(tensor, np.float32(smallest)).output(0)

    def power(self, tensor: Any, exponent: float) -> Any:
        return self._opset.power(tensor, np.float32(exponent)).output(0)


def _find_computed(model: Any) -> Iterator[Any]:
    """Yield the nodes that depend on the image, in the order of computation."""
    found: set[str] = set()
    for node in model.get_ordered_ops():
        operation = node.get_type_name()
        if operation == "Parameter":
            found.add(node.get_name())
        elif operation not in ("Result", "ShapeOf") and any(
            value.get_node().get_name() in found for value in node.input_values()
        ):
            found.add(node.get_name())
            yield node


def _name_of(node: Any) -> str:
    """Return the name of a node in the file, without the suffix that OpenVINO adds to it."""
    name: str = node.get_friendly_name().removesuffix("/WithoutBiases")
    return name


def _find_classifier(model: Any) -> Any:
    """Return the last linear layer if only its bias and a softmax follow it, else None."""
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


def _is_constant(node: Any, n_steps: int = _MAX_CONSTANT_STEPS) -> bool:
    """Return whether a node is computed in a few steps from constants of the file only."""
    if node.get_type_name() == "Constant":
        return True
    inputs = [value.get_node() for value in node.input_values()]
    return bool(inputs) and n_steps > 0 and all(_is_constant(one, n_steps - 1) for one in inputs)
