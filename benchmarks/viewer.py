"""Measure the interactive map in Debian's Chromium, with WebGL in software on two cores.

`featscape serve` serves the map. The script drags the map in circles with the mouse, and then zooms
in and out with the wheel. Chrome's trace gives the number of frames, the time of their scripts, and
the time of the last frame after the mouse stopped. `million_map.py` writes a map of a million
items. The one-file page is that of `featscape demo`.
"""

from __future__ import annotations

import argparse
import math
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING, Any

from playwright.sync_api import sync_playwright

from app_server import N_CORES, serve
from machine import check_quiet, describe, table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from playwright.sync_api import Browser, Page

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
]
WIDTH_PX, HEIGHT_PX = 1280, 800
CENTER = (720, 380)
MOVING_S = 4.0
EVENTS_PER_S = 60
REST_S = 3.0
DRAWN_MS = 1.0  # a shorter script waited for the previous frame and drew nothing
PACKAGES = ("featscape", "playwright")

Trace = list[dict[str, Any]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, metavar="MAP", help="a map folder")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--noisy", action="store_true", help="allow a busy machine")
    arguments = parser.parse_args()
    check_quiet(noisy=arguments.noisy, n_threads=N_CORES)
    print(describe(PACKAGES, n_threads=N_CORES) + "\n")
    with chromium() as browser:
        with serve(arguments.folder) as (_, port):
            runs = [measure(browser, f"http://127.0.0.1:{port}/") for _ in range(arguments.repeats)]
        print(served_table(runs) + "\n", flush=True)
        with TemporaryDirectory(prefix="featscape-bench-") as folder:
            print(page_table(browser, make_demo(Path(folder)), repeats=arguments.repeats))


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            print(f"Chromium {browser.version}, {WIDTH_PX} x {HEIGHT_PX}\n")
            yield browser
        finally:
            browser.close()


def make_demo(folder: Path) -> Path:
    from featscape.demo import make_demo

    make_demo(folder / "demo-map")
    return folder / "demo-map" / "map.html"


def measure(browser: Browser, address: str) -> dict[str, float]:
    """Open the map, move the map, and return the figures of one run."""
    page = browser.new_page(viewport={"width": WIDTH_PX, "height": HEIGHT_PX})
    loaded = count_bytes(page)
    figures = {"usable, s": open_page(page, address)}
    page.wait_for_timeout(REST_S * 1000)
    figures["loaded before the first zoom, MB"] = sum(loaded) / 1e6
    for name, move in (("panning", pan), ("zooming", zoom)):
        trace, ended = traced(page, partial(move, page))
        figures |= {f"{name}: {what}": value for what, value in frames_of(trace, ended).items()}
    figures["tab and its GPU process, MB"] = memory_mb(browser)
    page.close()
    return figures


def open_page(page: Page, address: str) -> float:
    """Return the seconds until the toolbar exists and the map is painted."""
    began = perf_counter()
    page.goto(address, wait_until="commit")
    page.wait_for_selector(".fs-toolbar button")
    page.evaluate("new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)))")
    return perf_counter() - began


def count_bytes(page: Page) -> list[float]:
    loaded: list[float] = []
    session = page.context.new_cdp_session(page)
    session.on("Network.loadingFinished", lambda event: loaded.append(event["encodedDataLength"]))
    session.send("Network.enable")
    return loaded


def pan(page: Page) -> None:
    """Drag the map in circles."""
    x, y = CENTER
    page.mouse.move(x, y)
    page.mouse.down()
    for turn in at_a_steady_rate():
        page.mouse.move(x + 150 * math.sin(5 * turn), y + 100 * (1 - math.cos(5 * turn)))
    page.mouse.up()


def zoom(page: Page) -> None:
    """Zoom in for one second and out for one second, alternately."""
    page.mouse.move(*CENTER)
    for turn in at_a_steady_rate():
        page.mouse.wheel(0, -40 if turn % 2 < 1 else 40)


def at_a_steady_rate() -> Iterator[float]:
    """Yield the seconds since the start, at the rate of the events of a mouse."""
    from time import sleep

    began = perf_counter()
    for step in range(int(MOVING_S * EVENTS_PER_S)):
        yield perf_counter() - began
        sleep(max(0.0, began + (step + 1) / EVENTS_PER_S - perf_counter()))


def traced(page: Page, move: Callable[[], None]) -> tuple[Trace, float]:
    """Return Chrome's trace of a movement and of the rest after it, and the start of the rest.

    The start of the rest is a time stamp of the trace, in microseconds.
    """
    session = page.context.new_cdp_session(page)
    events: Trace = []
    done: list[bool] = []
    session.on("Tracing.dataCollected", lambda batch: events.extend(batch["value"]))
    session.on("Tracing.tracingComplete", lambda _: done.append(True))
    session.send(
        "Tracing.start",
        {
            "transferMode": "ReportEvents",
            "traceConfig": {"includedCategories": ["devtools.timeline", "blink.user_timing"]},
        },
    )
    move()
    page.evaluate("performance.mark('rest')")
    page.wait_for_timeout(REST_S * 1000)
    session.send("Tracing.end")
    while not done:
        page.wait_for_timeout(20)
    session.detach()
    rest = next(event["ts"] for event in events if event["name"] == "rest")
    return events, rest


def frames_of(trace: Trace, rest_us: float) -> dict[str, float]:
    """Return the rate and script time of the frames, and the drawing time after the movement."""
    frames = [
        (event["ts"], event["tdur" if "tdur" in event else "dur"] / 1000)
        for event in trace
        if event["name"] == "FireAnimationFrame" and "dur" in event
    ]
    drawn = [(began, script_ms) for began, script_ms in frames if script_ms > DRAWN_MS]
    moving = [script_ms for began, script_ms in drawn if began < rest_us]
    after = [began for began, _ in drawn if began >= rest_us]
    return {
        "frames per second": len(moving) / MOVING_S,
        "script per frame, median, ms": median(moving),
        "script per frame, 95 %, ms": quantiles(moving, n=20)[18],
        "complete after rest, s": (max(after, default=rest_us) - rest_us) / 1e6,
    }


def memory_mb(browser: Browser) -> float:
    """Return the resident memory of the largest renderer and of the GPU process."""
    processes = browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")["processInfo"]
    by_kind: dict[str, float] = {}
    for process in processes:
        pages = int(Path(f"/proc/{process['id']}/statm").read_text().split()[1])
        by_kind[process["type"]] = max(by_kind.get(process["type"], 0), pages * 4096 / 1e6)
    return by_kind["renderer"] + by_kind["GPU"]


def served_table(runs: Sequence[dict[str, float]]) -> str:
    rows = []
    for name in runs[0]:
        values = [run[name] for run in runs]
        rows.append([name, f"{median(values):.3g}", f"{min(values):.3g} - {max(values):.3g}"])
    return table(["served map", f"median of {len(runs)}", "range"], rows)


def page_table(browser: Browser, page_file: Path, *, repeats: int) -> str:
    times_s = []
    for _ in range(repeats):
        page = browser.new_page(viewport={"width": WIDTH_PX, "height": HEIGHT_PX})
        times_s.append(open_page(page, page_file.as_uri()))
        page.close()
    return table(
        ["map.html of 500 images", ""],
        [
            ["size, MB", f"{page_file.stat().st_size / 1e6:.2f}"],
            [f"usable, s, median of {repeats}", f"{median(times_s):.2f}"],
            ["of which the viewer, before compression, kB", f"{count_viewer_bytes() / 1000:.0f}"],
        ],
    )


def count_viewer_bytes() -> int:
    from featscape.bundle.viewer_page import VIEWER, viewer_file

    return sum(viewer_file(name).stat().st_size for name in VIEWER)


if __name__ == "__main__":
    main()
