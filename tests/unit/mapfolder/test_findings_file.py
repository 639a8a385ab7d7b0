"""Maps with stored findings: written, read back, damaged, or made without findings."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from featscape import make_map, open_map
from featscape.errors import InputError
from featscape.findings import KINDS, compute_findings
from featscape.mapfolder import FINDING_COLUMNS
from featscape.mapfolder.findings_file import read_findings

pytestmark = pytest.mark.usefixtures("quick_network")


def test_a_map_stores_findings_and_columns(made):
    content = json.loads((made.folder / "findings.json").read_text(encoding="utf-8"))
    assert set(KINDS) < set(content)
    table = pq.read_table(made.folder / "items.parquet")
    assert set(table.column_names) >= FINDING_COLUMNS
    assert table["duplicate_group"].null_count + len(
        {i for group in content["duplicates"] for i in group["ids"]}
    ) == len(made)


def test_reading_returns_the_stored_findings(made, monkeypatch):
    monkeypatch.setattr(
        "featscape.steps.findings.compute_findings", lambda *_, **__: pytest.fail("computed")
    )
    findings = open_map(made.folder).findings
    content = json.loads((made.folder / "findings.json").read_text(encoding="utf-8"))
    assert findings.to_json() == content
    assert findings.columns.suspicion.dtype == np.float32
    assert len(findings.columns.suggested) == len(made)


def test_the_columns_of_findings_are_no_columns_of_the_source(made):
    assert dict(open_map(made.folder).columns) == {}


@pytest.mark.usefixtures("without_pictures")
def test_no_findings_skips_them_and_opening_computes_them(photos, here):
    made = make_map(photos, here / "m", perplexity=5, size_px=400, findings=False)
    assert not (made.folder / "findings.json").exists()
    assert read_findings(made.folder) is None
    assert len(made.findings.columns) == len(made)


@pytest.mark.usefixtures("without_pictures")
def test_features_that_are_not_finite_are_damaged(photos, here):
    made = make_map(photos, here / "m", perplexity=5, size_px=400, findings=False)
    features = np.load(made.folder / "features.npy")
    features[3, 1] = np.nan
    np.save(made.folder / "features.npy", features)
    with pytest.raises(InputError, match="its row 3 contains NaN or infinity"):
        _ = open_map(made.folder).findings


@pytest.mark.usefixtures("without_pictures")
def test_a_map_without_findings_may_have_a_column_of_such_a_name(photos, here):
    made = make_map(photos, here / "m", perplexity=5, size_px=400, findings=False)
    file = made.folder / "items.parquet"
    table = pq.read_table(file)
    pq.write_table(table.append_column("torn", [["yes"] * len(made)]), file)
    assert list(open_map(made.folder).columns) == ["torn"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [("{", "EOF"), ("[]", "version 1"), ('{"version": 1}', "KeyError")],
)
def test_a_damaged_file_is_reported(made, content, reason):
    (made.folder / "findings.json").write_text(content)
    with pytest.raises(InputError, match=f"(?s)findings.json is missing or damaged.*{reason}"):
        _ = open_map(made.folder).findings


def test_missing_and_wrong_columns_are_reported(made):
    file = made.folder / "items.parquet"
    table = pq.read_table(file)
    pq.write_table(table.drop(["torn"]), file)
    with pytest.raises(InputError, match=r"lacks its columns torn"):
        read_findings(made.folder)
    texts = [["x"] * len(made)]
    pq.write_table(table.drop(["torn"]).append_column("torn", texts), file)
    with pytest.raises(InputError, match="its column torn has the type object"):
        read_findings(made.folder)


@pytest.mark.usefixtures("without_pictures")
def test_the_command_line_prints_findings_after_the_agreement(featscape, photos, here):
    done = featscape("map", photos, "--perplexity", 5, "--size", 400, "-o", "m")
    assert done.status == 0, done.err
    assert "All findings: featscape findings m" in done.out
    options = ("--perplexity", 5, "--size", 400, "--no-findings")
    done = featscape("map", photos, "-o", "other", *options)
    assert "All findings" not in done.out
    assert not (here / "other" / "findings.json").exists()


@pytest.mark.usefixtures("without_pictures")
def test_the_seed_of_the_map_is_the_seed_of_the_findings(photos, here, monkeypatch):
    seeds = []

    def remember(items, **options):
        seeds.append(options["random_state"])
        return compute_findings(items, **options)

    monkeypatch.setattr("featscape.steps.findings.compute_findings", remember)
    make_map(photos, here / "stored", perplexity=5, size_px=400, random_state=7)
    made = make_map(photos, here / "m", perplexity=5, size_px=400, random_state=8, findings=False)
    assert len(made.findings.columns) == len(made)
    assert seeds == [7, 8]


@pytest.mark.usefixtures("without_pictures")
def test_findings_use_the_cores_of_the_process(photos, here, monkeypatch):
    n_threads = []

    def remember(items, **options):
        n_threads.append(options["n_threads"])
        return compute_findings(items, **options)

    monkeypatch.setattr("featscape.steps.findings.compute_findings", remember)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {3}, raising=False)
    monkeypatch.setattr("os.cpu_count", lambda: 64)
    make_map(photos, here / "m", perplexity=5, size_px=400)
    assert n_threads == [1]
