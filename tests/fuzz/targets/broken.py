"""Each try violates one rule. This target tests the fuzzing program."""

from __future__ import annotations

import faulthandler
import os
import socket
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from fuzz.child import STATUS

if TYPE_CHECKING:
    from random import Random

    from fuzz.rules import Rules


def _raise() -> None:
    raise ValueError("a defect")


def _print() -> None:
    os.write(2, b"free(): invalid pointer\n")


def _allocate() -> None:
    kept = [bytes(range(256)) * 40_000 for _ in range(20)]  # 200 MB
    time.sleep(1)
    kept.clear()


_BREAKS = (
    lambda: None,
    _raise,
    lambda: time.sleep(30),
    _allocate,
    faulthandler._sigsegv,
    lambda: Path("/etc/passwd").read_bytes(),
    lambda: Path("../../escaped").write_bytes(b""),
    lambda: socket.create_connection(("192.0.2.1", 80), timeout=1),
    lambda: os.system("true"),
    _print,
    lambda: sys.exit(0),
)


class Target:
    """Try number n violates rule n; try 0 violates no rule."""

    def __init__(self, workspace: Path, _rules: Rules) -> None:
        self._status = workspace / STATUS

    def write(self, _rng: Random, folder: Path) -> None:
        """Write the number of the try, which the process stores in STATUS before this call."""
        (folder / "input").write_bytes(self._status.read_bytes().split()[0])

    def check(self, folder: Path) -> None:
        """Violate the rule with this number."""
        _BREAKS[int((folder / "input").read_bytes()) % len(_BREAKS)]()
