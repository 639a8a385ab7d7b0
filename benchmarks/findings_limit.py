"""Measure the limit of the number of wrong labels, for findings_goals.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from featscape.findings.labels.label_errors import find_label_errors
from featscape.findings.spaces import principal_components, search_all_pairs
from featscape.labels.classes import count_classes
from findings_sets import plant_errors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from findings_sets import Data, Sets

    Floats = NDArray[np.floating[Any]]

N_SEEDS = 3
SHARES = (0.005, 0.02, 0.1)  # of planted errors
MOST_ITEMS = 3_000  # items of a list with a limit
UNEQUAL = (("7", "9", "8"), ("0", "6", "3"))  # classes of Fashion-MNIST, many, few, hardly any


def limited_labels(sets: Sets) -> Iterator[tuple[str, str, str, str]]:
    """Yield how often more labels are wrong than the limit without checks, and how high it is."""
    lists: dict[str, list[tuple[int, int, int]]] = {}  # (wrong, limit, listed)
    for data, given, true, kind in _labeled(sets):
        found = find_label_errors(
            principal_components(data.features, random_state=0),
            count_classes(given.tolist(), len(given)),
            n_items=len(given),
            search=search_all_pairs,
            random_state=0,
            noun="image",
        )
        listed = [one.item for one in found.result.findings]
        assert found.expected is not None
        n_wrong = int((given != true)[listed].sum())
        lists.setdefault(kind, []).append((n_wrong, found.expected.high, len(listed)))
        print(kind, lists[kind][-1], flush=True)
    for kind, figures in lists.items():
        wrong, limit, listed = np.array(figures).T
        shown = (
            f"{(wrong > limit).sum()} of {len(figures)}; wrong {_middle(wrong / listed)}, limit "
            f"{_middle(limit / listed)}"
        )
        yield (
            f"limit of wrong labels, {kind}: exceeded, medians of the list",
            "at most 10 %",
            shown,
            "not offered",
        )


def _middle(shares: Floats) -> str:
    return f"{100 * np.median(shares):.0f} %"


def _labeled(
    sets: Sets,
) -> Iterator[tuple[Data, NDArray[np.str_], NDArray[np.str_], str]]:
    """Yield data with given and with true labels, and the kind of the errors."""
    for name in ("animals", "stamps", "digits", "fashion"):
        data = sets.load(name)
        for seed in range(N_SEEDS):
            order = np.random.default_rng(seed).permutation(len(data.labels))
            some = data.take(order[:MOST_ITEMS])
            if not seed:
                yield some, some.labels, some.labels, "no errors"
            for share in SHARES:
                given = plant_errors(some.labels, seed, share)
                yield some, given, some.labels, f"{100 * share:g} % planted"
    for seed in range(N_SEEDS):
        for names in UNEQUAL:
            random = np.random.default_rng(seed)
            items = [
                random.permutation(np.flatnonzero(data.labels == name))[:n]
                for name, n in zip(names, (1_000, 40, 5), strict=True)
            ]
            some = data.take(np.concatenate(items))
            for n_errors in (0, 2, 5):
                given = plant_errors(some.labels, seed, n_errors / len(some.labels))
                yield some, given, some.labels, f"{n_errors} errors, classes of 1,000, 40 and 5"
    cifar = sets.load("cifar")
    truth = sets.truth(cifar)
    for seed in range(N_SEEDS):
        chosen = np.random.default_rng(seed).permutation(len(cifar.labels))[:MOST_ITEMS]
        for column in truth:
            kind = "CIFAR-10N" if column != "true" else "no errors"
            yield cifar.take(chosen), truth[column][chosen], truth["true"][chosen], kind
