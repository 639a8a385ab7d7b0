"""Count the classes of labels, and draw samples that contain every class."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sized
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from featscape.errors import InputError
from featscape.labels import colors as _colors

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray


NO_LABEL = _colors.NO_LABEL  # the label of an item without a label
NO_SPLIT = "(no split)"  # the split of an item without a split, where other items have splits
_PANDAS_MISSING = ("NAType", "NaTType")
_FEW_CLASSES = 20  # a column of more different values has two items per value if it has classes
N_AGREEING = 5  # number of neighbors for the label agreement


@dataclass(frozen=True, eq=False)
class Classes:
    """The classes of n items.

    Attributes
    ----------
    names : tuple of str
        Names in natural order after `NO_LABEL`, as in the legend.
    colors : tuple of str
        "#rrggbb", one per class.
    codes : ndarray of intp, shape (n,)
        The class of each item, an index into `names`.
    counts : ndarray of intp, shape (n_classes,)
        Number of items of each class.
    """

    names: tuple[str, ...]
    colors: tuple[str, ...]
    codes: NDArray[np.intp]
    counts: NDArray[np.intp]

    @property
    def is_named(self) -> NDArray[np.bool_]:
        """Which classes have a name, all except that of the items without a label, (n_classes,)."""
        return np.array([name != NO_LABEL for name in self.names], dtype=bool)

    @property
    def label_codes(self) -> NDArray[np.intp]:
        """The class of each item, -1 for items without a label, shape (n,)."""
        if NO_LABEL not in self.names:
            return self.codes
        return np.where(self.codes == self.names.index(NO_LABEL), -1, self.codes)


def count_classes(labels: Iterable[object] | None, n_items: int) -> Classes | None:
    """Return the classes of `labels`, or None for unlabeled items.

    Parameters
    ----------
    labels : sequence of str, int or bool, length n_items, or None
        A list, a tuple, an array or a tensor. A missing label, None or NaN, becomes `NO_LABEL`.
        Whole floats are integers, because an array of integers with missing values is one of
        floats.
    n_items : int

    Raises
    ------
    InputError
        If the number of labels differs from `n_items`, or a label is not a string or an integer.
    """
    if labels is None:
        return None
    if isinstance(labels, str | Mapping | set | frozenset) or not isinstance(labels, Sized):
        raise InputError(
            f"labels must be a sequence with one label per item; got {type(labels).__name__}. "
            "Pass a list, a tuple or an array."
        )
    if len(labels) != n_items:
        raise InputError(
            f"labels must contain one label per item = {n_items:,}; got {len(labels):,}. "
            "Pass the labels in the order of the items."
        )
    texts = [text_of(label, i) for i, label in enumerate(labels)]
    colors = _colors.class_colors(texts)
    rank = {name: i for i, name in enumerate(colors)}
    codes = np.fromiter((rank[text] for text in texts), dtype=np.intp, count=n_items)
    return Classes(
        names=tuple(colors),
        colors=tuple(colors.values()),
        codes=codes,
        counts=np.bincount(codes, minlength=len(colors)),
    )


def label_names(labels: Iterable[str] | None) -> set[str]:
    """Return the different labels, without `NO_LABEL`; empty for None."""
    return set(labels or ()) - {NO_LABEL}


def can_agree(labels: Iterable[str] | None) -> bool:
    """Return whether the classes are large enough for the label agreement.

    At least half of the labeled items must be in classes of more than `N_AGREEING` items. The
    `N_AGREEING` nearest neighbors of an item of a smaller class always include items of other
    classes, so the agreement depends on the size of the class.
    """
    sizes = Counter(labels or ())
    del sizes[NO_LABEL]
    n_large = sum(size for size in sizes.values() if size > N_AGREEING)
    return 2 * n_large >= sizes.total() > 0


def trim_labels(labels: Iterable[str | None]) -> tuple[tuple[str, ...], int]:
    """Remove the white space around labels; None and a label of white space become `NO_LABEL`.

    Returns
    -------
    labels : tuple of str
    n_trimmed : int
        Number of labels with white space around them.
    """
    texts = ["" if label is None else label for label in labels]
    trimmed = [text.strip() for text in texts]
    n_trimmed = sum(map(str.__ne__, texts, trimmed))
    return tuple(text or NO_LABEL for text in trimmed), n_trimmed


def sample_of_classes(
    labels: Sequence[object] | None,
    n_items: int,
    *,
    size: int,
    seed: int | np.random.SeedSequence,
) -> NDArray[np.intp]:
    """Draw a random sample of items that contains every class if `size` is large enough.

    The sample is the beginning of a random order in which one item of each class is moved to the
    front. Frequent classes remain frequent.

    Parameters
    ----------
    labels : sequence of str, int or bool, length n_items, or None
    n_items : int
    size : int
        Number of items to draw; at most `n_items` are returned.
    seed : int or SeedSequence

    Returns
    -------
    ndarray of intp, shape (min(size, n_items),)
        Indices of the items, ascending.
    """
    shuffled = np.random.default_rng(seed).permutation(n_items)
    if labels is not None:
        _, classes = np.unique(np.asarray(labels), return_inverse=True)
        _, firsts = np.unique(classes[shuffled], return_index=True)
        is_first = np.zeros(n_items, dtype=bool)
        is_first[firsts] = True  # in the shuffled order, the first item of each class
        shuffled = np.concatenate([shuffled[is_first], shuffled[~is_first]])
    return np.sort(shuffled[:size])


def may_be_classes(n_different: int, n_known: int) -> bool:
    """Return whether a column with `n_different` values in `n_known` items may be a category.

    Each value occurs twice on average, or there are at most 20 values. Items whose value is missing
    do not count.
    """
    return n_different <= max(_FEW_CLASSES, n_known // 2)


def is_missing(value: object) -> bool:
    """Return whether a value is None, NaN, or NaT or NA of pandas."""
    if value is None or type(value).__name__ in _PANDAS_MISSING:
        return True
    return isinstance(value, float | np.floating) and bool(np.isnan(value))


def as_python(value: Any) -> Any:
    """Return a scalar or array of NumPy or PyTorch as a Python value; others are unchanged.

    An array of one element becomes this element, and other arrays become lists.
    """
    if isinstance(value, np.datetime64 | np.timedelta64) and np.datetime_data(value)[0] == "ns":
        value = value.astype(f"{value.dtype.kind}8[us]")  # Python has no nanoseconds
    shape = getattr(value, "shape", None)
    if shape is not None and hasattr(value, "tolist"):
        is_single = math.prod(shape) == 1
        value = value.tolist()
        while is_single and isinstance(value, list):
            (value,) = value
    return value


def text_of(label: object, index: int) -> str:
    """Return a label as the name of its class; raises InputError for the item at `index`."""
    label = as_python(label)
    if is_missing(label):
        return NO_LABEL
    if isinstance(label, bool):
        return str(label).lower()  # as in the columns of the page
    if isinstance(label, str | int):
        return str(label)
    if isinstance(label, float | np.floating) and label.is_integer():
        return str(int(label))
    raise InputError(
        f"labels must be strings or integers; got {label!r} ({type(label).__name__}) for item "
        f"{index}. Convert the labels to strings, or pass numbers and dates to draw_scatter as "
        "values."
    )
