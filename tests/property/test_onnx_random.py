"""Networks that nobody exported: random ONNX graphs in onnxruntime, LiteRT and tflite-micro, in float and int8."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from onnx import TensorProto, helper, numpy_helper

from redsc.compile import read_model
from redsc.errors import UnsupportedError
from redsc.formats import Model, write_tflite
from redsc.ir import Array, Graph
from redsc.options import Quantization
from redsc.passes.base import Log
from redsc.passes.quantize.ptq import quantize_network
from redsc.runtime import EXECUTORS, installed
from redsc.runtime.compare import FLOAT_TOLERANCE, difference, signal_to_noise_db
from redsc.runtime.ports import dequantize_rows, quantize_samples

Shape = tuple[int, ...]
SAMPLES = 16
LEAST_SQNR_DB = 5.0  # narrow random networks lose much; a wrong axis, scale or order leaves nothing
LEAST_AGREEMENT_DB = 20.0  # of LiteRT and tflite-micro where one of these ops rounds otherwise by a step
CANCELLED = 0.05  # outputs below it are differences of nearly equal numbers: nothing but noise in int8
ROUNDS_OTHERWISE = frozenset({"FULLY_CONNECTED", "LOGISTIC", "ELU"})  # docs/decisions.md says why


@dataclass(slots=True)
class Net:
    """An ONNX graph under construction; `name` and `shape` are those of the last tensor, channels first."""

    name: str
    shape: Shape
    random: np.random.Generator
    nodes: list[Any] = field(default_factory=list)
    constants: dict[str, Array] = field(default_factory=dict)

    def add(self, op: str, shape: Shape, *more: Array | str, source: str | None = None, **attributes: Any) -> str:
        """Append a node over the last tensor; arrays become constants."""
        inputs = [source or self.name]
        for item in more:
            if isinstance(item, str):
                inputs.append(item)
                continue
            inputs.append(f"c{len(self.constants)}")
            self.constants[inputs[-1]] = item
        self.name, self.shape = f"t{len(self.nodes)}", shape
        self.nodes.append(helper.make_node(op, inputs, [self.name], name=f"n{len(self.nodes)}", **attributes))
        return self.name

    def weights(self, *shape: int) -> Array:
        fan_in = np.prod(shape[1:]) if len(shape) > 1 else 4
        result: Array = (self.random.standard_normal(shape) / np.sqrt(fan_in)).astype(np.float32)
        return result

    def model(self, shape: Shape) -> bytes:
        ports = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, dims)
            for name, dims in (("x", shape), (self.name, None))
        ]
        constants = [numpy_helper.from_array(array, name) for name, array in self.constants.items()]
        graph = helper.make_graph(self.nodes, "g", ports[:1], ports[1:], constants)
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
        return bytes(made.SerializeToString())


Layer = Callable[[DrawFn, Net], None]


def _spatial(net: Net) -> Shape:
    return net.shape[2:]


def _conv(draw: DrawFn, net: Net) -> None:
    channels, axes = net.shape[1], len(_spatial(net))
    kernel = [draw(st.integers(1, min(3, n))) for n in _spatial(net)]
    group = draw(st.sampled_from([1, 1, channels]))
    out = channels * draw(st.integers(1, 2)) if group > 1 else draw(st.integers(1, 6))
    stride = draw(st.integers(1, 2))
    pads = [k // 2 for k in kernel] * 2 if draw(st.booleans()) else [0] * 2 * axes
    sizes = [
        (n + low + high - k) // stride + 1
        for n, k, low, high in zip(_spatial(net), kernel, pads, pads[axes:], strict=False)
    ]
    weight = net.weights(out, channels // group, *kernel)
    bias = [net.weights(out)] if draw(st.booleans()) else []
    net.add(
        "Conv",
        (1, out, *sizes),
        weight,
        *bias,
        group=group,
        strides=[stride] * axes,
        pads=pads,
        kernel_shape=kernel,
    )


def _conv_transpose(draw: DrawFn, net: Net) -> None:
    axes, out, stride = len(_spatial(net)), draw(st.integers(1, 4)), draw(st.integers(1, 2))
    kernel = draw(st.integers(stride, 3))
    sizes = [(n - 1) * stride + kernel for n in _spatial(net)]
    weight = net.weights(net.shape[1], out, *[kernel] * axes)
    net.add("ConvTranspose", (1, out, *sizes), weight, strides=[stride] * axes)


def _pool(draw: DrawFn, net: Net) -> None:
    op = draw(st.sampled_from(["MaxPool", "AveragePool"]))
    sizes = [n // 2 for n in _spatial(net)]
    if min(sizes) >= 1:
        axes = len(sizes)
        net.add(op, (*net.shape[:2], *sizes), kernel_shape=[2] * axes, strides=[2] * axes)


_UNARY = ("Relu", "Sigmoid", "Tanh", "LeakyRelu", "HardSwish", "HardSigmoid", "Elu", "Softplus", "Abs", "Neg")


def _unary(draw: DrawFn, net: Net) -> None:
    net.add(draw(st.sampled_from(_UNARY)), net.shape)


def _clip(draw: DrawFn, net: Net) -> None:
    low, high = draw(st.sampled_from([(0.0, 6.0), (-1.0, 1.0), (0.0, 1.0)]))
    net.add("Clip", net.shape, np.array(low, np.float32), np.array(high, np.float32))


def _prelu(_draw: DrawFn, net: Net) -> None:
    net.add("PRelu", net.shape, net.weights(net.shape[1], *[1] * len(_spatial(net))))


def _norm(_draw: DrawFn, net: Net) -> None:
    n = net.shape[1]
    variance: Array = net.random.uniform(0.5, 2, n).astype(np.float32)
    net.add("BatchNormalization", net.shape, net.weights(n) + 1, net.weights(n), net.weights(n), variance)


def _constant(draw: DrawFn, net: Net) -> None:
    shape = draw(st.sampled_from([(1,), (1, net.shape[1], *[1] * len(_spatial(net)))]))
    net.add(draw(st.sampled_from(["Add", "Mul", "Sub", "Div"])), net.shape, net.weights(*shape) + np.float32(2))


def _branch(draw: DrawFn, net: Net) -> None:
    """Two tensors from one, joined again."""
    before, shape = net.name, net.shape
    _unary(draw, net)
    op = draw(st.sampled_from(["Add", "Mul", "Sub", "Max", "Min", "Concat"]))
    if op == "Concat":
        axis = draw(st.integers(1, len(shape) - 1))
        joined = tuple(2 * n if i == axis else n for i, n in enumerate(shape))
        net.add("Concat", joined, before, axis=axis)
    else:
        net.add(op, shape, before)


def _slice(draw: DrawFn, net: Net) -> None:
    axis = draw(st.integers(1, len(net.shape) - 1))
    start = draw(st.integers(0, net.shape[axis] - 1))
    end, step = draw(st.integers(start + 1, net.shape[axis])), draw(st.integers(1, 2))
    shape = tuple(-(-(end - start) // step) if i == axis else n for i, n in enumerate(net.shape))
    net.add("Slice", shape, *(np.array([number], np.int64) for number in (start, end, axis, step)))


def _split(draw: DrawFn, net: Net) -> None:
    channels = net.shape[1]
    if channels < 2:
        return
    first = draw(st.integers(1, channels - 1))
    names, source = [f"s{len(net.nodes)}a", f"s{len(net.nodes)}b"], net.name
    net.constants[f"sizes{len(net.nodes)}"] = np.array([first, channels - first], np.int64)
    inputs = [source, f"sizes{len(net.nodes)}"]
    net.nodes.append(helper.make_node("Split", inputs, names, name=f"n{len(net.nodes)}", axis=1))
    net.add("Concat", net.shape, names[0], source=names[1], axis=1)


def _pad(draw: DrawFn, net: Net) -> None:
    axes = len(_spatial(net))
    low, high = (draw(st.lists(st.integers(0, 2), min_size=axes, max_size=axes)) for _ in range(2))
    mode = draw(st.sampled_from(["constant", "reflect"]))
    if mode == "reflect" and any(n <= 2 for n in _spatial(net)):
        mode = "constant"
    sizes = [n + a + b for n, a, b in zip(_spatial(net), low, high, strict=True)]
    net.add("Pad", (*net.shape[:2], *sizes), np.array([0, 0, *low, 0, 0, *high], np.int64), mode=mode)


def _resize(draw: DrawFn, net: Net) -> None:
    mode, way = draw(
        st.sampled_from([("nearest", "asymmetric"), ("linear", "half_pixel"), ("linear", "align_corners")])
    )
    sizes = [2 * n for n in _spatial(net)]
    more = {"nearest_mode": "floor"} if mode == "nearest" else {}
    shape = (*net.shape[:2], *sizes)
    none = np.zeros(0, np.float32)
    target = np.array(shape, np.int64)
    net.add("Resize", shape, none, none, target, mode=mode, coordinate_transformation_mode=way, **more)


def _transpose(draw: DrawFn, net: Net) -> None:
    rest = draw(st.permutations(range(1, len(net.shape))))
    perm = [0, *rest]
    net.add("Transpose", tuple(net.shape[i] for i in perm), perm=perm)


def _reshape(draw: DrawFn, net: Net) -> None:
    shape = (1, net.shape[1] * net.shape[2], *net.shape[3:], *[1] * (len(net.shape) == 3))
    shape = shape if draw(st.booleans()) else (1, net.shape[2], net.shape[1], *net.shape[3:])
    net.add("Reshape", shape, np.array(shape, np.int64))


def _mean(draw: DrawFn, net: Net) -> None:
    axis = draw(st.integers(1, len(net.shape) - 1))
    shape = tuple(1 if i == axis else n for i, n in enumerate(net.shape))
    net.add(draw(st.sampled_from(["ReduceMean", "ReduceMax"])), shape, np.array([axis], np.int64), keepdims=1)


def _softmax(draw: DrawFn, net: Net) -> None:
    net.add("Softmax", net.shape, axis=draw(st.sampled_from([1, -1])))


LAYERS: list[Layer] = [_conv, _conv, _conv_transpose, _pool, _unary, _clip, _prelu, _norm, _constant, _branch]
LAYERS += [_slice, _split, _pad, _resize, _transpose, _reshape, _mean, _softmax]


@st.composite
def models(draw: DrawFn) -> bytes:
    """Return a model of one to five layers over a signal or an image, perhaps with a dense head."""
    axes = draw(st.integers(1, 2))
    shape = (1, draw(st.integers(1, 4)), *(draw(st.integers(3, 8)) for _ in range(axes)))
    net = Net("x", shape, np.random.default_rng(draw(st.integers(0, 999))))
    for layer in draw(st.lists(st.sampled_from(LAYERS), min_size=1, max_size=5)):
        layer(draw, net)
        if np.prod(net.shape) > 4096:
            break
    if draw(st.booleans()):
        flat, out = int(np.prod(net.shape)), draw(st.integers(1, 5))
        net.add("Flatten", (1, flat))
        net.add("Gemm", (1, out), net.weights(out, flat), net.weights(out), transB=1)
    if not net.nodes:
        net.add("Relu", shape)
    return net.model(shape)


def _samples(model: Model) -> list[list[Array]]:
    random = np.random.default_rng(1)
    return [
        [random.standard_normal(port.source_shape, np.float32) for port in model.inputs] for _ in range(SAMPLES)
    ]


@pytest.mark.skipif(not installed("tflm"), reason="tflite_micro is not installed")
@settings(max_examples=250)
@given(models())
def test_three_runtimes_agree_in_float_and_two_in_int8(source: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "net.onnx"
        path.write_bytes(source)
        try:
            model = read_model(path)
        except UnsupportedError as error:
            assume(error.diagnostic.code != "N406")  # nothing was left to compute
            raise
    rows = _samples(model)
    mine = [
        [np.ascontiguousarray(port.to_graph(array)) for array, port in zip(row, model.inputs, strict=True)]
        for row in rows
    ]
    data = write_tflite(model.graph)
    litert = EXECUTORS["litert"].run(data, mine)
    found = [[port.to_source(array) for array, port in zip(row, model.outputs, strict=True)] for row in litert]
    assert difference(EXECUTORS["onnxruntime"].run(source, rows), found, FLOAT_TOLERANCE, 1e-6) is None
    assert difference(litert, EXECUTORS["tflm"].run(data, mine), FLOAT_TOLERANCE, 1e-6) is None
    check_int8(model.graph, mine, litert)


def check_int8(graph: Graph, rows: list[list[Array]], wanted: list[list[Array]]) -> None:
    """Quantise with the samples; LiteRT and tflite-micro must give the same integers, near the floats."""
    made = quantize_network(graph, rows, Quantization(), Log()).graph
    integers = quantize_samples(made, rows)
    litert = EXECUTORS["litert"].run(write_tflite(made), integers)
    tflm = EXECUTORS["tflm"].run(write_tflite(made), integers)
    if not ROUNDS_OTHERWISE & {node.op for node in made.nodes}:
        assert difference(litert, tflm, FLOAT_TOLERANCE, 1e-6) is None
    real = dequantize_rows(made, litert)
    assert signal_to_noise_db(real, dequantize_rows(made, tflm)) > LEAST_AGREEMENT_DB
    if max(float(np.abs(row[0]).max()) for row in wanted) > CANCELLED:
        assert signal_to_noise_db(wanted, real) > LEAST_SQNR_DB
