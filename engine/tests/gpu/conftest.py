"""Points with their neighbors, one PyTorch thread, and a function that runs a file of kernels."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from meshtsne.forces import exact

N, K = 70, 21  # points and neighbors


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session", autouse=True)
def quick_interpreter():
    """Patch triton.language once per kernel; the interpreter does so in each call of a function.

    The repeated patches change nothing, and take a third of the time of the kernels.
    """
    if os.environ.get("TRITON_INTERPRET") != "1":
        yield
        return
    import triton.language as tl
    from triton.runtime import interpreter

    patched = set()  # the modules that are patched for the current kernel
    patch_lang = interpreter._patch_lang

    def patch_once(function):
        values = function.__globals__.values()
        modules = {module for module in (tl, tl.core) if any(value is module for value in values)}
        if modules <= patched:
            return interpreter._LangPatchScope()
        scope = patch_lang(function)
        patched.update(modules)
        restore = scope.restore

        def restore_all():
            restore()
            patched.clear()

        scope.restore = restore_all
        return scope

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(interpreter, "_patch_lang", patch_once)
        yield


@pytest.fixture(scope="module")
def points():
    rng = np.random.default_rng(0)
    return (rng.normal(size=(N, 5)) + 4 * rng.integers(2, size=(N, 1))).astype(np.float32)


@pytest.fixture(scope="module")
def nearest(points):
    """Return the indices of the K nearest points of each point, and the squared distances."""
    D = ((points[:, None].astype(float) - points[None]) ** 2).sum(2)
    np.fill_diagonal(D, np.inf)
    indices = np.argsort(D, axis=1)[:, :K].astype(np.int32)
    return indices, np.take_along_axis(D, indices, 1)


@pytest.fixture(scope="module")
def joint(nearest):
    """Return the joint probabilities of the points for the perplexity 7."""
    indices, squared = nearest
    P = np.zeros((N, N))
    np.put_along_axis(P, indices.astype(int), exact.conditional_probabilities(squared, 7.0), 1)
    return (P + P.T) / (2 * N)


@pytest.fixture
def run_file():
    """Return a function that runs a file of this folder in a subprocess, and checks the result.

    On a machine without a GPU, the kernels run in Triton's interpreter, unless `compiled`. Triton
    reads TRITON_INTERPRET when it is imported, and in a run of all tests another library imports
    Triton earlier.
    """
    if importlib.util.find_spec("triton") is None:
        pytest.skip("Triton has wheels for Linux only")

    def run(name, *, compiled=False, markers="not zoo"):
        import torch

        environment = os.environ.copy()
        environment.pop("TRITON_INTERPRET", None)
        if not compiled and not torch.cuda.is_available():
            environment["TRITON_INTERPRET"] = "1"
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-m", markers, Path(__file__).with_name(name)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-8000:]
        assert " passed" in done.stdout

    return run
