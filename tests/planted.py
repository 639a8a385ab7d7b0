"""Datasets with a known truth: classes as clouds of points, with planted errors."""

import numpy as np

from featscape.findings.label_errors import find_label_errors
from featscape.findings.spaces import principal_components, search_all_pairs
from featscape.labels.classes import count_classes

NAMES = ("ant", "bee", "cat", "dog")


def clouds(n_items=400, *, n_classes=4, n_features=40, spread=0.25, seed=0):
    """Return features, (n, d), and the class of each item; classes have a common direction."""
    rng = np.random.default_rng(seed)
    centers = rng.normal(size=(n_classes, n_features)) / np.sqrt(n_features)
    codes = np.arange(n_items) % n_classes
    noise = spread * rng.normal(size=(n_items, n_features))
    return (1 + centers[codes] + noise).astype(np.float32), codes


def named(codes):
    return [NAMES[code] if code < len(NAMES) else f"class {code}" for code in codes]


def with_errors(codes, share, *, seed=1):
    """Return the codes with a share of wrong codes, and which are wrong."""
    rng = np.random.default_rng(seed)
    n_classes = codes.max() + 1
    wrong = rng.choice(len(codes), round(share * len(codes)), replace=False)
    changed = codes.copy()
    changed[wrong] = (codes[wrong] + rng.integers(1, n_classes, len(wrong))) % n_classes
    return changed, np.isin(np.arange(len(codes)), wrong)


def average_precision(scores, is_true):
    hits = is_true[np.argsort(-scores, kind="stable")]
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    return (precision * hits).sum() / hits.sum()


def label_errors(features, labels, **options):
    return find_label_errors(
        principal_components(features),
        count_classes(labels, len(features)),
        search=search_all_pairs,
        **options,
    )
