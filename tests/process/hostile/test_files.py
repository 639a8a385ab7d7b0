"""A map with a file that was replaced is opened without the file, or is refused."""

import gc
import resource
from pathlib import Path

import pytest

from helpers.audit import recorded_events
from hostile import maps
from hostile.uses import commands

MOST_GROWTH_KB = 400_000


def test_the_unchanged_map_opens(hostile, use):
    assert use("run.json") is None
    assert {"run.json", "bundle/manifest.json", "thumbnails/data.bin"} <= set(
        maps.list_files(hostile)
    )


def test_the_commands_open_no_file_of_the_bundle(hostile, featscape, tmp_path):
    with recorded_events(hostile / "bundle") as events:
        for command in commands(hostile, tmp_path / "report.html"):
            assert featscape(*command).status == 0
    assert events == []


# `make test-zoo` tries these attacks: the checks that refuse them also refuse the others.
ZOO = ("link to a folder", "link to itself", "link to nothing", "empty")
ATTACKS = [
    pytest.param(name, marks=pytest.mark.zoo) if name in ZOO else name
    for name in maps.file_attacks(Path("/canary"))
]


# `make test` tries every second kind of file with each attack, and `make test-zoo` the other kinds.
@pytest.mark.parametrize("part", [0, pytest.param(1, marks=pytest.mark.zoo)])
@pytest.mark.parametrize("attack", ATTACKS)
def test_a_replaced_file_is_refused_or_left_out(hostile, seed, use, outside, *, attack, part):
    attacks = maps.file_attacks(outside / "canary")
    change = attacks[attack]
    first = (list(attacks).index(attack) + part) % 2
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for name in maps.list_kinds(seed)[first::2]:
        maps.copy_map(seed, hostile)
        change(hostile / name)
        line = use(name)
        read_at_opening = not name.startswith(
            ("bundle/", "scatter.png", "findings.json", "words.npz", "regions.json")
        )
        if read_at_opening and attack not in ("damaged", "missing"):
            assert line is not None, name
    gc.collect()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MOST_GROWTH_KB
