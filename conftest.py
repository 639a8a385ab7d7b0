"""Gives each test the marker of its folder, and watches the unit tests. See CONTRIBUTING.md."""

import gc
import os
from pathlib import Path

import pytest
from xdist.scheduler import LoadFileScheduling

from helpers.unit_guard import UnitGuard

ROOT = Path(__file__).parent
TESTS = (ROOT / "tests", ROOT / "engine" / "tests")
# In the order in which the tests run; see FromBothEnds.
KINDS = ("unit", "network", "gpu", "process", "browser", "cluster")
# These files take the longest of their kind, and run before its other files: so the processes of
# `make test` end together.
LONGEST = (
    "tests/process/hostile/test_files.py",
    "tests/process/hostile/test_values.py",
    "tests/process/test_notebooks.py",
    "tests/browser/stage/test_items.py",
    "tests/browser/stage/test_navigation.py",
    "tests/browser/panels/test_findings.py",
    "tests/browser/panels/test_select.py",
)


def load_openblas():
    """Load OpenBLAS with one thread: its threads in several processes wait for one another.

    The processes that a test starts do not inherit the limit.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENBLAS_NUM_THREADS", "1")
        import numpy as np  # noqa: F401
        import scipy.linalg  # noqa: F401


if "PYTEST_XDIST_WORKER" in os.environ:
    load_openblas()


class FromBothEnds(LoadFileScheduling):
    """Gives files of tests to processes; every process after the second takes the last.

    The last files wait for browsers and for other nodes half of their time, and the first files
    compute. If every process took the first file, all would compute first, and wait later.
    """

    def _assign_work_unit(self, node):
        if node in self.nodes[2:]:
            self.workqueue.move_to_end(next(reversed(self.workqueue)), last=False)
        super()._assign_work_unit(node)


@pytest.hookimpl(optionalhook=True)  # with `-p no:xdist`, there is no such hook
def pytest_xdist_make_scheduler(config, log):
    return FromBothEnds(config, log) if config.getvalue("dist") == "loadfile" else None


guard = UnitGuard()
guard.install()


def find_kind(path):
    """Return the kind of the tests in a file: the name of the file's folder."""
    for folder in TESTS:
        kind = path.relative_to(folder).parts[0] if path.is_relative_to(folder) else None
        if kind in KINDS:
            return kind
    raise pytest.UsageError(f"{path} must be in a folder {', '.join(KINDS)} of tests.")


def place_of(path):
    """Return the place of a file of tests in the order of the files: a tuple to sort by."""
    name = path.relative_to(ROOT).as_posix()
    is_long = name in LONGEST
    return KINDS.index(find_kind(path)), LONGEST.index(name) if is_long else len(LONGEST)


def pytest_collection_modifyitems(items):
    for item in items:
        item.add_marker(find_kind(item.path))
    items.sort(key=lambda item: place_of(item.path))


def pytest_collection():
    """Stop the garbage collection, which takes a second of the imports of the tests."""
    gc.disable()


def pytest_collection_finish():
    """Exclude the objects of the imported modules and the tests from the garbage collection.

    These objects live until the exit. A collection that visits them takes 0.1 s.
    """
    gc.enable()
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    guard.test = item.nodeid if find_kind(item.path) == "unit" else None
    try:
        return (yield)
    finally:
        guard.test = None
