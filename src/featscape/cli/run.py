"""Run a command: translate errors to one line, and signals and errors to an exit status.

The commands are imported after the signals are handled, because the import takes up to a second.
"""

from __future__ import annotations

import atexit
import errno
import os
import re
import signal
import sys
import warnings
from contextlib import redirect_stderr, redirect_stdout, suppress
from io import TextIOWrapper
from typing import TYPE_CHECKING, TextIO, cast

from featscape.cli.console import print_error
from featscape.cli.process import EndingSignals, LenientStream, ResultStream, open_closed_streams
from featscape.errors import FeatscapeError, first_line

if sys.platform != "win32":
    import resource  # now: later, no further file may be open

if TYPE_CHECKING:
    import typer

USER_ERROR = 2  # the exit status of other errors is 1, and 128 + N for signal N
_EXAMPLE = re.compile(r"^ +(featscape \S.*?)(?:  .*)?$", re.MULTILINE)  # without the remark
INTERRUPTED = 130  # the status that Typer returns for Ctrl-C
# a line in messages of the loader of libraries, of PyTorch, OpenVINO and C++
_NO_MEMORY = re.compile(".*(?:failed to map segment|can(?:no|')t alloc|bad_alloc).*")


def run_program() -> None:
    """Run `main` as a program: the process ends without the cleanup of Python's modules.

    The cleanup of PyTorch and OpenVINO takes more than a second. When it would begin, all files are
    closed, and threads and exit functions have ended.
    """
    status = 1  # of an exception that `main` does not translate

    def leave() -> None:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):  # ValueError: the stream is closed
                stream.flush()
        os._exit(status)

    atexit.register(leave)  # the first function that is registered runs last
    try:
        main()
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 1
        raise


def main() -> None:
    """Run the command line and print each error of featscape as one line."""
    signals = EndingSignals()
    signals.install()
    open_closed_streams()
    if isinstance(sys.stdout, TextIOWrapper):  # class names may not fit the encoding
        sys.stdout.reconfigure(errors="backslashreplace")
    # Pillow warns about damage that does not affect the image, such as invalid EXIF data
    warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
    error, output = LenientStream(sys.stderr), ResultStream(sys.stdout)
    with redirect_stderr(cast("TextIO", error)), redirect_stdout(cast("TextIO", output)):
        try:
            status = _run()
        except KeyboardInterrupt:  # outside Typer, which handles its own
            status = INTERRUPTED
        except (MemoryError, OSError, RuntimeError, ImportError) as error:
            message = _explain_limit(error)
            if message is None:
                raise
            print_error(message)
            status = USER_ERROR
        signals.finish()
        if status == INTERRUPTED:
            number = signals.received or signal.SIGINT
            is_key = number == signal.SIGINT
            name = signal.Signals(number).name
            print_error("interrupted." if is_key else f"stopped by {name}.")
            status = 128 + number
    sys.exit(status)


def _explain_limit(error: BaseException) -> str | None:
    """Return the message for a limit on memory, open files or threads; None for another error."""
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.EMFILE and sys.platform != "win32":
        n_files, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = max(1024, 4 * n_files)
        wanted = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
        remedy = (
            f"Raise the limit of the shell, for example with ulimit -n {wanted}"
            if wanted > n_files
            else "Ask the administrator of the system to raise the hard limit (ulimit -Hn)"
        )
        return f"the process may open {n_files:,} files, and needs more. {remedy}."
    found = _NO_MEMORY.search(str(error)) if number is None else None
    if isinstance(error, MemoryError) or number == errno.ENOMEM or found is not None:
        reason = first_line(error) if found is None else found[0]
        return (
            f"the process needs more memory than the system gives it ({reason}). End other "
            "programs, or raise the limit of the shell or the container (ulimit -v)."
        )
    if str(error) == "can't start new thread":
        return (
            "the system starts no further thread of the process. End other programs, or raise the "
            "limit of the shell or the container on processes (ulimit -u) or memory (ulimit -v)."
        )
    return None


def _with_remedy(error: typer.TyperException) -> str:
    """Return the message, with the remedy for an extra argument or an example of a missing one."""
    message: str = error.format_message().replace(": Value error, ", ": ")  # of pydantic
    context = getattr(error, "ctx", None)
    if message.startswith("Got unexpected extra argument"):
        is_map = context is not None and context.command.name == "map"
        folder = "For several files, name the folder that contains them. " if is_map else ""
        return f"{message}. {folder}Put an argument that contains spaces in quotes."
    found = _EXAMPLE.search((context.command.help or "") if context else "")
    if found is None or not message.startswith("Missing "):
        return message
    return f"{message} For example: {found[1]}"


def _run() -> int:
    """Run the command and return the exit status."""
    import typer

    from featscape.cli.commands import app

    try:
        status = app(standalone_mode=False)
        sys.stdout.flush()
    except typer.TyperException as error:
        print_error(_with_remedy(error))
        return USER_ERROR
    except FeatscapeError as error:
        print_error(str(error))
        return USER_ERROR
    except ImportError as error:
        if error.name != "meshtsne._native":  # see meshtsne.errors.InstallationError
            raise
        print_error(str(error))
        return 1
    except BrokenPipeError:  # from the last flush; Typer handles the others
        return 1
    return int(status or 0)
