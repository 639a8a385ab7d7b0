"""The findings in a bundle."""

import json

import numpy as np
import pytest

from featscape.bundle import onefile, open_bundle, write_page
from featscape.bundle.contract import (
    MOST_LISTED,
    MOST_LISTED_ITEMS,
    MOST_LISTED_NEIGHBORS,
    MOST_LISTED_TEXT,
    MOST_METHOD_TEXT,
)
from featscape.errors import InputError
from featscape.mapfolder.layout import BUNDLE_FILES
from featscape.records.shown_findings import (
    FindingsSection,
    ShownColumn,
    ShownFinding,
    ShownFindings,
)

N_ITEMS = 30


def section(name="labels", findings=(), **options):
    given = {"title": "Label errors", "text": "One.", "layout": "items", **options}
    return FindingsSection(name=name, findings=tuple(findings), **given)


def shown(*sections, columns=()):
    return ShownFindings(sections=sections, columns=columns)


def read_section(bundle, number=0):
    entry = bundle.manifest.findings.sections[number]
    content = (bundle.folder / bundle.manifest.findings.file).read_bytes()
    return json.loads(content[entry.start : entry.end])


def test_items_are_in_the_order_of_the_bundle(bundle_of):
    finding = ShownFinding(text="A.", items=(4, 7), suggested="dog", neighbors=(9, 1))
    bundle = bundle_of(N_ITEMS, findings=shown(section(), section("leaks", [finding])))
    ids = bundle.array(bundle.manifest.ids)
    assert read_section(bundle, 0) == []
    (listed,) = read_section(bundle, 1)
    assert ids[listed["items"]].tolist() == [4, 7]
    assert ids[listed["neighbors"]].tolist() == [9, 1]
    assert (listed["text"], listed["suggested"], listed["n_items"]) == ("A.", "dog", 2)


def test_no_line_of_the_page_ends_before_a_percent_sign(bundle_of):
    finding = ShownFinding(text="5 % of 10.", items=(1,))
    bundle = bundle_of(N_ITEMS, findings=shown(section(text="95 % agree.", findings=[finding])))
    assert bundle.manifest.findings.sections[0].text == "95\N{NO-BREAK SPACE}% agree."
    assert read_section(bundle)[0]["text"] == "5\N{NO-BREAK SPACE}% of 10."


def test_the_lists_are_bounded_and_report_the_full_number(bundle_of):
    many = tuple(range(N_ITEMS))
    finding = ShownFinding(text="x" * 5000, items=many, neighbors=many)
    findings = shown(section(findings=[finding] * (MOST_LISTED + 7), method="y" * 5000))
    bundle = bundle_of(N_ITEMS, findings=findings)
    (entry,) = bundle.manifest.findings.sections
    assert (entry.n_findings, entry.n_listed) == (MOST_LISTED + 7, MOST_LISTED)
    listed = read_section(bundle)
    assert len(listed) == MOST_LISTED
    assert listed[0]["n_items"] == N_ITEMS
    assert len(listed[0]["items"]) == MOST_LISTED_ITEMS
    assert len(listed[0]["neighbors"]) == MOST_LISTED_NEIGHBORS
    assert listed[0]["text"] == "x" * (MOST_LISTED_TEXT - 1) + "…"
    assert len(entry.method) == MOST_METHOD_TEXT


def test_a_name_that_is_not_unicode_is_escaped(bundle_of):
    finding = ShownFinding(text="caf\udce9", suggested="\udce9")
    bundle = bundle_of(N_ITEMS, findings=shown(section(findings=[finding])))
    assert read_section(bundle)[0]["text"] == "caf\\xe9"


def test_columns_of_findings_are_marked(bundle_of):
    values = np.arange(N_ITEMS, dtype=np.float32)
    columns = (
        ShownColumn(name="torn", title="torn", note="A share.", values=values),
        ShownColumn(name="odds", title="odds", note="A number.", values=values, threshold=0.5),
        ShownColumn(name="kind", title="kinds", note="A kind.", values=["a", None] * 15),
    )
    bundle = bundle_of(N_ITEMS, columns={"price": values}, findings=shown(columns=columns))
    entries = {column.name: column for column in bundle.manifest.columns}
    assert entries["price"].finding is None
    assert entries["torn"].finding.note == "A share."
    assert entries["kind"].finding.title == "kinds"
    assert (entries["torn"].finding.threshold, entries["odds"].finding.threshold) == (None, 0.5)
    ids = bundle.array(bundle.manifest.ids)
    assert bundle.array(entries["torn"].values).tolist() == ids.tolist()


def test_suggested_labels_have_the_colors_of_their_classes(bundle_of):
    labels = ["cat", "dog", "eel"] * (N_ITEMS // 3)
    columns = (
        ShownColumn(name="suggested", title="", note="", values=["eel", None, None] * 10),
        ShownColumn(name="kind", title="", note="", values=["new", "eel", None] * 10),
    )
    manifest = bundle_of(N_ITEMS, labels=labels, findings=shown(columns=columns)).manifest
    color = {entry.name: entry.color for entry in manifest.classes}
    suggested, kind = (column.categories for column in manifest.columns[-2:])
    assert [(one.name, one.color) for one in suggested] == [("eel", color["eel"])]
    assert kind[0].color == color["cat"]  # "new" is no class: the first colors


def test_a_column_of_the_source_cannot_replace_a_column_of_the_findings(bundle_of):
    values = np.zeros(N_ITEMS)
    columns = (ShownColumn(name="torn", title="torn", note="A share.", values=values),)
    with pytest.raises(
        InputError, match=r"agreement and torn are reserved; got 'torn'. Rename the column"
    ):
        bundle_of(N_ITEMS, columns={"torn": values}, findings=shown(columns=columns))


def test_a_bundle_without_findings_opens_also_in_the_form_of_older_releases(bundle_of):
    bundle = bundle_of(N_ITEMS)
    assert bundle.manifest.findings is None
    file = bundle.folder / "manifest.json"
    manifest = json.loads(file.read_text())
    del manifest["findings"]
    for column in manifest["columns"]:
        column.pop("finding", None)
    file.write_text(json.dumps(manifest))
    assert open_bundle(bundle.folder).manifest == bundle.manifest


def test_the_file_belongs_to_the_bundle_and_to_the_page(bundle_of, tmp_path):
    from PIL import Image

    bundle = bundle_of(N_ITEMS, findings=shown(section(findings=[ShownFinding(text="A.")])))
    assert "findings.bin" in bundle.files()
    assert "findings.bin" in BUNDLE_FILES
    Image.new("RGB", (8, 8)).save(tmp_path / "picture.png")
    write_page(bundle, tmp_path / "map.html", picture=tmp_path / "picture.png", n_images=100)
    assert 'data-file="findings.bin"' in (tmp_path / "map.html").read_text()


def test_a_page_omits_columns_of_findings_that_are_too_large(bundle_of, tmp_path, monkeypatch):
    from PIL import Image

    values = np.arange(N_ITEMS, dtype=np.float32)
    columns = (ShownColumn(name="torn", title="torn", note="A share.", values=values),)
    bundle = bundle_of(N_ITEMS, columns={"price": values}, findings=shown(columns=columns))
    Image.new("RGB", (8, 8)).save(tmp_path / "picture.png")
    pages = []
    for limit in (N_ITEMS * 4, N_ITEMS * 4 - 1):
        monkeypatch.setattr(onefile, "FINDING_COLUMN_BYTES", limit)
        write_page(bundle, tmp_path / "map.html", picture=tmp_path / "picture.png", n_images=100)
        pages.append((tmp_path / "map.html").read_text())
    file = next(one.values.file for one in bundle.manifest.columns if one.name == "torn")
    assert [f'data-file="{file}"' in page for page in pages] == [True, False]
    assert ["this page omits the colors of the findings" in page for page in pages] == [False, True]
    assert all('data-file="column-0.bin"' in page for page in pages)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"start": 1}, "the offsets of its sections do not increase"),
        ({"end": -1}, "the offsets of its sections do not increase"),
        ({"n_listed": -1}, "-1 of 1 findings in a list"),
        ({"n_listed": 2}, "2 of 1 findings in a list"),
        ({"n_listed": MOST_LISTED + 1, "n_findings": 10**6}, "of 1000000 findings in a list"),
        ({"end": 10**9}, "findings.bin is missing or damaged: the file has"),
        ({"layout": "table"}, "layout"),
    ],
)
def test_a_damaged_section_is_refused(bundle_of, change, reason):
    bundle = bundle_of(N_ITEMS, findings=shown(section(findings=[ShownFinding(text="A.")])))
    file = bundle.folder / "manifest.json"
    manifest = json.loads(file.read_text())
    manifest["findings"]["sections"][0] |= change
    file.write_text(json.dumps(manifest))
    with pytest.raises(InputError, match=reason):
        open_bundle(bundle.folder)
