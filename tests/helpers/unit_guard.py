"""Forbids slow operations in unit tests: processes, connections, and networks of libraries."""

import functools
import importlib.machinery
import multiprocessing.util
import os
import sys
from ipaddress import ip_address

import pytest

from helpers import audit

# joblib runs one of these programs in the first threaded call of scikit-learn, to count the cores.
CORE_COUNTERS = {"lscpu", "sysctl"}
SLOW_MODULES = {"playwright", "ray"}
# The functions that build the libraries' networks, by the modules that define the functions.
BUILDERS = {
    "open_clip.factory": "create_model",
    "timm.models._factory": "create_model",
    "torchvision.models._api": "get_model",
}


def is_remote(address):
    """Return whether a socket's address is on another machine; text is the path of a socket."""
    if not isinstance(address, tuple) or address[0] == "localhost":
        return False
    try:
        return not ip_address(address[0]).is_loopback
    except ValueError:  # another name
        return True


class UnitGuard:
    """Fails the current unit test if the test or a fixture performs a forbidden operation.

    Attributes
    ----------
    test : str or None
        The name of the current unit test. While `test` is None, everything is allowed.
    """

    def __init__(self):
        self.test = None

    def install(self):
        """Watch this process from now on."""
        audit.WATCHERS.append(self._audit)
        sys.meta_path.insert(0, self)
        # multiprocessing starts processes by this function, without an audit event
        start = multiprocessing.util.spawnv_passfds
        multiprocessing.util.spawnv_passfds = self._guard(start, "start a process")
        # without the guard, pytest would end early, silently and with the status of the call
        os._exit = self._guard(os._exit, "end the process")

    def forbid(self, what):
        if self.test is not None:
            pytest.fail(f"a unit test must not {what}; {self.test} does. Move the test.")

    def find_spec(self, name, path=None, _target=None):
        """Refuse SLOW_MODULES and guard the functions in BUILDERS, as a finder of sys.meta_path."""
        if name in SLOW_MODULES:
            self.forbid(f"import {name}")
        spec = importlib.machinery.PathFinder.find_spec(name, path) if name in BUILDERS else None
        if spec is None:
            return None
        execute = spec.loader.exec_module

        def execute_and_guard(module):
            execute(module)
            build = getattr(module, BUILDERS[name])
            setattr(module, BUILDERS[name], self._guard(build, "build a network of a library"))

        spec.loader.exec_module = execute_and_guard
        return spec

    def _audit(self, event, arguments):
        if event in audit.PROCESS_EVENTS and not CORE_COUNTERS.intersection(arguments[:1]):
            self.forbid("start a process")
        if event == "socket.connect" and is_remote(arguments[1]):
            self.forbid("connect to another machine")

    def _guard(self, function, what):
        @functools.wraps(function)
        def call(*arguments, **options):
            self.forbid(what)
            return function(*arguments, **options)

        return call
