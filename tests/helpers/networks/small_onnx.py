"""A small network as an ONNX file, and the same network in plain functions."""

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch.nn import functional

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
