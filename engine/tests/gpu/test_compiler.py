"""The kernels compile: cuda_compiles.py runs in a subprocess."""

import pytest


def test_the_kernels_compile(run_file):
    run_file("cuda_compiles.py", compiled=True)


@pytest.mark.zoo
def test_the_kernels_compile_for_more_cards(run_file):
    run_file("cuda_compiles.py", compiled=True, markers="zoo")
