"""The GPU benchmark of the features runs on a machine without a GPU."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks/gpu_features.py"


@pytest.mark.zoo  # half a minute, and no part of the package
def test_the_benchmark_measures_every_stage_from_files_to_features():
    command = [sys.executable, str(SCRIPT), "--interpret"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    checked, _, timed = done.stdout.partition("| stage |")
    assert "| fp32, compiled | 1.00000 | 0.999 |" in checked
    stages = [line.split("|")[1].strip() for line in timed.splitlines()[2:] if line]
    assert stages[0].startswith("decoding, ")
    assert stages[2] == "copying to the GPU and resizing"
    assert stages[-2:] == [
        "**files to features**, fp32, compiled",
        "**files to features**, fp32",
    ]
