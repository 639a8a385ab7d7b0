"""Datasets with a known truth: classes as clouds of points, with planted errors."""

from functools import cache

import numpy as np
from PIL import Image

from featscape.findings.labels.label_errors import find_label_errors
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


def label_errors(features, labels, *, noun="image", **options):
    return find_label_errors(
        principal_components(features, random_state=0),
        count_classes(labels, len(features)),
        n_items=len(features),
        search=search_all_pairs,
        noun=noun,
        **options,
        random_state=0,
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


def pictures(n_images, *, size=(128, 96), slopes=(1.2, 1.2), seed=0):
    """Return pictures with detail at all scales, like photographs.

    The amplitude falls with the frequency to the power of the slope: 1 is sharp, 1.5 is soft.
    """
    return list(_draw_pictures(n_images, size, slopes, seed))


@cache
def _draw_pictures(n_images, size, slopes, seed):
    rng = np.random.default_rng(seed)
    width, height = size
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)) * width
    frequency[0, 0] = np.inf
    images = []
    for slope in rng.uniform(*slopes, n_images):
        spectrum = np.fft.rfft2(rng.normal(size=(3, height, width))) / frequency**slope
        levels = np.fft.irfft2(spectrum, (height, width))
        levels = 128 + 50 * (levels + levels[:1]) / levels.std()  # (3, h, w)
        images.append(Image.fromarray(np.clip(levels, 0, 255).astype(np.uint8).transpose(1, 2, 0)))
    return images
