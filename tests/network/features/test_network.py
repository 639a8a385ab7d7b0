"""Networks without their classifier: correct features for every family, on any device."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from featscape.errors import DeviceError, ImageError, InputError, ModelError
from featscape.features import list_models, load_network, reload_network
from featscape.features.engines.devices import choose_device
from featscape.features.engines.folding import fold_batch_norms
from featscape.features.engines.torch import TorchEngine

# The smallest network of each kind: depthwise convolutions and a convolution as the classifier; in
# the zoo plain and dense convolutions, auxiliary classifiers, a classifier with several layers, and
# attention.
NO_TRAINING = {"init_weights": False, "aux_logits": False}
FAMILIES = ["shufflenet_v2_x0_5", "squeezenet1_1"]
ZOO = ["densenet121", "googlenet", "mnasnet0_5", "mobilenet_v3_small", "swin_t"]
FAMILIES += [pytest.param(name, marks=pytest.mark.zoo) for name in ZOO]


@pytest.mark.parametrize("name", FAMILIES)
def test_features_are_the_input_of_the_classifier(name, tmp_path, save_weights, noise_image):
    from torchvision import models

    arguments = NO_TRAINING if name == "googlenet" else {}
    path = save_weights(name, tmp_path / "weights.pth", **arguments)
    network = load_network(name, weights=path, device="cpu")
    pixels = [network.prepare(noise_image(0, (90, 70)))]
    values = network.run(pixels)

    if arguments:
        arguments = arguments | {"transform_input": True}
    whole = models.get_model(name, weights=None, **arguments).eval()
    whole.load_state_dict(torch.load(path, weights_only=True))
    kinds = nn.Conv2d if name == "squeezenet1_1" else nn.Linear
    last = [layer for layer in whole.modules() if isinstance(layer, kinds)][-1]
    seen = []
    last.register_forward_pre_hook(lambda _layer, inputs: seen.append(inputs[0]))
    with torch.inference_mode():
        batch = torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2)
        whole(network.preprocessing.standardize(batch))
    expected = seen[0].mean((2, 3)) if seen[0].ndim == 4 else seen[0]
    assert values.dtype == np.float32
    assert values.shape == (1, {e.name: e.n_features for e in list_models()}[name])
    assert expected.std() > 0
    np.testing.assert_allclose(values, expected, rtol=1e-3, atol=1e-3 * float(expected.abs().max()))


def test_resnet101_is_loaded_from_a_file(tmp_path, save_weights, noise_image):
    path = save_weights("resnet101", tmp_path / "resnet101.pth")
    network = load_network(weights=str(path), device="cpu")
    values = network.run([network.prepare(noise_image(i, (60, 50))) for i in range(2)])
    assert values.shape == (2, 2048)
    assert not np.allclose(values[0], values[1])
    assert network.card.name == "resnet101"
    assert network.card.layer == "input of fc"


def test_batch_norms_are_folded(small_network):
    module = small_network.module
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in module.modules())


class UsedTwice(nn.Module):
    """A network in which folding is wrong: the convolution's output is also used directly."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 1)
        self.norm = nn.BatchNorm2d(4)
        self.norm.running_var.fill_(9)

    def forward(self, x):
        x = self.conv(x)
        return (x + self.norm(x)).mean((2, 3))


def test_a_network_is_restored_if_folding_changes_its_output():
    network = UsedTwice().eval()
    probe = torch.rand(1, 3, 5, 5)
    with torch.inference_mode():
        expected = network(probe)
    torch.testing.assert_close(fold_batch_norms(network, probe), expected)
    with torch.inference_mode():
        torch.testing.assert_close(network(probe), expected)
    assert isinstance(network.norm, nn.BatchNorm2d)


def test_an_image_too_narrow_to_resize_is_an_image_error(noise_image, small_network):
    with pytest.raises(ImageError, match=r"sides too unequal: 1 and 9000 px"):
        small_network.prepare(noise_image(0, (1, 9000)))
    assert small_network.prepare(noise_image(0, (2, 300))).shape == (224, 224, 3)


@pytest.mark.parametrize("name", ["gpu", "cuda:", "cuda:x", "cpu:0:1", ""])
def test_invalid_device_names_are_refused(name):
    with pytest.raises(InputError, match="must be auto, cpu, cuda, cuda:N or mps"):
        choose_device(name)


def test_a_missing_device_is_an_error_that_lists_the_present_devices(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(DeviceError, match=r"cuda is not present; PyTorch finds cpu"):
        choose_device("cuda")


def test_auto_chooses_the_gpu_if_there_is_one(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert choose_device("auto") == torch.device("cuda")
    assert choose_device("cuda:1") == torch.device("cuda:1")
    with pytest.raises(DeviceError, match=r"cuda:2 is not present.*cpu, cuda, cuda:0, cuda:1"):
        choose_device("cuda:2")


def test_auto_chooses_the_cpu_if_there_is_no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert choose_device("auto") == torch.device("cpu")


def test_device_and_name_are_checked_before_weights_are_read(tmp_path):
    with pytest.raises(InputError, match="device"):
        load_network("shufflenet_v2_x0_5", weights=tmp_path / "none.pth", device="gpu")


class TestReloadNetwork:
    def test_the_reloaded_network_is_the_same(self, noise_image, small_network):
        again = reload_network(small_network.card, device="cpu")
        pixels = [small_network.prepare(noise_image(0, (90, 70)))]
        assert again.card == small_network.card
        np.testing.assert_array_equal(again.run(pixels), small_network.run(pixels))

    def test_installed_weights_are_reloaded(self):
        card = load_network("efficientnet_lite0", device="cpu").card
        assert reload_network(card, device="cpu").card == card

    def test_other_weights_are_an_error(self, small_network):
        card = small_network.card
        with pytest.raises(ModelError, match="weights_sha256 was 0000"):
            reload_network(replace(card, weights_sha256="0" * 64), device="cpu")


def test_decoding_threads_are_fewer_with_pytorch(monkeypatch, small_network):
    monkeypatch.setattr("featscape.features.network.count_cores", lambda: 6)
    assert small_network.n_workers == 6
    plain = TorchEngine(
        small_network.module,
        device=torch.device(small_network.device),
        mean=(0.5,) * 3,
        std=(0.5,) * 3,
        precision="fp32",
    )
    assert replace(small_network, engine=plain).n_workers == 3
