"""The network of a map is loaded again, and a different network is refused."""

from dataclasses import replace

import pytest

from featscape.errors import FeatscapeError, ModelError
from featscape.features import check_given, explain_refusal, load_for_map, load_network


def test_the_installed_network_is_loaded_without_options():
    card = load_network("efficientnet_lite0", device="cpu").card
    assert explain_refusal(card) is None
    assert load_for_map(card, device="cpu").card == card


def test_the_users_own_network_is_loaded_if_the_user_names_it(payload):
    card = load_network("payload:tiny", device="cpu").card
    payload.unlink()
    with pytest.raises(ModelError, match="MODULE:FACTORY"):
        load_for_map(card, device="cpu")
    assert explain_refusal(card, model="payload:tiny") is None
    check_given(card, model="payload:tiny")
    assert load_for_map(card, model="payload:tiny", device="cpu").card == card
    for other in ("payload:other", "resnet101", "net.onnx"):
        with pytest.raises(ModelError, match="must be the network of the map"):
            check_given(card, model=other)


@pytest.mark.usefixtures("payload")
def test_the_network_and_its_file_of_weights_are_asked_for_at_once():
    card = load_network("payload:tiny", device="cpu").card
    assert explain_refusal(card).endswith("with --model MODULE:FACTORY (model=).")
    card = replace(card, weights="last.pth")
    both = (
        r"--model MODULE:FACTORY (model=), and its file of weights with --weights FILE (weights=)."
    )
    assert explain_refusal(card).endswith(both)
    assert explain_refusal(card, weights="last.pth").endswith(
        "with --model MODULE:FACTORY (model=)."
    )
    assert "give the file with --weights FILE" in explain_refusal(card, model="payload:tiny")


@pytest.mark.usefixtures("payload")
def test_a_network_that_differs_from_the_card_is_refused():
    card = load_network("payload:tiny", device="cpu").card
    for facts in ({"code_sha256": "0" * 64}, {"weights_sha256": "1" * 64}, {"n_features": 7}):
        with pytest.raises(ModelError, match=f"{next(iter(facts))} was"):
            load_for_map(replace(card, **facts), model="payload:tiny", device="cpu")


def test_the_values_of_a_card_are_printed_short_and_without_escapes():
    card = replace(load_network("efficientnet_lite0").card, preprocessing="\x1b[31m" + "x" * 9_999)
    with pytest.raises(ModelError, match="the preprocessing was") as failed:
        load_for_map(card)
    assert "\x1b" not in str(failed.value)
    assert len(str(failed.value)) < 1_000


def test_weights_are_compared_by_their_content(small_file, tmp_path):
    name = "shufflenet_v2_x0_5"
    card = load_network(name, weights=small_file, device="cpu").card
    moved = tmp_path / "moved.pth"
    moved.write_bytes(small_file.read_bytes())
    loaded = load_for_map(card, weights=moved, device="cpu").card
    assert replace(loaded, weights="") == replace(card, weights="")
    moved.write_bytes(b"other weights")
    for load in (check_given, load_for_map):
        with pytest.raises(ModelError, match="must be the weights of the map"):
            load(card, weights=moved)
    with pytest.raises(FeatscapeError):
        check_given(card, weights=tmp_path / "none.pth")
