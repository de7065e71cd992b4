"""How single operators are read and written: versions, canonical forms, what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from redsc.errors import MalformedModel, UnsupportedError
from redsc.formats import read_tflite, write_tflite
from redsc.formats.tflite.ops import TFLITE_OPS, Field, TFLiteOp
from redsc.formats.tflite.versions import op_version
from redsc.ir import (
    NO_ATTRS,
    OPS,
    Activation,
    Concatenation,
    DType,
    Gather,
    Graph,
    GraphBuilder,
    Mean,
    Mul,
    Quant,
    Squeeze,
    TensorType,
    Value,
)
from tests.op_samples import sample_graph
from tests.sample_operands import SAMPLES

X = (1, 4, 6, 3)


def _with(name: str, number: int, **attrs: Any) -> Graph:
    """Return the sample graph of an op's signature with other attributes."""
    graph = sample_graph(name, OPS[name].signatures[number])
    graph.nodes[0].attrs = replace(graph.nodes[0].attrs, **attrs)
    return graph


@pytest.mark.parametrize(
    ("graph", "version"),
    [
        (_with("CONCATENATION", 0), 1),
        (_with("CONCATENATION", 1), 2),
        (_with("SPLIT", 1), 2),
        (_with("SPLIT", 3), 3),
        (_with("TRANSPOSE_CONV", 1), 4),
        (_with("TRANSPOSE_CONV", 1, activation=Activation.NONE), 3),
        (_with("RESIZE_BILINEAR", 0), 3),
        (_with("RESIZE_BILINEAR", 1, half_pixel_centers=False), 2),
        (_with("RESIZE_BILINEAR", 0, half_pixel_centers=False, align_corners=True), 1),
        (_with("RESIZE_NEAREST_NEIGHBOR", 0, align_corners=True), 3),
        (_with("GATHER", 1), 2),
        (_with("GATHER", 1, batch_dims=1), 5),
        (_with("BATCH_MATMUL", 1), 2),
        (_with("EQUAL", 1), 2),
        (_with("BROADCAST_TO", 0), 2),
        (_with("MUL", 1), 2),
        (_with("CAST", 0), 1),
        (_with("DEPTH_TO_SPACE", 1), 1),  # 2 by op_version.cc, which LiteRT's reference resolver does not have
    ],
    ids=str,
)
def test_the_version_is_the_lowest_that_means_it(graph: Graph, version: int) -> None:
    assert op_version(graph.nodes[0]) == version


def test_a_transposed_convolution_without_bias_has_a_lower_version() -> None:
    graph = _with("TRANSPOSE_CONV", 1, activation=Activation.NONE)
    graph.nodes[0].inputs = graph.nodes[0].inputs[:3]
    assert op_version(graph.nodes[0]) == 2


def test_a_product_that_scales_up_has_a_higher_version() -> None:
    builder = GraphBuilder()
    wide = Quant.per_tensor(1.0)
    x = builder.input("x", X, DType.INT8, wide)
    builder.op("MUL", x, x, attrs=Mul(), quant=Quant.per_tensor(0.5))
    assert op_version(builder.graph.nodes[0]) == 3


def test_axes_that_are_squeezed_without_a_name_get_one() -> None:
    builder = GraphBuilder()
    graph = builder.output(builder.op("SQUEEZE", builder.input("x", (1, 4, 1, 3)), attrs=Squeeze()))
    assert read_tflite(write_tflite(graph)).nodes[0].attrs == Squeeze((0, 2))


def test_a_scalar_axis_that_two_nodes_read_becomes_two_vectors() -> None:
    builder = GraphBuilder()
    x, axis = builder.input("x", X), builder.constant("axis", np.array(1, np.int32))
    graph = builder.output(*(builder.op("MEAN", x, axis, attrs=Mean(), name=name) for name in "ab"))
    read = read_tflite(write_tflite(graph))
    assert [node.operand(1).type.shape for node in read.nodes] == [(1,), (1,)]


def test_a_value_that_the_kernel_does_not_know_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    row = TFLITE_OPS["CONCATENATION"]
    assert isinstance(row, TFLiteOp)
    with_activation = replace(row, fields=(*row.fields, Field("axis", "FusedActivationFunction")))
    monkeypatch.setitem(TFLITE_OPS, "CONCATENATION", with_activation)
    data = write_tflite(_with("CONCATENATION", 0, axis=3))
    monkeypatch.setitem(TFLITE_OPS, "CONCATENATION", row)
    with pytest.raises(UnsupportedError, match="FusedActivationFunction is not supported"):
        read_tflite(data)


def test_an_index_type_that_the_kernel_does_not_know_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    row = TFLITE_OPS["ARG_MAX"]
    assert isinstance(row, TFLiteOp)
    other = replace(row, fields=(Field("output_type", "OutputType", {DType.INT32: 4}),))
    monkeypatch.setitem(TFLITE_OPS, "ARG_MAX", other)
    data = write_tflite(_with("ARG_MAX", 0))
    monkeypatch.setitem(TFLITE_OPS, "ARG_MAX", row)
    with pytest.raises(UnsupportedError, match="OutputType number 4 is not supported"):
        read_tflite(data)


def _handmade(op: str, inputs: list[Value], outputs: list[Value], attrs: Any = NO_ATTRS) -> bytes:
    """Return the file of a node that the builder would refuse."""
    graph = Graph(inputs=[value for value in inputs if not value.is_constant])
    graph.append(op, inputs, outputs, attrs)
    graph.outputs = list(outputs)
    return write_tflite(graph)


def test_more_than_a_kernel_takes_is_unsupported_not_malformed() -> None:
    inputs = [Value(f"x{index}", TensorType(X, DType.FLOAT32)) for index in range(11)]
    output = Value("y", TensorType((1, 4, 6, 33), DType.FLOAT32))
    with pytest.raises(UnsupportedError, match="11 inputs are joined, tflite-micro takes 10") as caught:
        read_tflite(_handmade("CONCATENATION", inputs, [output], Concatenation(3)))
    assert caught.value.exit_code == 4


def test_outputs_that_the_operands_do_not_give_are_malformed() -> None:
    x = Value("x", TensorType(X, DType.FLOAT32))
    output = Value("y", TensorType((1, 4, 2, 3), DType.FLOAT32))
    indices = Value.constant("i", np.array([0, 7], np.int32))
    with pytest.raises(MalformedModel, match=r"GATHER 'y': the indices \[0, 7\] do not all lie in 0\.\.5"):
        read_tflite(_handmade("GATHER", [x, indices], [output], Gather(2)))


@pytest.mark.parametrize("pieces", [2, 4])
def test_the_wrong_number_of_outputs_is_malformed(pieces: int) -> None:
    outputs = [Value(f"y{index}", TensorType((1, 4, 2, 3), DType.FLOAT32)) for index in range(pieces)]
    graph = sample_graph("SPLIT", OPS["SPLIT"].signatures[0])
    (node,) = graph.nodes
    values = [value for value in node.inputs if value]
    with pytest.raises(MalformedModel, match="the file says"):
        read_tflite(_handmade("SPLIT", values, outputs, SAMPLES["SPLIT"].attrs))


def test_an_output_that_is_named_twice_is_malformed() -> None:
    graph = sample_graph("SPLIT", OPS["SPLIT"].signatures[0])
    (node,) = graph.nodes
    node.outputs = (node.outputs[0],) * 3
    graph.outputs = [node.outputs[0]]
    with pytest.raises(MalformedModel, match="has two producers"):
        read_tflite(write_tflite(graph))


def test_an_operand_that_is_needed_must_be_there() -> None:
    graph = sample_graph("PRELU", OPS["PRELU"].signatures[0])
    (node,) = graph.nodes
    node.inputs = (node.inputs[0], None)
    with pytest.raises(MalformedModel, match="leaves out an input that it needs"):
        read_tflite(write_tflite(graph))
