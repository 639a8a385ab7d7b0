"""ONNX files as networks: their features agree with the same network in plain functions."""

import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from featscape.errors import InputError, MissingExtra, ModelError
from featscape.features import extract, list_layers, load_network, reload_network
from helpers.networks.small_onnx import SIZE_PX, maps_of, write
from helpers.notes import Notes


def test_a_file_without_outputs_is_refused(tmp_path):
    path = write(tmp_path / "net.onnx")
    model = onnx.load(path)
    del model.graph.output[:]
    onnx.save(model, path)
    with pytest.raises(ModelError, match=r"must have an output|cannot be run"):
        load_network(path)


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
        ('{"mean": [0.5]}', r"a mean and .* Let a network for one channel take RGB images"),
        ('{"mean": 0.5}', r"a mean and a positive std of three channels"),
        ('{"input_size_px": 64}', r"must be that of its input, 32; got 64\. Remove input_size_px"),
    ],
)
def test_invalid_metadata_is_an_error_of_one_line(tmp_path, given, message):
    with pytest.raises(ModelError, match=message) as caught:
        load_network(write_metadata(write(tmp_path / "net.onnx"), given))
    assert "\n" not in str(caught.value)


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

    def test_an_input_of_one_channel(self, tmp_path):
        path = write(tmp_path / "net.onnx", head="nothing", shape=["n", 1, 32, 32])
        with pytest.raises(ModelError, match=r"RGB image.*take RGB images and select a channel"):
            load_network(path)

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
