"""The same network for images of another size, against onnxruntime on the file, and every reason why not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from redsc.compile import read_model
from redsc.errors import UsageError
from redsc.formats import write_tflite
from redsc.formats.model import port
from redsc.formats.tables import Refusal
from redsc.ir import OPS, Array, DType, Graph, Padding, Pool2D, Value, print_graph, verify_graph
from redsc.ir.activation import Activation
from redsc.ir.registry import ENGINE_OPS
from redsc.passes.slice.resize_inputs import image_size, resize_inputs
from redsc.passes.slice.resize_rules import RESIZED
from redsc.runtime import EXECUTORS
from redsc.runtime.compare import FLOAT_TOLERANCE, difference, random_samples
from redsc.runtime.data.view import Size
from tests.helpers import NetBuilder, residual_net


def open_network() -> bytes:
    """Return an ONNX classifier with open height and width: strides, pools, a gate, a slice, a residual."""
    random = np.random.default_rng(0)
    constants: dict[str, Array] = {}
    nodes: list[Any] = []

    def add(op: str, *inputs: str, **attributes: Any) -> str:
        name = f"{op.lower()}{len(nodes)}"
        nodes.append(helper.make_node(op, inputs, [name], name=name, **attributes))
        return name

    def weighted(op: str, source: str, *shape: int, **attributes: Any) -> str:
        name = f"weight{len(constants)}"
        constants[name] = (random.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)
        return add(op, source, name, **attributes)

    x = weighted("Conv", "image", 8, 3, 3, 3, strides=[2, 2], pads=[1, 1, 1, 1])
    x = add("Relu", x)
    x = add("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    x = add("Add", x, weighted("Conv", x, 8, 1, 3, 3, group=8, pads=[1, 1, 1, 1]))
    constants |= {"starts": np.array([1, 1]), "ends": np.array([10**6, 10**6]), "axes": np.array([2, 3])}
    x = add("Slice", x, "starts", "ends", "axes")
    gate = add("Sigmoid", weighted("Conv", add("GlobalAveragePool", x), 8, 8, 1, 1))
    x = weighted("Conv", add("Mul", x, gate), 12, 8, 3, 3, strides=[2, 2], pads=[0, 0, 1, 1])
    x = add("AveragePool", add("Relu", x), kernel_shape=[2, 2], strides=[1, 1])
    x = add("Flatten", add("GlobalAveragePool", x))
    y = weighted("MatMul", x, 12, 5)
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, "H", "W"])],
        [helper.make_tensor_value_info(y, TensorProto.FLOAT, None)],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    return bytes(model.SerializeToString())


@pytest.mark.parametrize("size", [(64, 64), (48, 48), (32, 64)], ids=str)
def test_the_network_is_that_of_the_file_at_the_new_size(tmp_path: Path, size: Size) -> None:
    path = tmp_path / "open.onnx"
    path.write_bytes(open_network())
    model = read_model(path, shapes=[("image", (1, 3, 96, 96))])
    resized = resize_inputs(model.graph, size)
    verify_graph(resized)
    assert image_size(resized) == size
    ports = (port(resized.inputs[0], model.inputs[0].axes), port(resized.outputs[0], model.outputs[0].axes))
    mine = random_samples(resized, 3)
    answers = EXECUTORS["litert"].run(write_tflite(resized), mine)
    expected = EXECUTORS["onnxruntime"].run(path.read_bytes(), [[ports[0].to_source(row[0])] for row in mine])
    assert difference(expected, [[ports[1].to_source(row[0])] for row in answers], FLOAT_TOLERANCE) is None
    again = read_model(path, shapes=[("image", (1, 3, *size))]).graph
    assert print_graph(resized) == print_graph(again)


def test_constants_are_shared_and_scales_stay() -> None:
    graph = classifier()
    resized = resize_inputs(graph, (8, 8))
    verify_graph(resized)
    pairs = zip(graph.constants(), resized.constants(), strict=True)
    assert [new.name for old, new in pairs if old.data is not new.data] == ["slice4/size"]
    assert [value.type.quant for value in resized.values()] == [value.type.quant for value in graph.values()]
    assert resize_inputs(graph, None) is resize_inputs(graph, (16, 16)) is graph


def classifier(dtype: DType = DType.INT8) -> Graph:
    """Convolutions, a channel shuffle, a slice of channels, and a pool whose window is the image."""
    net = NetBuilder(dtype)
    x = net.conv(net.input(1, 16, 16, 3), 8, padding=Padding.SAME, stride_h=2, stride_w=2)
    x = net.reshape(
        net.node("TRANSPOSE", net.reshape(x, 1, 8, 8, 2, 4), np.array([0, 1, 2, 4, 3], np.int32)), 1, 8, 8, 8
    )
    x = net.node("SLICE", x, np.array([0, 0, 0, 2], np.int32), np.array([1, 8, 8, 6], np.int32))
    x = net.node("STRIDED_SLICE", x, *(np.array(row, np.int32) for row in ([0] * 4, [1, 8, 8, 4], [1] * 4)))
    x = net.pool(
        net.conv(net.pad(x, (0, 0), (1, 1), (1, 1), (0, 0)), 12, padding=Padding.VALID), "AVERAGE_POOL_2D", 8
    )
    return net.outputs(net.dense(net.reshape(x, 1, 12), 5))


@pytest.mark.parametrize("size", [(8, 8), (15, 9), (4, 16)], ids=str)
def test_what_covers_the_image_still_does(size: Size) -> None:
    resized = resize_inputs(classifier(), size)
    verify_graph(resized)
    (pool,) = (node for node in resized.nodes if node.op == "AVERAGE_POOL_2D")
    assert (pool.attrs.filter_h, pool.attrs.filter_w) == pool.operand(0).type.shape[1:3]
    samples = random_samples(resized, 2)
    litert, tflm = (EXECUTORS[name].run(write_tflite(resized), samples) for name in ("litert", "tflm"))
    assert difference(litert, tflm) is None


def test_a_window_that_is_not_the_image_stays() -> None:
    net = NetBuilder()
    x = net.pool(net.input(1, 16, 16, 3), "MAX_POOL_2D", 2)
    resized = resize_inputs(net.outputs(net.mean(x, 1, 2)), (8, 8))
    assert resized.nodes[0].attrs == Pool2D(Padding.VALID, 2, 2, 2, 2, Activation.NONE)


def test_every_op_has_a_rule_or_a_reason() -> None:
    assert set(RESIZED) == {*OPS, *ENGINE_OPS}
    assert all(row.reason for row in RESIZED.values() if isinstance(row, Refusal))


def places(net: NetBuilder, x: Value) -> Value:
    table = net.builder.constant("table", net.random.integers(-9, 9, (1, 8, 8, 1), np.int8), x.type.quant)
    return net.node("ADD", x, table)


def part(net: NetBuilder, x: Value, *ends: int, start: int = 1) -> Value:
    rows = ([0, start, 0, 0], [1, *ends, 3], [1] * 4)
    return net.node("STRIDED_SLICE", x, *(np.array(row, np.int32) for row in rows))


INT = np.int32
REFUSED: dict[str, Callable[[NetBuilder, Value], Value]] = {
    "has weights for every place": lambda net, x: net.dense(x, 4),
    "it makes [1, 192] of [1, 8, 8, 3]": lambda net, x: net.reshape(x, 1, 192),
    "'table' has numbers for every place": places,
    "the size of its result is a constant": lambda net, x: net.node(
        "RESIZE_NEAREST_NEIGHBOR", x, np.array([4, 4], INT)
    ),
    "takes a part of the image": lambda net, x: net.node(
        "SLICE", x, np.array([0] * 4, INT), np.array([1, 4, 8, 3], INT)
    ),
    "whose place is a number": lambda net, x: part(net, x, 7, 8),
    "nothing is left of the image": lambda net, x: part(net, x, 8, 8, start=5),
    "cuts the image into a number": lambda net, x: net.split(x, 2, axis=1)[0],
    "picks places": lambda net, x: net.node("GATHER", x, np.array([0, 7], INT), axis=1),
    "is a place in the image": lambda net, x: net.node("ARG_MAX", x, np.array(1, INT)),
    "a window of 6 does not fit into 5": lambda net, x: net.pool(x, "MAX_POOL_2D", 6, stride_h=1, stride_w=1),
    "would be [1, 5, 5, 4]": lambda net, x: net.conv(x, 4, 1),
}


@pytest.mark.parametrize("reason", REFUSED)
def test_what_tells_the_size_of_its_image_is_named(reason: str) -> None:
    net = NetBuilder()
    graph = net.outputs(REFUSED[reason](net, net.input(1, 8, 8, 3)))
    verify_graph(graph)
    with pytest.raises(UsageError) as caught:
        resize_inputs(graph, (5, 5))
    assert caught.value.diagnostic.code == "U222"
    assert reason in "\n".join(caught.value.diagnostic.evidence)


def test_all_such_nodes_are_named_together() -> None:
    net = NetBuilder()
    x = net.input(1, 8, 8, 3)
    graph = net.outputs(net.mean(places(net, x), 1, 2), net.dense(x, 4), net.reshape(x, 1, 192))
    with pytest.raises(UsageError) as caught:
        resize_inputs(graph, (5, 5))
    assert [line.split(" ", 1)[0] for line in caught.value.diagnostic.evidence] == [
        "ADD",
        "FULLY_CONNECTED",
        "RESHAPE",
    ]


def test_a_sum_over_the_image_grows_with_it() -> None:
    net = NetBuilder(DType.FLOAT32)
    graph = net.outputs(net.node("SUM", net.input(1, 8, 8, 3), np.array([1, 2], np.int32)))
    with pytest.raises(UsageError, match="a sum over the image grows with it"):
        resize_inputs(graph, (5, 5))


def test_there_must_be_one_image() -> None:
    net = NetBuilder()
    with pytest.raises(UsageError, match="0 inputs that are images"):
        resize_inputs(net.outputs(net.dense(net.input(1, 10), 4)), (5, 5))
    with pytest.raises(UsageError, match="a window of 3 does not fit into 2"):
        resize_inputs(residual_net(), (2, 2))
