"""ONNX files as networks: their features agree with the same network in plain functions."""

import hashlib
import json
import os
import re

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch.nn import functional

from featscape.errors import InputError, MissingExtra, ModelError
from featscape.features import extract, list_layers, load_network, reload_network
from featscape.features.zoo.own.onnx_external import find_external
from notes import Notes

SIZE_PX = 32
RNG = np.random.default_rng(0)
WEIGHTS = {
    "w1": RNG.normal(size=(6, 3, 3, 3)).astype(np.float32),
    "w2": RNG.normal(size=(6, 4)).astype(np.float32),
    "b2": RNG.normal(size=4).astype(np.float32),
}


def write(path, *, head="Gemm", size_px=SIZE_PX, shape=None):
    """Write a small network: convolution, rectifier, mean over places, and a head."""
    nodes = [
        helper.make_node("Conv", ["image", "w1"], ["maps"], name="convolve"),
        helper.make_node("Relu", ["maps"], ["rectified"], name="rectify"),
        helper.make_node("GlobalAveragePool", ["rectified"], ["pooled"], name="pool"),
        helper.make_node("Flatten", ["pooled"], ["flat"], name="flatten"),
    ]
    if head == "Gemm":
        nodes += [helper.make_node("Gemm", ["flat", "w2", "b2"], ["classes"], name="classify")]
    elif head == "nothing":
        nodes = [helper.make_node("Flatten", ["image"], ["classes"], name="flatten")]
    elif head == "MatMul":
        nodes += [
            helper.make_node("MatMul", ["flat", "w2"], ["raw"], name="classify"),
            helper.make_node("Add", ["raw", "b2"], ["logits"], name="shift"),
            helper.make_node("Softmax", ["logits"], ["classes"], name="softmax"),
        ]
    else:
        nodes += [helper.make_node("Sigmoid", ["flat"], ["classes"], name="squash")]
    shape = ["n", 3, size_px, size_px] if shape is None else shape
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("classes", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(values, name) for name, values in WEIGHTS.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.save(model, path)
    return str(path)


def maps_of(pixels, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)):
    """Compute the output of the network's rectifier in plain functions, shape (n, 6, 30, 30)."""
    batch = torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).float() / 255
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (mean, std))
    return functional.conv2d((batch - mean) / std, torch.from_numpy(WEIGHTS["w1"])).relu()


def write_external(path, location):
    """Write the small network with its tensors in another file."""
    write(path)
    model = onnx.load(path)
    onnx.save_model(model, path, save_as_external_data=True, location=location, size_threshold=0)
    return str(path)


class TestTensorsInOtherFiles:
    @pytest.mark.parametrize("location", ["net.onnx.data", "w.bin"])
    def test_a_changed_file_changes_the_card(self, tmp_path, location):
        path = write_external(tmp_path / "net.onnx", location)
        card = load_network(path).card
        assert load_network(path).card == card
        content = bytearray((tmp_path / location).read_bytes())
        content[2] ^= 1  # a low bit of the first value
        (tmp_path / location).write_bytes(content)
        assert load_network(path).card != card

    def test_the_hash_covers_both_files(self, tmp_path):
        path = write_external(tmp_path / "net.onnx", "net.onnx.data")
        hashes = [
            hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()
            for name in ("net.onnx", "net.onnx.data")
        ]
        expected = hashlib.sha256("".join(hashes).encode()).hexdigest()
        assert load_network(path).card.weights_sha256 == expected

    def test_a_file_outside_the_folder_is_refused(self, tmp_path):
        (tmp_path / "inner").mkdir()
        path = tmp_path / "inner" / "net.onnx"
        write_external(path, "w.bin")
        path.write_bytes(path.read_bytes().replace(b"w.bin", b"../wb"))
        (path.parent / "w.bin").rename(tmp_path / "wb")
        with pytest.raises(ModelError, match=r"must be in its folder; .* refers to \.\./wb\."):
            load_network(str(path))

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes in folders")
    def test_a_pipe_or_a_missing_file_is_refused(self, tmp_path):
        path = write_external(tmp_path / "net.onnx", "w.bin")
        (tmp_path / "w.bin").unlink()
        with pytest.raises(ModelError, match=r"in w\.bin, which cannot be read: No such file"):
            load_network(path)
        os.mkfifo(tmp_path / "w.bin")
        with pytest.raises(ModelError, match=r"w\.bin, which cannot be read: not a regular"):
            load_network(path)

    def test_tensors_are_found_in_inner_graphs_and_sparse_tensors(self, tmp_path):
        def external(name):
            tensor = numpy_helper.from_array(np.zeros(3, np.float32), name)
            tensor.ClearField("raw_data")
            tensor.data_location = TensorProto.EXTERNAL
            tensor.external_data.add(key="location", value=f"{name}.bin")
            tensor.external_data.add(key="length", value="12")
            (tmp_path / f"{name}.bin").write_bytes(bytes(12))
            return tensor

        value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [3])
        constant = helper.make_node("Constant", [], ["x"], value=external("constant"))
        inner = helper.make_graph([constant], "inner", [], [value], [external("inner")])
        branch = helper.make_node("If", ["c"], ["x"], then_branch=inner, else_branch=inner)
        sparse = onnx.SparseTensorProto()
        sparse.values.CopyFrom(external("sparse"))
        graph = helper.make_graph([branch], "outer", [], [value], [external("outer")])
        graph.sparse_initializer.append(sparse)
        onnx.save(helper.make_model(graph), tmp_path / "net.onnx")
        names = [file.stem for file in find_external(tmp_path / "net.onnx")]
        assert names == ["constant", "inner", "outer", "sparse"]


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


def test_a_file_without_outputs_is_refused(tmp_path):
    path = write(tmp_path / "net.onnx")
    model = onnx.load(path)
    del model.graph.output[:]
    onnx.save(model, path)
    with pytest.raises(ModelError, match=r"must have an output|cannot be run"):
        load_network(path)


@pytest.fixture
def pixels(noise_image):
    def make(network, n_images=3):
        return [network.prepare(noise_image(seed, (50, 41))) for seed in range(n_images)]

    return make


@pytest.mark.parametrize("head", ["Gemm", "MatMul"])
def test_features_are_the_input_of_the_classifier(tmp_path, pixels, head):
    path, notes = write(tmp_path / "net.onnx", head=head), Notes()
    network = load_network(path, progress=notes)
    batch = pixels(network)
    assert batch[0].shape == (SIZE_PX, SIZE_PX, 3)
    np.testing.assert_allclose(network.run(batch), maps_of(batch).mean((2, 3)), rtol=1e-4)
    assert network.card.layer == "input of classify"
    assert network.card.n_features == 6
    assert network.card.name == path
    assert "37 px (bilinear), 32 x 32 px" in network.card.preprocessing
    assert notes.lines == ["net.onnx: the preprocessing is not specified: ImageNet's is used"]


def test_without_a_classifier_the_output_is_used_and_reported(tmp_path, pixels):
    notes = Notes()
    network = load_network(write(tmp_path / "net.onnx", head="none"), progress=notes)
    batch = pixels(network)
    expected = maps_of(batch).mean((2, 3)).sigmoid()
    np.testing.assert_allclose(network.run(batch), expected, rtol=1e-4)
    assert network.card.layer == "output"
    assert "no classifier was recognized" in notes.lines[0]


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


def test_an_input_with_channels_last_is_supported(tmp_path, pixels):
    channels_last = load_network(write_nhwc(tmp_path / "nhwc.onnx"))
    network = load_network(write(tmp_path / "net.onnx"))
    batch = pixels(network)
    np.testing.assert_allclose(channels_last.run(batch), network.run(batch), rtol=1e-4)


def write_nhwc(path):
    write(path)
    model = onnx.load(path)
    turn = helper.make_node("Transpose", ["pixels"], ["image"], perm=[0, 3, 1, 2], name="turn")
    model.graph.node.insert(0, turn)
    del model.graph.input[:]
    shape = ["n", SIZE_PX, SIZE_PX, 3]
    model.graph.input.append(helper.make_tensor_value_info("pixels", TensorProto.FLOAT, shape))
    onnx.save(model, path)
    return str(path)


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


def test_the_default_size_is_used_and_reported_if_the_file_accepts_any_size(tmp_path, pixels):
    notes = Notes()
    path = write(tmp_path / "net.onnx", shape=["n", 3, "h", "w"])
    assert pixels(load_network(path, progress=notes))[0].shape == (224, 224, 3)
    assert "the input size is not specified: 224 px is used" in notes.lines[0]


def write_metadata(path, preprocessing):
    """Write a preprocessing into the metadata of a file."""
    model = onnx.load(path)
    helper.set_model_props(model, {"preprocessing": preprocessing})
    onnx.save(model, path)
    return path


def test_the_preprocessing_is_read_from_the_metadata(tmp_path, pixels):
    mean, std = (0.1, 0.2, 0.3), (0.5, 0.25, 1.0)
    given = {"mean": mean, "std": std, "resize_px": 40, "interpolation": "bicubic"}
    path, notes = write_metadata(write(tmp_path / "net.onnx"), json.dumps(given)), Notes()
    network = load_network(path, progress=notes)
    batch = pixels(network)
    np.testing.assert_allclose(
        network.run(batch), maps_of(batch, mean, std).mean((2, 3)), rtol=1e-4
    )
    assert "shorter side resized to 40 px (bicubic), 32 x 32 px" in network.card.preprocessing
    assert "mean (0.1, 0.2, 0.3), sd (0.5, 0.25, 1.0)" in network.card.preprocessing
    assert notes.lines == []
    assert reload_network(network.card).card == network.card


def test_the_size_is_read_from_the_metadata_if_the_file_accepts_any_size(tmp_path, pixels):
    path = write(tmp_path / "net.onnx", shape=["n", 3, "h", "w"])
    network = load_network(write_metadata(path, '{"input_size_px": 48}'))
    assert pixels(network)[0].shape == (48, 48, 3)
    assert "resized to 55 px (bilinear), 48 x 48 px" in network.card.preprocessing


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("imagenet", r"must be JSON; got 'imagenet'.* For example: \{\"mean\""),
        ('{"size": 32}', r"keys input_size_px, resize_px.*got \{'size': 32\}"),
        ('["mean"]', r"must be a dict"),
        ('{"mean": 0.5}', r"a mean and a positive std of three channels"),
        ('{"input_size_px": 64}', r"must be that of its input, 32; got 64\. Remove input_size_px"),
    ],
)
def test_invalid_metadata_is_an_error_of_one_line(tmp_path, given, message):
    with pytest.raises(ModelError, match=message) as caught:
        load_network(write_metadata(write(tmp_path / "net.onnx"), given))
    assert "\n" not in str(caught.value)


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


def test_features_are_extracted_and_the_network_is_reloaded_from_another_folder(
    tmp_path, noise_images, monkeypatch
):
    write(tmp_path / "net.onnx")
    monkeypatch.chdir(tmp_path)
    images = noise_images(5)
    for layers in ((), ("rectify", "flat")):
        features = extract(images, model="net.onnx", layers=layers)
        monkeypatch.chdir("/")
        again = reload_network(features.model)
        assert again.card == features.model
        row = again.run([again.prepare(images.load(2))])
        assert np.array_equal(row[0], features.values[2])
        monkeypatch.chdir(tmp_path)


class TestErrors:
    def test_a_missing_file(self, tmp_path):
        with pytest.raises(ModelError, match=r"no ONNX file .*none\.onnx"):
            load_network(str(tmp_path / "none.onnx"))

    def test_a_device_is_not_read(self, tmp_path):
        (tmp_path / "net.onnx").symlink_to("/dev/zero")
        with pytest.raises(ModelError, match="no ONNX file /dev/zero: not a regular file"):
            load_network(str(tmp_path / "net.onnx"))

    @pytest.mark.parametrize("content", [b"", b"hello", None])
    def test_a_damaged_file(self, tmp_path, content):
        path = tmp_path / "net.onnx"
        write(path)
        path.write_bytes(path.read_bytes()[:-300] if content is None else content)
        with pytest.raises(ModelError, match=r"must be undamaged.*net\.onnx cannot be run"):
            load_network(str(path))

    def test_a_name_that_is_not_utf8(self, tmp_path):
        path = tmp_path / "net.onnx"
        write(path)
        path.write_bytes(path.read_bytes().replace(b"rectify", b"re\xff\xfeify"))
        with pytest.raises(ModelError, match=r"must be undamaged.*net\.onnx cannot be run"):
            load_network(str(path), layers="pool")

    def test_a_file_without_outputs(self, tmp_path):
        path = tmp_path / "net.onnx"
        write(path)
        model = onnx.load(path)
        del model.graph.output[:]
        onnx.save(model, path)
        with pytest.raises(ModelError, match=r"must have an output; .*net\.onnx has none"):
            load_network(str(path))
        with pytest.raises(ModelError, match="must have an output"):
            list_layers(str(path))

    @pytest.mark.parametrize("shape", [["n", 1, 32, 32], ["n", 3, 32, 48], [3, 32, 32]])
    def test_an_input_that_is_not_a_square_image(self, tmp_path, shape):
        with pytest.raises(ModelError, match="must take one square RGB image"):
            load_network(write(tmp_path / "net.onnx", head="nothing", shape=shape))

    def test_similar_names_are_suggested_for_an_unknown_node(self, tmp_path):
        with pytest.raises(ModelError, match=r"got 'rectfy'. Did you mean rectify"):
            load_network(write(tmp_path / "net.onnx"), layers="rectfy")

    def test_the_class_token_of_a_map(self, tmp_path):
        with pytest.raises(ModelError, match=r"selects the class token.*\(6, 30, 30\)"):
            load_network(write(tmp_path / "net.onnx"), layers="rectify", pool="token")

    def test_unsupported_options(self, tmp_path):
        path = write(tmp_path / "net.onnx")
        with pytest.raises(InputError, match="weights must be left out with an ONNX file"):
            load_network(path, weights="weights.pth")
        with pytest.raises(InputError, match="device must be auto or cpu; got 'cuda'"):
            load_network(path, device="cuda")

    def test_openvino_is_not_installed(self, tmp_path, monkeypatch):
        monkeypatch.setattr("featscape.features.zoo.own.onnx_file.find_spec", lambda _name: None)
        with pytest.raises(MissingExtra, match="pip install openvino"):
            load_network(write(tmp_path / "net.onnx"))


def test_a_changed_file_is_not_reloaded(tmp_path):
    path = write(tmp_path / "net.onnx")
    card = load_network(path).card
    write(tmp_path / "net.onnx", head="MatMul")
    with pytest.raises(ModelError, match="weights_sha256 was"):
        reload_network(card)
