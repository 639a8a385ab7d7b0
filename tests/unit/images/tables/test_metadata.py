"""Metadata files beside the images, as in Hugging Face's imagefolder."""

import numpy as np
import pytest

from featscape.errors import InputError
from featscape.images import find_images
from featscape.steps.facts.source import describe_found


def write(file, text):
    file.write_text(text)
    return file.parent


def test_metadata_adds_columns_and_keeps_the_labels_of_the_folders(write_images, skipped):
    folder = write_images("cat/1.png", "dog/1.png", "dog/2.png")
    write(folder / "metadata.csv", "file_name,label,age\ndog/1.png,7,3\ncat/1.png,8,4\n")
    images = find_images(folder)
    assert images.paths == ("cat/1.png", "dog/1.png", "dog/2.png")
    assert images.labels == ("cat", "dog", "dog")
    np.testing.assert_array_equal(images.columns["age"], [4, 3, np.nan])
    np.testing.assert_array_equal(images.columns["source label"], [8, 7, np.nan])
    assert skipped(images) == {}
    assert "the column label is called 'source label'" in "\n".join(describe_found(images))


def test_a_given_label_column_takes_precedence_over_the_folders(write_images):
    folder = write_images("cat/1.png", "dog/1.png")
    write(folder / "metadata.csv", "file_name,breed\ndog/1.png,pug\n")
    assert find_images(folder, label_column="breed").labels == ("(no label)", "pug")


@pytest.mark.parametrize("path", ["1.png", "images/1.png"])
def test_metadata_gives_labels_if_folders_do_not(write_images, path):
    folder = write_images(path)
    write(folder / "metadata.jsonl", f'{{"file_name": "{path}", "label": "cat"}}\n')
    images = find_images(folder)
    assert images.labels == ("cat",)
    assert images.columns == {}


def test_metadata_gives_labels_if_a_single_folder_contains_a_part_of_the_images(write_images):
    folder = write_images("scans/1.png", "2.png")
    write(folder / "metadata.csv", "file_name,label\nscans/1.png,cat\n2.png,dog\n")
    images = find_images(folder)
    assert dict(zip(images.paths, images.labels, strict=True)) == {
        "2.png": "dog",
        "scans/1.png": "cat",
    }


def test_each_folder_may_have_its_own_metadata(write_images):
    folder = write_images("train/cat/1.png", "test/cat/1.png")
    write(folder / "train" / "metadata.csv", "file_name,n\ncat/1.png,1\n")
    write(folder / "test" / "metadata.csv", "file_name,n\ncat/1.png,2\n")
    images = find_images(folder)
    assert images.splits == ("test", "train")
    assert images.columns["n"].tolist() == [2, 1]


def test_invalid_metadata_is_skipped_with_reasons(write_images, skipped):
    folder = write_images("a/1.png", "b/1.png")
    write(folder / "metadata.csv", "file_name,n\na/1.png,1\na/2.png,2\na/1.png\na/1.png,3\n")
    write(folder / "a" / "metadata.parquet", "not parquet")
    write(folder / "b" / "metadata.csv", "who,what\n1,2\n")
    images = find_images(folder)
    np.testing.assert_array_equal(images.columns["n"], [1, np.nan])
    reasons = skipped(images)
    assert reasons["metadata.csv, line 3"] == "a row without an image: a/2.png"
    assert reasons["metadata.csv, line 4"].startswith("invalid row: 1 field")
    assert reasons["metadata.csv, line 5"] == "duplicate path: a/1.png, as in line 2"
    assert "must be undamaged" in reasons["a/metadata.parquet"]
    assert reasons["b/metadata.csv"] == (
        "no column of paths, such as file_name; the columns are 'who', 'what'"
    )
    assert len(reasons) == 5
    found, rows, invalid, duplicate = list(describe_found(images))[:4]
    assert ", skipped 2 files: 1 a Parquet file must be undamaged; " in found
    assert rows == "skipped 1 row without an image: 'a/2.png'"
    assert invalid.startswith("skipped 1 invalid row, metadata.csv, line 4: 1 field, ")
    assert duplicate == (
        "skipped 1 row with a duplicate path, metadata.csv, line 5: a/1.png, as in line 2"
    )


def test_a_label_column_without_a_table_is_an_error(write_images):
    with pytest.raises(InputError, match=r"has no metadata.csv. Omit the option"):
        find_images(write_images("a/1.png"), label_column="breed")


def test_metadata_of_which_no_row_names_an_image_are_refused_with_an_example(write_images):
    folder = write_images("scans/1.png", "scans/2.png")
    write(folder / "scans" / "metadata.csv", "file_name,age\nscans/1.png,3\nscans/2.png,4\n")
    with pytest.raises(
        InputError,
        match=r"no row of 'scans/metadata.csv' names an image; .*is 'scans/1.png'. "
        r"Write for example '1.png'.",
    ):
        find_images(folder, label_column="age")


def test_metadata_in_a_folder_without_images_are_refused_with_a_remedy(write_images):
    folder = write_images("scans/1.png")
    (folder / "tables").mkdir()
    write(folder / "tables" / "metadata.csv", "file_name,age\n1.png,3\n")
    with pytest.raises(InputError, match=r"Move the file to .*such as 'scans/1.png'"):
        find_images(folder)


def test_columns_of_nested_values_are_counted_as_columns(write_images):
    folder = write_images("1.png")
    write(folder / "metadata.jsonl", '{"file_name": "1.png", "tags": [1, 2]}\n')
    assert list(describe_found(find_images(folder))) == [
        "found 1 image",
        "left out 1 column: 'tags' (nested or binary values; only numbers and text are kept)",
    ]


def test_columns_that_may_be_labels_are_listed_for_a_single_folder(write_images):
    folder = write_images("scans/1.png", "scans/2.png")
    write(folder / "scans" / "metadata.csv", "file_name,breed\n1.png,pug\n2.png,collie\n")
    _, line, columns = describe_found(find_images(folder))
    assert columns == "columns: 'breed'; values for 2 images"
    assert "the columns are 'breed'. --label-column NAME" in line


def test_the_columns_and_the_number_of_images_with_values_are_reported(write_images):
    folder = write_images("1.png", "2.png", "3.png")
    rows = "file_name,label,blue,taken\n1.png,a,3,2026-01-02\n2.png,b,5,2026-01-02\n"
    write(folder / "metadata.csv", rows)
    assert list(describe_found(find_images(folder)))[-1] == (
        "columns: 'label', 'blue', 'taken'; values for 2 of 3 images"
    )


def test_each_column_with_missing_values_has_its_number_of_images(write_images):
    folder = write_images("1.png", "2.png", "3.png")
    rows = "file_name,label,blue,taken\n1.png,a,3,2026-01-02\n2.png,b,,\n3.png,b,,2026-01-03\n"
    write(folder / "metadata.csv", rows)
    assert list(describe_found(find_images(folder)))[-1] == (
        "columns: 'label', 'blue', 'taken'; values for 3 images, except 'blue' for 1, 'taken' for 2"
    )


def test_columns_without_a_value_are_reported_apart(write_images):
    folder = write_images("1.png", "2.png")
    write(folder / "metadata.csv", "file_name,label,split,note,blue\n1.png,a,,,3\n2.png,b,,,4\n")
    assert list(describe_found(find_images(folder)))[-2:] == [
        "columns: 'label', 'blue'; values for 2 images",
        "columns without a value: 'split', 'note'",
    ]
    write(folder / "metadata.csv", "file_name,note\n1.png,\n2.png,\n")
    lines = list(describe_found(find_images(folder)))
    assert [line for line in lines if line.startswith("columns")] == [
        "columns without a value: 'note'"
    ]


def test_folders_of_classes_and_splits_without_a_table_have_no_columns(write_images):
    folder = write_images("train/a/1.png", "train/b/2.png", "test/a/3.png")
    lines = list(describe_found(find_images(folder)))
    assert [line for line in lines if line.startswith("columns")] == []


def test_a_row_of_a_skipped_image_has_the_reason_of_the_image(write_images, skipped):
    folder = write_images("train/goose/1.png", "gander.png")
    write(folder / "metadata.csv", "file_name,age\ntrain/goose/1.png,3\ngander.png,4\nno.png,5\n")
    images = find_images(folder)
    reason = "a row of an image that is not used: gander.png is skipped: outside the split folders"
    assert skipped(images)["metadata.csv, line 3"] == reason
    assert skipped(images)["metadata.csv, line 4"] == "a row without an image: no.png"
    lines = list(describe_found(images))
    assert "skipped 1 row without an image: 'no.png'" in lines
    assert (
        "skipped 1 row of an image that is not used, metadata.csv, line 3: gander.png is skipped: "
        "outside the split folders" in lines
    )


def test_a_table_of_another_name_is_reported_and_not_read(write_images):
    folder = write_images("1.png", "old/2.png")
    write(folder / "katalog.csv", "file_name,label\n1.png,cat\n")
    (folder / "notes.txt").touch()
    (folder / "metadata.csv").write_text("file_name,age\n1.png,3\n")
    images = find_images(folder)
    assert images.unread_tables == ("katalog.csv",)
    assert (
        "tables of another name than metadata.csv are not read: 'katalog.csv'. For the columns, "
        "name this table as the source, or rename it to metadata.csv"
    ) in describe_found(images)
    (folder / "old" / "Scores.PARQUET").touch()
    assert find_images(folder).unread_tables == ("katalog.csv", "old/Scores.PARQUET")
    (folder / "katalog.csv").unlink()
    (folder / "old" / "Scores.PARQUET").unlink()
    assert "not read" not in "\n".join(describe_found(find_images(folder)))
