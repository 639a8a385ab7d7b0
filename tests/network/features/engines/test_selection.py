"""The choice of the engine: OpenVINO if it supports the network, else PyTorch with a reason."""

import re
import sys
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from torch import nn

from featscape.errors import DeviceError, InputError
from featscape.features import load_network
from featscape.features.engines.base import Probe
from featscape.features.engines.selection import open_engine
from featscape.features.engines.torch import _SETTING, TorchEngine, has_bfloat16
from featscape.features.openvino_import import import_openvino
from helpers.notes import Notes

CPU = torch.device("cpu")
SCALE = {"mean": (0.4, 0.5, 0.6), "std": (0.2, 0.25, 0.3)}


@pytest.fixture
def network():
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 8, 3, stride=2), nn.GELU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*layers).eval().requires_grad_(False)


def pixels(n_images, size_px=20):
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (n_images, size_px, size_px, 3), dtype=np.uint8)


def open_one(module):
    noise = pixels(1)
    features = TorchEngine(module, device=CPU, **SCALE).run(noise)
    return open_engine(module, device=CPU, probe=Probe(noise[0], features), **SCALE)


def test_fp32_is_not_rounded_to_tf32_on_a_gpu(network):
    conv = torch.backends.cudnn.conv
    before = conv.fp32_precision
    seen = []
    network[0].register_forward_hook(lambda *_: seen.append(conv.fp32_precision))
    TorchEngine(network, device=CPU, **SCALE).run(pixels(2))
    assert seen == ["ieee"]
    assert conv.fp32_precision == before


def test_no_thread_holds_the_tf32_setting_while_it_waits_for_results(network, monkeypatch):
    locked = []
    to_cpu = torch.Tensor.cpu
    monkeypatch.setattr(
        torch.Tensor, "cpu", lambda tensor: (locked.append(_SETTING.locked()), to_cpu(tensor))[1]
    )
    network[0].register_forward_hook(lambda *_: locked.append(_SETTING.locked()))
    for precision in ("fp32", "bf16"):
        TorchEngine(network, device=CPU, precision=precision, **SCALE).run(pixels(2))
    assert locked == [True, False, False, False]


def test_features_of_openvino_agree_with_pytorch(network):
    engine, reason = open_one(network)
    assert engine.name.startswith("OpenVINO 20")
    assert engine.precision == "fp32"
    assert reason == ""
    batch = pixels(5)
    with torch.inference_mode():
        scaled = torch.from_numpy(batch).permute(0, 3, 1, 2) / 255
        mean, std = (torch.tensor(SCALE[k]).view(1, 3, 1, 1) for k in ("mean", "std"))
        expected = network((scaled - mean) / std)
    for one in (engine, TorchEngine(network, device=CPU, **SCALE)):
        values = one.run(batch)
        assert values.dtype == np.float32
        np.testing.assert_allclose(values, expected, rtol=1e-4, atol=1e-5)


class Every(nn.Module):
    """A network with each operation that is counted, and the numbers of its multiply-adds."""

    # two convolutions, the second in four groups, and two linear layers
    n_multiply_adds = 8 * 81 * 27 + 16 * 49 * 9 * 2 + 2 * 49 * 16 * 16
    n_of_attention = 2 * 49 * 49 * 16

    def __init__(self):
        super().__init__()
        self.wide, self.grouped = nn.Conv2d(3, 8, 3, stride=2), nn.Conv2d(8, 16, 3, groups=4)
        self.first, self.last = nn.Linear(16, 16), nn.Linear(16, 16)

    def forward(self, batch):
        rows = self.first(self.grouped(self.wide(batch)).flatten(2).transpose(1, 2))[:, None]
        mixed = nn.functional.scaled_dot_product_attention(rows, rows, rows)
        return self.last(mixed).mean((1, 2))


def test_both_engines_count_the_multiply_adds_of_one_image():
    network = Every().eval().requires_grad_(False)
    image = pixels(1)[0]
    converted, reason = open_one(network)
    assert reason == ""
    total = Every.n_multiply_adds + Every.n_of_attention
    assert converted.count_multiply_adds(image) == total
    plain = TorchEngine(network, device=CPU, **SCALE)  # does not count attention on a CPU
    assert plain.count_multiply_adds(image) in (Every.n_multiply_adds, total)


class Shifted(nn.Module):
    def forward(self, x):
        return x + 1


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
def test_openvino_runs_a_network_that_is_partly_in_torchscript(network):
    engine, reason = open_one(nn.Sequential(network, torch.jit.script(Shifted())))
    assert reason == ""
    batch = pixels(2)
    expected = TorchEngine(network, device=CPU, **SCALE).run(batch) + 1
    np.testing.assert_allclose(engine.run(batch), expected, rtol=1e-4, atol=1e-5)


def test_features_are_bit_identical_in_every_batch(network):
    engine, _ = open_one(network)
    batch = pixels(7)
    whole = engine.run(batch)
    assert np.array_equal(whole, np.concatenate([engine.run(batch[:3]), engine.run(batch[3:])]))
    assert np.array_equal(whole[::-1], engine.run(batch[::-1]))


def test_several_threads_can_use_one_engine(network):
    from concurrent.futures import ThreadPoolExecutor

    engine, _ = open_one(network)
    batches = [pixels(9)[i:] for i in range(8)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(engine.run, batches))
    for values, batch in zip(found, batches, strict=True):
        assert np.array_equal(values, engine.run(batch))


class Strange(nn.Module):
    """Contains an operation that OpenVINO does not support."""

    def forward(self, x):
        return torch.linalg.eigvalsh(x[:, 0] + x[:, 0].mT)


class Erratic(nn.Module):
    """Chooses its path by the image; the tracer sees only one path."""

    def forward(self, x):
        return x.mean((2, 3)) if x.std() > 0.1 else x.amax((2, 3)) + 7


class Fickle(nn.Module):
    """Its number of features depends on the image."""

    def forward(self, x):
        return x.flatten(1)[:, : 3 + int(x.std() > 0.1)]


@pytest.mark.parametrize(
    ("module", "words"),
    [
        (Strange(), "OpenVINO cannot convert the network"),
        (
            Erratic(),
            r"OpenVINO's features differ by up to [\d.]+; the largest of PyTorch's features is",
        ),
        (Fickle(), r"OpenVINO's features have the shape \(1, 3\), PyTorch's \(1, 4\)"),
    ],
)
def test_pytorch_runs_what_openvino_cannot_and_the_reason_is_reported(module, words):
    engine, reason = open_one(module.eval())
    assert engine.name.startswith("PyTorch")
    assert len(reason) < 300
    assert re.search(words, reason)
    assert engine.run(pixels(2)).shape[0] == 2


def test_pytorch_runs_if_openvino_is_not_installed(small_file, monkeypatch):
    monkeypatch.setattr("featscape.features.engines.selection.find_spec", lambda _name: None)
    notes = Notes()
    network = load_network("shufflenet_v2_x0_5", weights=small_file, device="cpu", progress=notes)
    assert network.engine.name.startswith("PyTorch")
    assert notes.lines == [
        f"shufflenet_v2_x0_5 runs on {network.engine.name}: OpenVINO is not installed"
    ]


def test_the_telemetry_of_openvino_is_not_imported():
    import_openvino()
    assert sys.modules.get("openvino_telemetry.main") is None
    from openvino.tools.ovc import telemetry_utils

    assert telemetry_utils.tm.__name__ == "openvino.tools.ovc.telemetry_stub"


def test_unsupported_precisions_are_refused(network):
    engine, _ = open_one(network)
    with pytest.raises(InputError, match=r"precision must be fp32 or .*; got 'fp64'"):
        engine.at("fp64")
    with pytest.raises(InputError, match=r"PyTorch the precision must be fp32 or bf16; got 'int8'"):
        TorchEngine(network, device=CPU, **SCALE).at("int8")


def test_weights_are_in_channels_last_format(network):
    TorchEngine(network, device=CPU, **SCALE)
    assert network[0].weight.is_contiguous(memory_format=torch.channels_last)


def test_too_large_batches_are_an_error_with_the_remedy(network, monkeypatch):
    def fill(_batch):
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    engine = TorchEngine(network, device=CPU, **SCALE)
    monkeypatch.setattr(network, "forward", fill)
    with pytest.raises(
        DeviceError, match=r"batch of 2 images.*Lower --batch-size \(batch_size=\) below 2"
    ):
        engine.run(pixels(2))


def test_bfloat16_support_is_queried_for_the_selected_gpu(monkeypatch):
    cards = [False, True]  # whether each GPU supports it
    current = 0

    @contextmanager
    def device(one):
        nonlocal current
        current = one.index
        yield
        current = 0

    monkeypatch.setattr(torch.cuda, "device", device)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: cards[current])
    assert [has_bfloat16(torch.device("cuda", number)) for number in range(2)] == cards
