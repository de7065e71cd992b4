from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tflite

from redsc.errors import UnsupportedError
from redsc.formats import load_model, read_tflite, write_tflite
from redsc.formats.tflite.peek import is_computed_alike, port_types
from redsc.ir import (
    Add,
    Array,
    Conv2D,
    DType,
    FullyConnected,
    Graph,
    GraphBuilder,
    Quant,
    TensorType,
    Value,
)
from redsc.runtime import EXECUTORS
from redsc.runtime.compare import difference, random_samples
from redsc.runtime.ports import from_integers
from tests.conftest import Zoo
from tests.helpers import small_net
from tests.old_net import OldNet
from tests.png import read_png, shrunk

LITERT = EXECUTORS["litert"]


def as_uint8(rows: list[list[Array]]) -> list[list[Array]]:
    return [[(array.astype(np.int16) + 128).astype(np.uint8) for array in row] for row in rows]


def apart(data: bytes, count: int = 16) -> int:
    """Return by how many steps the graph of a uint8 file answers otherwise than the file, at most."""
    graph = read_tflite(data)
    samples = random_samples(graph, count)
    expected = LITERT.run(data, as_uint8(samples))
    found = as_uint8(LITERT.run(write_tflite(graph), samples))
    pairs = [
        (a.astype(int), b)
        for row, other in zip(expected, found, strict=True)
        for a, b in zip(row, other, strict=True)
    ]
    assert max(np.ptp(a) for a, _ in pairs) > 10, "the answers say nothing"
    return max(int(np.abs(a - b).max()) for a, b in pairs)


def constant(graph: Graph, name: str) -> Value:
    (value,) = [value for value in graph.constants() if value.name == name]
    return value


def test_rule_1_uint8_activations_are_int8_ones_moved_by_128() -> None:
    data = write_tflite(OldNet().net())
    graph = read_tflite(data)
    assert port_types(data) == (("uint8",), ("uint8", "uint8"))
    assert {value.type.dtype for value in graph.activations()} == {DType.INT8}
    assert graph.inputs[0].type.quant == Quant.per_tensor(1 / 64, 0)
    assert graph.outputs[1].type.quant == Quant.per_tensor(1 / 256, -128)
    assert not is_computed_alike(data, graph)


@pytest.mark.parametrize("weight_point", [120, 128, 131])
def test_rule_1_a_uint8_network_answers_as_before_but_for_roundings(weight_point: int) -> None:
    assert apart(write_tflite(OldNet(weight_point).net())) <= 3  # steps, after five layers


@pytest.mark.parametrize("op", ["MAX_POOL_2D", "MAXIMUM", "RESHAPE", "CONCATENATION"])
def test_rule_1_an_op_that_copies_answers_bit_for_bit(op: str) -> None:
    net = OldNet()
    x = net.input(1, 4, 4, 2)
    attrs: dict[str, Any] = {"filter_h": 2, "filter_w": 2} if "POOL" in op else {}
    attrs |= {"new_shape": (8, 4)} if op == "RESHAPE" else {}
    operands = [x, x] if op in ("MAXIMUM", "CONCATENATION") else [x]
    assert apart(write_tflite(net.builder.output(net.op(op, "y", *operands, scale=1 / 64, **attrs)))) == 0


def test_rule_1_a_padding_value_is_moved_too() -> None:
    net = OldNet()
    x = net.input(1, 4)
    pads = net.builder.constant("pads", np.array([[0, 0], [1, 1]], np.int32))
    value = net.builder.constant("value", np.array(200, np.uint8), x.type.quant)
    assert apart(write_tflite(net.builder.output(net.op("PADV2", "y", x, pads, value, scale=1 / 64)))) == 0


@pytest.mark.parametrize("is_input", [True, False])
def test_rule_1_a_cast_of_raw_uint8_is_refused(is_input: bool) -> None:
    builder = GraphBuilder()
    kinds = [DType.UINT8, DType.FLOAT32] if is_input else [DType.FLOAT32, DType.UINT8]
    quants = [Quant.per_tensor(0.5, 3) if kind is DType.UINT8 else None for kind in kinds]
    x = builder.input("x", (1, 4), kinds[0], quants[0])
    data = write_tflite(builder.output(builder.op("CAST", x, name="y", dtype=kinds[1], quant=quants[1])))
    with pytest.raises(UnsupportedError, match="it reads or writes uint8 numbers themselves"):
        read_tflite(data)


def test_rule_2_weights_that_fit_into_127_steps_stay_and_become_symmetric() -> None:
    before, graph = OldNet().net(), read_tflite(write_tflite(OldNet().net()))
    for name in ("stem", "depth", "dense"):
        old, new = constant(before, f"{name}.w"), constant(graph, f"{name}.w")
        assert old.data is not None
        assert new.data is not None
        assert new.type.quant is not None
        assert np.array_equal(new.data, old.data.astype(int) - 120)
        assert set(new.type.quant.zero_points) == {0}
        assert new.type.quant.is_per_channel == (name != "dense")
        assert np.array_equal(constant(graph, f"{name}.b").data, constant(before, f"{name}.b").data)  # type: ignore[arg-type]


def test_rule_2_a_channel_beyond_127_steps_takes_larger_ones() -> None:
    net = OldNet(weight_point=100)
    x = net.input(1, 4, 4, 1)
    data = np.array([[0, 200], [255, 100]], np.uint8).reshape(2, 1, 2, 1)
    weight = net.builder.constant("w", data, Quant.per_tensor(0.5, 100))
    bias = net.builder.constant("b", np.array([1270, 1550], np.int32), Quant.per_tensor(0.5 / 64))
    graph = read_tflite(write_tflite(net.builder.output(net.op("CONV_2D", "y", x, weight, bias, scale=2.0))))
    new, moved = constant(graph, "w"), constant(graph, "b")
    assert new.data is not None
    assert moved.data is not None
    assert new.type.quant == Quant((0.5, float(np.float32(155 * 0.5 / 127))), (0,), 0)
    assert new.data.reshape(-1).tolist() == [-100, 100, 127, 0]
    assert moved.data.tolist() == [1270, 1270]  # the second bias counts in larger steps
    assert apart(write_tflite(net.builder.graph)) <= 1


def test_rule_2_weights_and_a_bias_of_two_layers_are_converted_once() -> None:
    net = OldNet()
    x = net.input(1, 4, 4, 2)
    constants = net.weights("both", x, 2, 1, 1, 2)
    made = [net.op("CONV_2D", name, x, *constants) for name in ("a", "b")]
    data = write_tflite(net.builder.output(*made))
    graph = read_tflite(data)
    assert graph.nodes[0].inputs == graph.nodes[1].inputs
    assert [value.name for value in graph.constants()] == ["both.w", "both.b"]
    assert apart(data) <= 1


def test_rule_2_weights_that_another_op_reads_as_they_are_have_two_names() -> None:
    net = OldNet()
    x = net.input(1, 4, 4, 2)
    weight, bias = net.weights("w", x, 1, 1, 1, 2)
    both = [
        net.op("CONV_2D", "y", x, weight, bias),
        net.op("RESHAPE", "z", weight, scale=0.004, point=120, new_shape=(2,)),
    ]
    graph = read_tflite(write_tflite(net.builder.output(*both)))
    assert next(value.name for value in graph.constants()) == "w.w"
    assert len({value.name for value in graph.values()}) == len(graph.values())


def hybrid(per_channel: bool) -> Graph:
    """Return a dense layer with int8 weights between float tensors, and a convolution with the same ones."""
    builder = GraphBuilder()
    x = builder.input("x", (1, 1, 2, 3))
    quant = Quant((0.5, 0.25), (0,), 0) if per_channel else Quant.per_tensor(0.5)
    data = np.array([[-127, 3, 5], [7, 0, 100]], np.int8)
    weight, kernel = builder.constant("w", data, quant), builder.constant("k", data.reshape(2, 1, 1, 3), quant)
    bias = builder.constant("b", np.array([1, 2], np.float32))
    conv = builder.op("CONV_2D", x, kernel, bias, attrs=Conv2D(), name="c")
    first = builder.op("FULLY_CONNECTED", x, weight, bias, attrs=FullyConnected(), name="a")
    second = builder.op("FULLY_CONNECTED", x, weight, bias, attrs=FullyConnected(), name="z")
    return builder.output(conv, first, second)


@pytest.mark.parametrize("per_channel", [False, True])
def test_rule_3_hybrid_weights_become_floats_that_note_their_int8_form(per_channel: bool) -> None:
    before = hybrid(per_channel)
    data = write_tflite(before)
    graph = read_tflite(data)
    weight = constant(graph, "w")
    assert weight.type == TensorType((2, 3), DType.FLOAT32, constant(before, "w").type.quant)
    assert weight.data is not None
    assert weight.data.tolist() == [[-63.5, 1.5, 2.5], [1.75, 0, 25] if per_channel else [3.5, 0, 50]]
    assert [use.node.name for use in weight.uses] == ["a", "z"]
    assert not is_computed_alike(data, graph)


def test_rule_3_a_hybrid_network_answers_as_before_but_for_roundings() -> None:
    graph = small_net(DType.FLOAT32)
    dense = graph.nodes[-1]
    weight = dense.operand(1)
    assert weight.data is not None
    scale = float(np.abs(weight.data).max() / 127)
    packed = Value.constant(weight.name, np.rint(weight.data / scale).astype(np.int8), Quant.per_tensor(scale))
    graph.set_input(dense, 1, packed)
    data = write_tflite(graph)
    samples = random_samples(graph, 4)
    expected, found = LITERT.run(data, samples), LITERT.run(write_tflite(read_tflite(data)), samples)
    assert difference(expected, found, 0.02) is None


def behind_dequantize(packed: Value) -> bytes:
    """Return a model that adds a constant behind a DEQUANTIZE to its input."""
    builder = GraphBuilder()
    x = builder.input("x", (2, 2))
    real = builder.op("DEQUANTIZE", packed, name="real")
    return write_tflite(builder.output(builder.op("ADD", x, real, attrs=Add(), name="y")))


def test_rule_4_a_dequantize_of_a_constant_is_one() -> None:
    packed = Value.constant("c", np.array([[1, 2], [3, 4]], np.int8), Quant.per_tensor(0.5, 1))
    data = behind_dequantize(packed)
    graph = read_tflite(data)
    assert [node.op for node in graph.nodes] == ["ADD"]
    real = constant(graph, "real")
    assert real.data is not None
    assert real.data.tolist() == [[0, 0.5], [1, 1.5]]
    assert real.type.quant is None  # its zero point is none of a weight
    assert is_computed_alike(data, graph)
    samples = random_samples(graph, 2)
    assert difference(LITERT.run(data, samples), LITERT.run(write_tflite(graph), samples)) is None


def test_rule_4_constants_per_channel_keep_their_int8_form() -> None:
    quant = Quant((0.5, 0.25), (0,), 1)
    graph = read_tflite(behind_dequantize(Value.constant("c", np.array([[1, 2], [3, 4]], np.int8), quant)))
    real = constant(graph, "real")
    assert real.data is not None
    assert real.data.tolist() == [[0.5, 0.5], [1.5, 1.0]]
    assert real.type.quant == quant


def test_rule_4_float16_constants_become_float32() -> None:
    """Two int16 constants stand in for two float16 ones: only the type number differs."""
    halves = np.array([[1.5, -2], [0.25, 65504]], np.float16)
    data = bytearray(behind_dequantize(Value.constant("c", halves.view(np.int16), Quant.per_tensor(1.0))))
    tensors = tflite.Model.GetRootAs(data, 0).Subgraphs(0)
    (half,) = [t for t in map(tensors.Tensors, range(tensors.TensorsLength())) if t.Name() == b"c"]
    at = half._tab.Pos + half._tab.Offset(6)  # the second field of the table Tensor is its type
    assert data[at] == tflite.TensorType.INT16
    data[at] = tflite.TensorType.FLOAT16
    graph = read_tflite(bytes(data))
    real = constant(graph, "real")
    assert real.data is not None
    assert real.data.dtype == np.float32
    assert np.array_equal(real.data, halves)


@pytest.mark.parametrize("name", ["bird", "cat", "grace_hopper"])
def test_a_uint8_network_of_the_zoo_names_a_picture_as_before(name: str, zoo: Zoo) -> None:
    model = load_model(zoo("models/google-coral+test_data/mobilenet_v1_0.25_128_quant.tflite"))
    picture = shrunk(read_png(zoo(f"datasets/images/{name}.png")), 128, 128)[None]
    ((expected,),) = LITERT.run(model.source, [[picture]])
    ((found,),) = LITERT.run(write_tflite(model.graph), [[(picture.astype(np.int16) - 128).astype(np.int8)]])
    answer = from_integers(found, model.graph.outputs[0].type, model.outputs[0].dtype)
    assert answer.argmax() == expected.argmax()
    assert expected.max() > 50
    assert np.abs(answer.astype(int) - expected).max() < 40


def test_a_hybrid_network_of_the_zoo_keeps_its_accuracy(zoo: Zoo) -> None:
    model = load_model(zoo("models/mlcommons+tiny/kws_ref_model_float32.tflite"))
    with np.load(zoo("datasets/kws01/kws01_dev600.npz")) as archive:
        samples, labels = archive["x"], archive["y"]
    rows = [[((row - 83.0) * 0.5847).astype(np.float32).reshape(1, 49, 10, 1)] for row in samples]
    before, after = (
        sum([row[0].argmax() for row in LITERT.run(data, rows)] == labels)
        for data in (model.source, write_tflite(model.graph))
    )
    assert before > 0.85 * len(labels)
    assert abs(before - after) <= 0.005 * len(labels)
