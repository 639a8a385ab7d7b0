import datetime as dt
import io
import math
import re
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from featscape.images.tables.columns import classify_columns
from featscape.images.tables.data_types import explain_text
from featscape.images.tables.parquet_tables import read_parquet
from featscape.images.tables.program_columns import make_table


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


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (["58,7", None, "60", "-1.234,5"], "commas, such as '58,7'. .* write 1.5 instead of 1,5"),
        (["1,234", "2,500"], "the numbers have commas, such as '1,234'"),
        (["09.03.2026", "1.12.2025", None], "dates such as '09.03.2026'. .* write 2026-05-01 inst"),
        (["3/9/2026 7:30", "03/10/2026 12:00:59"], "dates such as '3/9/2026 7:30'"),
        (["09.03.2026"] * 9 + ["?"], "dates such as"),
        (["1,5"] * 9 + ["?"], "have commas"),
        (["1.5"] * 9 + ["inf"], "9 of 10 values are numbers, and the others are 'inf'. .* empty"),
        (["1.5"] * 9 + ["09.03.2026"], "9 of 10 .* the others are '09.03.2026'"),
        (
            ["1", str(2**63), None],
            f"'{2**63}' is beyond the numbers of a map, which are 64-bit int",
        ),
        (["1", "-9223372036854775809"], "'-9223372036854775809' is beyond"),
        (["1.5", "1e39"], "'1e39' is beyond .* decimals up to 3.4e38. The text keeps all digits"),
        ([str(2**53 + 1), None], f"'{2**53 + 1}' would lose digits .* leave no value empty"),
        ([str(2**53 + 1), "nan"], "would lose digits"),
        ([str(2**53 + 1), "0.5"], "would lose digits"),
    ],
)
def test_text_that_looks_like_numbers_or_dates_is_explained_and_kept(values, reason):
    assert infer(values) == tuple(values)
    assert re.search(reason, explain_text(values))


@pytest.mark.parametrize(
    "values",
    [
        ["1,5", "58,7", "high"],
        ["09.03.2026", "1,5"],
        ["1.12.10", "2.0.0"],  # versions
        ["1.2.3.2026"],
        ["09.03/2026"],
        ["1, 5", "fox, cat"],  # lists as text
        ["1", "2"],  # text in Parquet
        [None, None],
        [str(2**63 - 1), "0", "0"],  # text in Parquet
        ["1" * 60, "nan"],
    ],
)
def test_other_text_is_not_explained(values):
    assert explain_text(values) == ""


@pytest.mark.parametrize("is_untyped", [True, False])
def test_integers_of_64_bits_are_integers(is_untyped):
    values = [0, 2**24 + 1, 2**62, 2**63 - 1, -(2**63)]
    column = infer([str(value) if is_untyped else value for value in values], is_untyped=is_untyped)
    assert column.dtype == np.int64
    assert column.tolist() == values


@pytest.mark.parametrize("others", [[None], [0.5], [2**64 - 1]])
def test_integers_that_would_lose_digits_are_text(others):
    values = [2**53 + 1, *others]
    texts = tuple(None if value is None else str(value) for value in values)
    assert infer(values, is_untyped=False) == texts
    assert infer(list(texts)) == texts


def test_exact_integers_beside_missing_values_are_doubles():
    np.testing.assert_array_equal(infer(["9007199254740992", None]), [2.0**53, np.nan])


def test_an_infinite_number_makes_a_column_text():
    values = infer([1.5] * 9 + [math.inf], is_untyped=False)
    assert values[-1] == "inf"
    assert "the others are 'inf'. For a column of numbers, leave" in explain_text(values)


def read_parquet_column(values):
    buffer = io.BytesIO()
    pq.write_table(pa.table({"value": values}), buffer)
    table = read_parquet(buffer.getvalue(), "t.parquet")
    return classify_columns(table.columns, table="t.parquet", label_column=None).columns


def test_decimals_are_floats():
    prices = [Decimal("12.50"), None, Decimal("-0.10"), Decimal("10.00")]
    for column in (
        infer(prices, is_untyped=False),
        read_parquet_column(pa.array(prices, pa.decimal128(10, 2)))["value"],
    ):
        assert column.dtype == np.float64
        assert column[[0, 2, 3]].tolist() == [12.5, -0.1, 10]
        assert np.isnan(column[1])
    missing = infer([Decimal("1.5"), Decimal("NaN"), Decimal("sNaN")], is_untyped=False)
    assert np.isnan(missing).tolist() == [False, True, True]


def test_decimals_without_decimal_places_are_integers():
    column = read_parquet_column(pa.array([Decimal(7), Decimal(2**53 + 1)], pa.decimal128(38, 0)))
    assert column["value"].dtype == np.int64
    assert column["value"].tolist() == [7, 2**53 + 1]
    assert infer([Decimal(10**30)], is_untyped=False) == (str(10**30),)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_durations_are_seconds_with_the_unit_in_the_name(unit):
    spans = [dt.timedelta(seconds=90), None]
    found = read_parquet_column(pa.array(spans, pa.duration(unit)))
    assert list(found) == ["value (s)"]
    assert found["value (s)"][0] == 90
    assert np.isnan(found["value (s)"][1])


@pytest.mark.parametrize(
    "spans",
    [
        pd.Series(pd.to_timedelta([90, 1.5], unit="s")),
        np.array([90_000, 1_500], "timedelta64[ms]").astype("timedelta64[ns]"),
        list(np.array([90_000, 1_500], "timedelta64[ms]").astype("timedelta64[ns]")),
        [dt.timedelta(seconds=90), dt.timedelta(seconds=1.5)],
    ],
)
def test_durations_of_a_program_are_seconds(spans):
    table = make_table("columns", {"value": spans})
    found = classify_columns(table.columns, table="columns", label_column=None).columns
    assert {name: column.tolist() for name, column in found.items()} == {"value (s)": [90, 1.5]}


def test_durations_finer_than_a_microsecond_are_read_from_parquet():
    found = read_parquet_column(pa.array([1_500_000_001], pa.duration("ns")))
    assert found["value (s)"].tolist() == [1.5]


def test_durations_among_texts_stay_text():
    assert infer([dt.timedelta(seconds=90), "long"], is_untyped=False) == ("0:01:30", "long")
