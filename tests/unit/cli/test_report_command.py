"""featscape report: the file, and what the command refuses to replace."""

import os
import re

import pytest


def test_the_report_is_written_beside_the_map(featscape, made):
    before = sorted(made.rglob("*"))
    done = featscape("report", made)
    assert done.status == 0, done.err
    file = made.parent / "words-report.html"
    assert done.out.strip() == f"Wrote the report {file}"
    content = file.read_text(encoding="utf-8")
    assert "The farthest items are shown below, but not counted" in content
    assert "(featscape report)" not in content  # the page refers to the report in this way
    assert "120 items in 4 classes" in content
    assert re.search(r"ant, \d+ items: 6 of 10 typical items<", content)
    assert "One point per item, colored by class" in content
    assert "The most useful findings" in content
    assert "<svg" in content
    assert content.count("<source srcset=") == 1  # the scatter plot has a dark variant
    assert sorted(made.rglob("*")) == before
    assert not list(made.parent.glob(".*partial"))


def test_a_report_is_replaced_only_with_force(featscape, made):
    assert featscape("report", made, "-o", "r.html").status == 0
    again = featscape("report", made, "-o", "r.html")
    assert again.status == 2
    assert "the report r.html already exists. Replace the report with --force" in again.err
    os.utime("r.html", (0, 0))
    older = featscape("report", made, "-o", "r.html")
    assert older.status == 2
    assert "r.html already exists, and is older than the map: the report describes" in older.err
    assert featscape("report", made, "-o", "r.html", "--force").status == 0


def test_another_file_is_never_replaced(featscape, made):
    (made.parent / "thesis.html").write_text("years of work")
    done = featscape("report", made, "-o", "thesis.html", "--force")
    assert done.status == 2
    assert "is not a report that featscape wrote" in done.err
    assert (made.parent / "thesis.html").read_text() == "years of work"


@pytest.mark.parametrize(
    ("to", "message"),
    [
        ("missing/r.html", "the folder of the report must exist; missing does not"),
        ("words-map", "is not a report that featscape wrote"),
    ],
)
def test_an_unusable_place_is_refused(featscape, made, to, message):
    done = featscape("report", made, "-o", to)
    assert done.status == 2
    assert message in done.err


def test_a_map_without_labels_has_a_report_with_the_reasons(featscape, made):
    assert featscape("embed", "features.npy", "-o", "plain-map").status == 0
    assert featscape("report", made.parent / "plain-map").status == 0
    content = (made.parent / "plain-report.html").read_text(encoding="utf-8")
    assert "The items have no labels." in content
    assert "has names only" in content
    assert "One point per item" in content
    assert "colored by class" not in content
    assert "<svg" not in content


def test_a_folder_that_is_no_map_is_refused(featscape, tmp_path):
    done = featscape("report", tmp_path)
    assert done.status == 2
    assert "is not a featscape map" in done.err
