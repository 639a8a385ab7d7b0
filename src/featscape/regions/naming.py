"""Name regions by the terms that are frequent inside and rare outside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from featscape.records.regions import Terms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

N_WORDS = 5
MOST_TERMS = 1_000  # distinct values of a column; a column with more values describes single items
_LEAST_SHARE = {"label": 0.25, "word": 0.2, "column": 0.5}  # of the items of a region
_PART = 0.6  # of the largest share of a typical term
_LEAST_LIFT = 1.5  # share inside, compared with the share in the region or map around


def code_terms(
    values: Sequence[Any], *, kind: Literal["label", "column"], prefix: str = ""
) -> Terms | None:
    """Return the distinct values of n items as terms.

    Parameters
    ----------
    values : sequence of str, bool or None, length n
        None and "" are no value.
    kind : {"label", "column"}
    prefix : str
        Precedes the values in the names of the terms.

    Returns
    -------
    Terms or None
        None without a value, and for more than `MOST_TERMS` values.
    """
    texts = ["" if value is None else str(value) for value in values]
    rank = {text: code for code, text in enumerate(sorted(set(texts) - {""}))}
    if not 0 < len(rank) <= MOST_TERMS:
        return None
    codes = np.fromiter((rank.get(text, -1) for text in texts), np.int32, len(texts))[:, None]
    return Terms(
        kind,
        tuple(prefix + text for text in rank),
        codes,
        np.ones(codes.shape, np.float32),
        np.eye(len(rank), dtype=np.float32),
    )


def count_shares(terms: Terms, groups: NDArray[np.intp], n_groups: int) -> NDArray[np.float64]:
    """Return the mean weight of each term among the items of each group.

    Parameters
    ----------
    terms : Terms
        Of n items.
    groups : ndarray of intp, shape (n,)
        The group of each item; negative for none.
    n_groups : int

    Returns
    -------
    ndarray of float64, shape (n_groups, t)
    """
    n_codes = len(terms.members)
    total = np.zeros(n_groups * n_codes)
    for codes, weights in zip(terms.codes.T, terms.weights.T, strict=True):
        has = (groups >= 0) & (codes >= 0)
        entries = groups[has] * n_codes + codes[has]
        total += np.bincount(entries, weights=weights[has], minlength=len(total))
    sizes = np.bincount(groups[groups >= 0], minlength=n_groups)
    shares: NDArray[np.float64] = total.reshape(n_groups, n_codes) @ terms.members
    return shares / np.maximum(sizes, 1)[:, None]


def weigh_name(
    terms: Sequence[Terms], words: Sequence[tuple[str, float]], items: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Return how much the name of a region applies to each of its items, from 0 to 1.

    Parameters
    ----------
    terms : sequence of Terms
    words : sequence of (str, float)
        The result of `choose_name`. A name of two labels is followed by the labels.
    items : ndarray of intp, shape (m,)
        Of the region.

    Returns
    -------
    ndarray of float64, shape (m,)
    """
    name, share = words[0]
    found = []
    for one in terms:
        parts = [word for word, _ in (words[1:3] if one.kind == "label" else words[:1])]
        if " / ".join(parts) == name and set(parts) <= set(one.names):
            codes = one.codes[items]
            has = one.members[:, [one.names.index(part) for part in parts]].sum(axis=1)
            found.append((np.where(codes >= 0, has[codes], 0) * one.weights[items]).sum(axis=1))
    # several kinds of terms can have the word; the share is that of the kind that names the region
    weights: NDArray[np.float64] = min(found, key=lambda each: abs(each.mean() - share))
    return weights.astype(np.float64)


def rank_terms(
    inside: NDArray[np.float64], around: NDArray[np.float64], overall: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the score of each term for a region; 0 for a term that is not typical of the region.

    The score is a class-based TF-IDF (Grootendorst 2022, BERTopic, equation 2): the share of the
    term inside, times the logarithm of 1 + 1 / its share in the map. A term is typical if its share
    inside is at least 1.5 times its share in the region around.

    Parameters
    ----------
    inside, around, overall : ndarray of float64, shape (t,)
        The shares of the terms in the region, in the region or map around, and in the map.
    """
    typical = inside >= _LEAST_LIFT * around
    score: NDArray[np.float64] = inside * np.log1p(1 / np.maximum(overall, 1e-9))
    return np.where(typical, score, 0)


def choose_name(
    terms: Sequence[Terms],
    shares: Sequence[tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]],
    *,
    taken: Sequence[str],
) -> list[tuple[str, float]]:
    """Return the name of a region and further typical terms, each with its share inside.

    The first kind of terms that names the region is used. Two or more labels name a region of
    mixed classes; a single label does not, because the map shows the name of the class.

    Parameters
    ----------
    terms : sequence of Terms
        The most important kind first.
    shares : sequence of (ndarray, ndarray, ndarray)
        The arguments of `rank_terms` for each of the `terms`.
    taken : sequence of str
        The names of the regions around, which are not repeated.

    Returns
    -------
    list of (str, float)
        Empty if no term is typical of the region.
    """
    refused = {name.casefold() for name in taken}
    for one, (inside, around, overall) in zip(terms, shares, strict=True):
        scores = np.where(inside >= _LEAST_SHARE[one.kind], rank_terms(inside, around, overall), 0)
        # a term with a much smaller share than another term describes only a part of the region
        is_part = inside < _PART * np.max(inside, where=scores > 0, initial=0)
        best = np.lexsort((-scores, is_part))
        found = [
            (one.names[i], round(min(float(inside[i]), 1.0), 4)) for i in best if scores[i] > 0
        ]
        if one.kind == "label":
            mixed = " / ".join(name for name, _ in found[:2])
            if len(found) < 2 or mixed.casefold() in refused:
                refused |= {name.casefold() for name, _ in found}
                continue
            share = round(min(found[0][1] + found[1][1], 1.0), 4)
            return [(mixed, share), *found][:N_WORDS]
        found = [(name, share) for name, share in found if name.casefold() not in refused]
        if found:
            return found[:N_WORDS]
    return []
