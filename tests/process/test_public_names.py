"""Importing the packages loads no heavy library; a fresh Python process shows that."""

import subprocess
import sys

import pytest
import torch
from torchvision.models import get_model

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


def test_a_map_with_a_cached_network_loads_no_library_of_networks(photos, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    weights = tmp_path / "weights.pth"
    torch.save(get_model("squeezenet1_1", weights=None).state_dict(), weights)
    code = (
        "from featscape import make_map\n"
        f"make_map({str(photos)!r}, {{output!r}}, model='squeezenet1_1', weights={str(weights)!r}, "
        "perplexity=4, size_px=400)"
    )
    first, second = (
        loaded_by(code.format(output=str(tmp_path / name))) for name in ("first", "second")
    )
    assert "torchvision" in first
    assert second & {"sklearn", "timm", "torchvision", "open_clip"} == set()


def test_the_check_of_the_installation_loads_the_required_libraries_only():
    loaded = loaded_by("from featscape.doctor import diagnose; assert not diagnose().is_broken")
    assert {"torch", "sklearn", "timm", "torchvision"} <= loaded
    assert loaded & {"open_clip", "ray", "anywidget", "requests"} == set()
