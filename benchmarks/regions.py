"""Measure how well the regions of a map are named, and how long the names of a large map take.

    .venv/bin/python benchmarks/regions.py names FOLDER
    .venv/bin/python benchmarks/regions.py scale --items 1000000

FOLDER contains folders of pictures whose names are words, such as usr/share/tuxpaint/stamps of
Debian's tuxpaint-stamps-default. The map has no labels. A region counts if at least half of its
pictures are in one folder, at any depth, whose name the vocabulary contains. The name of the region
is right if it is at most two steps of WordNet's hypernyms from the name of such a folder; a name of
two words is right if both words are. Chance gives each region the name of a random region.

For the twenty largest clusters, the script compares three representatives: the medoid, PageRank in
the graph of the nearest neighbors, and the facility with the largest coverage.
"""

from __future__ import annotations

import argparse
import re
import tempfile
from collections import Counter
from functools import cache
from pathlib import Path
from time import perf_counter, process_time
from typing import TYPE_CHECKING

import numpy as np

from featscape import make_map
from featscape.mapfolder.words_file import read_recognized
from featscape.records import Recognized
from featscape.regions import find_regions
from featscape.regions.clusters import find_clusters
from featscape.regions.representatives import find_medoid
from featscape.steps.content.regions import open_regions
from featscape.words import load_vocabulary, name_concepts
from machine import describe

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from featscape.mapfolder.read import Map
    from featscape.records.regions import Region

MOST_STEPS = 2
N_PERMUTATIONS = 1000
N_COMPARED = 20
N_HALVES = 20


def concepts_of(word: str) -> set[str]:
    """Return the concepts that a folder or a region names, in the singular or the plural."""
    forms = {word.casefold(), re.sub("s$", "", word.casefold()), re.sub("ies$", "y", word)}
    concepts = load_vocabulary().concepts
    return {
        identifier
        for identifier, concept in concepts.items()
        if forms & {name.casefold() for name in concept.names}
    }


@cache
def hypernym_graph() -> dict[str, set[str]]:
    """Return the hypernyms and hyponyms of each concept."""
    concepts = load_vocabulary().concepts
    around: dict[str, set[str]] = {identifier: set() for identifier in concepts}
    for identifier, concept in concepts.items():
        for hypernym in concept.hypernyms:
            around[identifier].add(hypernym)
            around[hypernym].add(identifier)
    return around


def is_near(one: set[str], other: set[str]) -> bool:
    """Return whether a path of at most two hypernyms or hyponyms leads from one to the other."""
    reached = set(one)
    for _ in range(MOST_STEPS):
        reached |= {near for concept in reached for near in hypernym_graph()[concept]}
    return bool(reached & other)


def folders_of(made: Map, items: NDArray[np.intp]) -> set[str]:
    """Return the concepts of the folders that contain at least half of the items."""
    assert made.paths is not None
    counts = Counter(part for item in items for part in set(Path(made.paths[item]).parts[:-1]))
    common = [part for part, count in counts.items() if 2 * count >= len(items)]
    return {concept for part in common for concept in concepts_of(part)}


def members_of(made: Map, regions: Sequence[Region]) -> list[NDArray[np.intp]]:
    """Return the items of each region."""
    levels = find_clusters(made.positions, random_state=made.run["parameters"]["seed"])
    members = []
    for region in regions:
        clusters = [np.flatnonzero(codes == codes[region.anchor]) for codes in levels]
        members.append(next(items for items in clusters if len(items) == region.n_items))
    return members


def measure_names(made: Map) -> None:
    """Print the share of right names, and the share of the names of random regions."""
    regions = open_regions(made)
    rng = np.random.default_rng(0)
    folders = [folders_of(made, items) for items in members_of(made, regions)]
    names = [[concepts_of(word) for word in region.name.split(", ")] for region in regions]
    known = [place for place, found in enumerate(folders) if found]
    fits = np.array(
        [
            [all(is_near(word, folders[place]) for word in words) for words in names]
            for place in known
        ]
    )
    right = np.mean([fits[row, place] for row, place in enumerate(known)])
    orders = [rng.permutation(len(regions)) for _ in range(N_PERMUTATIONS)]
    chance = np.mean(
        [[fits[row, order[place]] for row, place in enumerate(known)] for order in orders]
    )
    repeated = len(regions) - len({region.name for region in regions})
    print("| pictures | regions | repeated names | of one known folder | right names | chance |")
    print("|---|---|---|---|---|---|")
    print(
        f"| {len(made)} | {len(regions)} | {repeated} | {len(known)} | {right:.2f} | {chance:.2f} |"
    )


def choose_by_pagerank(made: Map, items: NDArray[np.intp]) -> int:
    """Return the item with the largest PageRank in the graph of neighbors inside the region."""
    place = {int(item): row for row, item in enumerate(items)}
    links = np.zeros((len(items), len(items)))
    for row, item in enumerate(items):
        for other in made.neighbors.indices[item]:
            if int(other) in place:
                links[place[int(other)], row] = 1
    sums = links.sum(axis=0)
    links = np.where(sums > 0, links / np.maximum(sums, 1), 1 / len(items))
    rank = np.full(len(items), 1 / len(items))
    for _ in range(100):
        rank = 0.15 / len(items) + 0.85 * links @ rank
    return int(items[rank.argmax()])


def choose_facility(made: Map, items: NDArray[np.intp]) -> int:
    """Return the item for which the saved distances, up to the mean distance, are largest."""
    rows = np.asarray(made.features[items], dtype=np.float64)
    distances = np.sqrt(np.maximum(((rows[:, None] - rows[None]) ** 2).sum(axis=-1), 0))
    return int(items[np.maximum(distances.mean() - distances, 0).sum(axis=1).argmax()])


def compare_representatives(made: Map) -> None:
    """Print how typical each kind of representative is of its cluster, with or without a name."""
    assert made.paths is not None
    levels = find_clusters(made.positions, random_state=made.run["parameters"]["seed"])
    found = {
        tuple(np.flatnonzero(codes == code))
        for codes in levels
        for code in range(int(codes.max()) + 1)
    }
    largest = [np.array(items) for items in sorted(found, key=lambda one: (-len(one), one))]
    choices: dict[str, Callable[[NDArray[np.intp]], int]] = {
        "medoid": lambda items: find_medoid(made.features, items),
        "PageRank": lambda items: choose_by_pagerank(made, items),
        "facility location": lambda items: choose_facility(made, items),
        "random item": lambda items: int(np.random.default_rng(len(items)).choice(items)),
    }
    print("| representative | in the largest folder | same in a half | mean similarity |")
    print("|---|---|---|---|")
    for name, choose in choices.items():
        rows = []
        for items in largest[:N_COMPARED]:
            chosen = choose(items)
            folders = [str(Path(made.paths[item]).parent) for item in items]
            common = Counter(folders).most_common(1)[0][0]
            rng = np.random.default_rng(1)
            others = items[items != chosen]
            halves = [
                np.sort(np.append(rng.permutation(others)[: len(items) // 2], chosen))
                for _ in range(N_HALVES)
            ]
            unit = made.features[items] / np.linalg.norm(made.features[items], axis=1)[:, None]
            rows.append(
                (
                    str(Path(made.paths[chosen]).parent) == common,
                    np.mean([choose(half) == chosen for half in halves]),
                    float((unit @ unit[items == chosen][0]).mean()),
                )
            )
        means = " | ".join(f"{value:.2f}" for value in np.mean(np.array(rows, float), axis=0))
        print(f"| {name} | {means} |")


def measure_scale(n_items: int) -> None:
    """Print the time for the names of generated items: a map of 2,000 clusters."""
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 2_000, n_items)
    centers = rng.uniform(0, 1_000, (2_000, 2))
    positions = (centers[codes] + rng.normal(size=(n_items, 2)) * 4).astype(np.float32)
    classes = np.stack([(codes // 2 + step) % 1000 for step in range(5)], axis=1).astype(np.int16)
    probabilities = np.tile(np.array([0.6, 0.1, 0.05, 0.02, 0.01], np.float32), (n_items, 1))
    features = rng.normal(size=(n_items, 64)).astype(np.float32)
    start, start_processor = perf_counter(), process_time()
    regions = find_regions(
        positions,
        features=features,
        terms=[name_concepts(Recognized(classes, probabilities))],
        random_state=0,
    )
    seconds, processor_s = perf_counter() - start, process_time() - start_processor
    levels = Counter(region.level for region in regions)
    print("| items | regions by level | seconds | processor |\n|---|---|---|---|")
    by_level = ", ".join(f"{levels[level]:,}" for level in sorted(levels))
    print(f"| {n_items:,} | {by_level} | {seconds:.1f} | {processor_s:.1f} |")


def main() -> None:
    """Print the figures as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    names = commands.add_parser("names")
    names.add_argument("folder", type=Path)
    names.add_argument("--model", default="efficientnet_lite0")
    commands.add_parser("scale").add_argument("--items", type=int, default=1_000_000)
    asked = parser.parse_args()
    print(describe(["featscape", "numpy", "scikit-learn"], n_threads=2))
    if asked.command == "scale":
        measure_scale(asked.items)
        return
    with tempfile.TemporaryDirectory() as work:
        files = sorted(str(file) for file in asked.folder.rglob("*.png"))  # a list has no labels
        made = make_map(files, Path(work) / "map", model=asked.model, findings=False)
        if read_recognized(made.folder, n_items=len(made)) is None:
            raise SystemExit(f"the network {asked.model} has no words. Choose another --model.")
        measure_names(made)
        compare_representatives(made)


if __name__ == "__main__":
    main()
