"""Labels that a person has checked replace those of the source."""

import csv
import os
import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from featscape import embed_features, find_images, make_map
from featscape.errors import InputError
from featscape.labels.checked import checked_labels, find_checked
from featscape.options import MapOptions
from featscape.printable_names import encodable
from featscape.progress import SilentProgress
from featscape.steps.features import compare_with_replaced
from featscape.steps.tables.checked_labels import apply_checked, describe_lost, read_checked
from helpers.notes import Notes


def apply(photos, table, notes=None):
    return replace_labels(find_images(photos), read_checked(table), notes)


def replace_labels(images, checked, notes=None, found=None):
    return apply_checked(images, checked, notes or SilentProgress(), found=found or images)


def table_of(photos, **checked):
    """Return the table of all images, in which the images of some numbers are checked."""
    paths = find_images(photos).paths
    labels = [checked.get(f"item_{number}") for number in range(len(paths))]
    return {"path": list(paths), "checked_label": labels}


def test_a_checked_label_replaces_the_label_and_is_a_column(photos):
    images, notes = find_images(photos), Notes()
    old, own = images.labels[0], images.labels[1]
    found = apply(photos, table_of(photos, item_0="robin", item_1=own), notes)
    assert (old, found.labels[:3]) == (images.labels[0], ("robin", own, images.labels[2]))
    assert found.columns["checked_label"][:3] == ("robin", own, None)
    assert notes.lines == [
        "checked labels: 2 images of 'checked', 1 with another label than in the source",
        "checked labels: new class robin",
    ]
    assert find_checked(found.columns, found.labels, len(found)).tolist()[:3] == [True, True, False]


def test_an_unlabeled_image_gets_a_label(photos):
    images = find_images([find_images(photos)[0], find_images(photos)[1]])
    checked = read_checked({"path": [images.paths[1]], "checked_label": ["cat"]})
    assert replace_labels(images, checked).labels == ("(no label)", "cat")


@pytest.mark.parametrize("separator", [",", ";"])
def test_a_csv_file_of_a_spreadsheet_is_read(photos, tmp_path, separator):
    path = find_images(photos).paths[3]
    rows = [("kind", "path", "checked_label"), ("labels", f"./{path}", " 7 "), ("labels", path, "")]
    text = "\ufeff" + "".join(separator.join(row) + "\r\n" for row in rows)
    (tmp_path / "c.csv").write_text(text, encoding="utf-8")
    assert apply(photos, tmp_path / "c.csv").labels[3] == "7"


def test_a_number_with_decimals_is_the_class_of_the_source_without_decimals(photos):
    images = replace(find_images(photos).select(range(6)), labels=("3", "4", "5", "5.0", "6", "6"))
    labels = ["4.0", "3,00", "5.0", "7.0", "cat"]
    checked = read_checked({"path": images.paths[:5], "checked_label": labels})
    notes = Notes()
    found = replace_labels(images, checked, notes)
    assert found.labels == ("4", "3", "5.0", "7.0", "cat", "6")
    assert found.columns["checked_label"] == ("4", "3", "5.0", "7.0", "cat", None)
    assert notes.lines[-1] == "checked labels: new classes 7.0, cat"


@pytest.mark.parametrize(
    "folders",
    [
        ["clothes ", "clothes", " hat"],
        ["1.0", "2.0"],
        ["3.0", "3", "4.00"],
        ["-1", "=a", "'q"],
        ["NA", "true", "007", "a,b", 'a"b', "caf\u00e9", "cafe\u0301", "e\nf"],
        [os.fsdecode(b"f\xff"), os.fsdecode(b"f\xfe")],
    ],
)
def test_a_confirmed_label_of_a_folder_does_not_change(tmp_path, folders):
    for name in folders:
        (tmp_path / "photos" / name).mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(tmp_path / "photos" / name / "1.png")
    images = find_images(tmp_path / "photos")
    rows = [
        ("path", "checked_label"),
        *zip(map(encodable, images.paths), images.labels, strict=True),
    ]
    with (tmp_path / "c.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    checked = replace_labels(images, read_checked(tmp_path / "c.csv"))
    assert checked.labels == checked.columns["checked_label"] == images.labels


def test_new_classes_are_listed_with_the_classes_that_differ_only_in_case(photos):
    images = replace(find_images(photos).select(range(9)), labels=("fish", "Owl", *["owl"] * 7))
    labels = ["Fish", "a", "b", "c", "d", "e", "f", "(no label)"]
    notes = Notes()
    replace_labels(images, read_checked({"path": images.paths[:8], "checked_label": labels}), notes)
    assert notes.lines[1:] == [
        "checked labels: 1 label was removed",
        "checked labels: new classes Fish, a, b, c, d, e and 1 more",
        "labels that differ only in case or Unicode form are different classes: 'Fish', 'fish'",
    ]


def test_of_several_tables_the_last_with_an_image_counts(tmp_path):
    (tmp_path / "a.csv").write_text("path,checked_label\n1.png,cat\n2.png,cat\n")
    (tmp_path / "b.csv").write_text("path,checked_label\n2.png,dog\n3.png,\n4.png,owl\n")
    both = read_checked([str(tmp_path / "a.csv"), str(tmp_path / "b.csv")])
    assert (both.table, dict(both.by_path)) == (
        "a.csv, b.csv",
        {"1.png": "cat", "2.png": "dog", "4.png": "owl"},
    )
    assert read_checked([]) is None


def write_checks(file, path, label):
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"path,checked_label\n{path},{label}\n", encoding="utf-8")
    return str(file)


def test_different_labels_of_an_image_in_several_tables_are_reported(photos, here):
    images, notes = find_images(photos), Notes()
    _, second, third, _ = paths = images.paths[:4]
    for name, labels in (
        ("anna", ["owl", "owl", "owl", "owl"]),
        ("ben", ["owl", "owl", "jay", None]),
        ("lea", ["owl", "jay", "jay", None]),
    ):
        rows = [f"{path},{label or ''}" for path, label in zip(paths, labels, strict=True)]
        (here / f"{name}.csv").write_text("\n".join(["path,checked_label", *rows, "gone.png,z"]))
    found = replace_labels(images, read_checked(["anna.csv", "ben.csv", "lea.csv"]), notes)
    assert found.labels[:4] == ("owl", "jay", "jay", "owl")
    (line,) = [line for line in notes.lines if "different labels" in line]
    assert line == (
        "checked labels: 2 images have different labels in the tables; the last table is used; "
        f"first {second!r}: 'owl' in 'ben.csv', 'jay' in 'lea.csv'"
    )
    notes = Notes()
    replace_labels(images.select([0, 3]), read_checked(["anna.csv", "lea.csv"]), notes, images)
    assert not any("different labels" in line for line in notes.lines)  # of images that are drawn
    notes = Notes()
    replace_labels(images.select([2]), read_checked(["anna.csv", "lea.csv"]), notes, images)
    assert any("1 image has different labels" in line and third in line for line in notes.lines)


def test_a_number_with_several_spellings_names_none_of_the_classes(photos, here):
    images = replace(find_images(photos).select(range(4)), labels=("4.0", "4.00", "4,0", "5.0"))
    file = here / "checks.csv"
    rows = [f"{path},{label}" for path, label in zip(images.paths, "4545", strict=True)]
    file.write_text("\n".join(["path,checked_label", *rows]), encoding="utf-8")
    found = replace_labels(images, read_checked(str(file)), Notes())
    assert found.labels == ("4", "5.0", "4", "5.0")


def test_a_number_with_decimals_does_not_contradict_the_class_in_another_table(photos, here):
    images = replace(find_images(photos).select(range(2)), labels=("3", "4"))
    labels = {"a.csv": "4", "b.csv": '"4,0"'}
    tables = [write_checks(here / name, images.paths[0], one) for name, one in labels.items()]
    notes = Notes()
    assert replace_labels(images, read_checked(tables), notes).labels[0] == "4"
    assert not any("different labels" in line for line in notes.lines)


def test_tables_of_one_name_are_reported_with_their_folders(photos, here):
    path = find_images(photos).paths[0]
    tables = [write_checks(here / who / "checks.csv", path, who) for who in ("a", "b", "a")]
    notes = Notes()
    images = replace_labels(find_images(photos), read_checked(tables), notes)
    assert images.labels[0] == "a"
    assert f"'b' in {tables[1]!r}, 'a' in {tables[0]!r}" in "\n".join(notes.lines)


def test_a_label_can_be_removed_and_the_case_of_the_columns_is_ignored(photos):
    images = find_images(photos)
    checked = read_checked({"Path": [images.paths[0]], "Checked_Label": ["(no label)"]})
    found = replace_labels(images, checked)
    assert found.labels[:2] == ("(no label)", images.labels[1])
    assert find_checked(found.columns, found.labels, len(found))[0]


def test_the_apostrophe_of_a_formula_is_removed():
    table = {"path": ["'=1.png", "'a.png"], "checked_label": ["'-1", "'b"]}
    assert read_checked(table).by_path == {"=1.png": "-1", "'a.png": "'b"}


def test_earlier_checks_of_the_source_remain(photos, tmp_path):
    paths = find_images(photos).paths[:3]
    rows = ["path,label,checked_label", *(f"photos/{path},1,1" for path in paths[:2])]
    (tmp_path / "t.csv").write_text("\n".join([*rows, f"photos/{paths[2]},1,"]), encoding="utf-8")
    images = find_images(tmp_path / "t.csv")
    assert find_checked(images.columns, images.labels, 3).tolist() == [True, True, False]
    checked = read_checked({"path": [images.paths[0]], "checked_label": ["2"]})
    found = replace_labels(images, checked)
    assert found.columns["checked_label"] == ("2", "1", None)
    assert found.labels == ("2", "1", "1")


def test_paths_of_no_image_are_reported(photos):
    table = table_of(photos, item_0="a")
    table = {name: [*values, "gone.png"] for name, values in table.items()}
    notes = Notes()
    apply(photos, table, notes)
    assert notes.lines[-1] == (
        "checked labels: 1 of 2 paths in 'checked' matches no image, first 'gone.png'"
    )
    with pytest.raises(InputError, match=r"'gone\.png', and an image is .*findings --csv"):
        apply(photos, {"path": ["gone.png"], "checked_label": ["a"]})


def test_checked_images_that_were_not_drawn_are_no_paths_of_no_image(photos):
    found, notes = find_images(photos), Notes()
    table = table_of(photos, item_0="robin", item_1=found.labels[1], item_2="owl")
    table = {name: [*values, "gone.png"] for name, values in table.items()}
    images = replace_labels(found.select([1, 5]), read_checked(table), notes, found)
    assert images.labels == (found.labels[1], found.labels[5])
    assert notes.lines == [
        "checked labels: 1 image of 'checked', 0 with another label than in the source",
        (
            "checked labels: 2 of 4 paths in 'checked' with an image that --limit 2 does not draw, "
            f"first {found.paths[0]!r}"
        ),
        "checked labels: 1 of 4 paths in 'checked' matches no image, first 'gone.png'",
    ]


def test_images_without_labels_remain_unlabeled_if_no_checked_image_is_drawn(photos):
    found = find_images([find_images(photos)[0], find_images(photos)[1]])
    checked = read_checked({"path": [found.paths[1]], "checked_label": ["cat"]})
    assert replace_labels(found.select([0]), checked, found=found).labels is None


@pytest.mark.usefixtures("quick_network", "without_pictures", "here")
def test_a_map_whose_checked_images_are_not_drawn_is_made(photos):
    drawn = find_images(photos, limit=9).paths
    (path, *_) = set(find_images(photos).paths) - set(drawn)
    table = {"path": [path], "checked_label": ["robin"]}
    notes, options = Notes(), {"perplexity": 2, "findings": False, "names": False}
    made = make_map(photos, "m", checked=table, limit=9, progress=notes, **options)
    assert made.paths == drawn
    assert "robin" not in made.labels
    assert (
        "checked labels: 1 of 1 path in 'checked' with an image that --limit 9 does not draw, "
        f"first {path!r}"
    ) in notes.lines


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"path": ["a"], "label": ["b"]}, r"no column checked_label\. Write"),
        ({"path": ["a", "b"], "checked_label": [None, " "]}, r"the column is empty\. Fill in"),
        ({"item": [0], "checked_label": ["b"]}, "no column of paths"),
        *(
            (
                {"path": ["a", "b"], "checked_label": ["b", wrong]},
                r"must be a number or text; 'checked', row 1: .*\. Correct the row\.",
            )
            for wrong in (["a", "b"], {"a": 1}, b"a", object())
        ),
        ({"path": [None], "checked_label": ["b"]}, r"row 0: no path\. Correct the row"),
        (
            {"path": ["a", "./a"], "checked_label": ["b", "c"]},
            r"'checked' has 'b' and 'c' for 'a'\. Write one label in all rows of the image\.",
        ),
    ],
)
def test_wrong_tables_are_refused(table, words):
    with pytest.raises(InputError, match=words):
        read_checked(table)


def test_another_file_than_a_table_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"must be in a table \(\.csv .*; got c\.txt"):
        read_checked("c.txt")
    with pytest.raises(InputError, match="there is no file"):
        read_checked(tmp_path / "c.csv")


def test_numbers_are_labels_without_decimals():
    column = np.array([3.0, np.nan, 0.5])
    assert checked_labels({"checked_label": column}, 3) == ["3", None, "0.5"]
    assert find_checked({"checked_label": column}, None, 3).tolist() == [False] * 3
    assert checked_labels({}, 2) == [None, None]


@pytest.mark.usefixtures("quick_network", "without_pictures")
def test_a_map_without_the_checks_of_the_replaced_map_is_reported(here, photos, featscape):
    options = {"perplexity": 4, "findings": False, "names": False}
    table = table_of(photos, item_0="robin", item_1="owl")
    made = make_map(photos, "m", checked=table, **options)
    assert made.labels[0] == "robin"
    assert made.columns["checked_label"].tolist()[:2] == ["robin", "owl"]
    assert re.search(r"\n  checked +2 labels by a person\n", featscape("info", "m").out)
    assert featscape("report", "m", "-o", "r.html").status == 0
    assert "2 labels by a person" in (here / "r.html").read_text(encoding="utf-8")
    replacing = MapOptions(photos, "m", force=True)
    partly = read_checked({"path": [f"./{made.paths[1]}"], "checked_label": ["owl"]})
    *_, line = compare_with_replaced(replacing, partly)  # after the line about the network
    assert line == (
        "checked labels: 1 of 2 checked images of m without a label in 'checked', first "
        f"{made.paths[0]!r}"
    )
    lines = compare_with_replaced(replacing, read_checked(table))
    assert not any("checked" in each for each in lines)
    notes = Notes()
    again = make_map(photos, "m", force=True, progress=notes, **options)
    assert again.labels[0] != "robin"
    assert (
        "m was made with --checked dict in Python; this run uses no checked labels" in notes.lines
    )


def test_checked_labels_of_a_damaged_map_are_not_compared(here):
    folder = here / "m"
    folder.mkdir()
    (line,) = describe_lost(folder, read_checked({"path": ["a"], "checked_label": ["b"]}))
    assert line.startswith("checked labels: those of m cannot be compared with 'checked': ")


def test_features_without_images_are_refused(here):
    with pytest.raises(InputError, match="checked labels need the paths of images"):
        embed_features(
            np.eye(9, 4), output=here / "m", checked={"path": ["a"], "checked_label": ["b"]}
        )
