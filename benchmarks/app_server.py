"""Measure `featscape serve`: how soon it answers, and how it stands a crowd.

The server runs in a process of its own, on the loopback interface, with any map folder; that of a
million items is written by `million_map.py`. First one client asks alone, one request after the
other. Then many ask at once, half of them for neighbors and half for blocks of thumbnails, each as
soon as it has its answer; every answer is checked, and the server's memory is read every second.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import subprocess
import sys
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from machine import check_quiet, describe, table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

N_CORES = 2
RUN = "from featscape.cli import main; main()"
PACKAGES = ("featscape", "fastapi", "uvicorn", "pyarrow")


@dataclass(frozen=True)
class Question:
    """A request, and what its answer must be like."""

    kind: str
    path: str
    is_right: Callable[[bytes], bool]
    status: int = 200
    headers: str = ""
    body: bytes = b""


@dataclass
class Tally:
    """Seconds of each right answer by kind, and what was wrong with the others."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    errors: list[str] = field(default_factory=list)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, metavar="MAP", help="a map folder")
    parser.add_argument("--clients", type=int, default=100, metavar="N")
    parser.add_argument("--seconds", type=int, default=60, metavar="S", help="how long they ask")
    parser.add_argument("--noisy", action="store_true", help="on a busy machine, to try it out")
    arguments = parser.parse_args()
    check_quiet(noisy=arguments.noisy, n_threads=N_CORES)
    print(describe(PACKAGES, n_threads=N_CORES) + "\n")
    with serve(arguments.folder) as (process, port):
        manifest = json.loads((arguments.folder / "bundle" / "manifest.json").read_bytes())
        print(f"{manifest['n_items']:,} items; {memory_mb(process):.0f} MB resident at the start\n")
        asyncio.run(measure(arguments, manifest, port=port, process=process))


@contextmanager
def serve(folder: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Run the server for a block; yield its process and port."""
    began = perf_counter()
    command = [sys.executable, "-c", RUN, "serve", str(folder), "--no-browser", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            address = re.search(r":(\d+)/", process.stdout.readline())
            if address is None:
                raise SystemExit("the server did not start; see above.")
            print(f"listens after {perf_counter() - began:.1f} s; ", end="")
            yield process, int(address[1])
        finally:
            process.terminate()


async def measure(
    arguments: argparse.Namespace,
    manifest: dict[str, Any],
    *,
    port: int,
    process: subprocess.Popen[str],
) -> None:
    questions = ask_anything(arguments.folder, manifest)
    alone = Tally()
    for kind, n_requests in (
        ("neighbors", 1000),
        ("details", 1000),
        ("block", 1000),
        ("search", 20),
    ):
        await ask(questions[kind], alone, port=port, until=None, n_requests=n_requests)
    print("One client alone\n")
    print(report(alone, seconds=None))
    crowd, memory = Tally(), []
    until = perf_counter() + arguments.seconds
    kinds = ("neighbors", "block")
    clients = [
        asyncio.create_task(ask(questions[kinds[number % 2]], crowd, port=port, until=until))
        for number in range(arguments.clients)
    ]
    while perf_counter() < until:
        memory.append(memory_mb(process))
        await asyncio.sleep(1)
    await asyncio.gather(*clients)
    print(f"{arguments.clients} clients at once for {arguments.seconds} s\n")
    print(report(crowd, seconds=arguments.seconds))
    tenth = max(len(memory) // 10, 1)
    print(
        f"{len(crowd.errors)} errors; memory {np.mean(memory[tenth : 2 * tenth] or memory):.0f} MB "
        f"in the second tenth of the time, {np.mean(memory[-tenth:]):.0f} MB in the last"
    )
    for error in (alone.errors + crowd.errors)[:5]:
        print(f"error: {error}")
    if alone.errors or crowd.errors:
        raise SystemExit(1)


def ask_anything(folder: Path, manifest: dict[str, Any]) -> dict[str, Callable[[], Question]]:
    """Return what draws a random question of each kind."""
    n_items = manifest["n_items"]
    pack = manifest["thumbnails"][-1]
    starts = np.fromfile(folder / "bundle" / pack["starts"]["file"], "<f8").astype(int)
    draw = random.Random(0)
    words = [entry["name"] for entry in manifest["classes"]]

    def neighbors() -> Question:
        return Question(
            "neighbors",
            f"/api/items/{draw.randrange(n_items)}/neighbors",
            lambda body: len(json.loads(body)["ids"]) > 0,
        )

    def details() -> Question:
        item = draw.randrange(n_items)
        path = f"/api/items/{item}"
        return Question("details", path, lambda body: json.loads(body)["id"] == item)

    def block() -> Question:
        number = draw.randrange(len(starts) - 1)
        start, end = starts[number : number + 2]
        return Question(
            "block",
            f"/data/{pack['file']}",
            lambda body: len(body) == end - start,
            status=206,
            headers=f"Range: bytes={start}-{end - 1}\r\n",
        )

    def search() -> Question:
        body = json.dumps({"text": f"{draw.choice(words)} {draw.randrange(100)}"}).encode()
        return Question(
            "search",
            "/api/search",
            lambda found: len(found) % 4 == 0,
            headers="Content-Type: application/json\r\n",
            body=body,
        )

    return {"neighbors": neighbors, "details": details, "block": block, "search": search}


async def ask(
    draw: Callable[[], Question],
    tally: Tally,
    *,
    port: int,
    until: float | None,
    n_requests: int = 1 << 30,
) -> None:
    """Ask over one connection, until the time is over or so many times."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(n_requests):
        if until is not None and perf_counter() > until:
            break
        question = draw()
        began = perf_counter()
        try:
            status, body = await exchange(reader, writer, question)
        except (OSError, EOFError) as error:
            tally.errors.append(f"{question.path}: {error!r}")
            break
        if status == question.status and question.is_right(body):
            tally.seconds[question.kind].append(perf_counter() - began)
        else:
            tally.errors.append(f"{question.path}: {status} {body[:200]!r}")
    writer.close()


async def exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, question: Question
) -> tuple[int, bytes]:
    method = "POST" if question.body else "GET"
    writer.write(
        f"{method} {question.path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{question.headers}"
        f"Content-Length: {len(question.body)}\r\n\r\n".encode()
        + question.body
    )
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    length = re.search(r"content-length: (\d+)", head)
    if length is None:
        raise EOFError(head)
    return int(head.split(" ", 2)[1]), await reader.readexactly(int(length[1]))


def report(tally: Tally, *, seconds: int | None) -> str:
    rows = []
    for kind, taken in tally.seconds.items():
        cuts = quantiles(taken, n=100, method="inclusive")
        rate = "" if seconds is None else f"{len(taken) / seconds:,.0f}"
        times = [f"{1000 * one:.1f}" for one in (cuts[49], cuts[94], cuts[98], max(taken))]
        rows.append([kind, f"{len(taken):,}", rate, *times])
    header = ["", "answers", "a second", "median, ms", "95%", "99%", "longest"]
    return table(header, rows)


def memory_mb(process: subprocess.Popen[str]) -> float:
    resident = re.search(r"VmRSS:\s*(\d+) kB", Path(f"/proc/{process.pid}/status").read_text())
    if resident is None:
        raise SystemExit("the server has ended; see above.")
    return int(resident[1]) / 1000


if __name__ == "__main__":
    main()
