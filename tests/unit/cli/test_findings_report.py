"""featscape findings, and the findings of an opened map, on a map of planted errors."""

import csv
import io
import json
import re
from dataclasses import replace

import numpy as np
import pytest

from featscape import open_map
from featscape.cli.screens.findings_report import as_csv, describe
from featscape.findings import (
    KINDS,
    ClassFinding,
    DuplicateGroup,
    Evidence,
    Findings,
    ItemColumns,
    QualityProblem,
    arrange_findings,
    summarize_findings,
)


def test_the_command_reports_each_kind(featscape, made):
    done = featscape("findings", made)
    assert done.status == 0, done.err
    assert "Labels to check: " in done.out
    assert "\n  Number 0: " in done.out
    assert re.search("Look at all [0-9]+ to know how many are wrong", done.out)
    assert "Reliability of the map: 4" in done.out


def columns_of(n_items):
    """Return columns of findings, of which none are special."""
    return ItemColumns.from_stored(
        {name: np.zeros(n_items) for name in ItemColumns.__annotations__}
    )


@pytest.mark.parametrize(("paths", "title"), [(None, "Items"), (("a.png",), "Images")])
def test_the_titles_name_images_or_items(paths, title):
    columns = replace(columns_of(1), off_topic=np.full(1, np.nan))  # not computed, as all kinds
    found = Findings(columns=columns, paths=paths, not_computed=dict.fromkeys(KINDS, "A reason."))
    lines = str(describe(found)).splitlines()
    assert f"{title} off topic:" in lines
    assert "Image quality:" in lines


@pytest.mark.parametrize("kind", ["close pair", "separate pair"])
def test_the_screen_lists_close_pairs_and_no_separate_pairs(kind):
    evidence = Evidence(items=(), neighbors=(), score=1.0, method="")
    pair = ClassFinding(kind=kind, classes=("a", "b"), text="a and b", evidence=evidence)
    lines = str(describe(Findings(columns=columns_of(1), paths=None, classes=(pair,)))).splitlines()
    assert ("  a and b" in lines) == (kind == "close pair")


@pytest.mark.parametrize(
    ("for_terminal", "path"), [(False, "a\r\x1b[2J.png"), (True, "a\\r\\x1b[2J.png")]
)
def test_the_csv_escapes_control_characters_only_for_a_terminal(for_terminal, path):
    columns = columns_of(1)
    fault = QualityProblem(
        item=0, kinds=("dark",), text="Dark.", evidence=Evidence((0,), (), 1.0, "How.")
    )
    found = Findings(columns=columns, quality=(fault,), paths=("a\r\x1b[2J.png",))
    table = as_csv(found, labels=None, splits=None, columns={}, for_terminal=for_terminal)
    assert table.splitlines()[0].startswith("kind,number,id,path,")
    (row,) = csv.DictReader(io.StringIO(table, newline=""))
    assert row["path"] == path
    assert (row["number"], row["leak"], row["text"]) == ("0", "", "Dark.")


def test_the_screen_counts_the_images_of_low_quality_with_and_without_duplicates():
    evidence = Evidence((0, 1), (), 1.0, "How.")
    faults = tuple(
        QualityProblem(item=item, kinds=("dark",), text="Dark.", evidence=evidence)
        for item in (0, 1)
    )
    group = DuplicateGroup(items=(0, 1), kind="exact", text="equal.", evidence=evidence)
    columns = columns_of(2)
    found = Findings(columns=columns, duplicates=(group,), quality=faults, paths=("a", "b"))
    lines = str(describe(found)).splitlines()
    assert "Image quality: 2 (1 without duplicates)" in lines


def test_all_outputs_count_the_same_duplicates():
    kinds = ["exact", "near", "similar", "similar", "similar"]
    evidence = Evidence((0, 1), (), 1.0, "How.")
    groups = tuple(
        DuplicateGroup(items=(0, 1), kind=kind, text=f"{kind}.", evidence=evidence)
        for kind in kinds
    )
    columns = columns_of(2)
    found = Findings(columns=columns, duplicates=groups, paths=("a.png", "b.png"))
    lines = str(describe(found)).splitlines()
    assert lines[:4] == ["Groups of duplicates: 2", "  exact.", "  near.", ""]
    assert lines[4] == "Groups of similar pictures, which may be copies: 3"
    assert summarize_findings(found)[0].startswith("2 groups of duplicates.")
    counts = {one.name: len(one.findings) for one in arrange_findings(found).sections}
    assert (counts["duplicates"], counts["similar"]) == (2, 3)


def test_the_images_below_the_limit_of_those_off_topic_are_named_without_findings():
    columns = columns_of(2)
    lines = str(describe(Findings(columns=columns, paths=("a.png", "b.png")))).splitlines()
    assert lines[0] == "Images off topic: 0"
    assert lines[1].startswith("  Only images that are clearly unlike the others are listed. ")


@pytest.mark.parametrize(
    ("distance", "first", "last"),
    [
        (0.0, "Images off topic: 0", "  Incomplete: Most images of odd."),
        (np.nan, "Images off topic:", "  Not computed: Most images of odd."),
    ],
)
def test_classes_that_are_left_out_of_the_images_off_topic_are_named(distance, first, last):
    columns = {name: np.zeros(2) for name in ItemColumns.__annotations__}
    columns["off_topic"] = np.full(2, distance)
    found = Findings(
        columns=ItemColumns.from_stored(columns),
        paths=("a.png", "b.png"),
        not_computed={"off_topic": "Most images of odd."},
    )
    lines = str(describe(found)).splitlines()
    assert (lines[0], lines[-1]) == (first, last)


def test_findings_about_classes_name_their_items(featscape, made):
    lines = featscape("findings", made).out.splitlines()
    place = next(i for i, line in enumerate(lines) if "typical items of" in line)
    assert lines[place + 1].startswith("    item ")
    assert lines[place + 1].count(", ") == 2
    assert lines[place - 1] == "Typical items: 4"  # as on the page


def test_json_is_one_object_with_a_list_for_each_kind(featscape, made):
    content = json.loads(featscape("findings", made, "--json").out)
    assert {"labels", "duplicates", "off_topic", "quality", "classes", "shortcuts"} <= set(content)
    assert content["labels"][0]["score"] >= content["labels"][-1]["score"] > 0


def test_csv_has_headings_and_rows(featscape, made):
    rows = list(csv.DictReader(io.StringIO(featscape("findings", made, "--csv").out)))
    assert {row["kind"] for row in rows} >= {"labels", "reliability"}
    assert rows[0]["label"] != rows[0]["suggested"]
    labels = open_map(made).labels
    with_item = [row for row in rows if row["id"]]
    assert {row["kind"] for row in with_item} >= {"labels", "classes"}
    assert all(row["label"] == labels[int(row["id"])] for row in with_item)


def test_both_formats_are_refused(featscape, made):
    done = featscape("findings", made, "--json", "--csv")
    assert done.status == 2
    assert "--json or --csv; got both" in done.err


def test_a_folder_that_is_no_map_is_refused(featscape, tmp_path):
    done = featscape("findings", tmp_path)
    assert done.status == 2
    assert "is not a featscape map" in done.err


def test_an_opened_map_has_findings(made):
    findings = open_map(made).findings
    assert isinstance(findings, Findings)
    assert findings.labels
