from datetime import UTC, date, datetime, timedelta, timezone

import numpy as np
import pandas as pd
import pytest
import torch

from featscape.errors import InputError
from featscape.labels.value_scale import N_COLORS, scale_values
from featscape.labels.values import read_values


def scale(values, *, is_dark=False):
    return scale_values(values, len(values), is_dark=is_dark)


def texts(values):
    return [tick.text for tick in scale(values).ticks]


QUANTILES = np.linspace(-1, 1, 1001)
SKEWED = 100 * np.exp(4 * QUANTILES)  # from 1.8 to 5,460, half of them below 100
DAY = np.datetime64("2019-03-04")


class TestColors:
    def test_even_numbers_have_a_linear_scale(self):
        assert scale([0, 0.5, 1]).codes.tolist() == [0, N_COLORS // 2, N_COLORS - 1]

    def test_skewed_numbers_have_a_logarithmic_scale(self):
        codes = scale(SKEWED).codes
        assert codes[0] == 0
        assert N_COLORS / 4 < codes[500] < 3 * N_COLORS / 4
        assert (np.diff(codes) >= 0).all()

    @pytest.mark.parametrize("sign", [-1, 1])
    def test_a_few_numbers_far_from_the_others_have_the_color_of_an_end(self, sign):
        values = sign * np.r_[-999, np.linspace(20, 40, 201), 5000]
        codes = scale(values).codes
        assert len(set(codes[1:-1])) > 100
        assert sorted(codes[[0, -1]]) == [0, N_COLORS - 1]

    def test_a_date_far_from_the_others_has_the_color_of_an_end(self):
        dates = np.r_[np.datetime64("1970-01-01"), DAY + np.arange(100).astype("m8[D]")]
        codes = scale(dates).codes
        assert len(set(codes)) > 80
        assert codes[0] == 0

    def test_one_number_has_the_first_color(self):
        assert scale([3.5, 3.5]).codes.tolist() == [0, 0]

    def test_missing_values_are_gray(self):
        found = scale([1, np.nan, 2])
        assert found.is_missing.tolist() == [False, True, False]
        levels = [int(found.colors[found.codes[1]][i : i + 2], 16) for i in (1, 3, 5)]
        assert max(levels) - min(levels) < 20

    @pytest.mark.parametrize("is_dark", [False, True])
    def test_the_lightness_increases(self, is_dark):
        colors = scale([1, 2], is_dark=is_dark).colors[:-1]
        rgb = np.array([[int(color[i : i + 2], 16) for i in (1, 3, 5)] for color in colors])
        luminance = (rgb / 255) ** 2.2 @ [0.2126, 0.7152, 0.0722]
        assert len(colors) == N_COLORS
        assert (np.diff(luminance) > -0.002).all()


class TestTicks:
    @pytest.mark.parametrize(
        ("values", "expected"),
        [
            (np.linspace(0, 1), ["0.00", "0.25", "0.50", "0.75", "1.00"]),
            (np.linspace(-80, 80), ["−50", "0", "50"]),
            (np.arange(1999, 2025), ["2000", "2010", "2020"]),
            (np.linspace(0, 300_000), ["0", "100,000", "200,000", "300,000"]),
            (np.linspace(0, 8e9), ["0", "2e9", "4e9", "6e9", "8e9"]),
            ([0, 1], ["0", "1"]),
            ([0, 1e-5, 2e-5], ["0", "1e−5", "2e−5"]),
            ([3.5, 3.5], ["3.5"]),
            (SKEWED, ["2", "10", "100", "1000", "5000"]),
            (1000 + 1e-5 * SKEWED, ["1000.00", "1000.05"]),
            (np.r_[-999, np.linspace(20, 40, 201)], ["≤ 20.3", "25", "30", "35", "40"]),
            (10 ** (4 * QUANTILES + 3), ["1e−1", "1e1", "1e3", "1e5", "1e7"]),
            (10 ** (2 * QUANTILES + 3), ["10", "100", "1,000", "10,000", "100,000"]),
            (np.linspace(0, 10_000), ["0", "2,500", "5,000", "7,500", "10,000"]),
        ],
    )
    def test_numbers(self, values, expected):
        assert texts(np.asarray(values)) == expected

    @pytest.mark.parametrize(
        ("days", "unit", "expected"),
        [
            (1900, "D", ["2020", "2022", "2024"]),
            (90, "ns", ["2019-04", "2019-05", "2019-06"]),
            (4, "us", ["2019-03-04", "2019-03-05", "2019-03-06", "2019-03-07", "2019-03-08"]),
            (0, "us", ["2019-03-04"]),
        ],
    )
    def test_dates_have_the_parts_that_they_need(self, days, unit, expected):
        dates = (DAY + np.arange(days + 1)).astype(f"datetime64[{unit}]")
        found = texts(dates)
        assert found == expected

    def test_times(self):
        times = np.datetime64("2024-02-03T10:11:12") + np.arange(8000).astype("m8[s]")
        assert texts(times) == ["2024-02-03 11:00", "2024-02-03 12:00"]

    @pytest.mark.parametrize("scale_of", [1e-9, 1e-3, 1.0, 1e4, 1e12])
    @pytest.mark.parametrize("shape", ["even", "skewed", "negative", "heavy"])
    def test_two_to_five_ticks_do_not_overlap(self, scale_of, shape):
        heavy = np.tan(1.57 * QUANTILES)
        shapes = {"even": QUANTILES, "skewed": SKEWED, "negative": -SKEWED, "heavy": heavy}
        ticks = scale(scale_of * shapes[shape]).ticks
        assert 2 <= len(ticks) <= 5
        shares = [tick.share for tick in ticks]
        assert min(np.diff(shares)) > 0.15
        assert 0 <= min(shares) <= max(shares) <= 1
        assert len({tick.text for tick in ticks}) == len(ticks)


class TestInputs:
    @pytest.mark.parametrize(
        "dates",
        [
            np.array(["2024-01-01", "NaT"], dtype="datetime64[D]"),
            np.array(["2024-01-01", "NaT"], dtype="datetime64[ns]"),
            [date(2024, 1, 1), None],
            [datetime(2024, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))), pd.NaT],
            pd.Series(pd.to_datetime(["2024-01-01", None])),
            pd.Series(pd.to_datetime(["2024-01-01", None])).dt.tz_localize("UTC"),
        ],
    )
    def test_dates_are_seconds(self, dates):
        numbers, are_dates = read_values(dates, 2)
        assert are_dates
        expected = datetime(2024, 1, 1, tzinfo=UTC).timestamp()
        np.testing.assert_array_equal(numbers, [expected, np.nan])

    @pytest.mark.parametrize(
        "given",
        [
            [1, None],
            [1, float("nan")],
            np.float32([1, np.nan]),
            pd.Series([1, pd.NA], dtype="Int64"),
        ],
    )
    def test_missing_numbers_are_nan(self, given):
        numbers, are_dates = read_values(given, 2)
        assert not are_dates
        np.testing.assert_array_equal(numbers, [1, np.nan])

    @pytest.mark.parametrize(
        ("values", "message"),
        [
            (
                ["a", 1],
                r"or all dates; got 'a' \(str\) for item 0. Pass classes as labels",
            ),
            (np.array([True, False]), r"all numbers or all dates; got True"),
            ([1, date(2024, 1, 1)], r"got datetime.date\(2024, 1, 1\) \(date\) for item 1"),
            ([1, 2j], r"all numbers or all dates"),
            (np.array([1, 2], "m8[s]"), r"all numbers or all dates"),
            ([np.inf, 1], r"finite numbers .* got values from 1 to inf"),
            ([1e308, -1e308], r"finite difference"),
            ([None, np.nan], r"at least one number or date; got 2 missing"),
            (np.zeros((2, 1)), r"shape \(n,\); got \(2, 1\)"),
            ([1], r"one value per item = 2; got 1"),
            ("ab", r"a sequence .* got str"),
            (np.array(["20000-01-01"] * 2, "M8[D]"), r"years 1 to 9999; got dates from 20000"),
        ],
    )
    def test_other_values_are_refused(self, values, message):
        with pytest.raises(InputError, match=message):
            read_values(values, 2)

    @pytest.mark.parametrize(
        "tensor",
        [torch.ones(2, requires_grad=True), torch.ones(2, dtype=torch.bfloat16)],
        ids=["gradient", "bfloat16"],
    )
    def test_tensors_that_numpy_cannot_represent_are_refused(self, tensor):
        start = "^values must be an array that NumPy can convert; got the type"
        with pytest.raises(InputError, match=rf"{start} Tensor .* Pass tensor\.detach\(\)\.cpu"):
            read_values(tensor, 2)
        remedy = r"Pass torch\.stack\(tensors\)\.detach\(\)\.cpu\(\), with \.float\(\) for bfloat16"
        with pytest.raises(InputError, match=rf"{start} list .* {remedy}"):
            read_values(list(tensor), 2)
        assert read_values(torch.stack(list(tensor)).detach().float(), 2)[0].tolist() == [1, 1]

    def test_a_list_of_tensors_may_be_values(self):
        assert read_values(list(torch.tensor([1, 2.5])), 2)[0].tolist() == [1, 2.5]
