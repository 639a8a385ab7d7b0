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


def run_tests(name, **environment):
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", str(Path(__file__).with_name(name))],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert " passed" in done.stdout


def test_the_kernels_agree_with_the_exact_formulae():
    import torch

    interpreted = {} if torch.cuda.is_available() else {"TRITON_INTERPRET": "1"}
    run_tests("cuda_kernels.py", **interpreted)


def test_the_kernels_compile_for_cards_that_are_not_there():
    run_tests("cuda_compiles.py")
