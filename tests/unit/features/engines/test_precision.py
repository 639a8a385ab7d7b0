"""The choice of the precision and its measured cost, without a network."""

from dataclasses import replace

import numpy as np
import pytest

from featscape.features.engines.precision import (
    Distance,
    auto_min_images,
    choose_precision,
    is_reused,
    measure,
    sample_size,
)
from featscape.records import Inference
from helpers.networks.rounded_engine import CARD, Rounded, features, sample


class TestMeasure:
    def test_equal_features_have_cosine_and_recall_one(self):
        assert measure(features(), 3 * features()) == Distance(pytest.approx(1.0), 1.0, 64)

    def test_cosine_and_recall_agree_with_plain_loops(self):
        exact, other = features(), features() + 0.5 * features(seed=1)
        cosines, shared = [], []
        for a, b in zip(exact, other, strict=True):
            cosines.append(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
        for i in range(64):
            near = []
            for rows in (exact, other):
                closeness = [
                    rows[i] @ row / np.linalg.norm(row) if j != i else -np.inf
                    for j, row in enumerate(rows)
                ]
                near.append(set(np.argsort(closeness)[-10:]))
            shared.append(len(near[0] & near[1]) / 10)
        found = measure(exact, other)
        assert found.cosine == pytest.approx(np.mean(cosines), abs=1e-6)
        assert found.recall == pytest.approx(np.mean(shared))
        assert 0.3 < found.recall < 0.9

    def test_few_images_have_no_recall(self):
        assert measure(features(20), features(20)).recall is None
        assert measure(features(21), features(21)).recall == 1.0

    def test_a_row_of_zeros_does_not_divide_by_zero(self):
        exact = features()
        exact[3] = 0
        assert measure(exact, exact).cosine == pytest.approx(63 / 64)


class TestChoosePrecision:
    def test_auto_chooses_bf16_if_its_features_are_close(self):
        choice = choose_precision(Rounded(noise=0.01), "auto", sample(), card=CARD)
        inference = choice.inference
        assert choice.engine.precision == inference.precision == choice.precision == "bf16"
        assert inference.asked == "auto"
        np.testing.assert_array_equal(choice.values, choice.engine.run(sample()))
        assert inference.cosine > 0.998
        assert inference.recall > 0.95
        assert inference.n_checked == 64
        assert inference.reason == (
            f"on the first 64 images mean cosine {inference.cosine:.4f} with the features in fp32, "
            f"recall of the 10 nearest {inference.recall:.3f}; required are at least 0.998 and 0.95"
        )

    @pytest.mark.parametrize("noise", [0.07, 0.3])
    def test_auto_chooses_fp32_if_bf16_differs_too_much(self, noise):
        choice = choose_precision(Rounded(noise=noise), "auto", sample(), card=CARD)
        inference = choice.inference
        assert choice.engine.precision == inference.precision == choice.precision == "fp32"
        np.testing.assert_array_equal(choice.values, features())
        assert inference.cosine < 0.998 or inference.recall < 0.95
        assert inference.reason.startswith(
            "bf16 differs too much: on the first 64 images mean cosine"
        )

    def test_a_low_cosine_or_a_low_recall_does_not_suffice(self):
        assert Distance(0.998, 0.95, 64).suffices()
        assert not Distance(0.9979, 1.0, 64).suffices()
        assert not Distance(1.0, 0.949, 64).suffices()
        assert not Distance(1.0, None, 12).suffices()

    def test_auto_chooses_fp32_on_a_processor_without_bfloat16(self):
        plain = Rounded(precisions=("fp32", "int8"))
        choice = choose_precision(plain, "auto", sample(), card=CARD)
        assert choice.engine is plain
        assert choice.inference.reason == "no faster precision on this processor"
        assert choice.inference.cosine is None
        assert choice.values is None
        assert plain.asked == []

    def test_a_requested_precision_is_used_and_measured(self):
        choice = choose_precision(Rounded(noise=0.3), "bf16", sample(), card=CARD)
        assert choice.engine.precision == choice.precision == "bf16"
        assert choice.inference.cosine < 0.998
        assert choice.inference.reason.startswith("requested; on the first 64 images")
        np.testing.assert_array_equal(choice.values, choice.engine.run(sample()))

    def test_the_key_of_a_calibration_depends_on_images_and_network(self):
        engine = Rounded(noise=0.1)
        named = [
            choose_precision(engine, "int8", images, card=card).precision
            for images, card in (
                (sample(), CARD),
                (sample(), CARD),
                (sample(63), CARD),
                (sample(), replace(CARD, layer="some")),
                (sample(), replace(CARD, name="the same weights in another network")),
            )
        ]
        assert named[0] == named[1]
        assert len(set(named)) == 4
        assert [f"{precision}-{key}" for precision, _, key in engine.asked] == named


@pytest.mark.parametrize(
    ("precision", "n_images", "size"),
    [
        ("fp32", 10_000, 0),
        ("auto", 249, 0),
        ("auto", 250, 21),
        ("auto", 1_000, 41),
        ("auto", 1_000_000, 128),
        ("bf16", 10, 10),
        ("int8", 500, 128),
    ],
)
def test_the_sample_size_depends_on_precision_and_number_of_images(precision, n_images, size):
    assert sample_size(precision, n_images, min_images=250) == size


def test_no_sample_is_needed_if_auto_never_tries_bf16():
    assert sample_size("auto", 1_000_000, min_images=0) == 0


class Worker:
    """An engine that only counts its multiply-adds: a run would raise an error."""

    precisions = ("fp32", "bf16", "int8")

    def __init__(self, n_multiply_adds):
        self.n_multiply_adds = n_multiply_adds

    def count_multiply_adds(self, _image):
        return self.n_multiply_adds


def count_images(n_multiply_adds, device="cpu"):
    return auto_min_images(Worker(n_multiply_adds), sample(1)[0], device=device)


class TestAutoMinImages:
    def test_the_number_depends_on_the_multiply_adds_and_the_device_alone(self):
        assert count_images(7_800_000_000) == 193  # ResNet101
        assert count_images(383_907_552) == 3_908  # EfficientNet-Lite0
        assert count_images(7_800_000_000, "cuda:1") == 12_821

    def test_a_network_of_any_size_needs_the_images_of_a_sample(self):
        assert count_images(10**12) == 21
        assert count_images(0) == 1_500_000_000_000

    def test_bf16_is_never_tried_on_a_processor_without_bfloat16(self):
        engine = Rounded(precisions=("fp32", "int8"))
        assert auto_min_images(engine, sample(1)[0], device="cpu") == 0

    def test_the_reason_for_fp32_names_the_number(self):
        choice = choose_precision(Rounded(), "auto", (), card=CARD, min_images=3_908)
        assert choice.engine.precision == "fp32"
        assert choice.inference.reason == "bf16 is tried for 3,908 images of this network or more"


@pytest.mark.parametrize(
    ("asked", "n_then", "n_now", "reused"),
    [
        ("auto", 100, 200, True),
        ("auto", 100, 50, True),
        ("auto", 100, 201, False),
        ("bf16", 100, 100, False),
    ],
)
def test_a_choice_of_auto_on_half_of_the_images_is_reused(asked, n_then, n_now, reused):
    choice = Inference("An engine 1.0", "bf16", asked, "it is close")
    assert is_reused(choice, n_then=n_then, n_now=n_now) == reused
    assert not is_reused(None, n_then=n_then, n_now=n_now)
