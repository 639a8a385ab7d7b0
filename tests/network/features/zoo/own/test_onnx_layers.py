"""The layers of an ONNX file: choice, pooling and list."""

import re

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper

from featscape.errors import ModelError
from featscape.features import list_layers, load_network
from helpers.networks.small_onnx import SIZE_PX, WEIGHTS, maps_of, write


@pytest.mark.parametrize(
    ("old", "new"),
    [(b"rectify", b"\xffectify"), (b"convolve", b"\xff" * len(b"convolve"))],
)
def test_names_that_are_not_utf8_cannot_be_listed(tmp_path, old, new):
    path = tmp_path / "net.onnx"
    write(path)
    path.write_bytes(path.read_bytes().replace(old, new))
    with pytest.raises(ModelError, match="must be undamaged"):
        list_layers(str(path))


@pytest.mark.parametrize(
    ("pool", "expected"),
    [
        (None, lambda maps: maps.mean((2, 3))),
        ("max", lambda maps: maps.amax((2, 3))),
        ("gem", lambda maps: maps.clamp(min=1e-6).pow(3).mean((2, 3)).pow(1 / 3)),
        ("flatten", lambda maps: maps.flatten(1)),
    ],
)
def test_any_node_can_be_a_layer(tmp_path, pixels, pool, expected):
    path = write(tmp_path / "net.onnx")
    for name in ("rectify", "rectified"):  # the name of the node, or of its output
        network = load_network(path, layers=name, pool=pool)
        batch = pixels(network)
        np.testing.assert_allclose(
            network.run(batch), expected(maps_of(batch)), rtol=1e-3, atol=1e-5
        )
        assert network.card.layer == name
        assert network.card.pool == (pool or "avg")


def test_the_features_of_several_layers_are_concatenated(tmp_path, pixels):
    network = load_network(write(tmp_path / "net.onnx"), layers=("output", "rectify"))
    batch = pixels(network)
    pooled = maps_of(batch).mean((2, 3))
    classes = pooled @ torch.from_numpy(WEIGHTS["w2"]) + torch.from_numpy(WEIGHTS["b2"])
    expected = torch.cat([classes, pooled], dim=1)
    np.testing.assert_allclose(network.run(batch), expected, rtol=1e-3, atol=1e-5)
    assert network.card.widths == (4, 6)


def test_a_layer_with_channels_last_is_pooled_over_places(tmp_path, pixels):
    path = write(tmp_path / "net.onnx")
    model = onnx.load(path)
    turn = helper.make_node("Transpose", ["rectified"], ["turned"], perm=[0, 2, 3, 1], name="turn")
    model.graph.node.insert(2, turn)
    model.graph.output.append(helper.make_tensor_value_info("turned", TensorProto.FLOAT, None))
    onnx.save(model, path)
    network = load_network(path, layers="turned")
    batch = pixels(network)
    np.testing.assert_allclose(network.run(batch), maps_of(batch).mean((2, 3)), rtol=1e-3)


@pytest.mark.parametrize("head", ["Gemm", "MatMul", "none"])
def test_each_listed_layer_can_be_read(tmp_path, head):
    path = write(tmp_path / "net.onnx", head=head)
    tree = list_layers(path)
    assert (tree.model, tree.input_size_px) == (path, SIZE_PX)
    assert tree.default == load_network(path).card.layer
    shapes = {layer.name: (layer.shape, layer.n_features) for layer in tree.layers}
    assert shapes["convolve"] == shapes["rectify"] == ((6, 30, 30), 6)
    assert shapes["pool"] == ((6, 1, 1), 6)
    assert shapes["flatten"] == ((6,), 6)
    assert len(shapes) == len(tree.layers) == {"Gemm": 5, "MatMul": 7, "none": 5}[head]
    for layer in tree.layers:
        card = load_network(path, layers=(layer.name,)).card
        assert (card.layer, card.n_features) == (layer.name, layer.n_features)


def test_the_layers_are_listed_on_the_command_line(featscape, tmp_path):
    done = featscape("layers", write(tmp_path / "net.onnx"), "--depth", 1)
    assert done.status == 0
    assert "Features by default: input of classify" in " ".join(done.out.split())
    assert re.search(r"^ *rectify +Relu +6 x 30 x 30 +6 *$", done.out, re.MULTILINE)
    missing = featscape("layers", tmp_path / "none.onnx")
    assert (missing.status, missing.out) == (2, "")
    assert "there is no ONNX file" in missing.err
