"""The networks of timm agree with timm's own features; weights of any classes are accepted."""

import re

import numpy as np
import pytest
import timm
import torch
from timm.data import create_transform, resolve_model_data_config

from featscape.errors import ModelError
from featscape.features import load_network, reload_network
from featscape.features.zoo.libraries import timm as timm_library

# A small network of each kind, with a layer in the middle and its width.
NETWORKS = {
    "test_vit": ("blocks.1", 64),
    "test_resnet": ("layer2", 48),
}
ZOO = {
    "test_convnext": ("stages.1", 32),
    "test_efficientnet": ("blocks.2", 32),
    "test_nfnet": ("stages.1", 64),
    "test_byobnet": ("stages.1", 64),
    "swin_tiny_patch4_window7_224": ("layers.1", 192),
    "mobilenetv3_small_050": ("blocks.3", 24),
    "levit_128s": ("stages.0", 128),
    "mixer_s32_224": ("blocks.3", 512),
    "deit_tiny_distilled_patch16_224": ("blocks.3", 192),
    "ghostnet_050": ("blocks.3", 20),
}
ALL = [*NETWORKS, *(pytest.param(name, marks=pytest.mark.zoo) for name in ZOO)]


@pytest.fixture
def make(tmp_path):
    def save(name, **arguments):
        torch.manual_seed(0)
        network = timm.create_model(name, pretrained=False, **arguments).eval()
        path = tmp_path / "weights.pth"
        torch.save(network.state_dict(), path)
        return network, path

    return save


@pytest.mark.parametrize("name", ALL)
def test_features_agree_with_timm(name, make, noise_image):
    whole, path = make(name)
    network = load_network(f"timm:{name}", weights=path, device="cpu")
    image = noise_image(0, (300, 260))
    pixels = network.prepare(image)
    ours = network.preprocessing.standardize(torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None])
    theirs = create_transform(**resolve_model_data_config(whole))(image)
    # two of 255 levels, for the channel with the smallest standard deviation
    atol = 2.01 / 255 / min(network.preprocessing.std)
    torch.testing.assert_close(ours[0], theirs, rtol=0, atol=atol)
    whole.reset_classifier(0)
    with torch.inference_mode():
        expected = whole(ours)
    assert expected.std() > 0
    np.testing.assert_allclose(network.run([pixels]), expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", ALL)
def test_a_layer_in_the_middle_is_read(name, make, noise_image):
    _, path = make(name)
    layer, width = (NETWORKS | ZOO)[name]
    network = load_network(f"timm:{name}", weights=path, layers=(layer,), device="cpu")
    values = network.run([network.prepare(noise_image(seed, (90, 90))) for seed in range(2)])
    assert values.shape == (2, network.card.n_features)
    assert network.card.n_features == width
    assert np.ptp(values, axis=0).max() > 0


def test_a_network_is_reloaded_from_its_card(make):
    _, path = make("test_vit")
    card = load_network("timm:test_vit.r160_in1k", weights=path, device="cpu").card
    assert card.layer == "input of head"
    assert "shorter side resized to" in card.preprocessing
    assert reload_network(card, device="cpu").card == card


@pytest.mark.parametrize("n_classes", [0, 7])
def test_weights_for_other_classes_are_accepted(make, n_classes):
    _, path = make("test_resnet", num_classes=n_classes)
    assert load_network("timm:test_resnet", weights=path).card.n_features == 96


@pytest.mark.parametrize(("n_saved", "n_classes"), [(7, 7), (1000, 1000), (1001, 1000)])
def test_a_background_class_is_removed(make, monkeypatch, n_saved, n_classes):
    monkeypatch.setattr(timm.get_pretrained_cfg("test_vit"), "label_offset", 1)
    own = timm.models._registry._model_pretrained_cfgs["test_vit.r160_in1k"]
    monkeypatch.setattr(own, "label_offset", 1)
    _, path = make("test_vit", num_classes=n_saved)
    card = load_network("timm:test_vit", weights=path, layers=("head",), device="cpu").card
    assert card.n_features == n_classes


def test_weights_of_another_network_are_refused(make):
    _, path = make("test_resnet")
    message = (
        r"do not fit timm:test_vit: missing: cls_token, pos_embed.* unexpected: conv1\.0\.weight"
    )
    with pytest.raises(ModelError, match=message):
        load_network("timm:test_vit", weights=path)


def test_a_network_without_a_classifier_gives_its_output():
    network = timm_library.build("vit_small_patch14_dinov2.lvd142m")
    with torch.device("meta"):
        assert network.remove_classifier(network.make()) == "output"


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("timm:resnet18.a9_in1k", r"timm:resnet18\.a[123]_in1k"),
        ("timm:vit_tny_patch16_224", r"timm:vit_tiny_patch16_224"),
        (
            "vit_small_patch14_dinov2.lvd142m",
            r"mean timm:vit_small_patch14_dinov2\.lvd142m",
        ),
    ],
)
def test_similar_names_are_suggested_for_an_unknown_network(name, nearest):
    with pytest.raises(ModelError, match=nearest):
        load_network(name)


def test_a_network_with_a_non_square_input_is_refused():
    with pytest.raises(ModelError, match=r"must take square RGB images; .* 1024 x 768 px"):
        load_network("timm:vit_large_patch16_sapiens2.fb")


@pytest.mark.parametrize(
    ("name", "words", "resize_px"),
    [
        ("resnet18", r"shorter side resized to 235 px \(bicubic\), 224 x 224 px cut", 235),
        (
            "vit_so400m_patch14_siglip_gap_378.webli_ft_in1k",
            r"^resized to \d+ x \d+ px \(",
            None,
        ),
    ],
)
def test_the_description_of_the_preprocessing(name, words, resize_px):
    architecture = timm_library.build(name)
    assert re.search(words, str(architecture.preprocessing))
    assert architecture.preprocessing.resize_px == resize_px
