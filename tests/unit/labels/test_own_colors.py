import numpy as np
import pandas as pd
import pytest

from featscape.errors import InputError
from featscape.labels.classes import NO_LABEL, count_classes
from featscape.labels.colors import NO_LABEL_COLOR
from featscape.labels.own_colors import recolor

LABELS = ["class10", "class9", None]


def colors_of(colors, labels=LABELS):
    classes = recolor(count_classes(labels, len(labels)), colors)
    return dict(zip(classes.names, classes.colors, strict=True))


def test_a_mapping_has_colors_by_label_and_may_have_further_classes():
    found = colors_of({"class9": "red", "class10": (0, 0, 1), "another": "green"})
    assert found == {NO_LABEL: NO_LABEL_COLOR, "class9": "#ff0000", "class10": "#0000ff"}


def test_the_index_of_a_series_has_the_labels():
    found = colors_of(pd.Series({"class10": "blue", "class9": "red"}))
    assert found == {NO_LABEL: NO_LABEL_COLOR, "class9": "#ff0000", "class10": "#0000ff"}


def test_items_without_a_label_have_the_color_of_none():
    found = colors_of({"class9": "red", "class10": "blue", None: "#123456"})
    assert found[NO_LABEL] == "#123456"


@pytest.mark.parametrize("kind", [int, bool, np.int64])
def test_the_labels_of_a_mapping_may_be_numbers(kind):
    labels = [kind(0), kind(1)]
    assert [*colors_of(dict(zip(labels, "rb", strict=True)), labels).values()] == [
        "#ff0000",
        "#0000ff",
    ]


@pytest.mark.parametrize("colors", [["red", "blue", "green"], np.eye(3)[[0, 2, 1]]])
def test_a_sequence_has_colors_in_natural_order(colors):
    found = colors_of(colors)
    assert found == {NO_LABEL: NO_LABEL_COLOR, "class9": "#ff0000", "class10": "#0000ff"}


@pytest.mark.parametrize(
    ("colors", "message"),
    [
        ({"class9": "red"}, "1 of 2 classes have none, the first is 'class10'"),
        (["red"], "at least one color per class = 2; got 1"),
        ("red", "a mapping of classes to colors, or a sequence of colors; got 'red'"),
        ({"red", "blue"}, "or a sequence of colors; got"),
        (["red", "reddish"], "an opaque color of matplotlib; got 'reddish' for class 'class10'"),
        ([3, 4], "an opaque color of matplotlib; got 3 for class 'class9'"),
        (["red", "none"], "an opaque color of matplotlib; got 'none' for class 'class10'"),
        (["#ff000080", "red"], "an opaque color of matplotlib; got '#ff000080' for class 'class9'"),
    ],
)
def test_other_colors_are_refused(colors, message):
    with pytest.raises(InputError, match=message):
        colors_of(colors)
