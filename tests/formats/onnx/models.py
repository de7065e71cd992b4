"""Small ONNX models, and the comparison of what the reader makes of them with onnxruntime."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper, parser

from redsc.errors import UnsupportedError
from redsc.formats import write_tflite
from redsc.formats.model import port
from redsc.formats.onnx.reader import OnnxImport, read_onnx
from redsc.ir import Array, Graph
from redsc.runtime import EXECUTORS, installed
from redsc.runtime.compare import FLOAT_TOLERANCE, difference, random_samples
from tests.conftest import Golden

Case = tuple[bytes, str]
"""A model, and the ops of the graph it becomes."""

make_node: Any = helper.make_node
Node = Any
"""A node, or its text: `y = Concat<axis=1>(a, b)`, with its own name before it: `[node] y = Relu(x)`."""
Attributes = dict[str, Any]
"""Some attributes that several cases share."""


def weights(*shape: int) -> Array:
    return np.random.default_rng(shape).standard_normal(shape).astype(np.float32)


def floats(*numbers: float) -> Array:
    return np.array(numbers, np.float32)


def ints(*numbers: int) -> Array:
    return np.array(numbers, np.int64)


def parsed(nodes: Sequence[Node]) -> list[Any]:
    return [parser.parse_node(node) if isinstance(node, str) else node for node in nodes]


def onnx_model(
    nodes: Sequence[Node],
    inputs: dict[str, list[Any]],
    constants: dict[str, Array],
    opset: int = 18,
    outputs: Sequence[str] = ("y",),
    kind: int = TensorProto.FLOAT,
    input_kind: int = TensorProto.FLOAT,
) -> bytes:
    """Return a model whose output shapes onnx infers."""
    graph = helper.make_graph(
        parsed(nodes),
        "g",
        [helper.make_tensor_value_info(name, input_kind, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, kind, None) for name in outputs],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    opsets = [helper.make_opsetid(*item) for item in (("", opset), ("com.microsoft", 1), ("com.example", 1))]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10 if opset > 18 else 8)
    return bytes(model.SerializeToString())


def one_node(op: str, inputs: list[str], shape: list[Any], opset: int = 18, **fields: Any) -> bytes:
    """Return a model with one node over `x`; arrays among the fields are constants, the rest attributes."""
    constants = {name: item for name, item in fields.items() if isinstance(item, np.ndarray)}
    attributes = {name: item for name, item in fields.items() if name not in constants}
    node = make_node(op, inputs, ["y"], name="node", **attributes)
    return onnx_model([node], {"x": shape}, constants, opset)


def one(op: str, shape: Sequence[int], *operands: Array | None, opset: int = 18, **attributes: Any) -> bytes:
    """Return a model with one node over `x` and constants; None is an operand that is left out."""
    names = ["" if item is None else f"k{index}" for index, item in enumerate(operands)]
    constants = {name: item for name, item in zip(names, operands, strict=True) if item is not None}
    return one_node(op, ["x", *names], list(shape), opset, **constants, **attributes)


def on_image(op: str, *operands: Array | None, opset: int = 18, **attributes: Any) -> bytes:
    """Return a model with one node over the output of a convolution, [1, 4, 6, 5] in the file."""
    names = ["" if item is None else f"k{index}" for index, item in enumerate(operands)]
    constants = {name: item for name, item in zip(names, operands, strict=True) if item is not None}
    return image_net([make_node(op, ["c", *names], ["y"], name="node", **attributes)], constants, opset)


def image_net(
    nodes: Sequence[Node], constants: dict[str, Array] | None = None, opset: int = 18, **fields: Any
) -> bytes:
    """Return a model of a convolution that makes `c`, [1, 4, 6, 5] in the file, and nodes that make `y`."""
    weight = {"stem": weights(4, 3, 1, 1)}
    return onnx_model(
        ["[conv] c = Conv(x, stem)", *nodes], {"x": [1, 3, 6, 5]}, weight | (constants or {}), opset, **fields
    )


def read(data: bytes) -> Graph:
    return read_onnx(data).graph


def ops(graph: Graph) -> str:
    return " ".join(node.op for node in graph.nodes)


def answers(data: bytes, found: OnnxImport) -> tuple[list[list[Array]], list[list[Array]]]:
    """Return what the file answers in onnxruntime and the graph in LiteRT, in the layouts of the file."""
    ports = [port(*pair) for pair in zip(found.graph.inputs, found.inputs, strict=True)]
    outputs = [port(*pair) for pair in zip(found.graph.outputs, found.outputs, strict=True)]
    source = [[weights(2, *item.source_shape)[sample] for item in ports] for sample in range(2)]
    mine = [[np.ascontiguousarray(p.to_graph(a)) for a, p in zip(row, ports, strict=True)] for row in source]
    expected = EXECUTORS["onnxruntime"].run(data, source)
    answered = EXECUTORS["litert"].run(write_tflite(found.graph), mine)
    return expected, [[p.to_source(a) for a, p in zip(row, outputs, strict=True)] for row in answered]


def assert_same_answers(data: bytes, found: OnnxImport, tolerance: float = FLOAT_TOLERANCE) -> None:
    """Compare the graph in LiteRT with the file in onnxruntime; indices have 32 bits in the graph."""
    expected, answered = answers(data, found)
    expected = [[a.astype(np.int32) if a.dtype == np.int64 else a for a in row] for row in expected]
    problem = difference(expected, answered, tolerance)
    assert problem is None, problem


def check_case(case: Case) -> None:
    """Check the ops of a case, its answers, and that tflite-micro runs it too."""
    data, wanted = case
    found = read_onnx(data)
    assert ops(found.graph) == wanted, ops(found.graph)
    check_answers(data, found)


def check_answers(data: bytes, found: OnnxImport) -> None:
    """Check the answers of a graph in LiteRT, and that tflite-micro gives them too."""
    assert_same_answers(data, found)
    if installed("tflm"):
        model, samples = write_tflite(found.graph), random_samples(found.graph, 1)
        wanted_answers, micro = (EXECUTORS[name].run(model, samples) for name in ("litert", "tflm"))
        problem = difference(wanted_answers, micro, FLOAT_TOLERANCE)
        assert problem is None, f"tflite-micro: {problem}"


def check_refusal(data: bytes, golden: Golden) -> None:
    """Check that a model is refused in the words of the golden file."""
    with pytest.raises(UnsupportedError) as caught:
        read(data)
    golden(f"{caught.value}\n")
