"""Recognize the splits of a dataset (train, val, test) by the names of folders and files."""

from __future__ import annotations

import re

_NAMES = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}
# the split by its name in lower case: train, training, trainset, training_set and so on
SPLITS = {
    f"{name}{suffix}": split
    for split, names in _NAMES.items()
    for name in names
    for suffix in ("", "set", "_set", "-set", " set")
}
_SPLITS_IN_NAMES = {**SPLITS, "t10k": "test"}  # MNIST's name of the test set


def find_split(name: str) -> str:
    """Return the split in a file name, "train" for train-00000.tar; "" if there is none."""
    words = re.split(r"[^a-z0-9]+", name.lower())
    return next((_SPLITS_IN_NAMES[word] for word in words if word in _SPLITS_IN_NAMES), "")
