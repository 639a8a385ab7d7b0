"""Compiling a network: only for many images, checked, and with a report if it fails."""

import re

import numpy as np
import pytest
import torch

from featscape.features import extract, load_network
from featscape.features.engines import compiling
from helpers.notes import Notes

N_IMAGES, BATCH = 11, 4


@pytest.fixture
def network(small_file, on_a_gpu):
    """Return a network that claims to be on a GPU."""
    name = "shufflenet_v2_x0_5"
    return on_a_gpu(load_network(name, weights=small_file, device="cpu", precision="fp32"))


@pytest.fixture
def compile_by(monkeypatch):
    def use(backend, *, at_least=N_IMAGES):
        torch._dynamo.reset()
        monkeypatch.setattr(compiling, "_BACKEND", backend)
        monkeypatch.setattr("featscape.features.network.COMPILED_FROM", at_least)

    yield use
    torch._dynamo.reset()


def test_all_full_batches_share_one_compilation(network, compile_by, noise_images):
    shapes, runs = [], []

    def backend(graph, inputs):
        (batch,) = (i for i, value in enumerate(inputs) if value.shape[-1] == 224)  # not weights
        shapes.append(inputs[batch].shape)
        return lambda *values: (runs.append(len(values[batch])), graph(*values))[1]

    as_it_is = extract(noise_images(N_IMAGES), model=network, batch_size=BATCH)
    compile_by(backend)
    notes = Notes()
    images = noise_images(N_IMAGES)
    features = extract(images, model=network, batch_size=BATCH, progress=notes)
    assert shapes == [(BATCH, 3, 224, 224)]  # in any thread
    assert runs == [BATCH] * 3  # the comparison and two batches; three images remain
    np.testing.assert_allclose(features.values, as_it_is.values, rtol=1e-4, atol=1e-5)
    assert features.inference.engine == f"PyTorch {torch.__version__}, compiled"
    assert features.inference.fallback == ""
    assert notes.lines == ["compiling the network, which saves time for 11 images"]


def test_a_network_is_not_compiled_for_few_images(network, compile_by, noise_images):
    compile_by("no such compiler", at_least=N_IMAGES + 1)
    features = extract(noise_images(N_IMAGES), model=network, batch_size=BATCH)
    assert features.inference.engine == f"PyTorch {torch.__version__}"


def fail(_graph, _inputs):
    raise RuntimeError("no C compiler\nand more")


def falsify(graph, _inputs):
    return lambda *values: (graph(*values)[0].flip(1),)


def fill_memory(_graph, _inputs):
    def run(*_values):
        raise torch.cuda.OutOfMemoryError

    return run


@pytest.mark.parametrize(
    ("backend", "reason"),
    [
        (fail, r"PyTorch cannot compile the network \(.*no C compiler"),
        (falsify, r"gives other features: the mean cosine similarity on the first 4 images is 0\."),
        (fill_memory, "needs more memory than the device has"),
    ],
)
def test_a_failed_compilation_is_reported_and_the_network_runs_uncompiled(
    network, compile_by, noise_images, backend, reason
):
    as_it_is = extract(noise_images(N_IMAGES), model=network, batch_size=BATCH)
    compile_by(backend)
    notes = Notes()
    features = extract(noise_images(N_IMAGES), model=network, batch_size=BATCH, progress=notes)
    np.testing.assert_array_equal(features.values, as_it_is.values)
    assert features.inference.engine == f"PyTorch {torch.__version__}"
    assert notes.lines[1].startswith("the network is not compiled: ")
    assert re.search(reason, notes.lines[1])
    assert notes.lines[1].endswith(features.inference.fallback)


def test_an_error_of_the_uncompiled_network_is_raised(
    network, compile_by, noise_images, monkeypatch
):
    def break_down(*_):
        raise RuntimeError("a bug")

    compile_by("eager")
    monkeypatch.setattr("featscape.features.engines.torch.normalize", break_down)
    notes = Notes()
    with pytest.raises(RuntimeError, match="a bug"):
        extract(noise_images(N_IMAGES), model=network, batch_size=BATCH, progress=notes)
    assert not any("not compiled" in line for line in notes.lines)


def test_networks_with_hooks_are_not_compiled_and_the_reason_is_reported(
    small_file, on_a_gpu, compile_by, noise_images
):
    name = "shufflenet_v2_x0_5"
    network = load_network(
        name, weights=small_file, layers=["stage3"], device="cpu", precision="fp32"
    )
    compile_by("eager")
    features = extract(noise_images(N_IMAGES), model=on_a_gpu(network), batch_size=BATCH)
    assert features.inference.fallback.startswith("PyTorch cannot compile the network (")
