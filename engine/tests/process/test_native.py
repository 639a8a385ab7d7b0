"""The native code with the other instruction set, which a process chooses at its start."""

import ast
import os
import subprocess
import sys

import numpy as np

from meshtsne import _native


def names_of_stub(body):
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield node.name
            yield from (f"{node.name}.{name}" for name in names_of_stub(node.body))
        elif isinstance(node, ast.FunctionDef):
            yield node.name
        elif isinstance(node, ast.AnnAssign):
            yield node.target.id


def names_of_module(thing):
    for name, value in vars(thing).items():
        if name.startswith("_"):
            continue
        yield name
        if isinstance(value, type):
            yield from (f"{name}.{inner}" for inner in names_of_module(value))


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
