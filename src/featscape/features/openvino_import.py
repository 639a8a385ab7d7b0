"""Import OpenVINO, and NNCF, with usage telemetry disabled."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_TELEMETRY = "openvino_telemetry"


def import_openvino() -> Any:
    """Import OpenVINO with all modules that a conversion needs."""
    with telemetry_disabled():
        import openvino
        import openvino.opset13
        import openvino.preprocess
        import openvino.tools.ovc.convert_impl
    return openvino


@cache
def openvino_core() -> Any:
    """Return the one Core of this process, which is never destroyed.

    Each Core has its own CPU plugin. On a processor with AMX, the plugin installs a signal stack
    for the thread and restores the previous one when it is destroyed. If two plugins are destroyed
    in the order of their creation, the second restores a signal stack that has been freed, and
    Ctrl-C crashes the process.
    """
    return import_openvino().Core()


@contextmanager
def telemetry_disabled() -> Iterator[None]:
    """Make the optional telemetry package unimportable, unless it is already imported."""
    is_blocked = _TELEMETRY not in sys.modules
    if is_blocked:
        sys.modules[_TELEMETRY] = None  # type: ignore[assignment]  # None makes the import fail
    try:
        yield
    finally:
        if is_blocked:
            del sys.modules[_TELEMETRY]
