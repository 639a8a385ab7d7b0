"""Signals and screens of the command line, without a process of their own."""

import importlib
import multiprocessing
import os
import signal
import sys
import time
from contextlib import suppress

import pytest
from tests.conftest import QuickNetwork
from tests.unit.test_resume import HEAVY

from featscape.cli import main
from featscape.cli.process import EndingSignals, LenientStream
from featscape.features.extraction import shards

pytestmark = [
    pytest.mark.usefixtures("here"),
    pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="Windows has other signals"),
]


class SlowNetwork(QuickNetwork):
    """A network with time to be stopped in."""

    def run(self, pixels):
        time.sleep(0.1)
        return super().run(pixels)


def run_command(folder, out, err, arguments):
    """Be the command line in a process of its own, with these files as its screens."""
    os.chdir(folder)
    for descriptor, file in ((1, out), (2, err)):
        if file is None:
            os.close(descriptor)
        else:
            os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT, 0o600), descriptor)
    sys.stdout = None if out is None else os.fdopen(1, "w")
    sys.stderr = None if err is None else os.fdopen(2, "w", buffering=1)
    sys.argv = ["featscape", *map(str, arguments)]
    signal.signal(signal.SIGINT, signal.default_int_handler)  # it may be ignored here
    module = importlib.import_module("featscape.features.extraction.loop")
    module.load_network = lambda *_, **__: SlowNetwork()
    shards.MOST_SECONDS = 0.0
    os.fsync = lambda _handle: None  # see conftest.py
    main()


@pytest.fixture
def begin(here):
    """Return a function that begins a command: arguments -> its process."""
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
        """Begin a map, stop it once some features are saved, and return the status and lines."""
        process = begin("map", photos, *MAP)
        wait_for(lambda: any(here.glob(".m.partial/kept/*/*.json")))
        for number in signals:
            with suppress(ProcessLookupError):  # it has ended
                os.kill(process.pid, number)
            time.sleep(0.05)
        process.join()
        assert any(here.glob(".m.partial/kept/*/*.json"))
        assert not (here / ".m.partial" / "new").exists()
        return process.exitcode, (here / "err").read_text().splitlines()

    def test_a_later_signal_ends_the_process_at_once(self, monkeypatch):
        ends = []
        monkeypatch.setattr("os._exit", ends.append)
        monkeypatch.setattr("featscape.cli.process._ENDING_S", -1.0)
        signals = EndingSignals()
        with pytest.raises(KeyboardInterrupt):
            signals._handle(signal.SIGINT, None)
        signals._handle(signal.SIGTERM, None)
        assert ends == [128 + signal.SIGTERM]

    def test_a_signal_that_is_ignored_stays_ignored(self):
        previous = signal.signal(signal.SIGHUP, signal.SIG_IGN)
        others = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            EndingSignals().install()
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        finally:
            for number, handler in {**others, signal.SIGHUP: previous}.items():
                signal.signal(number, handler)


class TestScreensThatCannotBeWritten:
    def test_what_can_be_written_again_is_written(self):
        class FullFor:
            def __init__(self, n_writes):
                self.n_writes, self.written = n_writes, []

            def write(self, text):
                self.n_writes -= 1
                if self.n_writes >= 0:
                    raise OSError(28, "No space left on device")
                self.written.append(text)
                return len(text)

            def fileno(self):
                raise OSError

        stream = FullFor(1)
        lenient = LenientStream(stream)
        assert [lenient.write("lost"), lenient.write("seen")] == [4, 4]
        assert stream.written == ["seen"]
