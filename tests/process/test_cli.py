"""The command line in a separate process."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.usefixtures("here")


class TestHelp:
    def test_help_takes_less_than_half_a_second(self):
        code = (
            "import sys; sys.argv = ['featscape', 'map', '--help']; from featscape import cli\n"
            "try: cli.main()\nexcept SystemExit: print(*sys.modules)"
        )
        times_s = []
        for _ in range(2):  # the first run may compile the modules
            before = os.times()
            done = subprocess.run(
                [sys.executable, "-c", code], capture_output=True, text=True, check=True
            )
            after = os.times()
            # processor time, because other processes slow down the clock time
            times_s.append(sum(after[2:4]) - sum(before[2:4]))
        loaded = set(done.stdout.splitlines()[-1].split())
        assert not loaded & {"torch", "numpy", "matplotlib", "sklearn", "pyarrow"}
        assert min(times_s) < 0.5


class TestCompletion:
    def test_a_shell_completes_the_name_of_a_command(self):
        completing = {"_FEATSCAPE_COMPLETE": "complete_bash", "COMP_CWORD": "1"}
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                "import sys; sys.argv = ['featscape']; from featscape.cli import main; main()",
            ],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, **completing, "COMP_WORDS": "featscape se"},
        )
        assert done.stdout.split() == ["serve", "search"]
        assert done.stderr == ""


class TestExit:
    def test_python_m_featscape_is_the_command(self):
        done = subprocess.run(
            [sys.executable, "-m", "featscape", "--version"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stdout.split()[0], done.stderr) == (0, "featscape", "")

    def test_exit_functions_run_and_modules_are_not_cleaned_up(self):
        code = (
            "import atexit, sys\n"
            "from featscape.cli import main, run\n"
            "class Slow:\n"
            "    def __del__(self): print('cleanup')\n"
            "slow = Slow()\n"
            "def work():\n"
            "    atexit.register(print, 'exit function')\n"
            "    sys.exit(2)\n"
            "run.main = work\n"
            "main()"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stdout) == (2, "exit function\n")


class TestScreens:
    @pytest.mark.usefixtures("map_run")
    @pytest.mark.parametrize(("encoding", "bar"), [("latin-1", "="), ("utf-8", "\u2501")])
    def test_bars_fit_the_encoding_of_the_screen(self, here, encoding, bar):
        command = [sys.executable, "-c", "from featscape.cli import main; main()", "info", "m"]
        environment = os.environ | {"PYTHONIOENCODING": encoding}
        done = subprocess.run(command, cwd=here, env=environment, capture_output=True, check=True)
        assert 20 * bar in done.stdout.decode(encoding)
        assert done.stderr == b""
