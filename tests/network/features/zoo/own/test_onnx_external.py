"""ONNX files with tensors in other files."""

import hashlib
import os

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from featscape.errors import ModelError
from featscape.features import load_network
from featscape.features.zoo.own.onnx_external import find_external
from helpers.networks.small_onnx import write


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
