"""Functions that run commands with invalid input, and an ordinary user."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from featscape.mapfolder.read import open_map


@pytest.fixture
def refuse(featscape, here):
    """Return a function that runs a command and returns its error message.

    The function expects status 2, one line, and no new files in the current folder except the
    hidden folder of finished work.
    """

    def run(*arguments):
        before = tree(here)
        done = featscape(*arguments)
        assert done.status == 2
        assert done.out == ""
        assert [name for name in tree(here) if not name.startswith(".m.partial")] == before
        assert "Traceback" not in done.err
        errors = [line for line in done.err.splitlines() if line.startswith("featscape: ")]
        assert len(errors) == 1
        assert done.err.endswith(errors[0] + "\n")  # after the lines of the progress
        return errors[0].removeprefix("featscape: ")

    return run


@pytest.fixture
def make(featscape, here):  # noqa: ARG001 - the current folder
    """Return a function that makes a map, and returns the map and the output of the command."""

    def run(source, *options):
        quick = ("--perplexity", 4, "--size", 400, "--no-findings")
        done = featscape("map", source, "-o", "m", *quick, *options)
        assert done.status == 0, done.err
        return open_map("m"), done

    return run


def tree(folder):
    """Return all paths in a folder, including hidden files."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.fixture
def as_ordinary_user(monkeypatch):
    """Return a function that copies a folder, and makes this process an ordinary user."""
    home = Path(tempfile.mkdtemp(prefix="featscape-test-"))
    is_root = os.geteuid() == 0

    def move(folder):
        copy = shutil.copytree(folder, home / folder.name)
        monkeypatch.chdir(home)
        if is_root:
            for path in (home, *home.rglob("*")):
                os.chown(path, 65534, 65534)
            os.seteuid(65534)
        return copy

    yield move
    if is_root:
        os.seteuid(0)
    monkeypatch.undo()
    shutil.rmtree(home)
