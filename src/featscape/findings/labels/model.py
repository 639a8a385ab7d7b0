"""The probability of each label of an item, from everything but the item's own label.

Two classifiers with exact leave-one-out scores are averaged: ridge regression on principal
components, and a vote of the nearest neighbors in half-whitened space. `LabelModel` computes what
does not depend on the labels once, so that changed labels are scored quickly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from featscape.findings.spaces import NO_VARIANCE, blocks, sum_classes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from featscape.findings.spaces import Components
    from featscape.records import Neighbors

LEAST_MEMBERS = 3  # a label is checked if two other items show what the label means
_PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1)  # of the ridge, per row
_LEAST_FREEDOM = 1e-3  # of 1 - leverage, against division by zero
_PRIOR_VOTES = 0.5  # votes for the class shares, beside those of the neighbors
_BIAS_PENALTY = 1e-3
_MOST_VOTERS = 50  # more voters are slower and do not improve the vote
_LEAST_VOTERS = 5  # in addition to half of the items of a typical class
_LEAST_SQUARED_DISTANCE = 1e-12  # of the last voter, against division by zero
_LEAST_PROBABILITY = 1e-30  # against the logarithm of 0
# The exponent of the weight of the last voter is -2: its weight is exp(-2) = .14.
_LAST_EXPONENT = 2.0
_MOST_FITTED = 1_000_000  # scores (rows x classes) that the calibration is fitted on
_MOST_IN_BLOCK = 4_000_000  # scores computed at once


@dataclass(frozen=True, eq=False)
class LabelOdds:
    """The result of `LabelModel.odds`, one entry per item.

    Attributes
    ----------
    suspicion : ndarray of float32, shape (n,)
        log p(suggested class) - log p(given class); NaN in a class of fewer than 3 items, and for
        an item of a group if fewer than 2 other items of its class are outside the group. In a
        class of at most as many items as there are voters, at most 0 if the item is nearer to the
        mean of the others of its class than to the mean of the suggested class.
    suggested : ndarray of intp, shape (n,)
        The best class other than the given class; of an item of a group, the best class of the
        others of the group if this class is more probable than the given class.
    confidence : ndarray of float32, shape (n,)
        p(given class).
    gain : float
        Mean log p(given class), less that of the class shares. Without a relation between
        features and labels the gain is 0.
    calibrations : tuple
        For `LabelModel.odds` of slightly changed labels.
    """

    suspicion: NDArray[np.float32]
    suggested: NDArray[np.intp]
    confidence: NDArray[np.float32]
    gain: float
    calibrations: tuple[_Calibration, ...]


def count_voters(n_items: int, n_classes: int) -> int:
    """Return the number of neighbors that vote: fewer than the items of a typical class."""
    return max(1, min(_MOST_VOTERS, n_items // (2 * n_classes) + _LEAST_VOTERS, n_items - 1))


class LabelModel:
    """Leave-one-out probabilities of labels for items with given features.

    Parameters
    ----------
    components : Components
        The features.
    neighbors : Neighbors
        The voters: neighbors of each item in `Components.half_whitened`.
    groups : ndarray of intp, shape (n,), optional
        The number of the group of an item, or -1. The label of an item is scored without the other
        items of its group, for example copies with other labels.
    random_state : int
        Seed of the sample of items that the calibration is fitted on.
    """

    def __init__(
        self,
        components: Components,
        neighbors: Neighbors,
        *,
        groups: NDArray[np.intp] | None = None,
        random_state: int,
    ) -> None:
        from scipy.linalg import eigh

        # the rows of the ridge are the components and a constant 1
        values = components.values
        n, c = values.shape
        product = np.empty((c + 1, c + 1))
        product[:c, :c] = values.T @ values
        product[c, :c] = product[:c, c] = values.sum(axis=0, dtype=np.float64)
        product[c, c] = n
        self._variances, axes = eigh(product)
        axes = axes.astype(np.float32)
        self._rows = values @ axes[:c]  # (n, c + 1), in the axes of the ridge
        self._rows += axes[c]
        self._voters = neighbors.indices
        # The weight of a voter is a Gaussian of its cosine distance, scaled by the cosine distance
        # of the last voter. Hechenbichler & Schliep (2004), "Weighted k-nearest-neighbor techniques
        # and ordinal classification", SFB 386 paper 399, scale by the neighbor after the last. The
        # squared Euclidean distance of unit rows is twice the cosine distance.
        squared = neighbors.distances**2
        last = np.maximum(squared[:, -1:], _LEAST_SQUARED_DISTANCE)
        self._weights = np.exp(-_LAST_EXPONENT * (squared / last) ** 2).astype(np.float32)
        self._groups: list[NDArray[np.intp]] = []
        if groups is not None:
            grouped = np.flatnonzero(groups >= 0)
            is_own = groups[grouped][:, None] == groups[self._voters[grouped]]
            self._weights[grouped] *= ~is_own
            grouped = grouped[np.argsort(groups[grouped], kind="stable")]
            ends = np.flatnonzero(np.diff(groups[grouped])) + 1
            self._groups = [part for part in np.split(grouped, ends) if len(part) > 1]
        self._shuffled = np.random.default_rng(random_state).permutation(n)

    def __len__(self) -> int:
        return len(self._rows)

    def odds(
        self,
        codes: NDArray[np.intp],
        n_classes: int,
        *,
        calibrations: tuple[_Calibration, ...] = (),
    ) -> LabelOdds:
        """Score the labels of all items.

        Parameters
        ----------
        codes : ndarray of intp, shape (n,)
            The label of each item, from 0 to n_classes - 1. Each class has an item.
        n_classes : int
            At least 2.
        calibrations : tuple, optional
            Those of nearly equal labels; by default they are fitted, which takes most of the time.
        """
        n = len(self)
        counts = np.bincount(codes, minlength=n_classes)
        fitted = np.sort(self._shuffled[: max(1_000, _MOST_FITTED // n_classes)])
        ridge = _Ridge.fit(self._rows, self._variances, codes, counts, fitted, groups=self._groups)
        vote = _Vote(self._voters, self._weights, codes, counts)
        parts: tuple[_Ridge | _Vote, ...] = (ridge, vote)
        calibrations = calibrations or tuple(
            _Calibration.fit(part.scores(fitted), codes[fitted]) for part in parts
        )
        suspicion = np.empty(n, np.float32)
        suggested = np.empty(n, np.intp)
        given = np.empty(n, np.float32)
        for block in blocks(n, rows_at_once=max(1, _MOST_IN_BLOCK // n_classes)):
            chosen = np.arange(block.start, block.stop)
            p = np.zeros((len(chosen), n_classes), np.float32)
            for part, calibration in zip(parts, calibrations, strict=True):
                p += calibration.probabilities(part.scores(chosen))
            own = np.arange(len(chosen))
            log_p = np.log(np.maximum(p / 2, _LEAST_PROBABILITY))
            given[block] = log_p[own, codes[block]]
            log_p[own, codes[block]] = -np.inf
            suggested[block] = log_p.argmax(axis=1)
            for at, copies in self._copies_of(chosen):
                best = codes[copies][log_p[at, codes[copies]].argmax()]
                if log_p[at, best] > given[block][at]:  # one of both labels is probably right
                    suggested[block.start + at] = best
            suspicion[block] = log_p[own, suggested[block]] - given[block]
        n_others = counts[codes] - 1
        for group in self._groups:
            n_others[group] -= np.bincount(codes[group], minlength=n_classes)[codes[group]] - 1
        suspicion[n_others < LEAST_MEMBERS - 1] = np.nan
        is_small = counts <= self._voters.shape[1]
        doubtful = np.flatnonzero(is_small[codes] & (suspicion > 0))
        if len(doubtful):
            is_nearer = self._is_nearer(doubtful, suggested[doubtful], codes, counts, ridge.sums)
            suspicion[doubtful[~is_nearer]] = 0
        gain = float(given.mean(dtype=np.float64) - np.log(counts[codes] / n).mean())
        return LabelOdds(suspicion, suggested, np.exp(given), gain, calibrations)

    def _is_nearer(
        self,
        items: NDArray[np.intp],
        suggested: NDArray[np.intp],
        codes: NDArray[np.intp],
        counts: NDArray[np.intp],
        sums: NDArray[np.float64],
    ) -> NDArray[np.bool_]:
        """Return which items are nearer to the mean of the suggested class than of their own.

        Votes and probabilities depend on the number of items of a class: the label of a class with
        few items seldom has the highest, even if the label is right. The distances to the means, in
        half-whitened space, are estimated without the item and without bias by the class size.

        Parameters
        ----------
        items : ndarray of intp, shape (m,)
            In classes of at least three items.
        suggested : ndarray of intp, shape (m,)
            A class for each of the items.
        codes : ndarray of intp, shape (n,)
        counts : ndarray of intp, shape (n_classes,)
        sums : ndarray of float64, shape (n_classes, c)
            The sum of the rows of each class.
        """
        floor = self._variances[-1] * NO_VARIANCE
        weights = np.maximum(self._variances, floor) ** -0.5  # (c,), of squared differences
        squares = np.einsum("ij,ij,j->i", self._rows, self._rows, weights)
        totals = np.bincount(codes, weights=squares, minlength=len(counts))

        def measure(
            rows: NDArray[Any], sums: NDArray[Any], totals: NDArray[Any], counts: NDArray[Any]
        ) -> NDArray[Any]:
            """Return squared distances to the means, less the squared lengths of the rows.

            The squared length of a mean is the mean product of two items of the class.
            """
            products = np.einsum("ij,ij,j->i", rows, sums, weights)
            pairs = np.maximum(counts * (counts - 1), 1)  # a class of one item has none
            lengths = (sums**2 @ weights - totals) / pairs
            distances = lengths - 2 * products / np.maximum(counts, 1)
            return np.where(counts > 0, distances, np.inf)

        is_nearer = np.empty(len(items), dtype=bool)
        for block in blocks(len(items)):
            chosen, other = items[block], suggested[block]
            rows, own = self._rows[chosen], codes[chosen]
            to_own = sums[own] - rows, totals[own] - squares[chosen], counts[own] - 1
            to_other = sums[other], totals[other], counts[other]
            for at, copies in self._copies_of(chosen):
                for code, (own_sums, own_totals, own_counts) in (
                    (own[at], to_own),
                    (other[at], to_other),
                ):
                    left_out = copies[codes[copies] == code]
                    own_sums[at] -= self._rows[left_out].sum(axis=0)
                    own_totals[at] -= squares[left_out].sum()
                    own_counts[at] -= len(left_out)
            is_nearer[block] = measure(rows, *to_other) < measure(rows, *to_own)
        return is_nearer

    def _copies_of(self, items: NDArray[np.intp]) -> Iterator[tuple[int, NDArray[np.intp]]]:
        """Yield the place of each item of a group, and the other items of the group."""
        place = {item: at for at, item in enumerate(items.tolist())} if self._groups else {}
        for group in self._groups:
            for item in group.tolist():
                if item in place:
                    yield place[item], group[group != item]


@dataclass(frozen=True, eq=False)
class _Ridge:
    """One-against-all least squares with exact leave-one-out predictions.

    With the leverage h_i of row i, the prediction without row i is (fit_i - h_i y_i) / (1 - h_i):
    Golub, Heath & Wahba (1979), "Generalized cross-validation as a method for choosing a good ridge
    parameter", Technometrics 21(2):215-223.
    """

    rows: NDArray[np.float32]  # (n, c), in the eigenvectors of the rows' product
    sums: NDArray[np.float64]  # (n_classes, c), of the rows of each class
    weights: NDArray[np.float32]  # (c, n_classes)
    shrinkage: NDArray[np.float32]  # (c,)
    codes: NDArray[np.intp]  # (n,)
    groups: Sequence[NDArray[np.intp]] = ()  # items that are scored without one another

    @classmethod
    def fit(
        cls,
        rows: NDArray[np.float32],
        variances: NDArray[np.float64],
        codes: NDArray[np.intp],
        counts: NDArray[np.intp],
        chosen: NDArray[np.intp],
        *,
        groups: Sequence[NDArray[np.intp]] = (),
    ) -> _Ridge:
        """Choose the penalty with the least leave-one-out error of the chosen rows.

        Parameters
        ----------
        rows : ndarray of float32, shape (n, c)
        variances : ndarray of float64, shape (c,)
        codes : ndarray of intp, shape (n,)
        counts : ndarray of intp, shape (n_classes,)
        chosen : ndarray of intp, shape (m,)
            Indices of rows, ascending.
        groups : sequence of ndarray of intp, optional
            Indices of rows that are scored without one another.
        """
        sums = sum_classes(rows, codes, len(counts))
        own = np.arange(len(chosen))

        def fit_with(penalty: float) -> _Ridge:
            shrinkage = 1 / (variances + penalty * len(rows))
            weights = (shrinkage[:, None] * sums.T).astype(np.float32)
            return cls(rows, sums, weights, shrinkage.astype(np.float32), codes, groups)

        def loss(ridge: _Ridge) -> float:
            errors = ridge.scores(chosen)
            errors[own, codes[chosen]] -= 1
            return float(np.square(errors, out=errors).mean())

        return min(map(fit_with, _PENALTIES), key=loss)

    def scores(self, chosen: NDArray[np.intp]) -> NDArray[np.float32]:
        """Return the leave-one-out predictions of the chosen rows, (len(chosen), n_classes).

        `chosen` is ascending. A row of a group is predicted without the group.
        """
        rows = self.rows[chosen]
        leverage = (rows**2) @ self.shrinkage
        fit = rows @ self.weights
        fit[np.arange(len(chosen)), self.codes[chosen]] -= leverage
        fit /= np.maximum(1 - leverage, _LEAST_FREEDOM)[:, None]
        for group in self.groups:
            at = np.minimum(np.searchsorted(chosen, group), len(chosen) - 1)
            is_chosen = chosen[at] == group
            if is_chosen.any():
                fit[at[is_chosen]] = self._without(group)[is_chosen]
        return fit

    def _without(self, group: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return the predictions of the rows of a group without the group, (m, n_classes).

        With the block H of the hat matrix, they are y - (I - H)^-1 (y - fit). For more rows than
        columns, the weights without the group are computed instead, which is faster.
        """
        rows = self.rows[group].astype(np.float64)
        m, c = rows.shape
        targets = np.zeros((m, self.weights.shape[1]))
        targets[np.arange(m), self.codes[group]] = 1
        if m > c:
            product = np.diag(1 / self.shrinkage.astype(np.float64)) - rows.T @ rows
            return np.asarray(rows @ np.linalg.solve(product, self.sums.T - rows.T @ targets))
        hat = (rows * self.shrinkage) @ rows.T
        residuals = np.linalg.solve(np.eye(m) - hat, targets - rows @ self.weights)
        return np.asarray(targets - residuals)


@dataclass(frozen=True, eq=False)
class _Vote:
    """The logarithm of the share of the nearest neighbors in each class."""

    voters: NDArray[np.int32]  # (n, k)
    weights: NDArray[np.float32]  # (n, k)
    codes: NDArray[np.intp]  # (n,)
    counts: NDArray[np.intp]  # (n_classes,)

    def scores(self, chosen: NDArray[np.intp]) -> NDArray[np.float32]:
        """Return the scores of the chosen rows, (len(chosen), n_classes)."""
        n_classes = len(self.counts)
        own = np.arange(len(chosen))[:, None] * n_classes
        votes = np.bincount(
            (own + self.codes[self.voters[chosen]]).ravel(),
            weights=self.weights[chosen].ravel(),
            minlength=len(chosen) * n_classes,
        ).reshape(len(chosen), n_classes)
        shares = votes + _PRIOR_VOTES * self.counts / len(self.codes)
        shares /= shares.sum(axis=1, keepdims=True)
        return np.asarray(np.log(shares), dtype=np.float32)


@dataclass(frozen=True, eq=False)
class _Calibration:
    """Scores -> probabilities: softmax(scale * scores + bias), fitted on the given labels."""

    scale: float
    bias: NDArray[np.float32]  # (n_classes,)

    @classmethod
    def fit(cls, scores: NDArray[np.float32], codes: NDArray[np.intp]) -> _Calibration:
        """Fit the probabilities to labels; `scores` has shape (n, n_classes), `codes` (n,)."""
        from scipy.optimize import minimize
        from scipy.special import softmax

        n, n_classes = scores.shape
        own = np.arange(n)
        spread = float(scores.std()) or 1.0
        scores = scores / np.float32(spread)

        def loss(free: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            scale, bias = np.exp(free[0]), free[1:]
            p = softmax(scores * np.float32(scale) + bias.astype(np.float32), axis=1)
            given = np.log(np.maximum(p[own, codes], _LEAST_PROBABILITY)).mean(dtype=np.float64)
            p[own, codes] -= 1
            gradient = np.empty_like(free)
            gradient[0] = scale * np.vdot(p, scores) / n
            gradient[1:] = p.mean(axis=0, dtype=np.float64) + 2 * _BIAS_PENALTY * bias / n_classes
            return -given + _BIAS_PENALTY * float((bias**2).mean()), gradient

        free = minimize(
            loss, np.zeros(n_classes + 1), jac=True, method="L-BFGS-B", options={"maxiter": 100}
        ).x
        return cls(float(np.exp(free[0])) / spread, free[1:].astype(np.float32))

    def probabilities(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return probabilities, shape (m, n_classes)."""
        from scipy.special import softmax

        p: NDArray[np.float32] = softmax(scores * np.float32(self.scale) + self.bias, axis=1)
        return p
