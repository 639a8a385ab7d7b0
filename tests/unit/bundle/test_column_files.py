import numpy as np
import pytest

from featscape.bundle.contract import NO_CATEGORY, NO_ITEM
from featscape.bundle.items import column_files
from featscape.bundle.items.column_files import code_labels, share_of_label
from featscape.errors import InputError
from featscape.labels.classes import NO_LABEL
from featscape.labels.colors import class_colors
from featscape.printable_names import encodable


def column(bundle, name):
    (found,) = [one for one in bundle.manifest.columns if one.name == name]
    return found


def by_row(bundle, entry):
    """Return an array of the bundle in the order of the rows."""
    values = bundle.array(entry)
    rows = np.empty_like(values)
    rows[bundle.array(bundle.manifest.ids)] = values
    return rows


def test_numbers_are_written_as_float32(bundle_of):
    values = np.array([3.5, np.nan, -1, 7] * 10)
    bundle = bundle_of(40, columns={"size": values})
    found = column(bundle, "size")
    assert (found.kind, found.minimum, found.maximum) == ("number", -1, 7)
    np.testing.assert_array_equal(by_row(bundle, found.values), values.astype(np.float32))


@pytest.mark.parametrize("largest", [2**24 + 1, 20_260_501, 2**53, -(2**53)])
@pytest.mark.parametrize("is_float", [False, True])
def test_integers_that_float32_rounds_are_written_as_float64(bundle_of, largest, is_float):
    values = np.arange(40) + np.sign(largest) * (abs(largest) - 39)
    if is_float:  # integers of which some are missing
        values = np.where(np.arange(40) == 7, np.nan, values)
    bundle = bundle_of(40, columns={"scene": values})
    found = column(bundle, "scene")
    np.testing.assert_array_equal(by_row(bundle, found.values), values)
    assert (found.minimum, found.maximum) == (np.nanmin(values), np.nanmax(values))


@pytest.mark.parametrize("values", [[2**24, 0], [2**24 + 1, 0.5], [2**30, -(2**31)]])
def test_other_numbers_are_written_as_float32(bundle_of, values):
    bundle = bundle_of(2, columns={"size": np.array(values)}, labels=None)
    assert bundle.array(column(bundle, "size").values).dtype == np.float32


@pytest.mark.parametrize(
    "values",
    [2**53 + 1 + np.arange(40), -(2**63) + np.arange(40), 2**64 - 1 - np.arange(40, dtype="u8")],
)
def test_integers_that_javascript_rounds_are_text(bundle_of, values):
    bundle = bundle_of(40, columns={"hash": values, "scene": values[np.arange(40) % 3]})
    assert column(bundle, "hash").kind == "text"
    ids = bundle.array(bundle.manifest.ids)
    assert bundle.strings(5)["hash"] == str(values[ids[5]])
    assert {one.name for one in column(bundle, "scene").categories} == set(map(str, values[:3]))


def test_few_distinct_strings_are_a_category(bundle_of):
    values = ["b", None, "a10", "a9"] * 10
    bundle = bundle_of(40, columns={"split": values})
    found = column(bundle, "split")
    assert found.kind == "category"
    assert [(one.name, one.count) for one in found.categories] == [
        ("a9", 10),
        ("a10", 10),
        ("b", 10),
    ]
    assert {one.name: one.color for one in found.categories} == class_colors(["b", "a9", "a10"])
    names = [one.name for one in found.categories]
    codes = by_row(bundle, found.codes)
    assert [None if code == NO_CATEGORY else names[code] for code in codes] == values


def test_many_distinct_strings_are_text(bundle_of):
    values = [f"note {row}" if row else None for row in range(600)]
    bundle = bundle_of(600, columns={"note": values}, images=False)
    assert column(bundle, "note").kind == "text"
    ids = bundle.array(bundle.manifest.ids)
    for item in (0, 255, 256, 599):
        strings = bundle.strings(item)
        assert strings == {"path": f"folder/{ids[item]}.jpg", "note": values[ids[item]]}


@pytest.mark.parametrize(("n_distinct", "kind"), [(20, "category"), (21, "text")])
def test_few_strings_are_a_category_whatever_their_share(bundle_of, n_distinct, kind):
    bundle = bundle_of(n_distinct, columns={"c": [str(row) for row in range(n_distinct)]})
    assert column(bundle, "c").kind == kind


@pytest.mark.parametrize(("n_known", "kind"), [(42, "category"), (41, "text")])
def test_missing_strings_do_not_count_in_the_rule_for_categories(bundle_of, n_known, kind):
    values = [str(row % 21) if row < n_known else None for row in range(50)]
    assert column(bundle_of(50, columns={"c": values}), "c").kind == kind


def test_a_column_without_a_value_is_omitted(bundle_of):
    empty = {"a": [None] * 5, "b": np.full(5, np.nan)}
    assert bundle_of(5, columns=empty, labels=None).manifest.columns == []


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"a": [1.0, 2.0]}, "one value per item, 5 in total; got 2"),
        ({"a": np.array([1, 2, 3, 4, np.inf])}, "finite"),
        ({"a": np.array([1, 2, 3, 4, 1e300])}, "finite"),
        ({"label": ["x"] * 5}, "path, label and agreement are reserved; got 'label'"),
    ],
)
def test_invalid_columns_are_refused(bundle_of, columns, words):
    with pytest.raises(InputError, match=words):
        bundle_of(5, columns=columns)


def test_agreement_is_the_share_of_the_5_nearest_neighbors_with_the_label(bundle_of):
    bundle = bundle_of(60)
    agreement = bundle.array(column(bundle, "agreement").values)
    codes = bundle.array(bundle.manifest.class_codes)
    nearest = bundle.array(bundle.manifest.neighbors.indices)
    assert nearest.shape[1] > 5
    for item in range(60):
        assert agreement[item] == pytest.approx(np.mean(codes[nearest[item, :5]] == codes[item]))


def test_an_item_without_a_label_has_no_agreement(bundle_of):
    bundle = bundle_of(60, labels=["cat", "dog", NO_LABEL] * 20)
    agreement = bundle.array(column(bundle, "agreement").values)
    names = [entry.name for entry in bundle.manifest.classes]
    codes = bundle.array(bundle.manifest.class_codes)
    assert np.array_equal(np.isnan(agreement), codes == names.index(NO_LABEL))


def test_empty_entries_do_not_count():
    neighbors = np.array([[1, 2], [0, NO_ITEM], [NO_ITEM, NO_ITEM]], dtype=np.uint32)
    shares = share_of_label(neighbors, np.array([0, 0, 1], dtype=np.uint16))
    np.testing.assert_array_equal(shares, [0.5, 1, np.nan])


@pytest.mark.parametrize("n_classes", [1, 300])  # 300 classes need 16 bits
def test_class_codes_are_indices_into_the_classes(bundle_of, n_classes):
    labels = [f"class {row % n_classes}" for row in range(max(n_classes, 30))]
    bundle = bundle_of(len(labels), labels=labels, images=False, neighbors=none_of(len(labels)))
    classes = bundle.manifest.classes
    assert len(classes) == n_classes
    assert {one.name: one.color for one in classes} == class_colors(labels)
    codes = by_row(bundle, bundle.manifest.class_codes)
    assert [classes[code].name for code in codes] == labels


def none_of(n_items):
    from featscape.records import Neighbors

    return Neighbors(np.empty((n_items, 0), np.int32), np.empty((n_items, 0), np.float32))


def test_labels_are_strings_if_the_classes_exceed_the_codes(bundle_of, monkeypatch):
    assert np.iinfo(np.uint16).max == NO_CATEGORY
    monkeypatch.setattr(column_files, "NO_CATEGORY", 100)
    labels = [f"{row:06}" for row in range(100)]
    assert code_labels(labels[1:]) is not None
    bundle = bundle_of(100, labels=labels, images=False, paths=None)
    assert bundle.manifest.classes is None
    assert bundle.manifest.class_codes is None
    assert bundle.strings(0) == {"label": labels[bundle.array(bundle.manifest.ids)[0]]}


HOSTILE = [
    "</script><script>alert(1)</script>",
    "a\"b'c",
    "line\nbreak",
    "caf\udce9",
    "\ud800",
    "قط",
]


def test_hostile_labels_and_paths_are_kept(bundle_of):
    bundle = bundle_of(6, labels=HOSTILE, paths=HOSTILE, columns={"<b>\udce9": HOSTILE})
    shown = [encodable(text) for text in HOSTILE]
    assert shown == [*HOSTILE[:3], r"caf\xe9", r"\ud800", "قط"]
    assert {one.name for one in bundle.manifest.classes} == set(shown)
    ids = bundle.array(bundle.manifest.ids)
    assert [bundle.strings(item)["path"] for item in range(6)] == [shown[row] for row in ids]
    assert column(bundle, r"<b>\xe9").kind == "category"


@pytest.mark.parametrize("unit", ["D", "us"])
def test_dates_are_written_as_seconds(bundle_of, unit):
    days = np.array(["2026-05-01", "NaT", "1969-12-31"] * 10, dtype=f"datetime64[{unit}]")
    bundle = bundle_of(30, columns={"taken": days, "never": np.full(30, "NaT", days.dtype)})
    found = column(bundle, "taken")
    assert (found.kind, found.has_time) == ("date", False)
    assert (found.minimum, found.maximum) == (-86_400, 1_777_593_600)
    expected = [1_777_593_600, np.nan, -86_400] * 10
    np.testing.assert_array_equal(by_row(bundle, found.values), expected)
    assert all(one.name != "never" for one in bundle.manifest.columns)


@pytest.mark.parametrize(
    ("last", "has_time"), [("1969-12-31T00:00", False), ("1969-12-31T23:59", True)]
)
def test_dates_have_a_time_unless_all_times_are_midnight(bundle_of, last, has_time):
    dates = np.array(["2026-05-01", "NaT", last] * 10, dtype="datetime64[ns]")
    assert column(bundle_of(30, columns={"taken": dates}), "taken").has_time is has_time


@pytest.mark.parametrize(
    "values", [np.array([True, False] * 15), np.array([True, False, None] * 10)]
)
def test_booleans_are_a_category(bundle_of, values):
    found = column(bundle_of(30, columns={"blurry": values}), "blurry")
    assert [one.name for one in found.categories] == ["false", "true"]
