"""Starts the process of each target, measures its memory, and restarts it after a crash."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from fuzz.child import CASE, STATUS, keep
from fuzz.settings import SHARED

if TYPE_CHECKING:
    from fuzz.settings import Settings

_WITH_MAP = {"maps", "requests"}
_MEASURE_EVERY_S = 0.02  # between two measurements of the memory
_START_S = 300.0  # the time limit of a process for writing its seed inputs
_GRACE_S = 30.0  # the time for ending after the time limit
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_FRAME = re.compile(r'File ".*[/\\](?:featscape|meshtsne)[/\\](?:.*[/\\])?([^/\\"]+)", line (\d+)')


@dataclass
class Outcome:
    """The results of one target.

    Attributes
    ----------
    failures : Counter
        Kind of failure -> number of tries.
    slowest : tuple
        The duration in seconds and the number of the slowest try.
    """

    target: str
    n_tries: int = 0
    seconds: float = 0.0
    failures: Counter[str] = field(default_factory=Counter)
    slowest: tuple[float, int] = (0.0, 0)
    peak_bytes: int = 0


def run_targets(names: list[str], settings: Settings, *, seconds: float) -> list[Outcome]:
    """Run targets in parallel for `seconds`, each in a separate process.

    After Ctrl-C, return the outcomes so far.
    """
    memory = Path("/dev/shm")  # a file system in memory, faster than a disk
    place = memory if memory.is_dir() else None  # else the folder for temporary files
    with (
        tempfile.TemporaryDirectory(prefix="featscape-fuzz-", dir=place) as folder,
        ThreadPoolExecutor(len(names)) as pool,
    ):
        shared = Path(folder) / SHARED
        if not _WITH_MAP.isdisjoint(names):
            _make_seed_map(shared)
        end = time.monotonic() + seconds
        stop = threading.Event()
        runs = [
            pool.submit(_run_target, name, settings, Path(folder) / name, end, stop)
            for name in names
        ]
        try:
            wait(runs, return_when=FIRST_EXCEPTION)
        except KeyboardInterrupt:
            pass
        finally:
            stop.set()
        return [run.result() for run in runs]


def _make_seed_map(shared: Path) -> None:
    """Make the seed map of several targets in a separate process."""
    shared.mkdir()
    subprocess.run(
        [sys.executable, "-m", "hostile.seedmap", str(shared)], env=_environment(shared), check=True
    )


def _run_target(
    name: str, settings: Settings, workspace: Path, end: float, stop: threading.Event
) -> Outcome:
    """Run one target until `end` (time.monotonic); start a new process after a crash."""
    outcome = Outcome(name)
    began, first = time.monotonic(), settings.first
    last = settings.first + settings.n_tries(name)
    while time.monotonic() < end and not stop.is_set() and first < last:
        shutil.rmtree(workspace, ignore_errors=True)
        workspace.mkdir()
        death = _run_process(name, settings, workspace, outcome, first=first, end=end, stop=stop)
        number, slowest_s, slowest = _read_status(workspace, first)
        outcome.slowest = max(outcome.slowest, (slowest_s, slowest))
        for line in _lines(workspace / "failures.jsonl"):
            outcome.failures[json.loads(line)[1]] += 1
        outcome.n_tries += number - first
        if death is None or stop.is_set():
            break
        key, text = death
        outcome.failures[key] += 1
        if not (workspace / CASE).is_dir():
            raise RuntimeError(f"the target {name} did not start: {key}\n{text}")
        outcome.n_tries += 1
        keep(settings, name, number=number, key=key, text=text, case=workspace / CASE)
        first = number + 1
    outcome.seconds = time.monotonic() - began
    return outcome


def _run_process(
    name: str,
    settings: Settings,
    workspace: Path,
    outcome: Outcome,
    *,
    first: int,
    end: float,
    stop: threading.Event,
) -> tuple[str, str] | None:
    """Run one process to its end; return the cause of a crash and the output, else None."""
    arguments = {
        "settings": {**dataclasses.asdict(settings), "failures": str(settings.failures)},
        "name": name,
        "workspace": str(workspace),
        "first": first,
        "end": end,
    }
    with (workspace / "stderr").open("a+b") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "fuzz", "--child", json.dumps(arguments)],
            stdin=subprocess.DEVNULL,
            stdout=stderr,
            stderr=stderr,
            env=_environment(workspace),
        )
        ending, status = None, workspace / STATUS
        late = end + settings.hang_s + _GRACE_S
        while process.poll() is None:
            resident = resident_bytes(process.pid)
            outcome.peak_bytes = max(outcome.peak_bytes, resident)
            if stop.is_set():
                ending = "stopped"
            elif resident > settings.max_bytes:
                ending = f"memory above {settings.max_bytes >> 20} MB"
            elif time.monotonic() > late + (0 if status.exists() else _START_S):
                ending = "the process did not end"
            if ending is not None:
                process.send_signal(signal.SIGABRT)  # faulthandler prints the stacks
                process.wait(timeout=_GRACE_S)
            time.sleep(_MEASURE_EVERY_S)
    printed = (workspace / "stderr").read_text(encoding="utf-8", errors="replace")[-20_000:]
    if process.returncode == 0:
        return None
    return f"{ending or _name_death(process.returncode, printed)}{_place(printed)}", printed


def _environment(workspace: Path) -> dict[str, str]:
    """Return the environment of a process: offline, with all files in the workspace."""
    for name in ("tmp", "home"):
        (workspace / name).mkdir()
    fonts = workspace.parent / "fonts"  # matplotlib needs seconds to list the fonts
    one_thread = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), *filter(None, sys.path)]),
        "PYTHONHASHSEED": "0",
        "TMPDIR": str(workspace / "tmp"),
        "HOME": str(workspace / "home"),
        "XDG_CACHE_HOME": str(workspace / "home"),
        "XDG_DATA_HOME": str(workspace / "home"),
        "MPLCONFIGDIR": str(fonts),
        "HF_HUB_OFFLINE": "1",
        "no_proxy": "*",
        "AWS_EC2_METADATA_DISABLED": "true",  # s3fs asks a network address for credentials
        **dict.fromkeys(one_thread, "1"),
    }


def resident_bytes(process_id: int) -> int:
    """Return the resident memory of a process, or 0 if the process has ended."""
    try:
        fields = Path(f"/proc/{process_id}/statm").read_text(encoding="ascii").split()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(fields[1]) * _PAGE_BYTES if len(fields) > 1 else 0


def _read_status(workspace: Path, first: int) -> tuple[int, float, int]:
    lines = _lines(workspace / STATUS)
    if not lines:
        return first, 0.0, first
    number, slowest_s, slowest = lines[0].split()
    return int(number), float(slowest_s), int(slowest)


def _lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []


def _name_death(status: int, printed: str) -> str:
    if "Timeout (" in printed:
        return "hang"
    return signal.Signals(-status).name if status < 0 else f"exit status {status}"


def _place(printed: str) -> str:
    """Return the innermost line of the project in the stacks from faulthandler."""
    frame = _FRAME.search(printed)
    return "" if frame is None else f" at {frame[1]}:{frame[2]}"
