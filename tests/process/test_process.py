"""Signals and output errors of the command line in a separate process."""

import multiprocessing
import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from featscape.cli import main
from featscape.features.extraction import shards
from featscape.pipeline import open_map
from helpers.maps.interrupted_runs import HEAVY
from helpers.networks.quick_network import QuickNetwork, put_in_place

pytestmark = [
    pytest.mark.usefixtures("here"),
    pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="Windows has other signals"),
]


class SlowNetwork(QuickNetwork):
    """A slow network, so that a run can be stopped."""

    def run(self, pixels):
        time.sleep(0.1)
        return super().run(pixels)


def run_command(folder, out, err, arguments):
    """Run the command line in this process, with the files `out` and `err` as its streams."""
    os.chdir(folder)
    for descriptor, file in ((1, out), (2, err)):
        if file is None:
            os.close(descriptor)
        else:
            os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT, 0o600), descriptor)
    sys.stdout = None if out is None else os.fdopen(1, "w")
    sys.stderr = None if err is None else os.fdopen(2, "w", buffering=1)
    sys.argv = ["featscape", *map(str, arguments)]
    signal.signal(signal.SIGINT, signal.default_int_handler)  # the parent process may ignore it
    put_in_place(SlowNetwork(), pytest.MonkeyPatch())
    shards.MAX_SECONDS = 0.0
    os.fsync = lambda _handle: None  # see conftest.py
    main()


@pytest.fixture
def begin(here):
    """Return a function that starts a command and returns its process."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(HEAVY)

    def begin(*arguments, out="out", err="err"):
        process = context.Process(target=run_command, args=(here, out, err, arguments))
        process.start()
        return process

    return begin


def wait_for(condition, *, most_s=60):
    until = time.monotonic() + most_s
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


MAP = ("-o", "m", "--perplexity", 4, "--size", 400)


class TestSignals:
    def stop(self, begin, photos, here, *signals):
        """Start a map, stop the run when features are saved; return the status and the lines."""
        process = begin("map", photos, *MAP)
        wait_for(lambda: any(here.glob(".m.partial/kept/*/*.json")))
        for number in signals:
            with suppress(ProcessLookupError):  # the process has ended
                os.kill(process.pid, number)
            time.sleep(0.05)
        process.join()
        assert any(here.glob(".m.partial/kept/*/*.json"))
        assert not (here / ".m.partial" / "new").exists()
        return process.exitcode, (here / "err").read_text().splitlines()

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
    def test_a_signal_ends_a_run_with_one_line_and_keeps_its_work(
        self, begin, photos, here, number
    ):
        status, lines = self.stop(begin, photos, here, number)
        assert status == 128 + number
        assert lines[-1] == f"featscape: stopped by {number.name}."
        assert "is kept in .m.partial: repeat the call to continue" in lines[-2]

    @pytest.mark.parametrize("signals", [[signal.SIGINT] * 2, [signal.SIGINT, signal.SIGTERM] * 2])
    def test_later_signals_do_not_interrupt_the_end_of_a_run(self, begin, photos, here, signals):
        status, lines = self.stop(begin, photos, here, *signals)
        assert status == 130
        assert lines[-1] == "featscape: interrupted."
        assert "Traceback" not in "".join(lines)


INTERRUPTED_IMPORT = """
import signal, sys
from featscape.cli import main

class Interrupts:
    def find_spec(self, name, path, target=None):
        if name == "typer":
            signal.raise_signal(signal.SIGINT)

signal.signal(signal.SIGINT, signal.default_int_handler)
sys.meta_path.insert(0, Interrupts())
main()
"""


def test_a_signal_during_the_import_of_the_commands_ends_with_one_line():
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED_IMPORT], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (130, "featscape: interrupted.\n")


class TestUnwritableStreams:
    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a device that is full")
    @pytest.mark.parametrize("err", ["/dev/full", None])
    def test_unwritable_progress_does_not_end_a_run(self, begin, photos, here, err):
        process = begin("map", photos, *MAP, err=err)
        process.join()
        assert process.exitcode == 0
        assert len(open_map("m")) == 24
        assert "24 images" in (here / "out").read_text()

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a device that is full")
    def test_an_unwritable_result_is_an_error(self, begin, here):
        process = begin("--version", out="/dev/full")
        process.join()
        assert process.exitcode == 2
        (line,) = (here / "err").read_text().splitlines()
        assert line.startswith("featscape: cannot write to the standard output: No space left")

    def test_a_closed_pipe_causes_no_traceback(self, begin, here):
        os.mkfifo(here / "pipe")
        reader = os.open(here / "pipe", os.O_RDONLY | os.O_NONBLOCK)
        process = begin("models", "*", out="pipe")  # more lines than a pipe holds
        wait_for(lambda: select.select([reader], [], [], 0)[0] and os.read(reader, 1))
        os.close(reader)
        process.join()
        assert (process.exitcode, (here / "err").read_text()) == (1, "")

    def test_a_closed_output_causes_no_error(self, begin, here):
        process = begin("--help", out=None)
        process.join()
        assert (process.exitcode, (here / "err").read_text()) == (0, "")
