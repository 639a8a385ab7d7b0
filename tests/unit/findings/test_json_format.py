import copy
import json

import numpy as np
import pytest

from featscape.findings import (
    KINDS,
    ClassFinding,
    DuplicateGroup,
    Evidence,
    ExpectedErrors,
    Findings,
    ItemColumns,
    LabelError,
    OffTopic,
    QualityProblem,
    Reliability,
    Shortcut,
    from_json,
)

PATHS = ("cat/0.png", "cat/1.png", "dog/0.png", "dog/b\udce9.png")


def columns():
    number = np.zeros(4, np.float32)
    return ItemColumns(
        suspicion=number,
        suggested=("dog", "dog", "cat", "cat"),
        off_topic=number,
        torn=number,
        false_friends=number,
        duplicate_group=np.array([-1, -1, 0, 0], np.int32),
    )


def some_findings():
    common = {"text": "A sentence.", "evidence": Evidence((0, 1), (2,), 2.5, "How.")}
    return Findings(
        columns=columns(),
        labels=(LabelError(item=0, label="cat", suggested="dog", **common),),
        duplicates=(
            DuplicateGroup(items=(2, 3), kind="near", leak=True, equal_files=((2, 3),), **common),
        ),
        off_topic=(OffTopic(item=1, **common),),
        quality=(QualityProblem(item=3, kinds=("dark", "blurred"), **common),),
        classes=(ClassFinding(kind="close pair", classes=("cat", "dog"), **common),),
        shortcuts=(
            Shortcut(
                property_name="hue",
                kind="label",
                label="cat",
                items=(0, 1),
                share_low=0.25,
                **common,
            ),
        ),
        reliability=(Reliability(measure="trustworthiness", value=0.5, **common),),
        not_computed={"quality": "The map has no images."},
        expected_errors=ExpectedErrors(0, 1, 1, "If there are errors.", 0, 9, (0.9, 0.5), 0.25),
        unusual_borders=(3, 0),
        paths=PATHS,
    )


def as_written():
    return json.loads(json.dumps(some_findings().to_json(), allow_nan=False))


def test_each_kind_is_a_list_with_paths_and_evidence():
    written = as_written()
    assert {kind: len(written[kind]) for kind in KINDS} == dict.fromkeys(KINDS, 1)
    label = written["labels"][0]
    assert (label["path"], label["label"], label["suggested"]) == ("cat/0.png", "cat", "dog")
    assert label["score"] == 2.5
    assert label["evidence"] == {"ids": [0, 1], "neighbors": [2], "score": 2.5, "method": "How."}
    group = written["duplicates"][0]
    assert group["paths"] == ["dog/0.png", "dog/b\\xe9.png"]
    assert (group["kind"], group["leak"], group["conflict"]) == ("near", True, False)
    assert written["quality"][0]["kinds"] == ["dark", "blurred"]


def test_items_without_paths_have_ids():
    findings = Findings(columns=columns(), labels=some_findings().labels)
    assert findings.to_json()["labels"][0]["path"] is None
    assert findings.to_json()["labels"][0]["id"] == 0


def test_reading_returns_what_was_written():
    read = from_json(as_written(), columns=columns(), paths=PATHS)
    written = some_findings()
    for kind in KINDS:
        assert getattr(read, kind) == getattr(written, kind)
    assert read.not_computed == written.not_computed
    assert read.expected_errors == written.expected_errors
    assert read.unusual_borders == written.unusual_borders
    assert read.paths == PATHS


def test_a_map_of_an_early_version_has_no_equal_files_in_a_group():
    content = as_written()
    del content["duplicates"][0]["equal_files"], content["duplicates"][0]["equal_pixels"]
    assert from_json(content, columns=columns()).duplicates[0].equal_files == ()


def test_a_shortcut_of_an_early_version_has_no_share():
    content = as_written()
    for name in ("share", "share_low", "share_high", "share_expected"):
        del content["shortcuts"][0][name]
    assert from_json(content, columns=columns()).shortcuts[0].share_low is None


@pytest.mark.parametrize(
    ("label", "method", "kind"),
    [
        ("cat", "The score is the ratio of the odds.", "label"),
        ("", "The score is the correlation of the property.", "order"),
        ("", "Each label is paired with its most frequent value, and so on.", "column"),
    ],
)
def test_the_kind_of_a_shortcut_of_an_early_version_is_derived(label, method, kind):
    content = as_written()
    (shortcut,) = content["shortcuts"]
    del shortcut["kind"]
    shortcut["label"], shortcut["evidence"]["method"] = label, method
    assert from_json(content, columns=columns()).shortcuts[0].kind == kind


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda content: content["duplicates"][0].update(equal_files=[[4]]), "id 4 for 4 items"),
        (lambda content: content.update(version=2), "version 1"),
        (lambda content: content.pop("labels"), "KeyError"),
        (lambda content: content["labels"][0].update(id=4), "id 4 for 4 items"),
        (
            lambda content: content["labels"][0].update(id=True),
            "got True as item: .* integer",
        ),
        (
            lambda content: content["duplicates"][0].update(kind="other"),
            "got 'other' as kind: .* 'exact', 'pixels', 'near' or 'similar'",
        ),
        (
            lambda content: content["shortcuts"][0].update(kind="other"),
            "got 'other' as kind: .* 'label', 'order' or 'column'",
        ),
        (
            lambda content: content["labels"][0].update(label=7),
            "got 7 as label: .* string",
        ),
        (lambda content: content["labels"][0]["evidence"].update(neighbors=[-1]), "id -1"),
        (
            lambda content: content["duplicates"][0].update(ids="23"),
            "got .23. as items: .* array",
        ),
        (
            lambda content: content["quality"][0].update(kinds=[1]),
            "got 1 as kinds.0: .* string",
        ),
        (
            lambda content: content["reliability"][0].update(value="1"),
            "got .1. as value: .* number",
        ),
        (
            lambda content: content["labels"][0]["evidence"].update(score=np.inf),
            "not JSON compliant",
        ),
        (lambda content: content.update(not_computed=[]), "AttributeError"),
        (lambda content: content.update(expected_errors=[]), "Input should be an object"),
        (lambda content: content.update(labels=[3]), "TypeError"),
        (lambda content: content.update(unusual_borders=[4]), "id 4 for 4 items"),
        (lambda content: content.update(unusual_borders=["3"]), "got '3' as 0: .* integer"),
    ],
)
def test_invalid_content_is_a_value_error(change, reason):
    content = copy.deepcopy(as_written())
    change(content)
    with pytest.raises(ValueError, match=reason):
        from_json(content, columns=columns(), paths=PATHS)


def test_content_that_is_no_object_is_an_input_error():
    with pytest.raises(ValueError, match="version 1"):
        from_json([], columns=columns())


def test_the_name_of_the_record_is_short():
    assert repr(some_findings()).startswith("<Findings: 1 labels, 1 duplicates")
