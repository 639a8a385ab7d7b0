"""The process of one target: run tries until the time limit or until a crash."""

from __future__ import annotations

import faulthandler
import hashlib
import importlib
import json
import os
import resource
import shutil
import signal
import sys
import time
import traceback
from random import Random
from typing import TYPE_CHECKING, Any

from fuzz.rules import Rules, Violation, own_line

if TYPE_CHECKING:
    from pathlib import Path

    from fuzz.settings import Settings

CASE = "case"  # the folder with the input of the current try
STATUS = "status"  # the file with the number of the current try, and the slowest try so far


def load_target(name: str, workspace: Path, rules: Rules) -> Any:
    """Create the target with this name; the target writes its seed inputs to `workspace`."""
    return importlib.import_module(f"fuzz.targets.{name}").Target(workspace, rules)


def write_case(target: Any, name: str, seed_and_number: tuple[int, int], *, folder: Path) -> None:
    """Write the input of one try, which the seed and the number determine."""
    seed, number = seed_and_number
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    target.write(Random(f"{seed}/{name}/{number}"), folder)


def run(settings: Settings, name: str, *, workspace: Path, first: int, end: float) -> None:
    """Run tries from number `first` until `end` (time.monotonic); store the inputs that fail."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent process handles Ctrl-C
    limit = settings.max_bytes * 4  # for growth between two measurements of the parent process
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    faulthandler.enable()
    os.chdir(workspace)
    rules = Rules(workspace)
    target = load_target(name, workspace, rules)
    rules.watch_threads()
    status = os.open(workspace / STATUS, os.O_CREAT | os.O_RDWR | os.O_TRUNC)
    case = workspace / CASE
    slowest = (0.0, first)
    number = first
    while time.monotonic() < end and number < settings.first + settings.n_tries(name):
        os.pwrite(status, b"%20d %20.3f %20d" % (number, *slowest), 0)
        write_case(target, name, settings.seed_and_number(name, number), folder=case)
        began = time.monotonic()
        failure = check(target, rules, case, hang_s=settings.hang_s)
        slowest = max(slowest, (time.monotonic() - began, number))
        if failure is not None:
            key, text = failure
            keep(settings, name, number=number, key=key, text=text, case=case)
            with (workspace / "failures.jsonl").open("a") as file:
                file.write(json.dumps([number, key]) + "\n")
        number += 1
        os.pwrite(status, b"%20d %20.3f %20d" % (number, *slowest), 0)
    sys.stderr.flush()
    os._exit(0)  # without waiting for the threads of a server


def check(target: Any, rules: Rules, case: Path, *, hang_s: float) -> tuple[str, str] | None:
    """Check one input; return the kind and the text of the failure, or None without a failure."""
    faulthandler.dump_traceback_later(hang_s, exit=True)
    try:
        with rules.apply():
            target.check(case)
    except BaseException as error:  # noqa: BLE001 - any exception is a failure
        return _describe(error), traceback.format_exc()
    finally:
        faulthandler.cancel_dump_traceback_later()
        rules.input_names_places, rules.named_folder = False, None
    return None


def _describe(error: BaseException) -> str:
    """Return the kind of a failure: the rule or exception, and the line of the project."""
    if isinstance(error, Violation) and " at " in error.rule:
        return f"rule: {error.rule}"
    cause = (error.__cause__ or error) if isinstance(error, Violation) else error
    frames = [frame for frame, _ in traceback.walk_tb(cause.__traceback__)]
    name = f"rule: {error.rule}" if isinstance(error, Violation) else type(error).__name__
    return name + own_line(reversed(frames))


def keep(settings: Settings, name: str, *, number: int, key: str, text: str, case: Path) -> Path:
    """Store the first input of each kind of failure, and the command that repeats the failure."""
    digest = hashlib.sha256(key.encode(errors="replace")).hexdigest()[:8]
    folder = settings.failures / f"{name}-{digest}"
    if folder.exists():
        return folder
    folder.parent.mkdir(exist_ok=True)
    shutil.copytree(case, folder, symlinks=True, copy_function=_copy_file)
    seed, n = settings.seed_and_number(name, number)
    (folder / "failure.txt").write_text(
        f"{key}\n\nmake fuzz TARGET={name} SEED={seed} TRY={n}\n\n{text}\n",
        encoding="utf-8",
        errors="backslashreplace",
    )
    return folder


def _copy_file(source: str, destination: str) -> None:
    if os.path.isfile(source) or os.path.islink(source):  # noqa: PTH113, PTH114 - neither pipe nor socket
        shutil.copy2(source, destination, follow_symlinks=False)
