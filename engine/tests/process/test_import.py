"""The libraries that the import of meshtsne and a fit load, seen in a fresh Python process."""

import subprocess
import sys

import pytest


def test_importing_meshtsne_loads_no_heavy_library():
    code = (
        "import sys, meshtsne; "
        "print([m for m in ('torch', 'sklearn', 'faiss', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("n", [12, 6_000], ids=["direct sum", "grid"])
def test_a_fit_loads_neither_torch_nor_scikit_learn_nor_scipy(n):
    code = (
        "import sys, numpy as np; from meshtsne import TSNE; "
        f"X = np.random.default_rng(0).normal(size=({n}, 12)); "
        "tsne = TSNE(perplexity=2, max_iter=5).fit(X); tsne.transform(X[:12]); "
        "tsne.get_params(); hasattr(tsne, 'missing_'); "
        "print([m for m in ('torch', 'sklearn', 'pandas', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_estimator_from_before_the_import_of_scikit_learn_works_with_scikit_learn():
    code = """
import numpy as np
from meshtsne import TSNE

X = np.random.default_rng(0).normal(size=(30, 4))
tsne = TSNE(perplexity=4, max_iter=5, random_state=0)
first = tsne.fit_transform(X)

from sklearn import config_context
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

pipeline = make_pipeline(tsne).set_output(transform="pandas")
frame = pipeline.fit_transform(X)
assert list(frame.columns) == ["tsne0", "tsne1"]
np.testing.assert_array_equal(frame.to_numpy(), first)
assert type(clone(tsne)) is TSNE
with config_context(enable_metadata_routing=True):
    assert tsne.set_fit_request(neighbors=True) is tsne
assert "perplexity=4" in repr(tsne)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
