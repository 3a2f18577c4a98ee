"""Networks of a few nodes in ONNX, with the inputs and outputs of real depth models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

HALF, FLOAT = TensorProto.FLOAT16, TensorProto.FLOAT


def write(path: Path, nodes: list[onnx.NodeProto], size: list, out: list, kind: int = FLOAT, **names: str) -> Path:
    """A network from [1, 3, *size] to `out`. names: of its input and its output."""
    given, told = names.get("given", "pixel_values"), names.get("told", "predicted_depth")
    graph = helper.make_graph(
        nodes,
        "depth",
        [helper.make_tensor_value_info(given, kind, [1, 3, *size])],
        [helper.make_tensor_value_info(told, kind, out)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, str(path))
    return path


def bright_is_near(path: Path, size: list, kind: int = FLOAT, **names: str) -> Path:
    """The mean of the normalised colours, moved up: what is bright is near. One channel is kept where told."""
    kept = names.pop("channel", "")
    given, told = names.get("given", "pixel_values"), names.get("told", "predicted_depth")
    number = np.array(3.0, np.float16 if kind == HALF else np.float32)
    constant = helper.make_node("Constant", [], ["up"], value=onnx.numpy_helper.from_array(number))
    mean = helper.make_node("ReduceMean", [given], ["mean"], axes=[1], keepdims=1 if kept else 0)
    out = [1, *([1] if kept else []), *size]
    return write(path, [constant, mean, helper.make_node("Add", ["mean", "up"], [told])], size, out, kind, **names)
