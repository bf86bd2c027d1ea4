"""Tiny networks for objects whose findings are known beforehand, as others would export them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np


def write_instances_onnx(
    path: Path, outputs: dict[str, Any], size: tuple[int | str, int | str] = ("H", "W"),
    batched: bool = True,
) -> Path:
    """A network of an image (1, 3, *size), or (3, *size) if not `batched`, that gives `outputs`:
    arrays as they are, and for a text "planes" the image's first two channels as masks (2, H, W)
    or "planes4" (2, 1, H, W)."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    shape = [1, 3, *size] if batched else [3, *size]
    axis = 1 if batched else 0
    nodes, constants, made = [], [], []
    for name, value in outputs.items():
        if isinstance(value, str):
            nodes += _planes(name, axis, 1 if value == "planes4" else 0)
            kind = TensorProto.FLOAT
        else:
            array = np.asarray(value)
            constants.append(numpy_helper.from_array(array, f"{name}_"))
            nodes.append(helper.make_node("Identity", [f"{name}_"], [name]))
            kind = helper.np_dtype_to_tensor_dtype(array.dtype)
        made.append(helper.make_tensor_value_info(name, kind, None))
    constants += [numpy_helper.from_array(np.array([0], np.int64), "zero"),
                  numpy_helper.from_array(np.array([2], np.int64), "two"),
                  numpy_helper.from_array(np.array([axis], np.int64), "axis"),
                  numpy_helper.from_array(np.array([1], np.int64), "one")]  # fmt: skip
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)
    graph = helper.make_graph(nodes, "tiny", [image], made, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.save(model, str(path))
    return path


def _planes(name: str, axis: int, more: int) -> list[Any]:
    """Nodes from the image to its first two channels, each one mask."""
    from onnx import helper

    steps = [helper.make_node("Slice", ["image", "zero", "two", "axis"], ["both"])]
    last = "both"
    if axis:
        steps.append(helper.make_node("Squeeze", [last, "zero"], ["bare"]))
        last = "bare"
    if more:
        steps.append(helper.make_node("Unsqueeze", [last, "one"], ["more"]))
        last = "more"
    return [*steps, helper.make_node("Identity", [last], [name])]
