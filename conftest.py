"""Gives each test the marker of its folder, and watches the unit tests. See CONTRIBUTING.md."""

import gc
from pathlib import Path

import pytest

from helpers.unit_guard import UnitGuard

TESTS = (Path(__file__).parent / "tests", Path(__file__).parent / "engine" / "tests")
# In the order in which the tests run. The browser's tests are the last: from the first of them on,
# Playwright keeps an event loop in the main thread, beside which asyncio.run refuses to work.
KINDS = ("unit", "network", "gpu", "process", "cluster", "browser")

guard = UnitGuard()
guard.install()


def find_kind(path):
    """Return the kind of the tests in a file: the name of the file's folder."""
    for folder in TESTS:
        kind = path.relative_to(folder).parts[0] if path.is_relative_to(folder) else None
        if kind in KINDS:
            return kind
    raise pytest.UsageError(f"{path} must be in a folder {', '.join(KINDS)} of tests.")


def pytest_collection_modifyitems(items):
    for item in items:
        item.add_marker(find_kind(item.path))
    items.sort(key=lambda item: KINDS.index(find_kind(item.path)))


def pytest_collection_finish():
    """Exclude the objects of the imported modules and the tests from the garbage collection.

    These objects live until the exit. A collection that visits them takes 0.1 s.
    """
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    guard.test = item.nodeid if find_kind(item.path) == "unit" else None
    try:
        return (yield)
    finally:
        guard.test = None
