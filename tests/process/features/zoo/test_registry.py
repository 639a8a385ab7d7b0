"""The list of networks loads no library; a fresh Python process shows that."""

import subprocess
import sys


def test_listing_imports_no_library_and_builds_nothing():
    code = "import sys; from featscape.features import list_models; n = len(list_models())\n"
    code += "print(n, *sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    n_networks, *loaded = done.stdout.split()
    assert int(n_networks) > 2000
    assert not {"torch", "torchvision", "timm", "open_clip"} & set(loaded)
