"""The guard of the unit tests knows the functions that build the libraries' networks."""

import importlib

import pytest

from helpers.unit_guard import BUILDERS


@pytest.mark.parametrize("module", BUILDERS)
def test_the_functions_exist_and_are_guarded(module):
    pytest.importorskip(module.partition(".")[0])
    build = getattr(importlib.import_module(module), BUILDERS[module])
    assert callable(build.__wrapped__)
