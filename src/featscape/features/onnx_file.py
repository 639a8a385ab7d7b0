"""What an ONNX file holds, as OpenVINO reads it: its input, its preprocessing, its nodes."""

from __future__ import annotations

import hashlib
import json
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from featscape.errors import FeatscapeError, InputError, MissingExtra, ModelError
from featscape.features.architecture import INPUT_OF, OUTPUT
from featscape.features.discreet import openvino_core
from featscape.features.layers import Layer, LayerTree
from featscape.features.onnx_external import find_external
from featscape.features.preprocessing import read_preprocessing
from featscape.features.weights import hash_file
from featscape.files.regular import check_regular

if TYPE_CHECKING:
    from collections.abc import Iterator

    from featscape.features.preprocessing import Preprocessing

_SUFFIX = ".onnx"
_SIZE_PX = 224  # where any is taken
_RESIZE_SHARE = 0.875  # of the image's shorter side the crop shows, as for most of ImageNet's
_CHANNELS = 3
_CONSTANT_DEPTH = 3  # weights may be transposed, converted and scaled
# What may stand between a classifier and the output: its bias and factors, probabilities, shapes.
_AFTER_CLASSIFIER = ("Add", "Multiply", "Softmax", "LogSoftmax", "Convert", "Reshape", "Squeeze")


@dataclass(frozen=True, eq=False)
class OnnxModel:
    """An ONNX file that was read.

    Attributes
    ----------
    model : openvino.Model
        Of one image, shaped as `layout` says.
    layout : str
        "NCHW" or "NHWC".
    preprocessing : Preprocessing
    remarks : tuple of str
        What the file leaves open, and what was taken.
    """

    model: Any
    layout: str
    preprocessing: Preprocessing
    remarks: tuple[str, ...]


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


def list_nodes(model: str) -> LayerTree:
    """List the nodes of an ONNX file that can be layers, but for those that OpenVINO adds.

    Raises
    ------
    ModelError, MissingExtra
        As `open_file` does; also if the file is damaged.
    """
    path = Path(model)
    with refusals(path):
        opened = open_file(path)
        layers = []
        for node in find_computed(opened.model):
            shape = tuple(node.output(0).get_shape())
            is_in_file = bool(node.output(0).get_names())
            if is_in_file and len(shape) > 1 and shape[0] == 1:
                layers.append(_describe(node, shape[1:]))
        classifier = find_classifier(opened.model)
    default = OUTPUT if classifier is None else f"{INPUT_OF}{name_of(classifier)}"
    return LayerTree(model, opened.preprocessing.input_size_px, default, tuple(layers))


def _describe(node: Any, shape: tuple[int, ...]) -> Layer:
    width = {1: shape[0], 2: shape[-1], 3: shape[0]}.get(len(shape))
    return Layer(node.get_friendly_name(), node.get_type_name(), shape, width, depth=0)


def open_file(path: Path) -> OnnxModel:
    """Read an ONNX file.

    Raises
    ------
    ModelError
        If the file is missing, or does not take one square image.
    MissingExtra
        If OpenVINO is not installed.
    RuntimeError
        Whatever OpenVINO says of a damaged file: see `refusals`.
    """
    if find_spec("openvino") is None:
        raise MissingExtra("An ONNX file needs OpenVINO to run. Install it: pip install openvino")
    try:
        check_regular(path.stat(), path)
    except OSError as error:
        raise ModelError(f"There is no ONNX file {path}: {error.strerror}. Check it.") from error
    find_external(path)  # OpenVINO would wait for a pipe
    model = openvino_core().read_model(path)
    if not model.outputs:
        raise ModelError(f"An ONNX file must have an output; {path} has none. Export it again.")
    layout, size_px = _see_input(model, path)
    given, remarks = _read_metadata(model, path), []
    if given is None:
        remarks.append("no preprocessing, taken as ImageNet's")
    preprocessing = read_preprocessing(
        given or {},
        owner=str(path),
        input_size_px=size_px or _SIZE_PX,
        resize=lambda size_px: round(size_px / _RESIZE_SHARE),
    )
    if size_px is None:
        size_px = preprocessing.input_size_px
        remarks.insert(0, f"any size of image, taken at {size_px} px")
    if preprocessing.input_size_px != size_px:
        raise ModelError(
            f"The input_size_px in the metadata of {path} must be that of its input, {size_px}; "
            f"got {preprocessing.input_size_px}. Leave it out."
        )
    shape = [1, size_px, size_px]
    shape.insert(layout.index("C"), _CHANNELS)
    model.reshape(shape)
    return OnnxModel(model, layout, preprocessing, tuple(remarks))


def _read_metadata(model: Any, path: Path) -> Any:
    """Return the preprocessing that the file's metadata_props hold as JSON, or None."""
    place = ["framework", "preprocessing"]  # where OpenVINO puts them
    if not model.has_rt_info(place):
        return None
    text = model.get_rt_info(place).astype(str)
    try:
        return json.loads(text)
    except ValueError as error:
        raise ModelError(
            f"The preprocessing in the metadata of {path} must be JSON; got {text!r:.200} "
            f'({error}). Write it so: {{"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}}.'
        ) from error


@contextmanager
def refusals(path: Path) -> Iterator[None]:
    """Make what OpenVINO raises a ModelError of one line."""
    try:
        yield
    except FeatscapeError:
        raise
    except Exception as error:
        # OpenVINO raises RuntimeError, and its bindings what a damaged file leads them to:
        # UnicodeDecodeError for a name, IndexError for a missing input
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise ModelError(
            f"An ONNX file must be whole, and take one image at a time; {path} cannot be run "
            f"({(lines or ['no reason given'])[-1]:.200}). Export it again."
        ) from error


def _see_input(model: Any, path: Path) -> tuple[str, int | None]:
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
        f"(n, size, size, 3); {path} takes {told or 'nothing'}. Export it so."
    )


def find_computed(model: Any) -> Iterator[Any]:
    """Yield the nodes that are computed of the image, in order: what can be a layer."""
    found: set[str] = set()
    for node in model.get_ordered_ops():
        kind = node.get_type_name()
        if kind == "Parameter":
            found.add(node.get_name())
        elif kind not in ("Result", "ShapeOf") and any(
            value.get_node().get_name() in found for value in node.input_values()
        ):
            found.add(node.get_name())
            yield node


def name_of(node: Any) -> str:
    """Return a node's name in the file: OpenVINO adds to it where it takes a layer apart."""
    name: str = node.get_friendly_name().removesuffix("/WithoutBiases")
    return name


def find_classifier(model: Any) -> Any:
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


def hash_files(path: Path) -> str:
    """Return the SHA-256 of the file and of the files that hold its tensors.

    Raises
    ------
    ModelError, RuntimeError, OSError
        As `find_external` does.
    """
    hashes = [hash_file(one) for one in (path, *find_external(path))]
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()
