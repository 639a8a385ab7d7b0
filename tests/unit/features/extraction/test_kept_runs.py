"""The description of an interrupted run is found, and its differences are named."""

import re
from dataclasses import replace

import pytest

from featscape.features.extraction.kept_runs import (
    RUN_FILE,
    KeptRun,
    describe_unused,
    find_kept_choice,
)
from featscape.records import Inference
from helpers.networks.rounded_engine import CARD

CHOSEN = Inference("An engine 0.9", "bf16", "auto", "it is close", cosine=0.999, n_checked=24)
UNREADABLE = "its run.json is damaged, or of another version of featscape"
RUN = KeptRun(replace(CARD, precision="bf16"), None, CHOSEN, n_images=100, n_sampled=24)


@pytest.fixture
def keep(tmp_path):
    """Return a function that writes a run with one shard, and returns the folder of all runs."""

    def write(run=RUN):
        folder = tmp_path / run.name
        folder.mkdir()
        (folder / "000000.npy").touch()
        run.write(folder)
        return tmp_path

    return write


def find(work, *, card=CARD, white=None, n_images=200):
    return find_kept_choice(work, card, white=white, n_images=n_images)


def test_the_choice_of_a_run_with_half_the_images_is_found(keep):
    work = keep()
    assert find(work) == RUN
    assert find(work, n_images=201) is None
    assert find(work, white=4095) is None
    assert find(work, card=replace(CARD, layer="one")) is None
    assert find(work, card=replace(CARD, fingerprint=((1.1,),))) is None
    assert find(None) is None


def test_the_choice_of_the_larger_run_is_found(keep):
    keep()
    exact = replace(RUN, card=CARD, inference=replace(CHOSEN, precision="fp32"), n_images=150)
    assert find(keep(exact)) == exact


@pytest.mark.parametrize("inference", [None, replace(CHOSEN, asked="bf16")])
def test_a_requested_precision_is_no_choice(keep, inference):
    assert find(keep(replace(RUN, inference=inference))) is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"card": {"name": 5}}', "[" * 5000])
def test_a_damaged_description_is_reported_and_not_used(keep, text):
    work = keep()
    (work / RUN.name / RUN_FILE).write_text(text)
    assert find(work) is None
    assert describe_unused(work, replace(RUN, card=CARD)) == UNREADABLE


def test_counts_of_another_type_are_damage(keep):
    work = keep(replace(RUN, n_sampled="24"))
    assert find(work) is None
    assert describe_unused(work, replace(RUN, card=CARD)) == UNREADABLE


def test_a_run_without_a_description_is_reported(keep):
    work = keep()
    (work / RUN.name / RUN_FILE).unlink()
    assert find(work) is None
    assert describe_unused(work, replace(RUN, card=CARD)) == "its network was not recorded"
    (work / RUN.name / RUN_FILE).mkdir()
    reason = describe_unused(work, replace(RUN, card=CARD))
    assert re.fullmatch(r"its run\.json cannot be read \(.+\)", reason)


def test_the_value_of_white_and_the_calibration_are_named(keep):
    work = keep(replace(RUN, card=replace(CARD, precision="int8-one")))
    other = replace(RUN, card=replace(CARD, precision="int8-two"))
    changed = "the first images, on which int8 is calibrated, have changed"
    assert describe_unused(work, other) == changed
    assert describe_unused(work, replace(other, white=4095)) == (
        "the value of --white (white=) was None, and is now 4095"
    )


def test_a_run_without_others_has_no_reason(keep):
    assert describe_unused(keep(), RUN) == ""
    assert describe_unused(None, RUN) == ""
