import datetime as dt

import numpy as np
import pytest

from featscape.images.tables.columns import classify_columns


def infer(values, *, is_untyped=True):
    found = classify_columns(
        {"value": values}, table="t.csv", label_column=None, is_untyped=is_untyped
    )
    return found.columns["value"]


@pytest.mark.parametrize("names", [("True", "False"), ("true", "false"), ("TRUE", "FALSE")])
def test_true_and_false_in_a_text_table_are_booleans(names):
    column = infer([names[0], names[1], names[0]])
    assert column.dtype == bool
    assert column.tolist() == [True, False, True]


def test_booleans_with_missing_values_are_objects():
    for values, is_untyped in ((["true", "", "false"], True), ([True, None, False], False)):
        assert infer(values, is_untyped=is_untyped).tolist() == [True, None, False]


def test_yes_and_no_stay_text():
    assert infer(["yes", "no"]) == ("yes", "no")


@pytest.mark.parametrize(
    ("values", "is_untyped", "labels"),
    [
        ([1.0, float("nan"), -2.0], False, ("1", "(no label)", "-2")),
        (["1.0", "", "-2.0"], True, ("1", "(no label)", "-2")),
        ([1.0, 2.5], False, ("1.0", "2.5")),
        (["1.0", "2.0.1"], True, ("1.0", "2.0.1")),
        (["01.0", "2.0"], True, ("01.0", "2.0")),
        (["1.0", "2.0"], False, ("1.0", "2.0")),  # a column of text
        ([True, None], False, ("true", "(no label)")),
    ],
)
def test_labels_of_whole_floats_are_integers(values, is_untyped, labels):
    found = classify_columns(
        {"label": values}, table="t.csv", label_column=None, is_untyped=is_untyped
    )
    assert found.labels == labels


def test_iso_dates_are_days():
    column = infer(["2026-05-01", "", "1969-12-31"])
    assert column.dtype == np.dtype("datetime64[D]")
    assert column.tolist() == [dt.date(2026, 5, 1), None, dt.date(1969, 12, 31)]


def test_times_with_an_offset_become_utc():
    column = infer(["2026-05-01T12:30:00+02:00", "2026-05-01 12:30Z"])
    assert column.dtype == np.dtype("datetime64[us]")
    assert column.tolist() == [
        dt.datetime(2026, 5, 1, 10, 30),  # noqa: DTZ001 - NumPy has no time zones
        dt.datetime(2026, 5, 1, 12, 30),  # noqa: DTZ001
    ]


def test_dates_of_a_typed_table_are_dates():
    day = dt.date(2026, 5, 1)
    assert infer([day, None], is_untyped=False).tolist() == [day, None]
    assert infer(["2026-05-01", None], is_untyped=False).tolist() == [day, None]


@pytest.mark.parametrize(
    "values",
    [
        ("2026-13-01", "2026-05-01"),
        ("2026-05-01", "May 2026"),
        ("20260501x", "2026-05-01"),
        ("2026-05-01T12:00Z", "2026-05-01T12:00"),  # one time zone is unknown
        ("9999-12-31T23:00-05:00", "2026-05-01T12:00Z"),
    ],
)
def test_texts_that_are_not_all_comparable_dates_stay_text(values):
    assert infer(list(values)) == values
