"""Tiny networks whose label maps are known beforehand."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def write_onnx(
    path: Path, *, classes: int = 3, output: str = "scores", step: int = 4,
    size: tuple[int | str, int | str] = ("H", "W"),
) -> None:
    """A network (1, 3, *size) that averages squares of `step` pixels and scores class k by how
    near the red channel is to k / (classes - 1): scores (1, C, h, w), or the labels (1, h, w)."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    centres = (np.arange(classes, dtype=np.float32) / max(classes - 1, 1)).reshape(1, classes, 1, 1)
    red = np.zeros((1, 3, 1, 1), np.float32)
    red[0, 0] = 1.0
    nodes = [
        helper.make_node(
            "AveragePool", ["image"], ["mean"], kernel_shape=[step, step], strides=[step, step],
            ceil_mode=1,
        ),
        helper.make_node("Conv", ["mean", "red"], ["level"], kernel_shape=[1, 1]),
        helper.make_node("Sub", ["level", "centres"], ["off"]),
        helper.make_node("Abs", ["off"], ["distance"]),
        helper.make_node("Neg", ["distance"], ["scores"]),
        helper.make_node("ArgMax", ["scores"], ["labels"], axis=1, keepdims=0),
    ]  # fmt: skip
    kinds = {"scores": TensorProto.FLOAT, "labels": TensorProto.INT64}
    graph = helper.make_graph(
        nodes if output == "labels" else nodes[:-1],
        "tiny",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, *size])],
        [helper.make_tensor_value_info(output, kinds[output], None)],
        [numpy_helper.from_array(centres, "centres"), numpy_helper.from_array(red, "red")],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    made.ir_version = 8
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(made, str(path))
