"""The libraries that the import of meshtsne and a fit load, seen in a fresh Python process."""

import subprocess
import sys


def test_importing_meshtsne_loads_no_heavy_library():
    code = (
        "import sys, meshtsne; "
        "print([m for m in ('torch', 'sklearn', 'faiss', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_fit_does_not_load_torch():
    code = (
        "import sys, numpy as np; from meshtsne import TSNE; "
        "TSNE(perplexity=2, max_iter=5).fit(np.eye(12)); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
