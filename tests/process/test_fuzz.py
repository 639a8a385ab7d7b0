"""The fuzzing program sees each broken rule; inputs that once failed are checked again."""

import copy
import os
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from fuzz.mutate import VALUES, mutate_json

TESTS = Path(__file__).parents[1]


def fuzz(*arguments):
    """Run the fuzzing program; return its exit status and its output."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])}
    return subprocess.run(
        [sys.executable, "-m", "fuzz", *map(str, arguments)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_changed_json_shares_no_value_with_later_inputs():
    before = copy.deepcopy(VALUES)
    for seed in range(300):
        mutate_json(Random(seed), {"a": [{"b": 1}, []], "c": {}})
    assert before == VALUES


@pytest.mark.skipif(sys.platform != "linux", reason="the fuzzing program needs Linux")
class TestRules:
    def test_each_broken_rule_is_reported_once(self, tmp_path):
        options = ("--tries", 11, "--seed", 1, "--hang-s", 4, "--most-mb", 100)
        done = fuzz("--target", "broken", *options, "--failures", tmp_path / "kept")
        assert done.returncode == 1, done.stderr
        for failure in (
            "ValueError",
            "hang",
            "memory above 100 MB",
            "SIGSEGV",
            "rule: opened a file outside of the workspace",
            "rule: a connection beyond this machine",
            "rule: it ran os.system",
            "rule: printed on stderr",
            "SystemExit",
        ):
            assert f"x {failure}" in done.stdout, done.stdout
        assert "2 x rule: opened a file outside" in done.stdout  # one was read, one was written
        assert not (tmp_path.parent / "escaped").exists()
        kept = {file.parent.name for file in (tmp_path / "kept").glob("*/input")}
        assert len(kept) == 9
        reports = [file.read_text() for file in (tmp_path / "kept").glob("*/failure.txt")]
        assert any("make fuzz TARGET=broken SEED=1 TRY=4\n" in report for report in reports)

    def test_a_run_without_failures_ends_with_status_0(self, tmp_path):
        done = fuzz("--target", "broken", "--try", 0, "--seed", 1, "--failures", tmp_path / "kept")
        assert done.returncode == 0, done.stdout
        assert not (tmp_path / "kept").exists()

    def test_inputs_that_once_failed_pass(self, tmp_path):
        done = fuzz("--replay", "--failures", tmp_path / "kept")
        assert done.returncode == 0, done.stdout + done.stderr
