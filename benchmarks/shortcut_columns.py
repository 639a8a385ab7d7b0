"""Measure which relations between a column of whole numbers and the labels are listed.

    .venv/bin/python benchmarks/shortcut_columns.py N CLASSES

The data are random: N labels of classes of different sizes, random neighbors, and nine columns
without a relation to the labels, such as ratings, years and counts. Output: how many of 200 such
tables have a shortcut; and for 50 tables each with a tenth column, in which one class has other
numbers, how many list the class, and how many shortcuts are listed for the column. A column of the
codes of the labels must be listed as a column that equals the label.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

import numpy as np

from featscape.findings.shortcuts.cells import find_shortcuts
from featscape.labels.classes import count_classes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

    from featscape.findings.records import Shortcut

    Numbers = NDArray[Any]
    Plant = Callable[[np.random.Generator, Numbers, int], Numbers]

N_CLEAN, N_PLANTED = 200, 50
N_NEAR = 10
FIRST_YEAR, LAST_YEAR = 1990, 2024


def unrelated(random: np.random.Generator, n: int) -> dict[str, Numbers]:
    """Return columns without a relation to the labels."""
    return {
        "rating": random.integers(1, 6, n),
        "rating of half": np.where(random.random(n) < 0.5, random.integers(1, 6, n), np.nan),
        "year": random.integers(FIRST_YEAR, LAST_YEAR + 1, n),
        "hour": random.integers(0, 24, n),
        "count": random.poisson(3, n),
        "skewed count": np.minimum(random.geometric(0.4, n), 12),
        "camera": random.integers(0, 100, n),
        "number": random.integers(0, 10_000, n),
        "flag": random.integers(0, 2, n),
    }


def one_value(n_values: int, value: int, share: float) -> Plant:
    """Return a column of random codes, in which a share of the class has one value."""

    def plant(random: np.random.Generator, codes: Numbers, of: int) -> Numbers:
        column = random.integers(1, n_values + 1, len(codes))
        column[(codes == of) & (random.random(len(codes)) < share)] = value
        return column

    return plant


def rating(shift: float) -> Plant:
    def plant(random: np.random.Generator, codes: Numbers, of: int) -> Numbers:
        ratings: Numbers = np.round(random.normal(3 + shift * (codes == of), 1.2))
        return ratings.clip(1, 5)

    return plant


def count(factor: float) -> Plant:
    return lambda random, codes, of: random.poisson(np.where(codes == of, 3 * factor, 3))


def year(shift: int) -> Plant:
    def plant(random: np.random.Generator, codes: Numbers, of: int) -> Numbers:
        years: Numbers = random.integers(FIRST_YEAR, LAST_YEAR + 1, len(codes))
        years = years + shift * (codes == of)
        return years.clip(FIRST_YEAR, LAST_YEAR)

    return plant


def label_codes(n_wrong: int) -> Plant:
    def plant(random: np.random.Generator, codes: Numbers, _: int) -> Numbers:
        column = codes.copy()
        wrong = random.permutation(len(codes))[:n_wrong]
        column[wrong] = (column[wrong] + 1) % (codes.max() + 1)
        return column

    return plant


PLANTED: Mapping[str, Plant] = {
    "code of the label": label_codes(0),
    "code of the label, two wrong": label_codes(2),
    "one of 5 stores: all images": one_value(5, 3, 1),
    "one of 5 stores: 20 % of the images": one_value(5, 3, 0.2),
    "one of 50 cameras: 20 % of the images": one_value(50, 37, 0.2),
    "one of 50 cameras: 10 % of the images": one_value(50, 37, 0.1),
    "ratings from 1 to 5: + 1": rating(1),
    "ratings from 1 to 5: + .5": rating(0.5),
    "counts of 3 on average: twice": count(2),
    "counts of 3 on average: 1.5 times": count(1.5),
    "counts of 3 on average: 1.25 times": count(1.25),
    "years: 10 later": year(10),
    "years: 5 later": year(5),
}


def listed(codes: Numbers, columns: Mapping[str, Numbers], seed: int) -> list[Shortcut]:
    """Return the shortcuts of a table."""
    n = len(codes)
    near = np.random.default_rng(seed).integers(0, n, (n, N_NEAR)).astype(np.int32)
    classes = count_classes([f"class {code}" for code in codes], n)
    return list(
        find_shortcuts(None, classes, neighbors=near, columns=columns, random_state=0).findings
    )


def is_wanted(one: Shortcut, name: str, of: int) -> bool:
    """Return whether a shortcut is the planted relation with a class."""
    if name.startswith("code of the label"):
        return one.kind == "column"
    return one.label == f"class {of}"


def measure(n_items: int, n_classes: int) -> Iterator[str]:
    """Yield a line for the tables without a relation, and for each planted relation."""
    shares = np.linspace(1, 3, n_classes)
    shares /= shares.sum()

    def draw(seed: int) -> tuple[np.random.Generator, Numbers, dict[str, Numbers]]:
        random = np.random.default_rng(seed)
        codes = random.choice(n_classes, n_items, p=shares)
        return random, codes, unrelated(random, n_items)

    n_alarms = 0
    for seed in range(N_CLEAN):
        _, codes, columns = draw(seed)
        n_alarms += bool(listed(codes, columns, seed))
    yield f"without a relation: a shortcut in {n_alarms} of {N_CLEAN}"
    for name, plant in PLANTED.items():
        n_found = n_listed = 0
        for seed in range(N_CLEAN, N_CLEAN + N_PLANTED):
            random, codes, columns = draw(seed)
            of = int(random.integers(n_classes))
            columns["planted"] = plant(random, codes, of)
            found = listed(codes, columns, seed)
            own = [one for one in found if one.property_name == "planted"]
            n_found += any(is_wanted(one, name, of) for one in own)
            n_listed += len(own)
        yield f"{name}: {n_found} of {N_PLANTED}; {n_listed / N_PLANTED:.1f} listed"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("n_items", type=int, help="items of a table")
    parser.add_argument("n_classes", type=int)
    options = parser.parse_args()
    for line in measure(options.n_items, options.n_classes):
        print(line, flush=True)


if __name__ == "__main__":
    main()
