"""The user's own network as an ONNX file, which OpenVINO reads: its input and preprocessing."""

from __future__ import annotations

import hashlib
import json
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from featscape.errors import FeatscapeError, InputError, MissingExtra, ModelError
from featscape.features.openvino_import import openvino_core
from featscape.features.zoo.own.onnx_external import find_external
from featscape.features.zoo.preprocessing import ONE_CHANNEL, read_preprocessing
from featscape.files.regular import check_regular, hash_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from featscape.features.zoo.preprocessing import Preprocessing

_SUFFIX = ".onnx"
_SIZE_PX = 224  # the default if the file accepts any size
_CROP_SHARE = 0.875  # of the resized shorter side, as in most preprocessing for ImageNet
_CHANNELS = 3


@dataclass(frozen=True, eq=False)
class OnnxModel:
    """An ONNX file.

    Attributes
    ----------
    path : Path
    model : openvino.Model
        For one image, with an input in the order of `layout`.
    layout : str
        "NCHW" or "NHWC".
    preprocessing : Preprocessing
    remarks : tuple of str
        Messages to the user about choices that the file does not specify.
    """

    path: Path
    model: Any
    layout: str
    preprocessing: Preprocessing
    remarks: tuple[str, ...]

    @property
    def weights(self) -> str:
        """The name of the weights in a model card."""
        return self.path.name

    def hash_weights(self) -> str:
        """Return the SHA-256 of the file and of the files that contain its tensors.

        Raises
        ------
        ModelError
            If one of the files cannot be read.
        """
        with openvino_errors(self.path):
            hashes = [hash_file(one) for one in (self.path, *find_external(self.path))]
        if len(hashes) == 1:
            return hashes[0]
        return hashlib.sha256("".join(hashes).encode()).hexdigest()


def is_onnx(model: str) -> bool:
    """Return whether the name of a network is the path of an ONNX file."""
    return model.lower().endswith(_SUFFIX)


def check_options(model: str, *, weights: object, device: str) -> None:
    """Raise InputError if an ONNX file does not support the options."""
    if weights is not None:
        raise InputError(
            f"weights must be left out with an ONNX file, which contains its weights; got "
            f"{weights!r} with {model}. Remove --weights (weights=)."
        )
    if device not in ("auto", "cpu"):
        raise InputError(
            f"an ONNX file runs on the CPU: device must be auto or cpu; got {device!r}. For "
            "another device, give the PyTorch network that the file was exported from."
        )


def read_model(path: Path) -> OnnxModel:
    """Read an ONNX file.

    Raises
    ------
    ModelError
        If the file is missing or damaged, or does not take one square image.
    MissingExtra
        If OpenVINO is not installed.
    """
    with openvino_errors(path):
        return _read_model(path)


def _read_model(path: Path) -> OnnxModel:
    if find_spec("openvino") is None:
        raise MissingExtra("an ONNX file needs OpenVINO to run. Install it: pip install openvino")
    try:
        check_regular(path.stat(), path)
    except OSError as error:
        raise ModelError(
            f"there is no ONNX file {path}: {error.strerror}. Check the path."
        ) from error
    find_external(path)  # raises for a pipe; OpenVINO would wait for its content
    model = openvino_core().read_model(path)
    if not model.outputs:
        raise ModelError(f"an ONNX file must have an output; {path} has none. Export it again.")
    layout, size_px = _read_input(model, path)
    given, remarks = _read_metadata(model, path), []
    if given is None:
        remarks.append("the preprocessing is not specified: ImageNet's is used")
    preprocessing = read_preprocessing(
        given or {},
        owner=str(path),
        input_size_px=size_px or _SIZE_PX,
        resize=lambda size_px: round(size_px / _CROP_SHARE),
    )
    if size_px is None:
        size_px = preprocessing.input_size_px
        remarks.insert(0, f"the input size is not specified: {size_px} px is used")
    if preprocessing.input_size_px != size_px:
        raise ModelError(
            f"the input_size_px in the metadata of {path} must be that of its input, {size_px}; "
            f"got {preprocessing.input_size_px}. Remove input_size_px from the metadata."
        )
    shape = [1, size_px, size_px]
    shape.insert(layout.index("C"), _CHANNELS)
    model.reshape(shape)
    return OnnxModel(path, model, layout, preprocessing, tuple(remarks))


def _read_metadata(model: Any, path: Path) -> Any:
    """Return the preprocessing in the file's metadata_props, which is JSON; None if missing."""
    key = ["framework", "preprocessing"]  # where OpenVINO stores metadata_props
    if not model.has_rt_info(key):
        return None
    text = model.get_rt_info(key).astype(str)
    try:
        return json.loads(text)
    except ValueError as error:
        raise ModelError(
            f"the preprocessing in the metadata of {path} must be JSON; got {text!r:.200} "
            f'({error}). For example: {{"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}}.'
        ) from error


@contextmanager
def openvino_errors(path: Path) -> Iterator[None]:
    """Translate the exceptions of OpenVINO for a file to a ModelError of one line."""
    try:
        yield
    except FeatscapeError:
        raise
    except Exception as error:
        # OpenVINO raises RuntimeError, and its bindings raise others for a damaged file, such as
        # UnicodeDecodeError for a name and IndexError for a missing input
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise ModelError(
            f"an ONNX file must be undamaged, and take one image at a time; {path} cannot be run "
            f"({(lines or ['no reason given'])[-1]:.200}). Export it again."
        ) from error


def _read_input(model: Any, path: Path) -> tuple[str, int | None]:
    """Return the layout of the input, "NCHW" or "NHWC", and its side; None for any side."""
    hint = ""
    shapes = [one.get_partial_shape() for one in model.inputs]
    if len(shapes) == 1 and shapes[0].rank.is_static and len(shapes[0]) == 4:
        sizes = [d.get_length() if d.is_static else None for d in shapes[0]]
        for layout, channels, sides in (("NCHW", 1, (2, 3)), ("NHWC", 3, (1, 2))):
            height, width = (sizes[side] for side in sides)
            if sizes[channels] == _CHANNELS and height == width:
                return layout, height
            if sizes[channels] == 1:
                hint = f" {ONE_CHANNEL}"
    found = ", ".join(str(shape) for shape in shapes) or "no input"
    raise ModelError(
        f"an ONNX file must take one square RGB image, (n, 3, size, size) or "
        f"(n, size, size, 3); {path} takes {found}. Export it with such an input.{hint}"
    )
