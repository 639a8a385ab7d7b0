"""Measure the latency and throughput of `featscape serve`, with one client and with many.

The server runs in a separate process on the loopback interface, with any map folder;
`million_map.py` writes a map of a million items. First one client sends requests one after the
other. Then many clients send requests at once, half of them for neighbors and half for blocks of
thumbnails. Each response is checked, and the server's memory is sampled every second.
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
class Request:
    """A request, and the check of its response."""

    kind: str
    path: str
    is_correct: Callable[[bytes], bool]
    status: int = 200
    headers: str = ""
    body: bytes = b""


@dataclass
class Tally:
    """The duration of each correct response in seconds, by kind, and the other responses."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    errors: list[str] = field(default_factory=list)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, metavar="MAP", help="a map folder")
    parser.add_argument("--clients", type=int, default=100, metavar="N")
    parser.add_argument("--seconds", type=int, default=60, metavar="S", help="duration of the load")
    parser.add_argument("--noisy", action="store_true", help="allow a busy machine")
    arguments = parser.parse_args()
    check_quiet(noisy=arguments.noisy, n_threads=N_CORES)
    print(describe(PACKAGES, n_threads=N_CORES) + "\n")
    with serve(arguments.folder) as (process, port):
        manifest = json.loads((arguments.folder / "bundle" / "manifest.json").read_bytes())
        start_mb = memory_mb(process)
        print(f"{manifest['n_items']:,} items; {start_mb:.0f} MB resident at the start.\n")
        asyncio.run(measure(arguments, manifest, port=port, process=process))


@contextmanager
def serve(folder: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Run the server during the block; yield the process and the port."""
    began = perf_counter()
    command = [sys.executable, "-c", RUN, "serve", str(folder), "--no-browser", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            address = re.search(r":(\d+)/", process.stdout.readline())
            if address is None:
                raise SystemExit("the server did not start. Its error is printed above.")
            print(f"The server listens after {perf_counter() - began:.1f} s. ", end="")
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
    generators = request_generators(arguments.folder, manifest)
    alone = Tally()
    for kind, n_requests in (
        ("neighbors", 1000),
        ("details", 1000),
        ("block", 1000),
        ("search", 20),
    ):
        await send_requests(generators[kind], alone, port=port, until=None, n_requests=n_requests)
    print("One client\n")
    print(report(alone, seconds=None))
    crowd, memory = Tally(), []
    until = perf_counter() + arguments.seconds
    kinds = ("neighbors", "block")
    clients = [
        asyncio.create_task(
            send_requests(generators[kinds[number % 2]], crowd, port=port, until=until)
        )
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
        f"{len(crowd.errors)} errors. The memory was "
        f"{np.mean(memory[tenth : 2 * tenth] or memory):.0f} MB in the second tenth of the time, "
        f"and {np.mean(memory[-tenth:]):.0f} MB in the last tenth."
    )
    for error in (alone.errors + crowd.errors)[:5]:
        print(f"error: {error}")
    if alone.errors or crowd.errors:
        raise SystemExit(1)


def request_generators(folder: Path, manifest: dict[str, Any]) -> dict[str, Callable[[], Request]]:
    """Return a function for each kind of request, which returns a random request."""
    n_items = manifest["n_items"]
    pack = manifest["thumbnails"][-1]
    starts = np.fromfile(folder / "bundle" / pack["starts"]["file"], "<f8").astype(int)
    draw = random.Random(0)
    words = [entry["name"] for entry in manifest["classes"]]

    def neighbors() -> Request:
        return Request(
            "neighbors",
            f"/api/items/{draw.randrange(n_items)}/neighbors",
            lambda body: len(json.loads(body)["ids"]) > 0,
        )

    def details() -> Request:
        item = draw.randrange(n_items)
        path = f"/api/items/{item}"
        return Request("details", path, lambda body: json.loads(body)["id"] == item)

    def block() -> Request:
        number = draw.randrange(len(starts) - 1)
        start, end = starts[number : number + 2]
        return Request(
            "block",
            f"/data/{pack['file']}",
            lambda body: len(body) == end - start,
            status=206,
            headers=f"Range: bytes={start}-{end - 1}\r\n",
        )

    def search() -> Request:
        body = json.dumps({"text": f"{draw.choice(words)} {draw.randrange(100)}"}).encode()
        return Request(
            "search",
            "/api/search",
            lambda found: len(found) % 4 == 0,
            headers="Content-Type: application/json\r\n",
            body=body,
        )

    return {"neighbors": neighbors, "details": details, "block": block, "search": search}


async def send_requests(
    draw: Callable[[], Request],
    tally: Tally,
    *,
    port: int,
    until: float | None,
    n_requests: int = 1 << 30,
) -> None:
    """Send requests over one connection until the time `until`, at most `n_requests`."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(n_requests):
        if until is not None and perf_counter() > until:
            break
        request = draw()
        began = perf_counter()
        try:
            status, body = await exchange(reader, writer, request)
        except (OSError, EOFError) as error:
            tally.errors.append(f"{request.path}: {error!r}")
            break
        if status == request.status and request.is_correct(body):
            tally.seconds[request.kind].append(perf_counter() - began)
        else:
            tally.errors.append(f"{request.path}: {status} {body[:200]!r}")
    writer.close()


async def exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: Request
) -> tuple[int, bytes]:
    method = "POST" if request.body else "GET"
    writer.write(
        f"{method} {request.path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{request.headers}"
        f"Content-Length: {len(request.body)}\r\n\r\n".encode()
        + request.body
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
        times = [f"{1000 * s:.1f}" for s in (cuts[49], cuts[94], cuts[98], max(taken))]
        rows.append([kind, f"{len(taken):,}", rate, *times])
    header = ["", "responses", "per second"]
    header += ["median, ms", "95 %, ms", "99 %, ms", "longest, ms"]
    return table(header, rows)


def memory_mb(process: subprocess.Popen[str]) -> float:
    resident = re.search(r"VmRSS:\s*(\d+) kB", Path(f"/proc/{process.pid}/status").read_text())
    if resident is None:
        raise SystemExit("the server has ended. Its error is printed above.")
    return int(resident[1]) / 1000


if __name__ == "__main__":
    main()
