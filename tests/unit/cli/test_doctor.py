"""The command doctor: the screen, JSON, and the exit status."""

import json

import pytest

from featscape.cli.console import show
from featscape.cli.screens.doctor_report import describe
from featscape.doctor import Diagnosis, Extra, Machine, Problem, diagnosis


@pytest.fixture(autouse=True)
def without_imports(monkeypatch):
    monkeypatch.setattr(diagnosis, "find_unloadable", list)


@pytest.mark.usefixtures("here")
def test_a_working_installation(featscape):
    done = featscape("doctor")
    assert (done.status, done.err) == (0, "")
    for words in ("KL divergence", "threadpoolctl", "converted networks", "No problems.\n"):
        assert words in done.out


@pytest.mark.parametrize("gpus", [(), ("cuda:0 (H100)",)])
@pytest.mark.parametrize(
    ("missing", "state"), [((), "installed"), (("triton",), "not installed: pip install triton")]
)
def test_the_extra_cuda_is_of_no_use_without_a_gpu(capsys, monkeypatch, gpus, missing, state):
    monkeypatch.setenv("COLUMNS", "120")
    found = Diagnosis(
        versions={},
        extras=(Extra("cuda", missing, "pip install triton"), Extra("ray", (), "")),
        machine=Machine("Linux", "a processor", 2, gpus, {}),
        engine=None,
        folders=(),
        problems=(),
    )
    expected = state if gpus else f"{state} (of no use here: PyTorch finds no NVIDIA GPU)"
    show(describe(found))
    lines = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()]
    assert ["cuda", expected] in lines
    assert ["ray", "installed"] in lines


@pytest.mark.parametrize(("is_broken", "status"), [(True, 1), (False, 0)])
@pytest.mark.usefixtures("here")
def test_a_problem_is_shown_with_its_remedy(featscape, monkeypatch, is_broken, status):
    problem = Problem("torch", "torch cannot be imported", "Reinstall torch.", is_broken=is_broken)
    monkeypatch.setattr(diagnosis, "find_unloadable", lambda: [problem])
    done = featscape("doctor")
    assert done.status == status
    assert "1 problem:\n  torch cannot be imported. Reinstall torch.\n" in done.out
    done = featscape("doctor", "--json")
    assert done.status == status
    found = json.loads(done.out)
    assert found["is_broken"] is is_broken
    assert found["problems"] == [
        {
            "subject": "torch",
            "text": "torch cannot be imported",
            "remedy": "Reinstall torch.",
            "is_broken": is_broken,
        }
    ]
    assert set(found) == {
        *("is_broken", "versions", "extras", "machine", "engine", "folders", "problems")
    }
