"""The rows of the table of the findings."""

from dataclasses import replace

import numpy as np

from featscape.findings import (
    DuplicateGroup,
    Evidence,
    Findings,
    ItemColumns,
    LabelError,
    Reliability,
    Shortcut,
    to_rows,
)
from featscape.labels.classes import NO_LABEL

LABELS = ("cat", "cat", "dog", "cat", NO_LABEL, "dog")
SPLITS = ("train", "val", "train", "train", "test", "train")


def evidence(*items):
    return Evidence(items=items, neighbors=(), score=0.93712, method="planted")


def planted():
    """Return the findings of six items: a label error with two copies, two groups, a measure."""
    stored = {name: np.zeros(6) for name in ItemColumns.__annotations__}
    numbers = np.array([1, 1, 0, 1, 0, np.nan])
    return Findings(
        columns=ItemColumns.from_stored(stored | {"duplicate_group": numbers}),
        paths=("a.png", "b.png", "c\n1.png", "d.png", "e\udce9.png", "f.png"),
        labels=(
            LabelError(
                item=3, label="cat", suggested="dog", text="Dog.", evidence=evidence(3, 0, 1)
            ),
        ),
        duplicates=(
            DuplicateGroup(
                items=(2, 4), kind="similar", leak=True, text="Two.", evidence=evidence(2, 4)
            ),
            DuplicateGroup(
                items=(0, 1, 3), kind="near", conflict=True, text="Three.", evidence=evidence(0)
            ),
        ),
        reliability=(
            Reliability(measure="continuity", value=0.9, text="Good.", evidence=evidence()),
        ),
    )


def rows_of(kind, findings=None, *, labels=LABELS, splits=SPLITS, columns=None):
    rows = to_rows(findings or planted(), labels=labels, splits=splits, columns=columns or {})
    return [row for row in rows if row.kind == kind]


def test_a_label_error_has_a_row_for_the_item_and_for_each_copy():
    rows = rows_of("labels")
    assert [(row.number, row.id, row.label, row.suggested) for row in rows] == [
        (0, 3, "cat", "dog"),
        (0, 0, "cat", "dog"),
        (0, 1, "cat", "dog"),
    ]
    assert {(row.score, row.text, row.leak) for row in rows} == {(0.9371, "Dog.", None)}


def test_a_row_has_the_checked_label_of_its_item():
    column = np.array([None, "dog", "dog", None, None, None], dtype=object)
    rows = rows_of("labels", columns={"checked_label": column})
    assert [(row.id, row.checked_label) for row in rows] == [(3, None), (0, None), (1, "dog")]
    (last,) = rows_of("checked", columns={"checked_label": column})  # item 1 has the label "cat"
    assert (last.number, last.id, last.label, last.checked_label) == (0, 2, "dog", "dog")


def test_a_group_of_duplicates_has_its_kind_leak_and_conflict_in_each_row():
    rows = rows_of("duplicates")
    assert [(row.id, row.duplicate_kind, row.leak, row.conflict) for row in rows] == [
        (2, "similar", True, False),
        (4, "similar", True, False),
        (0, "near", False, True),
        (1, "near", False, True),
        (3, "near", False, True),
    ]


def test_the_number_of_a_group_is_the_duplicate_group_of_its_items():
    rows = rows_of("duplicates")
    assert [row.number for row in rows] == [row.duplicate_group for row in rows] == [0, 0, 1, 1, 1]


def test_every_row_with_an_item_has_its_label_and_its_split():
    rows = rows_of("duplicates")
    assert [(row.label, row.split) for row in rows[:3]] == [
        ("dog", "train"),
        (None, "test"),
        ("cat", "train"),
    ]
    assert {(row.label, row.split) for row in rows_of("duplicates", labels=None, splits=None)} == {
        (None, None)
    }


def test_an_item_without_a_split_has_none_in_its_row():
    rows = rows_of("duplicates", splits=["(no split)"] * 3 + ["train"] * 3)
    assert [row.split for row in rows[:2]] == [None, "train"]


def test_paths_are_exact_and_valid_unicode():
    rows = rows_of("duplicates")
    assert [row.path for row in rows[:2]] == ["c\n1.png", "e\\xe9.png"]
    assert {row.path for row in rows_of("labels", replace(planted(), paths=None))} == {None}


def test_a_shortcut_that_predicts_a_label_has_its_share_and_the_range_of_the_share():
    common = {"property_name": "hue", "text": "Of them.", "evidence": evidence(0)}
    shares = {"share": 1 / 3, "share_low": 0.25, "share_high": 0.5, "share_expected": 0.1}
    predicting = Shortcut(kind="label", label="cat", items=(0,), **shares, **common)
    ordering = Shortcut(kind="order", label="", **common)
    rows = rows_of("shortcuts", replace(planted(), shortcuts=(predicting, ordering)))
    assert [(one.share, one.share_low, one.share_high, one.share_expected) for one in rows] == [
        (0.3333, 0.25, 0.5, 0.1),
        (None, None, None, None),
    ]


def test_a_finding_without_items_has_one_row():
    (row,) = rows_of("reliability")
    assert row == ("reliability", 0, *[None] * 14, 0.9371, "Good.")
