"""Datasets with a known truth: classes as clouds of points, with planted errors."""

import numpy as np
from PIL import Image

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
        n_items=len(features),
        search=search_all_pairs,
        **options,
    )


class Pictures:
    """Images as the thumbnails of a map."""

    def __init__(self, images):
        self._images = images

    def __len__(self):
        return len(self._images)

    def load(self, index, *, at_least_px=0):
        assert at_least_px <= max(self._images[index].size)
        return self._images[index]


def pictures(n_images, *, size=(128, 96), seed=0):
    """Return pictures with detail at all scales, like photographs, each with an own color cast."""
    rng = np.random.default_rng(seed)
    images = []
    for _ in range(n_images):
        levels = np.zeros((size[1], size[0], 3), dtype=np.float32)
        for cells in (3, 6, 12, 24, 48):
            noise = rng.integers(0, 256, (cells, cells, 3)).astype(np.uint8)
            levels += (
                np.asarray(Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC)) / cells
            )
        levels -= levels.min()
        images.append(Image.fromarray((255 * levels / levels.max()).astype(np.uint8)))
    return images
