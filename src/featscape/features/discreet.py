"""OpenVINO and NNCF, imported without the package that tells their makers of each use."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_TELLTALE = "openvino_telemetry"


def import_openvino() -> Any:
    """Import OpenVINO with all that a conversion needs."""
    with discreetly():
        import openvino
        import openvino.opset13
        import openvino.preprocess
        import openvino.tools.ovc.convert_impl
    return openvino


@contextmanager
def discreetly() -> Iterator[None]:
    """Let that package be missing for a while, as it may be, unless it is loaded already."""
    is_ours = _TELLTALE not in sys.modules
    if is_ours:
        sys.modules[_TELLTALE] = None  # type: ignore[assignment]  # what makes its import fail
    try:
        yield
    finally:
        if is_ours:
            del sys.modules[_TELLTALE]
