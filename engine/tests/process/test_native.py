"""The native code with the other instruction set, which a process chooses at its start."""

import os
import subprocess
import sys

import numpy as np

from meshtsne import _native


def test_the_other_instruction_set_gives_the_same_forces():
    code = (
        "import numpy as np; from scipy.sparse import csr_array\n"
        "from meshtsne import _native; from meshtsne.forces.grid import GridGradient\n"
        "assert _native.instruction_set() == 'baseline'\n"
        "Y = np.random.default_rng(1).normal(size=(3000, 2)).astype(np.float32) * 9\n"
        "P = np.eye(3000, k=1, dtype=np.float32); P = csr_array(P + P.T)\n"
        "A, F, Z = GridGradient(P / P.sum(), Y, n_jobs=1).forces()\n"
        "print(float(np.abs(A).sum()), float(np.abs(F).sum()), Z)"
    )
    results = [
        subprocess.run(
            [sys.executable, "-c", code.replace("'baseline'", repr(name))],
            env=os.environ | {"MESHTSNE_INSTRUCTION_SET": name},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        for name in ("baseline", _native.instruction_set())
    ]
    np.testing.assert_allclose(*np.array(results, dtype=float), rtol=1e-5)
