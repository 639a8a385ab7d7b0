"""A unit test that performs a forbidden operation fails."""

import importlib
import multiprocessing
import os
import socket
import subprocess
import sys

import pytest

from helpers.unit_guard import BUILDERS

FORBIDDEN = pytest.fail.Exception


@pytest.mark.parametrize(
    "start",
    [
        lambda: subprocess.run([sys.executable, "-c", ""], check=True),
        lambda: os.system("true"),
        lambda: os.posix_spawn(sys.executable, [sys.executable, "-c", ""], {}),
        lambda: multiprocessing.get_context("spawn").Process(target=print).start(),
        lambda: multiprocessing.get_context("forkserver").Process(target=print).start(),
        lambda: multiprocessing.get_context("fork").Process(target=print).start(),
    ],
    ids=["subprocess", "system", "posix_spawn", "spawn", "forkserver", "fork"],
)
def test_a_process_is_forbidden(start):
    with pytest.raises(FORBIDDEN, match=r"must not start a process; .*test_unit_guard\.py.* does"):
        start()


def test_the_end_of_the_process_is_forbidden():
    with pytest.raises(FORBIDDEN, match="must not end the process"):
        os._exit(0)


def test_a_connection_to_another_machine_is_forbidden():
    with (
        socket.socket() as client,
        pytest.raises(FORBIDDEN, match="must not connect to another machine"),
    ):
        client.connect(("192.0.2.1", 80))


def test_a_connection_to_this_machine_is_allowed():
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname()).close()


@pytest.mark.parametrize("module", ["ray", "playwright"])
def test_a_slow_module_is_forbidden(monkeypatch, module):
    monkeypatch.delitem(sys.modules, module, raising=False)
    with pytest.raises(FORBIDDEN, match=f"must not import {module}"):
        importlib.import_module(module)


def test_a_network_of_a_library_is_forbidden(monkeypatch, tmp_path):
    (tmp_path / "library_of_networks.py").write_text("def build(name): return name")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(BUILDERS, "library_of_networks", "build")
    library = importlib.import_module("library_of_networks")
    monkeypatch.delitem(sys.modules, "library_of_networks")
    with pytest.raises(FORBIDDEN, match="must not build a network of a library"):
        library.build("resnet18")
