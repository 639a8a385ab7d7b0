"""The GPU benchmark runs in Triton's interpreter on a machine without a GPU."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks/tsne_gpu.py"


@pytest.mark.zoo  # half a minute in the interpreter, and no part of the package
@pytest.mark.skipif(
    importlib.util.find_spec("triton") is None, reason="Triton has wheels for Linux only"
)
def test_the_gpu_benchmark_prints_its_checks_and_then_its_table():
    command = [sys.executable, str(SCRIPT), "--interpret"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    checked, _, timed = done.stdout.partition("| points |")
    assert "checked against the exact t-SNE" in checked
    header, _, row, *_ = timed.splitlines()
    assert row.count("|") == header.count("|") + 2
    assert row.startswith("| 48 |")
