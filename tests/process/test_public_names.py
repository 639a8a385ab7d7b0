"""Importing the packages loads no heavy library; a fresh Python process shows that."""

import subprocess
import sys

import pytest

HEAVY = {
    *("matplotlib", "openvino", "pyarrow", "ray", "scipy", "sklearn"),
    *("timm", "torch", "torchvision"),
    *("anywidget", "fastapi", "ipywidgets", "pandas", "uvicorn"),
}


def loaded_by(code):
    """Return the top-level modules that a fresh Python loads for `code`."""
    code += "\nimport sys; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize(
    "code",
    [
        "import featscape",
        "import featscape.app.notebook",
        "import featscape.cli",
        "import featscape.pipeline",
        "import featscape.mapfolder.read",
        "import meshtsne",
    ],
)
def test_importing_loads_nothing_heavy(code):
    assert loaded_by(code) & HEAVY == set()


def test_the_check_above_can_fail():
    assert "sklearn" in loaded_by("from meshtsne import TSNE; repr(TSNE())")
