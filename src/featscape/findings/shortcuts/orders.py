"""Find properties that order the neighbors, and values whose images are near one another.

The assortativity of a property is compared with the assortativity of permuted values, with a
correction for the number of tests, so a dataset in which no property depends on the neighbors has
such a finding in at most one of twenty cases. Each frequent value of a category is tested against
all other values as well: the assortativity of the category is a mean over its values, which hides
one value that orders the neighbors among values that do not.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from featscape.findings.records import Evidence, Shortcut
from featscape.findings.spaces import average_ranks
from featscape.number_text import plural
from featscape.printable_names import printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from numpy.typing import NDArray

    from featscape.findings.shortcuts.properties import Property

    Codes = NDArray[np.intp]

_FALSE_ALARMS = 0.05  # share of datasets without orders that have one
_N_NEAR = 10  # neighbors for the assortativity
_STRONG_ASSORTATIVITY = 0.5
_MOST_EDGES = 10_000  # pairs of neighbors that permuted values are compared on
_MOST_LEVELS = 20  # of a category whose values are tested
_LEAST_OF_VALUE = 50  # images with a value; fewer may be a series of similar images
_CLEARER = 0.1  # assortativity of a value above that of the category, which is listed otherwise
_MOST_VALUES = 5  # of one category
_N_SHOWN = 50  # images of a value
_METHOD = (
    "The score is the assortativity on the graph of the {n_near} nearest neighbors: 1 if neighbors "
    "have equal values, 0 as for random pairs. The score is higher than under {n_permutations:,} "
    "permutations of the values, because {tested} tested."
)
_VALUE_METHOD = " The value is compared with all other values together."


class _Order(NamedTuple):
    assortativity: float
    of: Property
    code: int | None  # of one value of a category; None for the property as a whole


def find_orders(
    properties: Sequence[Property],
    neighbors: NDArray[np.int32],
    *,
    assortativity: Mapping[str, float],
    labels: Sequence[str],
    noun: str,
    random_state: int,
) -> list[Shortcut]:
    """Return the properties and values that order the neighbors, the strongest first.

    Parameters
    ----------
    properties : sequence of Property
        Of n items.
    neighbors : ndarray of int32, shape (n, k)
        The nearest items, nearest first.
    assortativity : mapping of str to float
        The assortativity of each property by name.
    labels : sequence of str
        The names of the classes; values that name a class are not tested.
    noun : str
        "image", or "item" in a map without images.
    random_state : int
        Seed of the permutations.
    """
    tested = {one.name: _tested_codes(one, labels) for one in properties}
    # p = 1 / (1 + number of permutations), at most .05 / number of tests (Bonferroni); the values
    # of a category are one test
    n_categories = sum(len(codes) > 0 for codes in tested.values())
    n_tests = sum(len(one.views) for one in properties) + n_categories
    n_permutations = math.ceil(n_tests / _FALSE_ALARMS)
    random = np.random.default_rng(random_state)
    found: list[_Order] = []
    for one in properties:
        of_all = assortativity[one.name]
        if of_all >= _STRONG_ASSORTATIVITY:
            strongest = max(one.views, key=lambda view: _measure_view(view, neighbors))
            if _exceed_chance(strongest, neighbors, None, n_permutations, random):
                found.append(_Order(of_all, one, None))
        codes = tested[one.name]
        if len(codes) > 0:
            least = max(_STRONG_ASSORTATIVITY, of_all + _CLEARER)
            found += _ordering_values(
                one, neighbors, codes, least, n_permutations=n_permutations, random=random
            )
    method = _METHOD.format(
        n_near=min(_N_NEAR, neighbors.shape[1]),
        n_permutations=n_permutations,
        tested=_list_tests(properties, n_categories),
    )
    found.sort(key=lambda order: -order.assortativity)
    return [_describe(order, neighbors, method, noun=noun) for order in found]


def _list_tests(properties: Sequence[Property], n_categories: int) -> str:
    """Return for example "3 properties and the values of 1 category were"."""
    n_both = sum(len(one.views) > 1 for one in properties)
    if not n_both and not n_categories:
        return plural(len(properties), "property was", "properties were")
    tests = plural(len(properties), "property", "properties")
    if n_both:
        tests += f", {n_both:,} of them also as numbers,"
    if n_categories:
        tests += f" and the values of {plural(n_categories, 'category', 'categories')}"
    return f"{tests} were"


def _tested_codes(one: Property, labels: Sequence[str]) -> Codes:
    """Return the codes of the frequent values of a category of three or more values.

    Of two values, each has the assortativity of the category.
    """
    if one.levels is None or not 3 <= len(one.levels) <= _MOST_LEVELS:
        return np.zeros(0, dtype=np.intp)
    counts = np.bincount(one.values[one.known], minlength=len(one.levels))
    names_class = [one.value_names(code, labels) for code in range(len(one.levels))]
    return np.flatnonzero((counts >= _LEAST_OF_VALUE) & ~np.array(names_class))


def _ordering_values(
    one: Property,
    neighbors: NDArray[np.int32],
    codes: Codes,
    least: float,
    *,
    n_permutations: int,
    random: np.random.Generator,
) -> list[_Order]:
    """Return the values of at least an assortativity that exceed chance, the strongest first."""
    found = _assortativity_by_value(one.values, codes, *_edges(one, neighbors))
    is_listed = found >= least
    if is_listed.any():
        is_listed &= _exceed_chance(one, neighbors, codes, n_permutations, random)
    order = np.argsort(-found, kind="stable")
    listed = order[is_listed[order]][:_MOST_VALUES]
    return [_Order(float(found[at]), one, int(codes[at])) for at in listed]


def measure_assortativity(one: Property, neighbors: NDArray[np.int32]) -> float:
    """Return how similar a property is among neighbors: 1 if equal, 0 as for random pairs.

    For numbers, the correlation of the ranks across the edges of the graph; for categories,
    Newman's assortativity coefficient of equal values ("Mixing patterns in networks", 2003); for
    categories of whole numbers, the larger of the two.

    Parameters
    ----------
    one : Property
        Of n items.
    neighbors : ndarray of int32, shape (n, k)
        The nearest items, nearest first; 10 of them are compared.
    """
    return max(_measure_view(view, neighbors) for view in one.views)


def _measure_view(view: Property, neighbors: NDArray[np.int32]) -> float:
    first, second = _edges(view, neighbors)
    return _assortativity(_comparable(view), first, second, is_category=view.levels is not None)


def _edges(one: Property, neighbors: NDArray[np.int32]) -> tuple[Codes, Codes]:
    """Return the two items of each pair of neighbors with known values, (p,) and (p,)."""
    near = neighbors[:, :_N_NEAR]
    known = one.known
    is_used = known[:, None] & known[near]
    first = np.broadcast_to(np.arange(len(near))[:, None], near.shape)[is_used]
    return first, near[is_used].astype(np.intp)


def _comparable(one: Property) -> NDArray[Any]:
    """Return the codes of a category, or the ranks of numbers, (n,)."""
    if one.levels is not None:
        return one.values
    ranks = np.zeros(len(one.values))
    ranks[one.known] = average_ranks(one.values[one.known])
    return ranks


def _assortativity(
    values: NDArray[Any], first: Codes, second: Codes, *, is_category: bool
) -> float:
    a, b = values[first], values[second]
    if is_category:
        shares = np.bincount(a) / max(len(a), 1)
        by_chance = float((shares**2).sum())
        equal = float(np.mean(a == b)) if len(a) else 0.0
        return (equal - by_chance) / (1 - by_chance) if by_chance < 1 else 0.0
    if len(a) == 0 or a.std() == 0 or b.std() == 0:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def _assortativity_by_value(
    values: Codes, codes: Codes, first: Codes, second: Codes
) -> NDArray[np.float64]:
    """Return the assortativity of each of m codes against all other codes, (m,)."""
    if len(codes) == 0 or len(first) == 0:
        return np.zeros(len(codes))
    a, b = values[first], values[second]
    share, share_near, both = (
        np.bincount(part, minlength=codes.max() + 1)[codes] / len(a) for part in (a, b, a[a == b])
    )
    equal = 1 - share - share_near + 2 * both
    by_chance = share**2 + (1 - share) ** 2
    result = np.zeros(len(codes))
    np.divide(equal - by_chance, 1 - by_chance, out=result, where=by_chance < 1)
    return result


def _exceed_chance(
    one: Property,
    neighbors: NDArray[np.int32],
    codes: Codes | None,
    n_permutations: int,
    random: np.random.Generator,
) -> NDArray[np.bool_]:
    """Return whether the assortativity exceeds that of each permutation of the values, (m,).

    The assortativity of each of m codes is compared with the maximum over the codes; without codes,
    the assortativity of the property is compared, (1,). At most 10,000 random edges are compared,
    and the values of their items are permuted.
    """
    edges = np.stack(_edges(one, neighbors))  # (2, p)
    edges = edges[:, random.permutation(edges.shape[1])[:_MOST_EDGES]]
    items, indices = np.unique(edges, return_inverse=True)
    first, second = indices.reshape(edges.shape)

    def measure(values: NDArray[Any]) -> NDArray[np.float64]:
        if codes is not None:
            return _assortativity_by_value(values, codes, first, second)
        is_category = one.levels is not None
        return np.array([_assortativity(values, first, second, is_category=is_category)])

    values = _comparable(one)[items]
    largest = max(measure(random.permutation(values)).max() for _ in range(n_permutations))
    return np.asarray(measure(values) > largest)


def _describe(order: _Order, neighbors: NDArray[np.int32], method: str, *, noun: str) -> Shortcut:
    name = printable(order.of.name)
    items: tuple[int, ...] = ()
    if order.code is None or order.of.levels is None:
        text = f"{noun.capitalize()}s with similar features also have a similar {name}"
    else:
        text = (
            f"The {noun}s with {name} {printable(order.of.levels[order.code])} are near one another"
        )
        method += _VALUE_METHOD
        has_value = order.of.values == order.code
        members = np.flatnonzero(has_value)
        n_equal = has_value[neighbors[members, :_N_NEAR]].sum(axis=1)
        items = tuple(members[np.argsort(-n_equal, kind="stable")][:_N_SHOWN].tolist())
    return Shortcut(
        property_name=order.of.name,
        kind="order",
        label="",
        items=items,
        assortativity=order.assortativity,
        text=(
            f"{text}: the correlation between neighbors is {order.assortativity:.2f} (1 if equal, "
            "0 for random pairs)."
        ),
        evidence=Evidence(items=items, neighbors=(), score=order.assortativity, method=method),
    )
