"""Small models with QuantizeLinear and DequantizeLinear."""

from __future__ import annotations

from typing import Any

import numpy as np

from redsc.ir import Array, Graph, Quant
from tests.formats.onnx.models import make_node, onnx_model, read

X = {"x": [1, 3, 6, 5]}
SCALE, START = 0.05, Quant.per_tensor(0.05, -128)


def i8(*numbers: int) -> Array:
    return np.array(numbers if len(numbers) > 1 else numbers[0], np.int8)


def u8(number: int) -> Array:
    return np.array(number, np.uint8)


def scalar(number: float) -> Array:
    return np.array(number, np.float32)


def pair(source: str, target: str, scale: str = "s", zero: str = "z", **fields: Any) -> list[Any]:
    """Return Q and DQ between two tensors; an empty name leaves the zero point out."""
    operands = [scale] if not zero else [scale, zero]
    return [
        make_node("QuantizeLinear", [source, *operands], [f"{target}/q"], name=f"{target}/Q", **fields),
        make_node("DequantizeLinear", [f"{target}/q", *operands], [target], name=f"{target}/DQ", **fields),
    ]


def notes(graph: Graph) -> dict[str, Quant | None]:
    return {value.name: value.type.quant for value in graph.activations()}


def net(nodes: list[Any], opset: int = 13, inputs: dict[str, list[Any]] | None = None, **constants: Any) -> bytes:
    known = {"s": scalar(SCALE), "z": i8(3)} | constants
    return onnx_model(nodes, X if inputs is None else inputs, known, opset)


def conv(weight: list[Any], bias: str = "", opset: int = 13, **constants: Any) -> Graph:
    """Return the graph of Q-DQ, convolution by `w`, which `weight` makes, Q-DQ."""
    inputs = ["a", "w", bias] if bias else ["a", "w"]
    nodes = [*pair("x", "a"), *weight, make_node("Conv", inputs, ["c"], name="conv"), *pair("c", "y")]
    return read(net(nodes, opset, **constants))


def dequantized(scale: str = "ws", zero: str = "wz", **fields: Any) -> list[Any]:
    operands = ["wq", scale, zero] if zero else ["wq", scale]
    return [make_node("DequantizeLinear", operands, ["w"], name="w/DQ", **fields)]


WQ = np.random.default_rng(0).integers(-127, 128, (4, 3, 3, 3), np.int8)
CHANNELS = np.array([0.01, 0.02, 0.03, 0.04], np.float32)
