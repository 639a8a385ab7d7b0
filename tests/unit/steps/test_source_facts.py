"""The lines about the images of a source."""

import pytest

from featscape.images.tables.columns import ImageColumns
from featscape.records import ImageSet, SkippedImage
from featscape.steps.facts.columns import describe_columns, describe_labels
from featscape.steps.facts.source import describe_placed


@pytest.mark.parametrize(
    ("reasons", "shown"),
    [
        (["truncated"] * 3, "3 files: truncated"),
        (["empty file", "truncated", "truncated"], "3 files: 2 truncated; 1 empty file"),
        (list("abcd"), "4 files: 1 a; 1 b; 1 c; 1 more reason"),
        (list("abcdeb"), "6 files: 2 b; 1 a; 1 c; 2 more reasons"),
    ],
)
def test_a_line_about_skipped_files_has_the_most_frequent_reasons(reasons, shown):
    skipped = tuple(SkippedImage(f"{i}.png", reason) for i, reason in enumerate(reasons))
    images = ImageSet("photos", ("a", "b"), contents=None, decode=None, skipped=skipped)
    assert describe_placed(images) == f"placed 2 images, skipped {shown}"


def test_labels_in_two_unicode_forms_are_reported():
    (line,) = describe_labels(["caf\u00e9", "cafe\u0301", "tea"], n_trimmed=0)
    assert line.startswith("labels that differ only in case or Unicode form are different classes")
    assert "tea" not in line


@pytest.mark.parametrize(
    ("checked", "n_equal", "n_other"),
    [(("cat", "cat", None), "1 label", "1 value"), (("cat", "dog", None), "2 labels", None)],
)
def test_the_column_of_checked_labels_is_reported(checked, n_equal, n_other):
    described = ImageColumns(labels=("cat", "dog", "dog"), columns={"checked_label": checked})
    lines = list(describe_columns(described, n_items=3, noun="image"))
    place = "in the column 'checked_label' of the source"
    equal = f"checked labels: {n_equal} {place}, not listed as label errors"
    other = (
        f"checked labels: {n_other} {place} differ from the label and have no effect; give the "
        "table to --checked (checked=) to use these labels"
    )
    found = [line for line in lines if line.startswith("checked")]
    assert found == ([equal, other] if n_other else [equal])
