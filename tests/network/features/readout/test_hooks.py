"""Features of any layer: they agree with the layer's output, and wrong names are refused."""

import numpy as np
import pytest
import torch
from torch import nn
from torchvision import models

from featscape.errors import InputError, ModelError
from featscape.features import load_network, reload_network
from featscape.features.readout.hooks import LayerReadout, plan
from featscape.features.readout.layers import check_layers
from featscape.features.readout.pooling import form_of


@pytest.fixture(scope="module")
def resnet_file(tmp_path_factory, save_weights):
    return save_weights("resnet18", tmp_path_factory.mktemp("weights") / "resnet18.pth")


def true_outputs(network, batch, layers):
    """Return copies of the layers' outputs, made during the pass."""
    seen = {}
    for layer in layers:
        network.get_submodule(layer).register_forward_hook(
            lambda _module, _inputs, output, layer=layer: seen.update({layer: output.clone()})
        )
    with torch.inference_mode():
        network(batch)
    return [seen[layer] for layer in layers]


LAYERS = ("layer3", "layer1.0.conv2", "bn1", "layer2.0.bn2", "layer1.1.relu", "avgpool", "fc")


def test_a_wrong_layer_of_a_library_is_an_error_that_names_the_command(resnet_file):
    name = "resnet18:IMAGENET1K_V1"
    with pytest.raises(ModelError, match=f"`featscape layers {name}` lists them"):
        load_network(name, weights=resnet_file, layers=["layer9"], device="cpu")


def test_layers_are_read_in_the_requested_order(resnet_file, noise_image):
    network = load_network("resnet18", weights=resnet_file, layers=LAYERS, device="cpu")
    pixels = [network.prepare(noise_image(seed, (90, 70))) for seed in range(2)]
    whole = models.resnet18(weights=None).eval()
    whole.load_state_dict(torch.load(resnet_file, weights_only=True))
    batch = torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2)
    outputs = true_outputs(whole, network.preprocessing.standardize(batch), LAYERS)
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


def test_batch_norms_after_requested_convolutions_are_not_folded(resnet_file):
    def count(layers):
        module = load_network("resnet18", weights=resnet_file, layers=layers, device="cpu").module
        return sum(isinstance(layer, nn.BatchNorm2d) for layer in module.network.layer1.modules())

    assert count(("layer1",)) == 0
    assert count(("layer1.0.conv2", "layer1")) == 1


def test_nothing_is_computed_after_the_last_layer(resnet_file):
    network = load_network(
        "resnet18", weights=resnet_file, layers=("layer2", "conv1"), device="cpu"
    )
    ran = []
    for name in ("conv1", "layer2", "layer3"):
        network.module.network.get_submodule(name).register_forward_hook(
            lambda *_, name=name: ran.append(name)
        )
    network.module(torch.zeros(1, 3, 224, 224))
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
    outputs = plan(network, ["1", "0"], method=pool, probe=batch[:1], owner="net")
    rows = LayerReadout(network, outputs)(batch)
    expected = [of_map(network(batch)), of_map(network[0](batch))]
    torch.testing.assert_close(rows, torch.cat(expected, dim=1))
    assert [output.pooling.width for output in outputs] == [rows.shape[1] // 2] * 2


class ChannelsLast(nn.Module):
    def forward(self, x):
        return x.permute(0, 2, 3, 1)


def test_maps_with_channels_last_are_pooled():
    network = nn.Sequential(nn.Conv2d(3, 5, 3), ChannelsLast())
    batch = torch.rand(2, 3, 8, 8)
    outputs = plan(network, ["1"], method=None, probe=batch[:1], owner="net")
    assert (outputs[0].pooling.form, outputs[0].pooling.width) == ("map, channels last", 5)
    torch.testing.assert_close(
        LayerReadout(network, outputs)(batch), network[0](batch).mean((2, 3))
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
    planned = plan(vit, layers, method=pool, probe=batch[:1], owner="vit")
    torch.testing.assert_close(LayerReadout(vit, planned)(batch), expected)


def test_patch_tokens_only_have_no_class_token(vit):
    class Patches(nn.Module):
        def __init__(self):
            super().__init__()
            self.cls_token = nn.Parameter(torch.zeros(1, 1, 3))
            self.patches = nn.Flatten(2)

        def forward(self, x):
            return self.patches(x).transpose(1, 2)

    (output,) = plan(Patches(), ["output"], method=None, probe=torch.rand(1, 3, 4, 4), owner="net")
    assert (output.pooling.form, output.pooling.n_prefix) == ("tokens", 0)
    layers, probe = ["encoder.ln"], torch.rand(1, 3, 32, 32)
    (output,) = plan(vit, layers, method=None, probe=probe, owner="vit")
    assert (output.pooling.form, output.pooling.n_prefix) == ("tokens", 1)


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
def test_the_form_of_an_output_follows_from_its_shape(shape, form):
    assert form_of(shape) == form


def test_a_readout_can_be_traced(resnet_file):
    network = load_network("resnet18", weights=resnet_file, layers=("layer1", "layer3"))
    batch = torch.rand(2, 3, 64, 64)
    with pytest.warns(DeprecationWarning, match="deprecated"):  # converters still use the tracer
        traced = torch.jit.trace(network.module, batch)
    batch = torch.rand(3, 3, 64, 64)
    torch.testing.assert_close(traced(batch), network.module(batch))


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
        ("windos", None, r"layer of odd; got 'windos'\. Did you mean windows\? `featscape layers"),
        ("never", None, r"never of odd is not computed by itself.* inside it: never\.0\."),
        ("nothing", None, r"nothing of odd returns no tensor"),
        ("windows", None, r"returns \(6, 4, 2, 2\) for 2 images\. Choose the layer around it"),
        ("output", None, r"output of odd returns \(\) for 2"),
        ("volume", "avg", r"volume gives \(1, 3, 4, 4\) per image\. Use --pool flatten"),
        ("volume", "token", r"volume gives \(1, 3, 4, 4\) per image\. Use --pool flatten"),
    ],
)
def test_layers_that_cannot_be_read_are_refused(layer, pool, message):
    with pytest.raises(ModelError, match=message):
        plan(Odd(), [layer], method=pool, probe=torch.rand(1, 3, 4, 4), owner="odd")


def test_maps_of_any_rank_can_be_flattened():
    batch = torch.rand(2, 3, 4, 4)
    outputs = plan(Odd(), ["volume"], method="flatten", probe=batch[:1], owner="odd")
    torch.testing.assert_close(LayerReadout(Odd(), outputs)(batch), batch.flatten(1))


def test_the_class_token_of_a_map_is_refused(resnet_file):
    with pytest.raises(ModelError, match=r"layer3 gives \(256, 14, 14\).*Use --pool avg"):
        load_network("resnet18", weights=resnet_file, layers=("layer3",), pool="token")


def test_similar_names_are_suggested_for_an_unknown_layer(resnet_file):
    with pytest.raises(ModelError, match=r"got 'layer5'\. Did you mean layer\d or "):
        load_network("resnet18", weights=resnet_file, layers=("layer5",))


@pytest.mark.parametrize(
    ("layers", "pool", "message"),
    [
        (("a", "b", "a"), None, "got 'a' twice"),
        (("a",), "mean", r"avg, max, gem, flatten or token; got 'mean'"),
        ((), "max", "pool must be used with a layer"),
    ],
)
def test_invalid_layers_and_pools_are_refused(layers, pool, message):
    with pytest.raises(InputError, match=message):
        check_layers(layers, pool)


@pytest.mark.parametrize(
    ("layers", "pool"), [(("layer2", "fc"), "max"), (("output",), None), ((), None)]
)
def test_a_network_is_reloaded_from_its_card(resnet_file, noise_image, layers, pool):
    first = load_network("resnet18", weights=resnet_file, layers=layers, pool=pool, device="cpu")
    again = reload_network(first.card, device="cpu")
    pixels = [first.prepare(noise_image(0, (90, 70)))]
    assert again.card == first.card
    np.testing.assert_array_equal(again.run(pixels), first.run(pixels))


def test_the_classifiers_weights_are_needed_only_for_its_layer(tmp_path, resnet_file):
    state = torch.load(resnet_file, weights_only=True)
    path = tmp_path / "headless.pth"
    torch.save({k: v for k, v in state.items() if not k.startswith("fc.")}, path)
    assert load_network("resnet18", weights=path, layers=("layer4",)).card.n_features == 512
    with pytest.raises(ModelError, match=r"missing: fc\.weight, fc\.bias"):
        load_network("resnet18", weights=path, layers=("fc",))
