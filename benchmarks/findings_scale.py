"""Measure the time and the memory of the findings of many generated items.

    python benchmarks/findings_scale.py FOLDER [--items 1000000] [--kinds labels off_topic ...]

The first run writes the features of clusters, the nearest neighbors within random groups of items,
and small gray images to FOLDER; later runs with the same number of items use them.
Each kind runs in a process of its own, and reports its time without the time of the neighbors in
feature space, which the map has already; the neighbors on the map are searched. Memory is the peak
of the anonymous memory of the process: the pages of memory-mapped files, which the system can drop,
are not counted.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path
from time import perf_counter, process_time, sleep
from typing import TYPE_CHECKING, Any

import numpy as np

from featscape.labels.classes import count_classes
from machine import describe, table

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

N_FEATURES = 2_048
N_CLASSES = 100
N_CLUSTERS = 2_000
N_NEIGHBORS = 90
GROUP = 1_024  # items among which the neighbors are searched
COPIES = 0.02  # share of the items that are edited copies
KINDS = ("components", "labels", "off_topic", "duplicates", "classes", "shortcuts", "reliability")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="for 6.8 GB of data per million items")
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--kinds", nargs="*", choices=KINDS, default=KINDS)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        print("|".join(measure(options.folder, options.kinds[0], options.threads)))
        return
    if not (options.folder / f"complete-{options.items}").exists():
        write_data(options.folder, options.items)
    print(describe(["featscape", "numpy", "scipy"], n_threads=options.threads) + "\n")
    rows = []
    for kind in options.kinds:
        command = [sys.executable, __file__, str(options.folder), "--inside", "--kinds", kind]
        command += ["--threads", str(options.threads)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        rows.append(done.stdout.splitlines()[-1].split("|"))
        print(rows[-1], flush=True)
    print("\n" + table([f"{options.items:,} items", "time", "CPU time", "memory"], rows))


def write_data(folder: Path, n_items: int) -> None:
    """Write features in clusters with edited copies, their neighbors and gray images."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("complete-*"):
        old.unlink()
    random = np.random.default_rng(0)
    centers = random.normal(size=(N_CLUSTERS, N_FEATURES)).astype(np.float32)
    cluster = random.integers(0, N_CLUSTERS, n_items)
    is_copy = random.random(n_items) < COPIES
    is_copy[::GROUP] = False
    source = np.where(is_copy, np.arange(n_items) - 1, np.arange(n_items))
    features, grays, neighbors = (
        np.lib.format.open_memmap(folder / name, "w+", dtype, shape)
        for name, dtype, shape in (
            ("features.npy", np.float16, (n_items, N_FEATURES)),
            ("grays.npy", np.uint8, (n_items, 48, 48)),
            ("neighbors.npy", np.int32, (n_items, N_NEIGHBORS)),
        )
    )
    patterns = draw_patterns(random)
    for start in range(0, n_items, GROUP):
        items = np.arange(start, min(start + GROUP, n_items))
        rows = 1 + 0.5 * centers[cluster[items]]
        rows += random.standard_normal(rows.shape, dtype=np.float32)
        own = source[items] - start
        rows = 0.95 * rows[own] + 0.05 * rows  # a copy has nearly the features of its source
        features[items] = rows
        images = patterns[random.integers(0, len(patterns), (3, len(items)))]
        mixed = np.einsum("kn,knxy->nxy", random.random((3, len(items))), images)[own]
        mixed = 60 * mixed / mixed.std(axis=(1, 2))[:, None, None]
        grays[items] = np.clip(128 + mixed + random.normal(0, 2, mixed.shape), 0, 255)
        squares = np.einsum("nd,nd->n", rows, rows)
        pairs = squares - 2 * (rows @ rows.T)
        np.fill_diagonal(pairs, np.inf)
        near = np.argpartition(pairs, N_NEIGHBORS, axis=1)[:, :N_NEIGHBORS]
        order = np.argsort(np.take_along_axis(pairs, near, axis=1), axis=1)
        neighbors[items] = start + np.take_along_axis(near, order, axis=1)
    codes = cluster % N_CLASSES
    wrong = random.random(n_items) < 0.05
    codes[wrong] = random.integers(0, N_CLASSES, wrong.sum())
    np.save(folder / "codes.npy", codes)
    np.save(folder / "positions.npy", random.normal(size=(n_items, 2)).astype(np.float32))
    (folder / f"complete-{n_items}").touch()


def draw_patterns(random: np.random.Generator) -> NDArray[np.float32]:
    """Return images with detail at all scales, (512, 48, 48)."""
    frequency = np.hypot(np.fft.fftfreq(48)[:, None], np.fft.rfftfreq(48)) * 48
    frequency[0, 0] = np.inf
    spectra = np.fft.rfft2(random.normal(size=(512, 48, 48))) / frequency**1.2
    images = np.fft.irfft2(spectra, (48, 48))
    return np.asarray(images / images.std(axis=(1, 2))[:, None, None], dtype=np.float32)


def measure(folder: Path, kind: str, n_threads: int) -> list[str]:
    """Run one kind, and return its name, time, CPU time and memory."""
    run = prepare(folder, kind, n_threads)
    peak = PeakMemory()
    began, cpu = perf_counter(), process_time()
    run()
    seconds, cpu = perf_counter() - began, process_time() - cpu
    return [kind, f"{seconds:.1f} s", f"{cpu:.1f} s", f"{peak.stop() / 1e9:.2f} GB"]


def prepare(folder: Path, kind: str, n_threads: int) -> Callable[[], Any]:
    """Load the data, and return the function whose time is measured."""
    from featscape.findings.classes.relations import find_class_relations
    from featscape.findings.duplicates.near_pairs import find_near_pairs
    from featscape.findings.labels.label_errors import find_label_errors
    from featscape.findings.off_topic import find_off_topic
    from featscape.findings.reliability import measure_reliability
    from featscape.findings.shortcuts.cells import find_shortcuts
    from featscape.findings.spaces import (
        principal_components,
        search_among,
    )
    from featscape.steps.tsne.adapter import search_neighbors

    features, grays, neighbors = (
        np.load(folder / name, mmap_mode="r")
        for name in ("features.npy", "grays.npy", "neighbors.npy")
    )
    codes, positions = np.load(folder / "codes.npy"), np.load(folder / "positions.npy")
    n = len(codes)
    classes = count_classes([f"class {code}" for code in codes.tolist()], n)
    components: Any = None
    values: Any = None
    if kind in {"labels", "off_topic", "duplicates", "classes"}:
        components = principal_components(features, random_state=0)
    if kind == "duplicates":
        values, components = components.values[:, :128].astype(np.float16), None

    runs: dict[str, Callable[[], Any]] = {
        "components": lambda: principal_components(features, random_state=0),
        "labels": lambda: find_label_errors(
            components,
            classes,
            n_items=n,
            search=partial(search_among, neighbors, n_threads=n_threads),
            random_state=0,
            noun="image",
        ),
        "off_topic": lambda: find_off_topic(
            features,
            neighbors,
            components=components,
            classes=classes,
            n_threads=n_threads,
            random_state=0,
        ),
        "duplicates": lambda: find_near_pairs(
            grays, features, neighbors, values=values, n_threads=n_threads, random_state=0
        ),
        "classes": lambda: find_class_relations(
            components,
            neighbors,
            classes,
            confidence=np.ones(n, np.float32),
            n_threads=n_threads,
            random_state=0,
            is_copy=None,
            noun="image",
        ),
        "shortcuts": lambda: find_shortcuts(
            None,
            classes,
            neighbors=neighbors,
            columns={f"column {i}": positions[:, i % 2] + codes for i in range(9)},
            random_state=0,
        ),
        "reliability": lambda: measure_reliability(
            features,
            positions,
            neighbors,
            classes=classes,
            search=search_neighbors,  # of the neighbors on the map; those of t-SNE are given
            n_threads=n_threads,
            random_state=0,
        ),
    }
    return runs[kind]


class PeakMemory:
    """The peak of the anonymous memory of this process, sampled ten times per second."""

    def __init__(self) -> None:
        self._peak = 0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._stopped.is_set():
            status = Path("/proc/self/status").read_text()
            found = re.search(r"RssAnon:\s*(\d+) kB", status)
            if found is not None:
                self._peak = max(self._peak, 1024 * int(found[1]))
            sleep(0.1)

    def stop(self) -> int:
        """Return the peak in bytes."""
        self._stopped.set()
        self._thread.join()
        return self._peak


if __name__ == "__main__":
    main()
