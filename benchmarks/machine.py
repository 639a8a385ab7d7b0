"""Describe and check the machine, and format figures, for all benchmarks."""

from __future__ import annotations

import os
import platform
import re
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

BUSY_ABOVE = 0.7  # one-minute load average

# Variables that change the speed of the linear algebra libraries
THREAD_LIMITS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
TUNING = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "MKL_DEBUG_CPU_TYPE", "ATEN_CPU_CAPABILITY")


def check_quiet(*, noisy: bool, n_threads: int) -> None:
    """Exit if the machine is busy and `noisy` is false, or if it has too few cores."""
    load = os.getloadavg()[0]
    if load > BUSY_ABOVE and not noisy:
        raise SystemExit(
            f"the load average must be at most {BUSY_ABOVE} for reliable times; got {load:.2f}. "
            "Wait a minute, or pass --noisy to try the script out."
        )
    n_cores = len(os.sched_getaffinity(0))
    if n_threads > n_cores:
        raise SystemExit(
            f"--threads must be at most the number of cores = {n_cores}; got {n_threads}. "
            "Lower --threads."
        )


def environment(n_threads: int) -> dict[str, str]:
    """Return the environment of a measured process: every library uses `n_threads` threads."""
    return os.environ | dict.fromkeys(THREAD_LIMITS, str(n_threads))


def describe(packages: Sequence[str], *, n_threads: int) -> str:
    """Return the processor, the system, the number of threads and the versions, as Markdown."""
    cpu_info = Path("/proc/cpuinfo").read_text()
    cpu = re.search(r"model name\s*: (.*)", cpu_info)
    family = re.search(r"cpu family\s*: (\d+)\nmodel\s*: (\d+)", cpu_info)
    wide = "with AVX-512" if "avx512f" in cpu_info else "without AVX-512"
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    lines = [
        f"{cpu[1] if cpu else platform.machine()}"
        + (f" (family {family[1]}, model {family[2]}, {wide})" if family else "")
        + f", {len(os.sched_getaffinity(0))} cores, {memory_gib:.0f} GiB; {n_threads} threads; "
        f"load average at the start {os.getloadavg()[0]:.2f}",
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}, "
        + ", ".join(f"{package} {version(package)}" for package in packages),
    ]
    lines += [f"{name}={os.environ[name]} is set" for name in TUNING if name in os.environ]
    return "  \n".join(lines)


def peak_memory_bytes() -> int:
    """Return the peak resident memory of this process.

    getrusage's ru_maxrss would include the memory of the parent process at the time of the fork.
    """
    peak = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
    if peak is None:
        raise SystemExit("/proc/self/status must have an entry VmHWM. Run the benchmark on Linux.")
    return 1024 * int(peak[1])


@contextmanager
def timed(stages_s: dict[str, float], name: str) -> Iterator[None]:
    """Store the duration of the block in `stages_s[name]`, in seconds."""
    began = perf_counter()
    yield
    stages_s[name] = perf_counter() - began


def seconds(values: Sequence[float]) -> str:
    """Return the median, and the range of several values: "1.23 s (1.20..1.31)"."""
    middle = f"{_digits(median(values))} s"
    if len(values) == 1:
        return middle
    return f"{middle} ({_digits(min(values))}..{_digits(max(values))})"


def _digits(value: float) -> str:
    return f"{value:.1f}" if value >= 9.95 else f"{value:.2f}" if value >= 0.1 else f"{value:.3f}"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table. The first column is text; the other columns are numbers."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"
