"""Fingerprints measure the change of features, and tolerate rounding."""

from dataclasses import replace

import numpy as np
import pytest

from featscape.features.zoo.fingerprint import (
    TOLERANCE,
    describe_change,
    make_fingerprint,
    make_probe,
    measure_change,
)
from featscape.records import ModelCard

CARD = ModelCard("m", "fc", "file.pth", "0" * 64, "resize 256", 500)
FEATURES = np.random.default_rng(0).random(500, dtype=np.float32)


def of(features):
    return replace(CARD, fingerprint=(make_fingerprint(features),))


def test_the_probe_and_the_signs_are_fixed():
    assert make_probe(2).tolist() == [
        [[191, 100, 255], [142, 246, 6]],
        [[83, 142, 121], [8, 45, 9]],
    ]
    assert make_fingerprint(np.arange(9, dtype=np.float32))[:4] == (14.0, 2.0, -28.0, 2.0)


@pytest.mark.parametrize("n_features", [1, 500, 2048])
@pytest.mark.parametrize("relative", [1e-6, 1e-3, 0.1])
def test_the_distance_of_fingerprints_estimates_the_distance_of_features(n_features, relative):
    rng = np.random.default_rng(1)
    features, noise = rng.normal(size=(2, n_features))
    noise *= relative * np.linalg.norm(features) / np.linalg.norm(noise)
    one, other = (make_fingerprint(v.astype(np.float32)) for v in (features, features + noise))
    assert measure_change((one,), (other,)) == pytest.approx(relative, rel=0.7)


def test_the_distance_is_that_of_the_layer_with_the_largest_change():
    one = make_fingerprint(FEATURES)
    other = make_fingerprint(FEATURES * np.float32(1.1))
    assert measure_change((one, one), (one, other)) == pytest.approx(0.1 / 1.1, rel=1e-5)
    assert measure_change((one,), (one, one)) == 2.0
    assert measure_change((one,), ((),)) == 2.0
    assert measure_change(((0.0,),), ((0.0,),)) == 0.0


@pytest.mark.parametrize("good", [(1.0, 2.0), (0.0, 0.0)])
@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1)])
def test_nan_in_any_layer_counts_as_a_change(good, order):
    bad = (np.nan, 1.0)
    made, now = (good, good)[order], (good, bad)[order]
    for one, other in ((made, now), (now, made), (now, now)):
        assert not measure_change(one, other) <= TOLERANCE
        assert describe_change(replace(CARD, fingerprint=one), replace(CARD, fingerprint=other))


def test_rounding_is_tolerated_and_another_scale_is_not():
    assert describe_change(of(FEATURES), of(FEATURES * np.float32(1 + TOLERANCE / 2))) == ""
    assert "differ by 1.0%" in describe_change(of(FEATURES), of(FEATURES * np.float32(1.01)))
    assert "differ by nan%" in describe_change(of(FEATURES), of(FEATURES * np.float32(np.nan)))


def test_without_a_fingerprint_networks_with_own_code_may_differ():
    assert describe_change(CARD, of(FEATURES)) == ""
    assert describe_change(CARD, CARD) == ""
    own, own_now = (replace(card, code_sha256="1") for card in (CARD, of(FEATURES)))
    for made, now in ((own, own_now), (own_now, own), (own, own)):
        assert describe_change(made, now).startswith("no fingerprint of the network was recorded")


def test_the_card_of_a_layer_has_the_fingerprint_of_the_layer():
    card = replace(CARD, layer="a+b", widths=(300, 200), fingerprint=((1.0,), (2.0,)))
    assert card.of_layer("b").fingerprint == ((2.0,),)
    assert replace(card, fingerprint=()).of_layer("b").fingerprint == ()


@pytest.mark.parametrize("fingerprint", [3, [1.0], [["a"]], [[None]]])
def test_an_invalid_fingerprint_in_run_json_is_an_error(fingerprint):
    with pytest.raises((TypeError, ValueError)):
        replace(CARD, fingerprint=fingerprint)
