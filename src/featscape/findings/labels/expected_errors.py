"""How many of the listed labels are wrong: an upper limit, or an estimate from some checks.

Features alone do not show how many labels are wrong: even for correct labels, some items look like
another class. The limit plants errors in some labels, and compares the number of items at the
beginning of the list with the share of planted errors there. The estimate uses the answers of a
person who checks labels all over the list.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from featscape.errors import InputError
from featscape.findings.records import ExpectedErrors
from featscape.findings.wording import N_CHECKS
from featscape.number_text import percent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from featscape.findings.labels.model import LabelModel, LabelOdds
    from featscape.findings.records import LabelError

_PLANTED_SHARE = 0.02
_N_PLANTED = 400  # in all repeats together, for an error of the shares of .025
_MOST_REPEATS = 100
_CONFIDENCE = 0.9  # of the limits of the counts
_ASSUMPTION = (
    "The limit assumes that wrong labels are as easy to find as errors that were planted in 2 % of "
    "the labels, between random and between similar classes. Whole bursts with a wrong label, and "
    "errors that remain after corrections with this list, are harder to find. See "
    '"Find label errors" in the documentation.'
)
_SEE = 'See "Find label errors" in the documentation.'
_TOO_SHORT = f"The list is too short for a limit. {_SEE}"
_NOT_FOUND = f"None of the errors that were planted in 2 % of the labels is listed. {_SEE}"
_AS_SUSPICIOUS = (
    "The listed labels are as suspicious as errors that were planted in 2 % of the labels. " + _SEE
)
_WITH_CHECKED = (
    "A map with checked labels has no limit, because the remaining errors are harder to find than "
    "planted errors. " + _SEE
)
# The share of the images in bursts from which there is no limit of the number of errors. Datasets
# without bursts have up to .07; where bursts were found and the limit was too low, .17 or more.
MANY_BURSTS = 0.1
_PENALTY = 0.05  # of the squared parameters
_N_DRAWS = 500  # from the distribution of the two parameters
_LIMITS = (0.1, 0.9)  # quantiles


def expect_errors(
    model: LabelModel,
    codes: NDArray[np.intp],
    n_classes: int,
    odds: LabelOdds,
    *,
    listed: NDArray[np.intp],
    is_checked: NDArray[np.bool_],
    random_state: int,
) -> ExpectedErrors:
    """Return an upper limit of the number of wrong labels among the listed labels.

    Errors are planted in 2 % of the labels, uniformly among the classes, or in the class that is
    most probable. The larger limit of the two is returned.

    Parameters
    ----------
    model : LabelModel
    codes : ndarray of intp, shape (n,)
    n_classes : int
    odds : LabelOdds
        The odds of `codes`.
    listed : ndarray of intp, shape (m,)
        The listed items, the most suspicious first; their suspicion is positive.
    is_checked : ndarray of bool, shape (n,)
        Items whose label a person has checked. If there are such items, the limit is the number of
        listed labels.
    random_state : int
    """
    generator = np.random.default_rng(random_state)
    n = len(codes)
    n_planted = max(1, round(_PLANTED_SHARE * n))
    n_repeats = min(_MOST_REPEATS, -(-_N_PLANTED // n_planted))
    limits, n_found = [], []
    for is_uniform in (True, False):
        planted = []
        for _ in range(n_repeats):
            chosen = generator.choice(n, n_planted, replace=False)
            changed = codes.copy()
            changed[chosen] = odds.suggested[chosen]
            if is_uniform:
                others = generator.integers(1, n_classes, n_planted)
                changed[chosen] = (codes[chosen] + others) % n_classes
            changed = _keep_classes(changed, codes, n_classes)
            again = model.odds(changed, n_classes, calibrations=odds.calibrations)
            planted.append(again.suspicion[chosen])
        suspicion = np.concatenate(planted)
        limits.append(_limit_wrong(odds.suspicion[listed], suspicion))
        n_found.append(int((suspicion > 0).sum()))
    high = int(np.ceil(max(limits)))
    assumption = _explain_limit(high, len(listed), n_found=n_found[int(np.argmax(limits))])
    if is_checked.any():
        high, assumption = len(listed), _WITH_CHECKED
    return ExpectedErrors(
        low=0,
        high=high,
        n_listed=len(listed),
        assumption=assumption,
        n_classified=int((~np.isnan(odds.suspicion) & ~is_checked).sum()),
        found_shares=tuple(found / (n_planted * n_repeats) for found in n_found),
    )


def consider_bursts(expected: ExpectedErrors, *, burst_share: float) -> ExpectedErrors:
    """Return the expected errors with the share of bursts, without a limit in a map of many bursts.

    Parameters
    ----------
    expected : ExpectedErrors
        The result of `expect_errors`. If there is no limit, the reason remains.
    burst_share : float
        The share of `measure_bursts`.
    """
    expected = replace(expected, burst_share=burst_share)
    if burst_share < MANY_BURSTS or expected.high == expected.n_listed:
        return expected
    reason = (
        f"There is no limit, because about {percent(burst_share)} of the images are in groups of "
        "possible copies, such as bursts: a burst with one wrong label is harder to find than "
        f"planted errors, which are wrong labels of single images. {_SEE}"
    )
    return replace(expected, high=expected.n_listed, assumption=reason)


def _explain_limit(high: int, n_listed: int, *, n_found: int) -> str:
    """Return what the limit assumes, or why there is no limit below the number of listed labels.

    Parameters
    ----------
    high, n_listed : int
    n_found : int
        Number of planted errors that are listed, of the kind that gives the limit.
    """
    if high < n_listed:
        return _ASSUMPTION
    if n_found == 0:
        return _NOT_FOUND
    # the limit if all listed planted errors were more suspicious than all listed labels
    least = _limit_wrong(np.ones(n_listed, np.float32), np.full(n_found, 2, np.float32))
    return _TOO_SHORT if np.ceil(least) >= n_listed else _AS_SUSPICIOUS


def _keep_classes(
    changed: NDArray[np.intp], codes: NDArray[np.intp], n_classes: int
) -> NDArray[np.intp]:
    """Return the changed labels without the changes that removed all items of a class.

    An item that returns to its class may have been the last of another class.
    """
    while (is_gone := np.bincount(changed, minlength=n_classes) == 0).any():
        changed = np.where(is_gone[codes], codes, changed)
    return changed


def _limit_wrong(listed: NDArray[np.float32], planted: NDArray[np.float32]) -> float:
    """Return an upper limit of the number of wrong labels of a list.

    If wrong labels are as suspicious as planted errors, the wrong labels above a threshold of the
    suspicion are the same share of all wrong labels as for the planted errors, and not more than
    the items above the threshold. Each threshold gives a limit; the least limit is returned. The
    counts vary by chance, so that the upper limit of the number of items is divided by the lower
    limit of the number of planted errors, as for counts with a Poisson distribution: Garwood
    (1936), "Fiducial limits for the Poisson distribution", Biometrika 28(3/4):437-442.

    Parameters
    ----------
    listed : ndarray of float32, shape (m,)
        The suspicion of the listed items, positive and descending.
    planted : ndarray of float32, shape (k,)
        The suspicion of the planted errors; not positive if an error is not listed.

    Returns
    -------
    float
        From 0 to m.
    """
    from scipy.special import gammaincinv

    thresholds = np.append(listed, np.float32(0))
    n_above = np.arange(len(thresholds))  # items above each threshold
    found = np.sort(planted[planted > 0])
    if not len(found):
        return len(listed)
    n_planted = len(found) - np.searchsorted(found, thresholds, "right")
    is_useful = n_planted > 0
    most = gammaincinv(n_above[is_useful] + 1, _CONFIDENCE)
    least = gammaincinv(n_planted[is_useful], 1 - _CONFIDENCE)
    return min(len(found) * float((most / least).min()), len(listed))


def choose_checks(n_listed: int, n_checks: int = N_CHECKS) -> tuple[int, ...]:
    """Return the ranks, from 0, of the listed labels that a person should check, ascending.

    The distances between the ranks grow: the ranks are dense at the beginning of the list, where
    the labels are most suspicious, and cover the whole list.

    Parameters
    ----------
    n_listed : int
        At least 0.
    n_checks : int
        At least 1. All ranks are returned if `n_checks` is `n_listed` or more.

    Raises
    ------
    InputError
        If a number is too small.
    """
    if n_listed < 0 or n_checks < 1:
        raise InputError(
            "n_listed must be at least 0 and n_checks at least 1; got n_listed="
            f"{n_listed}, n_checks={n_checks}. Give the number of listed labels."
        )
    n_checks = min(n_checks, n_listed)
    middles = (np.arange(n_checks) + 0.5) / max(n_checks, 1)
    chosen: list[int] = []
    for rank in (middles**2 * n_listed).astype(int).tolist():
        chosen.append(max(rank, chosen[-1] + 1 if chosen else 0))
    return tuple(chosen)


def estimate_errors(
    listed: Sequence[LabelError], checked: Mapping[int, bool], *, random_state: int = 0
) -> ExpectedErrors:
    """Return an estimate of the number of wrong labels from labels that a person has checked.

    The probability that a label is wrong is a logistic function of its score, fitted to the
    checked labels.

    Parameters
    ----------
    listed : sequence of LabelError
        All listed labels, as in `Findings.labels`.
    checked : mapping of int to bool
        Item -> whether its label is wrong. `choose_checks` returns the labels to check; 30 checks
        give an error of about 5 % of the number of listed labels.
    random_state : int
        Seed of the draws from the distribution of the parameters of the logistic function.

    Returns
    -------
    ExpectedErrors
        The range contains the number of wrong labels with a probability of about 80 %. If all
        labels were checked, the limits are the number of wrong labels.

    Raises
    ------
    InputError
        If no label was checked, or a checked item is not listed.
    """
    ranks = {one.item: rank for rank, one in enumerate(listed)}
    unknown = sorted(checked.keys() - ranks.keys())
    if unknown or not checked:
        got = f"item {unknown[0]}, which is not listed" if unknown else "no item"
        raise InputError(
            f"checked labels must be items of the list of labels; got {got}. Check items of "
            "Findings.labels."
        )
    scores = np.array([one.evidence.score for one in listed])
    scores /= max(float(scores.std()), 1e-9)
    is_checked = np.zeros(len(listed), dtype=bool)
    is_checked[[ranks[item] for item in checked]] = True
    is_wrong = np.array([checked.get(one.item, False) for one in listed], dtype=np.float64)
    draws = _draw_parameters(scores[is_checked], is_wrong[is_checked], random_state)
    p = 1 / (1 + np.exp(-(draws[:, :1] + draws[:, 1:] * scores[~is_checked])))
    low, high = np.quantile(p.sum(axis=1), _LIMITS)
    n_wrong = int(is_wrong.sum())
    if is_checked.all():
        assumption = f"All {len(checked):,} listed labels were checked, and {n_wrong:,} were wrong."
    else:
        assumption = (
            f"Estimated from {len(checked)} checked labels, of which {n_wrong} were wrong; the "
            "range contains the number with a probability of about 80 %."
        )
    return ExpectedErrors(
        low=n_wrong + (int(low) if n_wrong else 0),  # all labels may be right
        high=n_wrong + int(np.ceil(high)),
        n_listed=len(listed),
        assumption=assumption,
        n_checked=len(checked),
    )


def _draw_parameters(
    scores: NDArray[np.float64], is_wrong: NDArray[np.float64], random_state: int
) -> NDArray[np.float64]:
    """Draw intercept and slope of a logistic regression, shape (draws, 2); no slope is negative."""
    from scipy.optimize import minimize

    design = np.stack([np.ones_like(scores), scores], axis=1)

    def loss(free: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        margin = design @ free
        value = (np.logaddexp(0, margin) - is_wrong * margin).sum() + _PENALTY * free @ free
        p = 1 / (1 + np.exp(-margin))
        return float(value), design.T @ (p - is_wrong) + 2 * _PENALTY * free

    bounds = [(-20, 20), (0, 20)]
    best = minimize(loss, np.zeros(2), jac=True, method="L-BFGS-B", bounds=bounds).x
    p = 1 / (1 + np.exp(-design @ best))
    curvature = (design * (p * (1 - p))[:, None]).T @ design + 2 * _PENALTY * np.eye(2)
    draws = np.random.default_rng(random_state).multivariate_normal(
        best, np.linalg.inv(curvature), size=_N_DRAWS
    )
    draws[:, 1] = np.maximum(draws[:, 1], 0)
    return draws
