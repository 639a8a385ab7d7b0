"""The GPU's kernels compile; Triton's compiler and ptxas need no GPU.

test_compiler.py runs this file in a subprocess. The interpreter accepts code that the compiler
rejects, and does not know the limits of a card.
"""

import inspect
from contextlib import contextmanager

import numpy as np
import pytest
import torch
import triton
import triton.language as tl
from triton.backends.compiler import GPUTarget
from triton.runtime.jit import JITFunction

from meshtsne.cuda import CudaGradient
from meshtsne.cuda import affinities as on_affinities
from meshtsne.cuda import neighbors as on_neighbors
from meshtsne.cuda.kernels import affinity, descent, neighbor
from meshtsne.cuda.kernels.launch import launch
from meshtsne.cuda.repulsion import _POINTS_MANY
from meshtsne.errors import DeviceError
from meshtsne.fit.device import GPU_NEIGHBORS_MAX

# Maximum shared memory of a block, bytes, by compute capability: CUDA C++ Programming Guide.
# T4, A100, RTX 30 (RTX 40, 8.9, is equal), H100, B200, RTX 50.
SHARED_BYTES = {
    75: 64 << 10, 80: 163 << 10, 86: 99 << 10, 90: 227 << 10, 100: 227 << 10, 120: 99 << 10,
}  # fmt: skip
N, K = 300, 90


class Card:
    """A card that does not exist: a launch compiles the kernel for the card, but does not run it.

    Attributes
    ----------
    number : int
        Number of PyTorch's current card. Triton keeps the compiled kernels and the target of each
        number, so each capability has its own number.
    shared_bytes : dict
        Maximum shared memory of each kernel, by name.
    """

    def __init__(self, capability):
        self.capability, self.number, self.shared_bytes = capability, capability, {}

    def get_current_target(self):
        return GPUTarget("cuda", self.capability, 32)

    def get_current_device(self):
        return self.number

    def get_current_stream(self, _device=None):
        return 0

    def holds_all(self):
        return max(self.shared_bytes.values()) <= SHARED_BYTES[self.capability]


@pytest.fixture
def card(request, monkeypatch, tmp_path):
    card = Card(request.param)
    compile_or_run = JITFunction.run

    def compile_only(function, *arguments, **named):
        kernel = compile_or_run(function, *arguments, **named | {"warmup": True})
        taken = card.shared_bytes.get(function.__name__, 0)
        card.shared_bytes[function.__name__] = max(taken, kernel.metadata.shared)

    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(JITFunction, "run", compile_only)
    # no kernel writes its outputs: zeros are valid numbers for the code around the kernels
    monkeypatch.setattr(torch, "empty", torch.zeros)
    monkeypatch.setattr(torch, "empty_like", torch.zeros_like)
    triton.runtime.driver.set_active(card)  # test_compiler.py runs this file in a subprocess
    return card


def spread_many(gradient):
    """Spread the points with the constants for 2^18 and more points."""
    gradient._grid._points_at_once = _POINTS_MANY
    gradient._grid.evaluate(gradient._points.view(torch.int64))


def search(n_columns, k):
    points = on_neighbors._pad(torch.randn(N, n_columns))
    centers = points[:4].clone()
    on_neighbors._assign(points, centers)
    starts = torch.linspace(0, N, 5).int()
    on_neighbors._search(points, starts, centers, torch.tensor([[0, 1]] * 4), k)


def kernels_of(module):
    functions = inspect.getmembers(module, lambda member: isinstance(member, JITFunction))
    return {name for name, _ in functions if name.endswith("_kernel")}


@pytest.mark.parametrize(
    "card",
    # in `make test` only the card with the least shared memory
    [75, *(pytest.param(number, marks=pytest.mark.zoo) for number in (80, 90, 100, 120))],
    indirect=True,
)
def test_every_kernel_of_a_fit_compiles(card):
    search(50, K)
    on_affinities.conditional_probabilities(torch.rand(N, K), 30.0)
    indices = torch.randint(N, (N, K), dtype=torch.int32)
    P = on_affinities.joint_probabilities(indices, torch.rand(N, K))
    P.values.uniform_(0.5, 1.5)
    gradient = CudaGradient(P, np.random.default_rng(0).normal(size=(N, 2)), device="cpu")
    gradient._step()
    spread_many(gradient)
    with np.errstate(divide="ignore"):  # Z is 0, because no kernel ran
        gradient.kl_divergence()

    modules = (affinity, descent, neighbor)
    assert set(card.shared_bytes) == set.union(*map(kernels_of, modules))
    assert card.holds_all()


@pytest.mark.parametrize("card", [75], indirect=True)
def test_a_search_in_many_columns_compiles(card):
    search(130, 3)
    assert card.holds_all()


@pytest.mark.zoo
@pytest.mark.parametrize("card", [86], indirect=True)
def test_a_search_of_many_neighbors_in_many_columns_compiles(card):
    search(1_000, GPU_NEIGHBORS_MAX)
    assert card.holds_all()


@pytest.mark.usefixtures("card")
@pytest.mark.parametrize("card", [90], indirect=True)
def test_a_compiler_error_is_a_device_error_with_the_remedy():
    @triton.jit
    def unlike_kernel(values):
        tl.store(values, tl.zeros([4], tl.float32) + tl.zeros([8], tl.float32))

    with pytest.raises(DeviceError, match=r"unlike_kernel: .* 4 and 8\. Pass device='cpu'"):
        launch(unlike_kernel, 1, torch.zeros(4))


@pytest.mark.parametrize("card", [90], indirect=True)
def test_a_kernel_runs_on_the_card_of_its_first_argument(card, monkeypatch):
    @triton.jit
    def clearing_kernel(values):
        tl.store(values, 0.0)

    values, launched_on = torch.zeros(4), []

    @contextmanager
    def device_of(tensor):
        assert tensor is values
        with monkeypatch.context() as patch:
            patch.setattr(card, "number", 3)
            yield

    run = JITFunction.run

    def run_and_note(*arguments, **named):
        launched_on.append(triton.runtime.driver.active.get_current_device())
        run(*arguments, **named)

    monkeypatch.setattr(torch.cuda, "device_of", device_of)
    monkeypatch.setattr(JITFunction, "run", run_and_note)
    launch(clearing_kernel, 1, values)
    assert launched_on == [3]
