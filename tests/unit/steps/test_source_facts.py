"""The lines about the images of a source."""

import pytest

from featscape.records import ImageSet, SkippedImage
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
