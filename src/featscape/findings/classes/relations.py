"""Find close classes, groups of classes, typical images, and classes of separate parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from featscape.findings.classes.parts import choose_exemplars, split_class
from featscape.findings.classes.tree import N_LIFT, build_tree
from featscape.findings.records import ClassFinding, DetectorResult, Evidence
from featscape.findings.spaces import shuffled_members
from featscape.findings.wording import join_names
from featscape.number_text import percent, plural
from featscape.printable_names import printable
from featscape.threads import map_parts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from featscape.findings.classes.tree import Clade
    from featscape.findings.spaces import Components
    from featscape.labels.classes import Classes

N_EXEMPLARS = 10
LEAST_RELATED = 5  # items of each class of a branch: the bootstrap samples of fewer hardly differ
LEAST_SUPPORT = 0.8
_MOST_CONDUCTANCE = 0.1
_N_BORDER = 10  # border images of a pair
# Of a close pair, a share of the neighbors of one class is in the other class: at least the first
# number, and at least the second number times the share expected by chance.
_LEAST_MIXED, _LEAST_OF_CHANCE = 0.01, 0.25
_MOST_OF_CLASS = 1_000  # items of a class that exemplars are chosen from
_MOST_SPLIT = 500  # items of a class whose graph is cut; time grows with the third power
# With fewer items, the 15 nearest neighbors of an item are more than a third of the class, and the
# smaller part, of at least 5 %, may be a single item.
_LEAST_SPLIT = 40
_MOST_IN_ALL = 200_000  # items of all classes whose graphs are cut


def find_class_relations(
    components: Components | None,
    neighbors: NDArray[np.int32],
    classes: Classes | None,
    *,
    confidence: NDArray[np.float32],
    is_copy: NDArray[np.bool_] | None,
    noun: str,
    n_threads: int,
    random_state: int,
) -> DetectorResult[ClassFinding]:
    """Find close classes, groups of classes, split classes, and exemplars of each class.

    Parameters
    ----------
    components : Components or None
        Of n items; None if all items have the same features.
    neighbors : ndarray of int32, shape (n, k)
        The nearest items of each item, nearest first.
    classes : Classes or None
    confidence : ndarray of float32, shape (n,)
        The probability of each given label: `LabelErrors.confidence`.
    is_copy : ndarray of bool, shape (n,), or None
        Copies of another item with the same label, which are no exemplars.
    noun : str
        "image", or "item" in a map without images.
    n_threads : int
        Threads that compare the items of a class.
    random_state : int
        Seed of samples and bootstraps.

    Returns
    -------
    DetectorResult of ClassFinding
        Split classes, then close pairs, then groups, then separate pairs, then exemplars of the
        classes of two or more items.
    """
    if classes is None:
        return DetectorResult(reason=f"The {noun}s have no labels.")
    if components is None:
        return DetectorResult(reason=f"All {noun}s have the same features.")
    generator = np.random.default_rng(random_state)
    members = shuffled_members(classes, generator)
    several = members if is_copy is None else [items[~is_copy[items]] for items in members]
    exemplars = _exemplars(components, classes, several, confidence, noun=noun, n_threads=n_threads)
    splits = _splits(components, classes, members, noun=noun, n_threads=n_threads)
    if len(classes.names) < 3:
        reason = (
            "Close classes need at least three classes; the map has "
            f"{plural(len(classes.names), 'class', 'classes')}."
        )
        return DetectorResult((*splits, *exemplars), reason)
    tree = build_tree(components.values, neighbors, classes, generator=generator)
    is_large = classes.counts >= LEAST_RELATED
    related = [
        clade
        for clade in tree
        if clade.support >= LEAST_SUPPORT and is_large[list(clade.classes)].all()
    ]
    pairs = [_pair(clade, neighbors, classes, noun) for clade in related if len(clade.classes) == 2]
    pairs.sort(key=lambda one: -one[0])
    close, separate = (
        [pair for _, pair in pairs if pair.kind == kind] for kind in ("close pair", "separate pair")
    )
    groups = list(_groups(related, classes, noun))
    too_few = f"Close classes need at least two classes of {LEAST_RELATED} or more {noun}s."
    return DetectorResult(
        (*splits, *close, *groups, *separate, *exemplars), too_few if is_large.sum() < 2 else None
    )


def _exemplars(
    components: Components,
    classes: Classes,
    members: list[NDArray[np.intp]],
    confidence: NDArray[np.float32],
    *,
    noun: str,
    n_threads: int,
) -> list[ClassFinding]:
    def find(code: int) -> ClassFinding:
        some = np.sort(members[code][:_MOST_OF_CLASS])
        chosen, coverage = choose_exemplars(components.values[some], confidence[some], N_EXEMPLARS)
        exemplars = tuple(some[chosen].tolist())
        number = plural(len(exemplars), f"typical {noun}")
        return ClassFinding(
            kind="exemplars",
            classes=(classes.names[code],),
            items=exemplars,
            text=f"{number} of {printable(classes.names[code])}.",
            evidence=Evidence(
                items=exemplars,
                neighbors=(),
                score=coverage,
                method=(
                    f"The score is the mean cosine similarity of the {noun}s of the class to their "
                    f"nearest typical {noun} (facility location, weighted by the probability of "
                    "the labels)."
                ),
            ),
        )

    several = [code for code in range(len(members)) if len(members[code]) > 1]
    return map_parts(find, several, n_threads=n_threads)


def _splits(
    components: Components,
    classes: Classes,
    members: list[NDArray[np.intp]],
    *,
    noun: str,
    n_threads: int,
) -> list[ClassFinding]:
    size = min(_MOST_SPLIT, _MOST_IN_ALL // len(members))

    def find(code: int) -> tuple[float, str, NDArray[np.intp], NDArray[np.intp]] | None:
        some = np.sort(members[code][:size])
        if len(some) < _LEAST_SPLIT:
            return None
        in_smaller, conductance = split_class(components.values[some])
        if conductance > _MOST_CONDUCTANCE:
            return None
        return conductance, classes.names[code], some[in_smaller], some[~in_smaller]

    found = [one for one in map_parts(find, range(len(members)), n_threads=n_threads) if one]
    return [_split(*one, noun) for one in sorted(found, key=lambda one: one[:2])]


def _split(
    conductance: float,
    name: str,
    smaller: NDArray[np.intp],
    larger: NDArray[np.intp],
    noun: str,
) -> ClassFinding:
    share = len(smaller) / (len(smaller) + len(larger))
    return ClassFinding(
        kind="split",
        classes=(name,),
        items=tuple(smaller.tolist()),
        text=(
            f"{printable(name)} splits into at least two parts: {percent(share)} of its {noun}s "
            "are separate from the others."
        ),
        evidence=Evidence(
            items=tuple(smaller[:_N_BORDER].tolist()),
            neighbors=tuple(larger[:_N_BORDER].tolist()),
            score=1 - conductance,
            method=(
                "The score is 1 less the conductance of the best cut of the neighbor graph of "
                f"the class, from {len(smaller) + len(larger):,} of its {noun}s."
            ),
        ),
    )


def _pair(
    clade: Clade, neighbors: NDArray[np.int32], classes: Classes, noun: str
) -> tuple[float, ClassFinding]:
    """Return a branch of two classes, and the larger share of neighbors in the other class."""
    pair = np.array(sorted(clade.classes))
    items = np.flatnonzero(np.isin(classes.codes, pair))
    own = classes.codes[items]
    near = neighbors[items, :N_LIFT]
    share = (classes.codes[near] == pair[::-1][np.searchsorted(pair, own)][:, None]).mean(axis=1)
    mixed = np.array([share[own == code].mean() for code in pair])
    chance = classes.counts[pair[::-1]] / (len(classes.codes) - 1)
    most = int(mixed.argmax())  # the mean of both classes would hide a small class
    one, other = (printable(classes.names[code]) for code in np.roll(pair, -most))
    is_close = mixed[most] >= max(_LEAST_MIXED, _LEAST_OF_CHANCE * chance[most])
    names = classes.names[pair[0]], classes.names[pair[1]]
    border = items[np.lexsort((items, -share))][:_N_BORDER]
    border = border[np.sort(-share)[: len(border)] < 0] if is_close else border[:0]
    text = f"{join_names(names)} are separate, and each is the nearest class of the other."
    if is_close:
        text = (
            f"{join_names(names)} are close: {percent(mixed[most])} of the {near.shape[1]} "
            f"nearest {noun}s of {one} are {other}, and {percent(mixed[1 - most])} of those of "
            f"{other} are {one}."
        )
    finding = ClassFinding(
        kind="close pair" if is_close else "separate pair",
        classes=names,
        items=tuple(border.tolist()),
        text=text,
        evidence=Evidence(
            items=tuple(border.tolist()),
            neighbors=(),
            score=clade.support,
            method=_tree_method(clade),
        ),
    )
    return float(mixed[most]), finding


def _groups(related: Sequence[Clade], classes: Classes, noun: str) -> Iterator[ClassFinding]:
    """Yield the branches of more than two classes; the two branches of the root are one finding.

    Two branches of equal size are two findings, so that the classes of both are named.

    Parameters
    ----------
    related : sequence of Clade
        The branches of large classes with enough support.
    classes : Classes
    noun : str
    """
    is_large = classes.counts >= LEAST_RELATED
    large = frozenset(np.flatnonzero(is_large).tolist())
    # a group of all large classes does not show which classes are close
    by_classes = {one.classes: one for one in related if 2 < len(one.classes) < len(large)}
    for clade in by_classes.values():
        others = large - clade.classes
        rest = by_classes.get(others) if len(others) != len(clade.classes) else None
        if rest is None or len(others) > len(clade.classes):
            yield _group(clade, classes, noun, rest=rest)


def _group(clade: Clade, classes: Classes, noun: str, *, rest: Clade | None = None) -> ClassFinding:
    """Return a group; `rest` is the branch of all other large classes if there is one."""
    names = tuple(classes.names[code] for code in sorted(clade.classes))
    is_large = classes.counts >= LEAST_RELATED
    large = [name for name, is_one in zip(classes.names, is_large, strict=True) if is_one]
    others = [name for name in large if name not in names]
    text = f"{join_names(names)} form a group: they are closer to each other than to the others."
    score, method = clade.support, _tree_method(clade)
    if rest is not None:
        text = (
            f"{join_names(names)} form a group, and so do the other {len(others):,} classes: the "
            "classes of each group are closer to each other than to the others."
        )
        score = min(clade.support, rest.support)
        method += " Of the two groups, the lower score counts."
    elif len(others) < len(names):  # most classes are no group: the others are exceptions
        apart = f"{join_names(others)} {'is' if len(others) == 1 else 'are'} apart"
        text = f"{apart} from the other {len(names):,} classes, which are closer to each other."
    if len(large) < len(classes.names):
        text += f" Classes of fewer than {LEAST_RELATED} {noun}s are left out."
    return ClassFinding(
        kind="group",
        classes=names,
        text=text,
        evidence=Evidence(items=(), neighbors=(), score=score, method=method),
    )


def _tree_method(clade: Clade) -> str:
    return (
        "The score is the share of random samples, drawn with repetition (bootstrap), in which "
        "these classes form a branch of the tree of classes (average linkage, "
        f"{clade.distance_name})."
    )
