"""Measure a search at a million images.

    .venv/bin/python benchmarks/search_scale.py FOLDER [--items N] [--features D]

Writes random features (2 GB for a million images of 512 features) and random recognized classes to
FOLDER, and measures the searches of `made.search` and of `featscape serve` without the network:
the 50 images most similar to a vector, first with the norms of the features, then with the norms
in memory, and the images that match a word. The time of the processor, of all threads together,
hardly depends on what else the machine does.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import TYPE_CHECKING

import numpy as np

from featscape.records import Match, Recognized
from featscape.words import Similarities, match, rank
from machine import check_quiet, describe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

_ROWS_AT_ONCE = 10_000
_REPEATS = 15


def write_features(file: Path, *, n_items: int, n_features: int) -> NDArray[np.float32]:
    """Return memory-mapped random features, shape (n, d)."""
    rng = np.random.default_rng(0)
    features = np.lib.format.open_memmap(file, "w+", np.float32, (n_items, n_features))
    for start in range(0, n_items, _ROWS_AT_ONCE):
        rows = features[start : start + _ROWS_AT_ONCE]
        rows[:] = rng.standard_normal(rows.shape, np.float32)
    features.flush()
    return features


def seconds(run: Callable[[], object]) -> tuple[float, float]:
    """Return the time of one call, and the time of the processor."""
    start, start_processor = perf_counter(), process_time()
    run()
    return perf_counter() - start, process_time() - start_processor


def as_text(times: Iterable[tuple[float, float]]) -> str:
    """Return the medians of the times of several calls."""
    wall_s, processor_s = (median(each) for each in zip(*times, strict=True))
    return f"{1000 * wall_s:.0f} ms ({1000 * processor_s:.0f} ms)"


def nearest(similarities: Similarities, vector: NDArray[np.float32]) -> Match:
    """Return the 50 images most similar to a vector."""
    return rank(similarities.to(vector), k=50)


def main() -> None:
    """Print the times of the searches as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--features", type=int, default=512)
    parser.add_argument("--noisy", action="store_true", help="run on a busy machine")
    asked = parser.parse_args()
    check_quiet(noisy=asked.noisy, n_threads=2)
    print(describe(("numpy",), n_threads=2))
    file = asked.folder / "features.npy"
    features = write_features(file, n_items=asked.items, n_features=asked.features)
    rng = np.random.default_rng(1)
    vectors = rng.standard_normal((_REPEATS, asked.features), np.float32)
    similarities = Similarities(features)
    first = as_text([seconds(partial(nearest, similarities, vectors[0]))])
    later = as_text(seconds(partial(nearest, similarities, vector)) for vector in vectors)
    shape = (asked.items, 5)
    probabilities = rng.random(shape, np.float32) / np.float32(5)
    recognized = Recognized(rng.integers(0, 1000, shape, np.int16), probabilities)
    match("animal", recognized)  # reads the vocabulary
    word = as_text(seconds(lambda: match("animal", recognized, k=50)) for _ in range(_REPEATS))
    print(
        "Time, and in parentheses the time of the processor:\n\n"
        "| images | features | first vector | later vectors | a word |\n|---|---|---|---|---|\n"
        f"| {asked.items:,} | {asked.features} | {first} | {later} | {word} |"
    )
    file.unlink()


if __name__ == "__main__":
    main()
