"""The native module, whose version must be that of the Python code."""

from __future__ import annotations

import hashlib
from pathlib import Path

from meshtsne.errors import InstallationError

try:
    from meshtsne import _native as _native  # noqa: PLC0414 - other modules import the checked name
except ImportError as error:
    raise InstallationError(
        f"the native module of meshtsne must be installed; it cannot be loaded ({error}). "
        "Install meshtsne again; in a checkout, run make install.",
        name="meshtsne._native",
    ) from error


STUB = Path(__file__).with_name("_native.pyi")


def check_interface(interface: str, stub: Path = STUB) -> None:
    """Raise InstallationError unless the native module was built for this Python code.

    Parameters
    ----------
    interface : str
        `_native.INTERFACE`: the SHA-256 of the stub from which the native module was built.
    stub : Path
        The stub beside the Python code. Without the file, nothing is compared.
    """
    if stub.exists() and hashlib.sha256(stub.read_bytes()).hexdigest() != interface:
        raise InstallationError(
            "the native module of meshtsne must be built for the installed Python code; it was "
            "built for another version. Install meshtsne again; in a checkout, run make install.",
            name="meshtsne._native",
        )


check_interface(getattr(_native, "INTERFACE", ""))
