"""Signals and output errors of the command line, in the process of the tests."""

import signal
import time

import pytest

from featscape.cli.process import EndingSignals, LenientStream

pytestmark = [
    pytest.mark.usefixtures("here"),
    pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="Windows has other signals"),
]


class TestSignals:
    def test_a_later_signal_ends_the_process_at_once(self, monkeypatch):
        ends = []
        monkeypatch.setattr("os._exit", ends.append)
        monkeypatch.setattr("featscape.cli.process._ENDING_S", -1.0)
        signals = EndingSignals()
        with pytest.raises(KeyboardInterrupt):
            signals._handle(signal.SIGINT, None)
        signals._handle(signal.SIGTERM, None)
        assert ends == [128 + signal.SIGTERM]

    def test_a_signal_in_a_destructor_ends_the_command(self):
        class Closing:
            def __del__(self):
                signal.raise_signal(signal.SIGINT)

        def work():
            closing = Closing()
            del closing  # Python ignores the exception of the first handler
            for _ in range(1_000):  # the signal is raised again, but does not end a long sleep
                time.sleep(0.01)

        handlers = {number: signal.getsignal(number) for number in signal.valid_signals()}
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job ignores SIGINT
        signals = EndingSignals()
        signals.install()
        try:
            with pytest.raises(KeyboardInterrupt):
                work()
        finally:
            signals.finish()
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, handlers[number])
        assert signals.received == signal.SIGINT

    def test_a_signal_that_is_ignored_stays_ignored(self):
        previous = signal.signal(signal.SIGHUP, signal.SIG_IGN)
        others = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            signals = EndingSignals()
            signals.install()
            signals.finish()
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        finally:
            for number, handler in {**others, signal.SIGHUP: previous}.items():
                signal.signal(number, handler)


class TestStreamsThatCannotBeWritten:
    def test_text_is_written_after_an_earlier_write_failed(self):
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
