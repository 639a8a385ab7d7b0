"""Networks cut at any layer: the layers' true outputs, pooled, and names that are wrong."""

import numpy as np
import pytest
import torch
from torch import nn
from torchvision import models

from featscape.errors import InputError, ModelError
from featscape.features import load_network, reload_network
from featscape.features.cut import Cut, form_of, plan
from featscape.features.layers import check_layers


@pytest.fixture(scope="module")
def resnet_file(tmp_path_factory, save_weights):
    return save_weights("resnet18", tmp_path_factory.mktemp("weights") / "resnet18.pth")


def true_outputs(network, batch, layers):
    """Return copies of what the layers give, taken the moment they give it."""
    seen = {}
    for layer in layers:
        network.get_submodule(layer).register_forward_hook(
            lambda _module, _inputs, output, layer=layer: seen.update({layer: output.clone()})
        )
    with torch.inference_mode():
        network(batch)
    return [seen[layer] for layer in layers]


LAYERS = ("layer3", "layer1.0.conv2", "bn1", "layer2.0.bn2", "layer1.1.relu", "avgpool", "fc")


def test_any_layer_in_the_order_asked_for(resnet_file, noise_image):
    network = load_network("resnet18", weights=resnet_file, layers=LAYERS, device="cpu")
    pixels = [network.prepare(noise_image(seed, (90, 70))) for seed in range(2)]
    whole = models.resnet18(weights=None).eval()
    whole.load_state_dict(torch.load(resnet_file, weights_only=True))
    batch = torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2)
    outputs = true_outputs(whole, network._preprocessing.standardize(batch), LAYERS)
    expected = [out.mean((2, 3)) if out.ndim == 4 else out for out in outputs]
    assert network.card.layers == LAYERS
    assert network.card.pool == "avg"
    assert network.card.widths == (256, 64, 64, 128, 64, 512, 1000)
    assert network.card.n_features == 2088
    start, values = 0, network.run(pixels)
    for layer, rows in zip(LAYERS, expected, strict=True):
        ours = values[:, start : start + rows.shape[1]]
        np.testing.assert_allclose(
            ours, rows, rtol=1e-3, atol=1e-3 * float(rows.abs().max()), err_msg=layer
        )
        start += rows.shape[1]


def test_batch_norms_are_folded_but_for_the_convolutions_asked_for(resnet_file):
    def count(layers):
        module = load_network("resnet18", weights=resnet_file, layers=layers, device="cpu")._module
        return sum(isinstance(layer, nn.BatchNorm2d) for layer in module.network.layer1.modules())

    assert count(("layer1",)) == 0
    assert count(("layer1.0.conv2", "layer1")) == 1


def test_nothing_is_computed_after_the_last_layer(resnet_file):
    network = load_network(
        "resnet18", weights=resnet_file, layers=("layer2", "conv1"), device="cpu"
    )
    ran = []
    for name in ("conv1", "layer2", "layer3"):
        network._module.network.get_submodule(name).register_forward_hook(
            lambda *_, name=name: ran.append(name)
        )
    network._module(torch.zeros(1, 3, 224, 224))
    assert ran == ["conv1", "layer2"]


@pytest.mark.parametrize(
    ("pool", "of_map"),
    [
        ("avg", lambda x: x.mean((2, 3))),
        ("max", lambda x: x.amax((2, 3))),
        ("gem", lambda x: x.clamp(min=1e-6).pow(3).mean((2, 3)).pow(1 / 3)),
        ("flatten", lambda x: x.reshape(len(x), -1)),
    ],
)
def test_maps_are_pooled(pool, of_map):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 5, 3), nn.ReLU()).eval()
    batch = torch.rand(2, 3, 8, 8)
    readings = plan(network, ["1", "0"], pool=pool, probe=batch[:1], owner="net")
    rows = Cut(network, readings, pool=pool)(batch)
    expected = [of_map(network(batch)), of_map(network[0](batch))]
    torch.testing.assert_close(rows, torch.cat(expected, dim=1))
    assert [reading.width for reading in readings] == [rows.shape[1] // 2] * 2


class ChannelsLast(nn.Module):
    def forward(self, x):
        return x.permute(0, 2, 3, 1)


def test_channels_may_come_last():
    network = nn.Sequential(nn.Conv2d(3, 5, 3), ChannelsLast())
    batch = torch.rand(2, 3, 8, 8)
    readings = plan(network, ["1"], pool=None, probe=batch[:1], owner="net")
    assert (readings[0].form, readings[0].width) == ("map, channels last", 5)
    torch.testing.assert_close(
        Cut(network, readings, pool="avg")(batch), network[0](batch).mean((2, 3))
    )


@pytest.fixture
def vit():
    torch.manual_seed(0)
    return models.VisionTransformer(
        image_size=32, patch_size=8, num_layers=2, num_heads=2, hidden_dim=12, mlp_dim=24
    ).eval()


@pytest.mark.parametrize(
    ("pool", "of_tokens"),
    [
        ("avg", lambda x: x[:, 1:].mean(1)),
        ("max", lambda x: x[:, 1:].amax(1)),
        ("token", lambda x: x[:, 0]),
        ("flatten", lambda x: x.flatten(1)),
    ],
)
def test_tokens_are_pooled_without_the_class_token(vit, pool, of_tokens):
    batch = torch.rand(2, 3, 32, 32)
    layers = ["encoder.layers.encoder_layer_0", "encoder.layers.encoder_layer_1.self_attention"]
    outputs = []
    for layer in layers:
        vit.get_submodule(layer).register_forward_hook(lambda *args: outputs.append(args[2]))
    vit(batch)
    expected = torch.cat([of_tokens(outputs[0]), of_tokens(outputs[1][0])], dim=1)
    readings = plan(vit, layers, pool=pool, probe=batch[:1], owner="vit")
    torch.testing.assert_close(Cut(vit, readings, pool=pool)(batch), expected)


def test_patches_alone_have_no_class_token(vit):
    class Patches(nn.Module):
        def __init__(self):
            super().__init__()
            self.cls_token = nn.Parameter(torch.zeros(1, 1, 3))
            self.patches = nn.Flatten(2)

        def forward(self, x):
            return self.patches(x).transpose(1, 2)

    (reading,) = plan(Patches(), ["output"], pool=None, probe=torch.rand(1, 3, 4, 4), owner="net")
    assert (reading.form, reading.n_prefix) == ("tokens", 0)
    layers, probe = ["encoder.ln"], torch.rand(1, 3, 32, 32)
    (reading,) = plan(vit, layers, pool=None, probe=probe, owner="vit")
    assert (reading.form, reading.n_prefix) == ("tokens", 1)


@pytest.mark.parametrize(
    ("shape", "form"),
    [
        ((7,), "numbers"),
        ((50, 768), "tokens"),
        ((256, 14, 14), "map"),
        ((14, 14, 256), "map, channels last"),
        ((7, 7, 7), "map"),
        ((512, 1, 1), "map"),
        ((1, 1, 512), "map, channels last"),
        ((4, 2, 7, 7), None),
    ],
)
def test_forms(shape, form):
    assert form_of(shape) == form


def test_a_cut_network_can_be_traced(resnet_file):
    network = load_network("resnet18", weights=resnet_file, layers=("layer1", "layer3"))
    batch = torch.rand(2, 3, 64, 64)
    with pytest.warns(DeprecationWarning, match="deprecated"):  # it is what converters still use
        traced = torch.jit.trace(network._module, batch)
    batch = torch.rand(3, 3, 64, 64)
    torch.testing.assert_close(traced(batch), network._module(batch))


class Odd(nn.Module):
    def __init__(self):
        super().__init__()
        self.never = nn.ModuleList([nn.Linear(1, 1)])
        self.windows = nn.Unflatten(2, (2, 2))
        self.nothing = Nothing()
        self.volume = Volume()

    def forward(self, x):
        self.nothing(x)
        self.volume(x)
        return self.windows(x.flatten(0, 1)).mean()


class Nothing(nn.Module):
    def forward(self, x):
        return len(x)


class Volume(nn.Module):
    def forward(self, x):
        return x[:, None]


@pytest.mark.parametrize(
    ("layer", "pool", "message"),
    [
        ("windos", None, r"one of odd's; got 'windos'\. Did you mean windows\? `featscape layers"),
        ("never", None, r"never of odd is not computed by itself.* within it: never\.0\."),
        ("nothing", None, r"nothing of odd gives no tensor"),
        ("windows", None, r"windows of odd gives \(6, 4, 2, 2\) for 2\. Take the layer around it"),
        ("output", None, r"output of odd gives \(\) for 2"),
        ("volume", "avg", r"volume gives \(1, 3, 4, 4\) an image\. Take --pool flatten"),
        ("volume", "token", r"volume gives \(1, 3, 4, 4\) an image\. Take --pool flatten"),
    ],
)
def test_layers_that_cannot_be_taken(layer, pool, message):
    with pytest.raises(ModelError, match=message):
        plan(Odd(), [layer], pool=pool, probe=torch.rand(1, 3, 4, 4), owner="odd")


def test_maps_of_any_rank_can_be_flattened():
    batch = torch.rand(2, 3, 4, 4)
    readings = plan(Odd(), ["volume"], pool="flatten", probe=batch[:1], owner="odd")
    torch.testing.assert_close(Cut(Odd(), readings, pool="flatten")(batch), batch.flatten(1))


def test_a_map_has_no_class_token(resnet_file):
    with pytest.raises(ModelError, match=r"layer3 gives \(256, 14, 14\).*Take --pool avg"):
        load_network("resnet18", weights=resnet_file, layers=("layer3",), pool="token")


def test_a_wrong_name_is_answered_with_the_nearest(resnet_file):
    with pytest.raises(ModelError, match=r"got 'layer5'\. Did you mean layer\d or "):
        load_network("resnet18", weights=resnet_file, layers=("layer5",))


@pytest.mark.parametrize(
    ("layers", "pool", "message"),
    [
        (("a", "b", "a"), None, "got 'a' twice"),
        (("a",), "mean", r"avg, max, gem, flatten or token; got 'mean'"),
        ((), "max", "pool must go with a layer"),
    ],
)
def test_mistakes_in_the_call(layers, pool, message):
    with pytest.raises(InputError, match=message):
        check_layers(layers, pool)


@pytest.mark.parametrize(
    ("layers", "pool"), [(("layer2", "fc"), "max"), (("output",), None), ((), None)]
)
def test_it_is_loaded_again_from_its_card(resnet_file, noise_image, layers, pool):
    first = load_network("resnet18", weights=resnet_file, layers=layers, pool=pool, device="cpu")
    again = reload_network(first.card, device="cpu")
    pixels = [first.prepare(noise_image(0, (90, 70)))]
    assert again.card == first.card
    np.testing.assert_array_equal(again.run(pixels), first.run(pixels))


def test_the_classifier_is_needed_only_where_it_is_asked_for(tmp_path, resnet_file):
    state = torch.load(resnet_file, weights_only=True)
    path = tmp_path / "headless.pth"
    torch.save({k: v for k, v in state.items() if not k.startswith("fc.")}, path)
    assert load_network("resnet18", weights=path, layers=("layer4",)).card.n_features == 512
    with pytest.raises(ModelError, match=r"missing: fc\.weight, fc\.bias"):
        load_network("resnet18", weights=path, layers=("fc",))
