"""Tensors of PyTorch: NumPy represents some of them; the others are an InputError with a remedy."""

import numpy as np
import pytest
import torch

from meshtsne import (
    TSNE,
    Neighbors,
    agreement_among,
    kl_divergence,
    label_accuracy,
    label_agreement,
    nearest_neighbors,
    neighbor_recall,
)
from meshtsne.errors import InputError

X = torch.rand(40, 4, generator=torch.Generator().manual_seed(0))
NAME = r"(X|Y|init|near|labels|P|affinities|the (indices|distances) of neighbors)"
REMEDY = (
    rf"^(each item of )?{NAME} must be a tensor that NumPy can convert: .* "
    r"Pass tensor\.detach\(\)\.cpu\(\), with \.float"
)


def quick(**parameters):
    return TSNE(**{"perplexity": 5, "max_iter": 20, "random_state": 0, **parameters})


def as_bfloat16(tensor):
    return tensor.to(torch.bfloat16)


def needing_gradient(tensor):
    return tensor.clone().requires_grad_()


def pair(convert):
    """Return neighbors whose distances are a converted tensor."""
    near = nearest_neighbors(X, 9)
    return torch.from_numpy(near.indices), convert(torch.from_numpy(near.distances))


def test_a_tensor_is_embedded_as_its_array():
    embedding = quick().fit_transform(X)
    assert np.array_equal(embedding, quick().fit_transform(X.numpy()))


@pytest.mark.parametrize("convert", [as_bfloat16, needing_gradient])
@pytest.mark.parametrize(
    "call",
    [
        lambda convert: quick().fit(convert(X)),
        lambda convert: quick().fit_transform(convert(X)),
        lambda convert: quick().fit(X).transform(convert(X)),
        lambda convert: quick(init=convert(X[:, :2])).fit(X),
        lambda convert: quick().fit(X, neighbors=pair(convert)),
        lambda convert: quick().fit(X, neighbors=Neighbors(*pair(convert))),
        lambda convert: quick().fit(X, neighbors=(convert(torch.ones(40, 3)), np.ones((40, 3)))),
        lambda convert: quick(init="random").fit(affinities=convert(torch.ones(40, 40))),
        lambda convert: nearest_neighbors(convert(X), 5),
        lambda convert: neighbor_recall(X, convert(X)),
        lambda convert: kl_divergence(convert(torch.ones(40, 40)), X[:, :2]),
        lambda convert: label_agreement(convert(X), [0, 1] * 20),
        lambda convert: label_accuracy(X, convert(X[:, 0])),
        lambda convert: agreement_among(convert(torch.ones(40, 3)), [0, 1] * 20),
        lambda convert: quick().fit([convert(row) for row in X]),
        lambda convert: nearest_neighbors([convert(row) for row in X], 5),
        lambda convert: label_agreement(X, [convert(number) for number in X[:, 0]]),
    ],
)
def test_a_tensor_that_numpy_cannot_represent_is_an_input_error(call, convert):
    with pytest.raises(InputError, match=REMEDY):
        call(convert)


def test_tensors_that_numpy_can_represent_are_their_arrays():
    near = nearest_neighbors(X, 9)
    expected = quick().fit_transform(X, neighbors=near)
    tensors = Neighbors(torch.from_numpy(near.indices), torch.from_numpy(near.distances))
    assert np.array_equal(quick().fit_transform(X, neighbors=tensors), expected)
    assert np.array_equal(quick().fit_transform(list(X), neighbors=near), expected)


def test_the_remedy_works():
    tensor = needing_gradient(as_bfloat16(X))
    assert quick().fit_transform(tensor.detach().cpu().float()).shape == (40, 2)
