"""OpenVINO and NNCF, imported without the package that tells their makers of each use."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from functools import cache
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


@cache
def openvino_core() -> Any:
    """Return the process's OpenVINO, which is never given up.

    Each Core has a CPU plugin of its own. On a processor with AMX that gives the thread a stack for
    signals, and puts back the one before when it goes: of two plugins that go in the order in which
    they came, the second leaves a stack that is no memory any more, and Ctrl-C ends the process.
    """
    return import_openvino().Core()


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
