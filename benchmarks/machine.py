"""What every benchmark says of the machine, asks of it, and prints its figures with."""

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

# They decide how the linear algebra libraries run, and some environments set them to slow values.
THREAD_LIMITS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
TUNING = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "MKL_DEBUG_CPU_TYPE", "ATEN_CPU_CAPABILITY")


def check_quiet(*, noisy: bool, n_threads: int) -> None:
    """Refuse to measure on a machine that is at work already, or that lacks the cores."""
    load = os.getloadavg()[0]
    if load > BUSY_ABOVE and not noisy:
        raise SystemExit(
            f"the machine must be quiet for its times to mean anything; its load average is "
            f"{load:.2f}, above {BUSY_ABOVE}. Wait a minute, or say --noisy and don't keep them."
        )
    n_cores = len(os.sched_getaffinity(0))
    if n_threads > n_cores:
        raise SystemExit(
            f"--threads must be at most the {n_cores} cores there are; got {n_threads}. Lower it."
        )


def environment(n_threads: int) -> dict[str, str]:
    """Return the environment of a measured process: every pool of threads is `n_threads` wide."""
    return os.environ | dict.fromkeys(THREAD_LIMITS, str(n_threads))


def describe(packages: Sequence[str], *, n_threads: int) -> str:
    """Return a Markdown line on processor, system, threads and versions of this interpreter."""
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
    """Return the most memory that this process has had resident.

    Linux counts it from the program's start here, while getrusage's ru_maxrss begins at what the
    parent had when it started the child.
    """
    peak = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
    if peak is None:
        raise SystemExit("peak memory is read from /proc/self/status; this system has none.")
    return 1024 * int(peak[1])


@contextmanager
def timed(stages_s: dict[str, float], name: str) -> Iterator[None]:
    """Time a block."""
    began = perf_counter()
    yield
    stages_s[name] = perf_counter() - began


def seconds(values: Sequence[float]) -> str:
    """Return the median, and the range where there are several: "1.23 s (1.20..1.31)"."""
    middle = f"{_digits(median(values))} s"
    if len(values) == 1:
        return middle
    return f"{middle} ({_digits(min(values))}..{_digits(max(values))})"


def _digits(value: float) -> str:
    return f"{value:.1f}" if value >= 9.95 else f"{value:.2f}" if value >= 0.1 else f"{value:.3f}"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table; the first column is text, the others are figures."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"
