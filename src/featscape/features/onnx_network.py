"""An ONNX file as a network: cut and run by OpenVINO, up to the input of its classifier."""

from __future__ import annotations

import difflib
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from featscape.errors import ModelError
from featscape.features.architecture import INPUT_OF, OUTPUT
from featscape.features.discreet import import_openvino
from featscape.features.onnx_file import (
    find_classifier,
    find_computed,
    hash_files,
    name_of,
    open_file,
    refusals,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from featscape.features.openvino_engine import OpenVinoEngine

_GEM_POWER, _GEM_SMALLEST = 3.0, 1e-6  # as in `cut`


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
    preprocessing : Preprocessing
    layer, pool, widths, n_features, weights_sha256
        As in `ModelCard`.
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
        from featscape.features.openvino_engine import OpenVinoEngine, take_pixels

        self._path = path
        with refusals(path):
            opened = open_file(path)
            model, seen = opened.model, opened.preprocessing
            outputs, self.layer = self._find_outputs(model, layers)
            rows = [self._pool(output, pool or "avg") for output in outputs]
            self.widths = tuple(row.get_shape()[1] for row in rows)
            row = rows[0] if len(rows) == 1 else self._ops.concat(rows, axis=1).output(0)
            cut = import_openvino().Model([row], model.get_parameters(), path.stem)
            cut = take_pixels(cut, mean=seen.mean, std=seen.std, layout=opened.layout)
            self.engine: OpenVinoEngine = OpenVinoEngine(cut)
        self.preprocessing = seen
        self.remarks = opened.remarks
        if self.layer == OUTPUT and not layers:
            self.remarks += ("no classifier that can be told, so that its output is the features",)
        is_pooled = bool(layers) or any(len(one.get_shape()) > 2 for one in outputs)
        self.pool = (pool or "avg") if is_pooled else "none"
        self.n_features = sum(self.widths)
        with refusals(path):
            self.weights_sha256 = hash_files(path)

    @property
    def _ops(self) -> Any:
        return import_openvino().opset13

    def _find_outputs(self, model: Any, layers: Sequence[str]) -> tuple[list[Any], str]:
        if not layers:
            classifier = find_classifier(model)
            if classifier is None:
                return [model.output(0).get_node().input_value(0)], OUTPUT
            return [classifier.input_value(0)], f"{INPUT_OF}{name_of(classifier)}"
        named: dict[str, Any] = {OUTPUT: model.output(0).get_node().input_value(0)}
        for node in find_computed(model):
            for output in node.outputs():
                named |= dict.fromkeys((node.get_friendly_name(), *output.get_names()), output)
        for layer in layers:
            if layer not in named:
                near = difflib.get_close_matches(layer, named, n=3)
                hint = f"Did you mean {' or '.join(near)}? " if near else ""
                raise ModelError(
                    f"A layer must be a node of {self._path}; got {layer!r}. {hint}"
                    f"`featscape layers {self._path}` shows them all."
                )
        return [named[layer] for layer in layers], "+".join(layers)

    def _pool(self, output: Any, pool: str) -> Any:
        """Make a row of numbers of a node's output: (1, ...) -> (1, d)."""
        shape = tuple(output.get_shape())
        if pool == "token" and len(shape) != 3:
            raise ModelError(
                f"--pool token takes the class token, the first of a sequence; {self._path} gives "
                f"{shape[1:]} an image there. Take --pool avg (pool=)."
            )
        if len(shape) <= 2 or pool == "flatten":
            return self._ops.reshape(output, [1, -1], special_zero=False).output(0)
        if len(shape) not in (3, 4):
            raise ModelError(
                "A layer's map must have two dimensions of places to be pooled; "
                f"{self._path} gives {shape[1:]} an image there. Take --pool flatten (pool=)."
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


def _is_square(n: int) -> bool:
    return n > 0 and math.isqrt(n) ** 2 == n
