"""The fit of 100 points, and engines that do not work."""

import sys

import pytest

import meshtsne
from featscape.doctor import engine


def test_the_engine_here_is_correct():
    found = engine.check_tsne_engine()
    assert 0 < found.kl_divergence <= found.largest_kl_divergence
    assert found.instruction_set in {"avx2", "baseline"}
    assert "_native" in found.native_module


@pytest.mark.parametrize("reached", [0.5, float("nan")])
def test_a_wrong_result_is_a_problem(monkeypatch, reached):
    class WrongTSNE(meshtsne.TSNE):
        def fit(self, points):
            super().fit(points)
            self.kl_divergence_ = reached
            return self

    monkeypatch.setattr(meshtsne, "TSNE", WrongTSNE, raising=False)
    problem = engine.check_tsne_engine()
    assert problem.is_broken
    assert f"it reached {reached:.3f}" in problem.text


def test_a_native_module_that_cannot_be_loaded(monkeypatch):
    monkeypatch.delattr(meshtsne, "_native")
    monkeypatch.setitem(sys.modules, "meshtsne._native", None)
    problem = engine.check_tsne_engine()
    assert problem.is_broken
    assert problem.text.startswith("the native module of meshtsne cannot be loaded: ")
