"""Measure how many labels of classes with few images are listed as label errors.

    .venv/bin/python benchmarks/small_classes.py MAP...

MAP are map folders with labels. Each draw has two small classes, and at most six other classes with
at most 83 images each. The labels are right, or some are planted wrong labels.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from featscape import open_map
from featscape.findings.labels.model import LabelModel, count_voters
from featscape.findings.spaces import principal_components, search_all_pairs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Codes = NDArray[np.intp]

_SIZES = 3, 5, 8  # images of a small class
_N_SMALL, _N_LARGE, _MOST = 2, 6, 83  # classes, and images of a large class
_PLANTED = {
    "no errors": ("none",),
    "few errors": ("into small", "2 %"),
    "10 % of all labels, random class": ("10 %",),
    "10 % of all labels, most similar class": ("similar",),
}


def draw(
    labels: Sequence[str], n_members: int, random: np.random.Generator
) -> tuple[Codes, Codes, int]:
    """Return items, their labels as numbers, both (n,), and the number of large classes.

    The small classes have the last numbers. Classes with few images are not drawn as large classes.
    """
    names, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    order = random.permutation(len(names))
    order = order[np.argsort(counts[order] < 2 * max(_SIZES), kind="stable")]
    large = order[_N_SMALL : _N_SMALL + _N_LARGE]
    classes = [*large, *order[:_N_SMALL]]
    items, drawn = [], []
    for number, code in enumerate(classes):
        most = _MOST if number < len(large) else n_members
        chosen = random.permutation(np.flatnonzero(codes == code))[:most]
        items.append(chosen)
        drawn.append(np.full(len(chosen), number))
    return np.concatenate(items), np.concatenate(drawn), len(large)


def plant(
    kind: str,
    codes: Codes,
    features: NDArray[np.float32],
    *,
    n_large: int,
    random: np.random.Generator,
) -> Codes:
    """Return labels with planted errors, (n,); no class becomes empty."""
    n_classes = codes.max() + 1
    given = codes.copy()
    if kind == "into small":  # one wrong label in each small class
        changed = random.choice(np.flatnonzero(codes < n_large), _N_SMALL, replace=False)
        given[changed] = np.arange(n_large, n_classes)
    elif kind in {"2 %", "10 %"}:
        n_changed = max(1, round(int(kind[:-2]) / 100 * len(codes)))
        changed = random.choice(len(codes), n_changed, replace=False)
        given[changed] += random.integers(1, n_classes, n_changed)
        given %= n_classes
    elif kind == "similar":
        rows = features / np.linalg.norm(features, axis=1, keepdims=True)
        means = np.stack([rows[codes == code].mean(axis=0) for code in range(n_classes)])
        similarity = means @ means.T
        np.fill_diagonal(similarity, -np.inf)
        changed = random.choice(len(codes), round(0.1 * len(codes)), replace=False)
        given[changed] = similarity.argmax(axis=1)[codes[changed]]
    for code in np.setdiff1d(codes, given):
        given[codes == code] = code
    return given


def measure(
    features: NDArray[np.float32], codes: Codes, given: Codes, n_large: int
) -> NDArray[np.intp]:
    """Return counts, (2, 2, 2): of small or large classes, right or wrong labels, all or listed."""
    components = principal_components(features, random_state=0)
    if components is None:
        raise SystemExit("all items of the draw have the same features; give another map")
    n_classes = codes.max() + 1
    neighbors = search_all_pairs(components.half_whitened(), count_voters(len(codes), n_classes))
    is_listed = (
        LabelModel(components, neighbors, random_state=0).odds(given, n_classes).suspicion > 0
    )
    counts = np.zeros((2, 2, 2), dtype=np.intp)
    for part, is_part in enumerate((given >= n_large, given < n_large)):
        for wrong, is_kind in enumerate((given == codes, given != codes)):
            counts[part, wrong] = (is_part & is_kind).sum(), (is_part & is_kind & is_listed).sum()
    return counts


def _share(counts: NDArray[np.intp]) -> str:
    return f"{100 * counts[1] / counts[0]:.0f} %" if counts[0] else ""


def main() -> None:
    """Print one row per size of the small classes and kind of planted errors, as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("maps", nargs="+", metavar="MAP")
    parser.add_argument("--draws", type=int, default=6, help="for each map and kind (default: 6)")
    options = parser.parse_args()
    total: dict[tuple[str, int], NDArray[np.intp]] = defaultdict(
        lambda: np.zeros((2, 2, 2), dtype=np.intp)
    )
    for made in map(open_map, options.maps):
        if made.labels is None:
            parser.error(f"{made.folder} has no labels; give maps with labels")
        for name, kinds in _PLANTED.items():
            for kind in kinds:
                for size in _SIZES:
                    for seed in range(options.draws):
                        random = np.random.default_rng([seed, size])
                        items, codes, n_large = draw(made.labels, size, random)
                        rows = np.asarray(made.features[items], dtype=np.float32)
                        given = plant(kind, codes, rows, n_large=n_large, random=random)
                        total[name, size] += measure(rows, codes, given, n_large)
    print("| images of the class | right labels listed | wrong labels found | other classes |")
    print("|---|---|---|---|")
    for (name, size), counts in total.items():
        (right, wrong), (right_large, wrong_large) = counts
        others = f"{_share(right_large)}, {_share(wrong_large)}".removesuffix(", ")
        print(f"| {size}, {name} | {_share(right)} | {_share(wrong)} | {others} |")


if __name__ == "__main__":
    main()
