"""The GPU's benchmark runs as a whole where there is no GPU, so that it does where there is one."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks/gpu.py"


needs_triton = pytest.mark.skipif(
    importlib.util.find_spec("triton") is None, reason="Triton has wheels for Linux only"
)


def run(part):
    command = [sys.executable, str(SCRIPT), "--interpret", "--only", part]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    return done.stdout


@needs_triton
def test_the_gpu_benchmark_checks_first_and_prints_its_table():
    checked, _, timed = run("tsne").partition("| points |")
    assert "checked against the exact t-SNE" in checked
    header, _, row, *_ = timed.splitlines()
    assert row.count("|") == header.count("|") + 2
    assert row.startswith("| 48 |")


@needs_triton
def test_it_goes_from_files_to_features_by_every_stage():
    checked, _, timed = run("features").partition("| stage |")
    assert "| fp32, compiled | 1.00000 | 0.999 |" in checked
    stages = [line.split("|")[1].strip() for line in timed.splitlines()[2:] if line]
    assert stages[0].startswith("decoding, ")
    assert stages[2] == "copying to the GPU and resizing there"
    assert stages[-2:] == [
        "**files to features**, fp32, compiled",
        "**files to features**, fp32",
    ]
