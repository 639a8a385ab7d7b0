"""The findings as the page shows them."""

from dataclasses import replace

import numpy as np
import pytest

from featscape.cli.screens.findings_report import describe
from featscape.findings import (
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
    arrange_findings,
    summarize_findings,
)

COMMON = {"text": "A sentence.", "evidence": Evidence((0, 1), (2,), 2.5, "How.")}

BELOW = (
    "Only images that are clearly unlike the others are listed. The color “off topic” of the page "
    "and the report (featscape report) also show the next farthest images."
)

PATHS = ("1.png", "2.png", "3.png", "4.png")


def columns():
    number = np.arange(4, dtype=np.float32)
    return ItemColumns(
        suspicion=number,
        suggested=("dog",) * 4,
        off_topic=number,
        torn=number / 4,
        false_friends=number / 4,
        duplicate_group=np.array([-1, 0, -1, 0], np.int32),
    )


def duplicates(kind="near", **flags):
    return DuplicateGroup(items=(1, 3), kind=kind, **flags, **COMMON)


def arranged(**findings):
    shown = arrange_findings(Findings(**{"columns": columns(), "paths": PATHS} | findings))
    return {section.name: section for section in shown.sections}


def test_a_label_error_has_the_suggested_label_and_its_neighbors():
    error = LabelError(item=3, label="cat", suggested="dog", **COMMON)
    expected = ExpectedErrors(0, 4, 5, "If.", n_classified=50)
    section = arranged(labels=(error,), expected_errors=expected)["labels"]
    assert (section.title, section.layout) == ("Labels to check", "items")
    assert section.text == (
        "1 image resembles another class more than the labeled class. Look at all 5: at most about "
        "4 of these labels are wrong. This limit assumes that no label was corrected and that no "
        "whole burst or scene has a wrong label. The classifier of the list agrees with 90 % of 50 "
        "tested labels."
    )
    assert section.findings[0].suggested == "dog"
    assert section.findings[0].neighbors == (2,)
    assert section.method == "How. If."


def test_labels_to_check_have_the_numbers_of_the_table():
    errors = [LabelError(item=item, label="cat", suggested="dog", **COMMON) for item in (3, 1, 2)]
    shown = arranged(labels=errors)["labels"].findings
    assert [one.text for one in shown] == [
        f"Number {number}: {COMMON['text']}" for number in range(3)
    ]


def test_leaks_and_conflicts_come_before_other_duplicates():
    both = duplicates(leak=True, conflict=True)
    groups = (both, duplicates(leak=True), duplicates(conflict=True), duplicates())
    sections = arranged(duplicates=groups)
    names = list(sections)
    assert names.index("leaks") < names.index("conflicts") < names.index("duplicates")
    counts = {name: len(sections[name].findings) for name in ("leaks", "conflicts", "duplicates")}
    assert counts == {"leaks": 2, "conflicts": 2, "duplicates": 1}
    assert sections["duplicates"].title == "Other duplicates"
    assert sections["duplicates"].text == "1 group of duplicates: possible copies."
    assert {sections[name].layout for name in counts} == {"pairs"}


def test_similar_pictures_in_different_splits_are_apart_from_leaks_and_from_other_pictures():
    crossing = duplicates("similar", leak=True, conflict=True)
    groups = (duplicates("exact"), crossing, duplicates("similar"), duplicates("similar"))
    sections = arranged(duplicates=groups)
    assert list(sections)[1:4] == ["similar_leaks", "duplicates", "similar"]
    counts = {name: len(sections[name].findings) for name in ("similar_leaks", "similar")}
    assert counts == {"similar_leaks": 1, "similar": 2}
    assert sections["duplicates"].text == "1 group of duplicates: equal files."
    assert sections["similar_leaks"].text.startswith(
        "1 group has similar pictures in different splits (1 with different labels): leaks if they "
        "are copies or frames of a film,"
    )
    assert sections["similar"].title == "Other similar pictures"
    assert "or different drawings with similar outlines" in sections["similar"].text
    assert "(" not in sections["similar"].text
    found = Findings(columns=columns(), paths=PATHS, duplicates=groups)
    assert summarize_findings(found)[0] == (
        "1 group has similar pictures in different splits, which may be copies, first 2.png."
    )


def test_similar_pictures_in_one_split_are_no_duplicates_leaks_or_conflicts():
    sections = arranged(duplicates=(duplicates("similar", conflict=True),))
    assert {"leaks", "similar_leaks", "conflicts"}.isdisjoint(sections)
    assert sections["similar"].title == "Similar pictures"
    assert "only (1 with different labels). They may be copies" in sections["similar"].text


@pytest.mark.parametrize(
    ("kinds", "text"),
    [
        (("near",) * 3, "3 groups of duplicates, all of them possible copies."),
        (
            ("exact", "near", "near"),
            "3 groups of duplicates: 1 of equal files, 2 of possible copies.",
        ),
    ],
)
def test_the_kinds_of_several_groups_are_counted_if_they_differ(kinds, text):
    assert arranged(duplicates=tuple(map(duplicates, kinds)))["duplicates"].text == text


def test_equal_files_inside_a_group_of_copies_are_counted_and_are_a_color():
    burst = DuplicateGroup(
        items=(0, 1, 2), kind="near", equal_files=((0, 2),), equal_pixels=((0, 1, 2),), **COMMON
    )
    frames = replace(burst, items=(0, 1, 2, 3), equal_pixels=())
    similar = replace(burst, items=(2, 3), kind="similar", equal_files=(), equal_pixels=())
    assert arranged(duplicates=(frames, duplicates()))["duplicates"].text == (
        "2 groups of duplicates, all of them possible copies; 1 group includes equal files or "
        "pixels."
    )
    for group, kinds in (
        (duplicates("exact"), [None, "exact", "similar", "exact"]),
        (burst, ["exact", "pixels", "exact", "similar"]),
        (frames, ["exact", "near", "exact", "near"]),
    ):
        shown = arrange_findings(Findings(columns=columns(), duplicates=(group, similar)))
        assert kinds in [one.values for one in shown.columns if one.name == "duplicate_kind"]


def test_different_labels_of_duplicates_are_to_check_and_not_called_wrong():
    section = arranged(duplicates=(duplicates(conflict=True),))["conflicts"]
    assert section.text == (
        "1 group of duplicates has different labels (possible copies). Check the labels: both can "
        "be right if a picture belongs to two classes."
    )


def test_class_findings_are_divided_into_pairs_groups_split_and_typical():
    kinds = ("close pair", "group", "split", "exemplars")
    found = tuple(ClassFinding(kind=kind, classes=("cat",), items=(2,), **COMMON) for kind in kinds)
    sections = arranged(classes=found)
    names = ("classes", "groups", "split", "exemplars")
    assert [len(sections[name].findings) for name in names] == [1, 1, 1, 1]
    assert sections["classes"].text.startswith("Pairs of classes that are closer to each other ")
    assert sections["groups"].text.startswith("Several classes that are closer to each other ")
    assert sections["split"].findings[0].items == (2,)


def test_a_pair_of_separate_classes_is_not_listed():
    pair = ClassFinding(kind="separate pair", classes=("cat", "dog"), **COMMON)
    sections = arranged(classes=(pair,))
    assert sections["classes"].text == "None found."
    assert not any(section.findings for section in sections.values())


def test_a_kind_without_findings_has_the_reason_or_none():
    sections = arranged(not_computed={"quality": "The map has no images."})
    assert sections["quality"].text == "The map has no images."
    assert sections["labels"].text == "None found."
    assert sections["labels"].method is None


def test_duplicates_off_topic_are_listed_once():
    off_topic = tuple(OffTopic(item=item, **COMMON) for item in (3, 1, 2))
    found = Findings(
        columns=columns(), paths=PATHS, off_topic=off_topic, duplicates=(duplicates(),)
    )
    section = arranged(off_topic=off_topic, duplicates=(duplicates(),))["off_topic"]
    counted = "3 images are unlike the rest of the dataset (2 without duplicates)"
    assert section.text.startswith(f"{counted}, and may not belong to it. Duplicates are listed")
    assert any(one.startswith(f"{counted}, first ") for one in summarize_findings(found))
    assert section.findings[0].items == (3, 1)
    assert section.findings[0].text.endswith(" 1 duplicate is also off topic.")
    assert len(section.findings) == 2
    similar = arranged(off_topic=off_topic, duplicates=(duplicates("similar"),))
    assert len(similar["off_topic"].findings) == 3
    assert "duplicates" not in similar["off_topic"].text.lower()


def test_classes_that_are_left_out_of_the_images_off_topic_are_named():
    reason = "Most images of the class odd are unlike."
    found = Findings(columns=columns(), paths=PATHS, not_computed={"off_topic": reason})
    (of_page, of_report) = (
        next(one.text for one in shown.sections if one.name == "off_topic")
        for shown in (arrange_findings(found), arrange_findings(found, for_report=True))
    )
    assert of_page == f"{reason} {BELOW}"
    assert of_report.startswith(
        f"{reason} No other image is clearly unlike the others. The farthest images"
    )


def test_the_images_off_topic_refer_to_those_below_the_limit():
    assert arranged()["off_topic"].text == f"None found. {BELOW}"
    assert arranged(off_topic=(OffTopic(item=1, **COMMON),))["off_topic"].text == (
        f"1 image is unlike the rest of the dataset, and may not belong to it. {BELOW}"
    )
    in_report = arrange_findings(Findings(columns=columns(), paths=PATHS), for_report=True)
    (text,) = (one.text for one in in_report.sections if one.name == "off_topic")
    assert text == (
        "No image is clearly unlike the others. The farthest images are shown below, but not "
        "counted."
    )
    unknown = replace(columns(), off_topic=np.full(4, np.nan, np.float32))
    assert arranged(columns=unknown)["off_topic"].text == "None found."


def test_the_reason_for_missing_findings_follows_the_text():
    section = arranged(
        off_topic=(OffTopic(item=1, **COMMON),), not_computed={"off_topic": "Half is missing."}
    )["off_topic"]
    assert section.text == (
        "1 image is unlike the rest of the dataset, and may not belong to it. Half is missing. "
        f"{BELOW}"
    )


def test_every_finding_is_in_a_section():
    sections = arranged(
        labels=(LabelError(item=0, label="a", suggested="b", **COMMON),),
        duplicates=(duplicates(),),
        off_topic=(OffTopic(item=1, **COMMON),),
        quality=(QualityProblem(item=3, kinds=("dark", "blurred"), **COMMON),),
        classes=(ClassFinding(kind="split", classes=("cat",), **COMMON),),
        shortcuts=(
            Shortcut(property_name="hue", kind="label", label="cat", items=(0, 1), **COMMON),
        ),
        reliability=(Reliability(measure="trustworthiness", value=0.5, **COMMON),),
    )
    assert sum(len(section.findings) for section in sections.values()) == 7
    assert sections["quality"].text == "1 image: 1 dark, 1 blurred."
    assert sections["quality"].findings[0].faults == ("dark", "blurred")


def test_the_columns_have_the_scores_faults_and_duplicates_of_each_item():
    found = Findings(
        columns=columns(),
        labels=(
            LabelError(
                item=3,
                label="cat",
                suggested="dog",
                text="A label that two copies have.",
                evidence=Evidence((3, 1), (), 2.5, "How."),
            ),
        ),
        duplicates=(duplicates(),),
        quality=(QualityProblem(item=2, kinds=("dark", "blurred"), **COMMON),),
    )
    shown = {column.name: column for column in arrange_findings(found).columns}
    assert shown["suspicion"].values.tolist() == [0, 1, 2, 3]
    assert (shown["suspicion"].threshold, shown["suspicion"].is_share) == (0, False)
    assert (shown["torn"].threshold, shown["torn"].is_share) == (None, True)
    assert shown["false_friends"].values.tolist() == [0, 0.25, 0.5, 0.75]
    assert shown["suggested"].values == [None, "dog", None, "dog"]
    assert shown["technical_faults"].values == [None, None, "dark, blurred", None]
    assert shown["duplicate_kind"].values == [None, "near", None, "near"]
    np.testing.assert_array_equal(shown["duplicate_group"].values, [np.nan, 0, np.nan, 0])
    sections = arrange_findings(found).sections
    assert {section.column for section in sections} - {None} <= shown.keys()
    assert all(column.title and column.note.endswith(".") for column in shown.values())


def test_duplicates_with_the_same_faults_are_listed_once():
    def faulty(item, *kinds):
        evidence = Evidence((item,), (), 1 - item / 10, "How.")
        return QualityProblem(item=item, kinds=kinds, text=f"Faults of {item}.", evidence=evidence)

    quality = (faulty(3, "dark"), faulty(2, "dark"), faulty(1, "dark"), faulty(0, "dark", "noisy"))
    groups = (duplicates(), replace(duplicates("similar"), items=(2, 3)))
    section = arranged(quality=quality, duplicates=groups)["quality"]
    assert [(one.items, one.text) for one in section.findings] == [
        ((3, 1), "Faults of 3. 1 duplicate has the same fault."),
        ((2,), "Faults of 2."),
        ((0,), "Faults of 0."),
    ]
    assert section.text == (
        "4 images (3 without duplicates): 4 dark, 1 noisy. A sharp image with a fine pattern, such "
        "as a knit fabric, may also be listed as noisy. Duplicates with the same faults are listed "
        "once."
    )
    both = replace(duplicates(), items=(0, 1, 2, 3))
    section = arranged(quality=quality, duplicates=(both,))["quality"]
    assert [one.items for one in section.findings] == [(3, 2, 1), (0,)]


@pytest.mark.parametrize(("paths", "noun"), [(None, "item"), (PATHS, "image")])
def test_the_text_of_the_shortcuts_names_images_only_in_a_map_of_images(paths, noun):
    found = Shortcut(property_name="hue", kind="label", label="cat", **COMMON)
    text = arranged(shortcuts=(found,), paths=paths)["shortcuts"].text
    assert f"look at the {noun}s." in text
    assert ("Local marks" in text) == (noun == "image")


def test_the_method_of_the_shortcuts_is_that_of_both_kinds():
    def shortcut(kind, method, label=""):
        evidence = Evidence((0,), (), 1.0, method)
        return Shortcut(property_name="hue", kind=kind, label=label, text="A.", evidence=evidence)

    cells = shortcut("label", "Cells.", "cat"), shortcut("label", "Cells.", "dog")
    order = shortcut("order", "Orders.")
    method = {
        number: arranged(shortcuts=found)["shortcuts"].method
        for number, found in enumerate([(*cells, order), cells, (order,), ()])
    }
    both = "A property that predicts a label: Cells. A property that orders the map: Orders."
    assert method == {0: both, 1: "Cells.", 2: "Orders.", 3: None}
    column = arranged(shortcuts=(shortcut("column", "Equal."), order))["shortcuts"].method
    assert column == (
        "A column that equals the label in all or most rows: Equal. "
        "A property that orders the map: Orders."
    )


def test_the_summary_has_the_first_clear_shortcut_of_each_kind():
    def shortcut(text, kind, label="", score=2.0):
        evidence = Evidence((), (), score, "How.")
        return Shortcut(property_name="hue", kind=kind, label=label, text=text, evidence=evidence)

    equal = shortcut("Camera.", "column"), shortcut("Site.", "column")
    weak, strong = shortcut("Weak.", "label", "cat", 1.2), shortcut("Strong.", "label", "cat")
    near = shortcut("Plates are near.", "order"), shortcut("Wells are near.", "order")
    found = Findings(columns=columns(), paths=PATHS, shortcuts=(weak, strong, *equal, *near))
    sentences = summarize_findings(found, n_sentences=100)
    place = sentences.index("Camera.")
    assert sentences[place + 1 : place + 3] == (
        "Strong. The property may be the content of the class.",
        "Plates are near.",
    )
    assert not {"Site.", "Weak.", "Wells are near."} & set(sentences)


@pytest.mark.parametrize(
    ("kinds", "named"),
    [(("near",), "1 group of possible copies has"), (("near", "exact"), "2 groups of duplicates")],
)
def test_the_summary_calls_near_groups_possible_copies(kinds, named):
    groups = tuple(replace(duplicates(conflict=True), kind=kind) for kind in kinds)
    found = Findings(columns=columns(), paths=PATHS, duplicates=groups)
    assert any(one.startswith(named) for one in summarize_findings(found))


def test_the_methods_of_several_kinds_of_duplicates_have_the_names_of_the_kinds():
    def copies(kind, method):
        evidence = replace(COMMON["evidence"], method=method)
        return replace(duplicates(), kind=kind, evidence=evidence)

    found = (copies("exact", "Hash."), copies("exact", "Hash."), copies("near", "Pixels."))
    assert arranged(duplicates=found)["duplicates"].method == (
        "Equal files: Hash. Possible copies: Pixels."
    )
    assert arranged(duplicates=found[:2])["duplicates"].method == "Hash."


def test_the_summary_begins_with_certain_faults_and_has_clear_shortcuts_only():
    def shortcut(score, label="cat"):
        evidence = replace(COMMON["evidence"], score=score)
        text = f"A property of {label or 'neighbors'} at {score}."
        kind = "label" if label else "order"
        return Shortcut(property_name="hue", kind=kind, label=label, text=text, evidence=evidence)

    noisy = QualityProblem(item=2, kinds=("noisy",), **COMMON)
    dark = QualityProblem(item=3, kinds=("dark",), **COMMON)
    found = Findings(
        columns=replace(columns(), suspicion=np.zeros(40, np.float32)),  # 5 % have a fault
        paths=[f"{item}.png" for item in range(40)],
        quality=(noisy, dark),
        shortcuts=(shortcut(1.6), shortcut(1.2)),
        classes=(ClassFinding(kind="split", classes=("cat",), **COMMON),),
    )
    noise = (
        "1 image may be noisy, first 2.png. A sharp image with a fine pattern, such as a knit "
        "fabric, may also be listed as noisy."
    )
    assert summarize_findings(found) == (
        "A property of cat at 1.6. The property may be the content of the class.",
        "1 image has a low quality, first 3.png (dark). 1 other image may be noisy.",
        COMMON["text"],
    )
    faulty = QualityProblem(item=4, kinds=("blurred", "gray"), **COMMON)
    assert summarize_findings(replace(found, quality=(faulty, dark)))[1] == (
        "2 images have a low quality, first 4.png (blurred, gray)."
    )
    unclear = replace(found, quality=(noisy,), shortcuts=(shortcut(1.4), shortcut(0.6, label="")))
    assert summarize_findings(unclear) == (
        "A property of neighbors at 0.6.",
        COMMON["text"],
        noise,
    )


def test_the_summary_names_the_sections_that_have_findings_but_no_sentence():
    leak, conflict = duplicates("exact", leak=True), duplicates("exact", conflict=True)
    evidence = replace(COMMON["evidence"], score=8.0)
    camera = Shortcut(property_name="camera", kind="label", label="cat", text="K3.",
                      evidence=evidence)  # fmt: skip
    found = Findings(
        columns=replace(columns(), suspicion=np.zeros(200, np.float32)),
        paths=[f"{item}.png" for item in range(200)],
        labels=(LabelError(item=3, label="cat", suggested="dog", **COMMON),),
        expected_errors=ExpectedErrors(0, 1, 1, "If."),
        duplicates=(leak, conflict, duplicates("exact"), duplicates("similar")),
        off_topic=(OffTopic(item=1, **COMMON),),
        quality=(QualityProblem(item=4, kinds=("dark",), **COMMON),),
        shortcuts=(camera,),
        classes=tuple(
            ClassFinding(kind=kind, classes=("cat", "dog"), **COMMON)
            for kind in ("close pair", "exemplars", "group")
        ),
    )
    sentences = summarize_findings(found)
    beginnings = "1 group", "1 group", "1 image resembles", "K3.", "1 image has a low", "1 image is"
    for sentence, beginning in zip(sentences, beginnings, strict=False):
        assert sentence.startswith(beginning)
    (last,) = sentences[6:]
    assert last == (
        "3 kinds of findings are not in this summary: other duplicates, similar pictures and close "
        "classes."
    )


@pytest.mark.parametrize(
    ("n_faulty", "last"),
    [
        (3, "2 kinds of findings are not in this summary: image quality and shortcuts."),
        (1, "1 kind of findings is not in this summary: shortcuts."),
    ],
)
def test_common_faults_and_weak_shortcuts_are_named_at_the_end_of_the_summary(n_faulty, last):
    evidence = replace(COMMON["evidence"], score=1.4)
    weak = Shortcut(property_name="hue", kind="label", label="a", text="Hue.", evidence=evidence)
    found = Findings(
        columns=replace(columns(), suspicion=np.zeros(40, np.float32)),
        paths=[f"{item}.png" for item in range(40)],
        quality=tuple(QualityProblem(item=i, kinds=("dark",), **COMMON) for i in range(n_faulty)),
        shortcuts=(weak,),
    )
    assert summarize_findings(found)[-1] == last


def test_the_shortcuts_of_many_copies_have_a_note_about_frames_of_a_scene():
    groups = tuple(
        DuplicateGroup(items=(at, at + 1, at + 2), kind="near", **COMMON) for at in (0, 3, 6)
    )
    one = Shortcut(property_name="hour", kind="label", label="cat", **COMMON)
    few = replace(columns(), suspicion=np.zeros(45, np.float32))
    many = replace(columns(), suspicion=np.zeros(36, np.float32))
    note = (
        "At least 25 % of the images have two or more copies. Frames of one scene that were not "
        "recognized as copies count as separate images. The ranges may then be too narrow, and a "
        "property may predict a label by chance."
    )
    for counted, shortcut, is_noted in (
        (many, one, True),
        (few, one, False),
        (many, replace(one, kind="order", label=""), False),
    ):
        paths = [f"{item}.png" for item in range(len(counted))]
        found = Findings(columns=counted, paths=paths, duplicates=groups, shortcuts=(shortcut,))
        (section,) = (one for one in arrange_findings(found).sections if one.name == "shortcuts")
        assert section.text.endswith(note) == is_noted
        assert (f"  {note}" in str(describe(found)).splitlines()) == is_noted


def test_the_text_of_the_shortcuts_says_that_content_may_be_listed_and_what_is_not_measured():
    one = Shortcut(property_name="hue", kind="label", label="cat", **COMMON)
    text = arranged(shortcuts=(one,))["shortcuts"].text
    assert "may be the content of the class" in text
    assert "a text or a logo, are not measured" in text


def test_a_map_without_images_has_items_and_no_sections_about_images():
    one = ClassFinding(kind="exemplars", classes=("cat",), items=(0,), **COMMON)
    pair = ClassFinding(kind="close pair", classes=("cat", "dog"), items=(0,), **COMMON)
    error = LabelError(item=3, label="cat", suggested="dog", **COMMON)
    found = Findings(
        columns=columns(),
        labels=(error,),
        off_topic=(OffTopic(item=1, **COMMON),),
        classes=(one, pair),
        expected_errors=ExpectedErrors(2, 5, 1, "If."),
    )
    shown = arrange_findings(found)
    notes = [column.note for column in shown.columns if column.name in ("suspicion", "torn")]
    texts = [text for section in shown.sections for text in (section.title, section.text)]
    sentences = summarize_findings(found)
    assert [text for text in (*notes, *texts, *sentences) if "image" in text.lower()] == []
    assert sum(text.startswith("1 item ") for text in (*texts, *sentences)) == 4
    assert "quality" not in {section.name for section in shown.sections}
