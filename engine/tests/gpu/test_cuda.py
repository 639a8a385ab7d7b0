"""Run the files cuda_*.py: the kernels on the GPU or in Triton's interpreter, and the compiler.

The files run in subprocesses: Triton reads TRITON_INTERPRET when it is imported, and in a run of
all tests another library imports Triton earlier.
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
    """Run the files in two parallel processes; return the exit status and the output of each."""
    import torch

    interpreted = {} if torch.cuda.is_available() else {"TRITON_INTERPRET": "1"}
    running = {
        "kernels": start("cuda_kernels.py", "cuda_fit.py", **interpreted),
        "compiler": start("cuda_compiles.py"),
    }
    written = {name: process.communicate()[0] for name, process in running.items()}
    return {name: (running[name].returncode, written[name]) for name in running}


def start(*names, markers="not zoo", **variables):
    """Start pytest on files of this folder."""
    environment = {name: os.environ[name] for name in os.environ if name != "TRITON_INTERPRET"}
    files = [str(Path(__file__).with_name(name)) for name in names]
    return subprocess.Popen(
        [sys.executable, "-m", "pytest", "-q", "-m", markers, *files],
        env=environment | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.parametrize("name", ["kernels", "compiler"])
def test_the_kernels_pass_their_tests(outcomes, name):
    code, written = outcomes[name]
    assert code == 0, written[-8000:]
    assert " passed" in written


@pytest.mark.zoo
def test_the_kernels_compile_for_more_cards():
    process = start("cuda_compiles.py", markers="zoo")
    written = process.communicate()[0]
    assert process.returncode == 0, written[-8000:]
    assert " passed" in written
