"""Runs cuda_kernels.py, on the GPU where there is one, else in Triton's interpreter; and
cuda_compiles.py, which needs none.

In processes of their own, for Triton reads once, when it is imported, whether it shall interpret;
and in a whole run of the tests some other library has imported it long before.
"""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("triton") is None, reason="Triton has wheels for Linux only"
)


@pytest.fixture(scope="module")
def outcomes():
    """Run both at once; return how each ended, and what it wrote."""
    import torch

    environment = {name: os.environ[name] for name in os.environ if name != "TRITON_INTERPRET"}
    interpreted = {} if torch.cuda.is_available() else {"TRITON_INTERPRET": "1"}
    running = {
        name: subprocess.Popen(
            [sys.executable, "-m", "pytest", "-q", str(Path(__file__).with_name(name))],
            env=environment | more,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for name, more in (("cuda_kernels.py", interpreted), ("cuda_compiles.py", {}))
    }
    written = {name: process.communicate()[0] for name, process in running.items()}
    return {name: (running[name].returncode, written[name]) for name in running}


@pytest.mark.parametrize("name", ["cuda_kernels.py", "cuda_compiles.py"])
def test_the_kernels(outcomes, name):
    code, written = outcomes[name]
    assert code == 0, written[-8000:]
    assert " passed" in written
