"""The result of a comparison of two sets of features of the same items."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Estimate:
    """A mean over items with its 95 % interval.

    Attributes
    ----------
    value : float
        The mean over all items.
    low, high : float
        The 2.5 % and the 97.5 % quantile of the means of 1,000 bootstrap samples of the items
        (Efron & Tibshirani 1993, "An Introduction to the Bootstrap", section 13.3). The neighbors
        of an item are not searched again. The interval shows how much the mean depends on the items
        that are counted, not how much it depends on the training of the network.
    """

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


@dataclass(frozen=True)
class FeatureComparison:
    """How similar two sets of features of the same items are: the result of `compare_features`.

    All neighbors are nearest by Euclidean distance in all features.

    Attributes
    ----------
    n_items, n_neighbors : int
        The number n of items, and the number k of neighbors of the overlap.
    overlap : Estimate
        Overlap@k: the mean share of the k nearest items in the first features that are also among
        the k nearest items in the second features.
    overlap_chance : float
        The overlap of random neighbors, k / (n - 1).
    cka : float
        Linear centered kernel alignment, from 0 to 1 (Kornblith, Norouzi, Lee & Hinton 2019,
        "Similarity of Neural Network Representations Revisited", ICML, equation 4).
    agreement : tuple of two Estimate, or None
        The label agreement in the first and in the second features: the share of the items with a
        label for which at least 3 of the 5 nearest items have the same label. None without labels,
        or if less than half of the items with a label are in classes of at least 6 items.
    agreement_difference : Estimate or None
        The second agreement less the first; of the same bootstrap samples, so that the interval
        does not contain 0 if the difference is more than chance among these items.
    agreement_chance : float or None
        The expected agreement if the labels are permuted at random.
    """

    n_items: int
    n_neighbors: int
    overlap: Estimate
    overlap_chance: float
    cka: float
    agreement: tuple[Estimate, Estimate] | None
    agreement_difference: Estimate | None
    agreement_chance: float | None
