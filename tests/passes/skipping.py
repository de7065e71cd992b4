"""Residual networks, how their blocks are left out, and another way to: the whole network with silent blocks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from redsc.formats import write_tflite
from redsc.ir import Activation, Array, DType, Graph, Padding, Value, copy_graph, op_def, print_graph, verify_graph
from redsc.ir.rules import Grouped, Produces
from redsc.passes.base import Log
from redsc.passes.simplify.drop_dead_nodes import DropDeadNodes
from redsc.passes.slice.skip import skip_blocks
from redsc.passes.spaces.blocks import SkipBlock, find_blocks
from redsc.passes.spaces.groups import find_channel_groups
from redsc.runtime import EXECUTORS
from redsc.runtime.compare import FLOAT_TOLERANCE, random_samples
from tests.helpers import NetBuilder
from tests.strategies import ACTIVATIONS, DTYPES

FLOAT, INT8 = DType.FLOAT32, DType.INT8
GENERAL = [pytest.param(FLOAT, id="float"), pytest.param(INT8, id="int8")]
RELU, RELU6, N1_TO_1, NONE = Activation.RELU, Activation.RELU6, Activation.RELU_N1_TO_1, Activation.NONE


def residual(net: NetBuilder, x: Value, inner: int = 10, **attrs: Any) -> Value:
    body = net.conv(net.conv(x, inner, activation=RELU), x.type.shape[-1])
    return net.node("ADD", x, body, **attrs) if net.dtype is FLOAT else net.add(x, body, **attrs)


def stem(net: NetBuilder, channels: int = 6, **attrs: Any) -> Value:
    return net.conv(net.input(1, 6, 6, 2), channels, **attrs)


def head(net: NetBuilder, x: Value) -> Graph:
    return net.outputs(net.dense(net.mean(x, 1, 2), 4))


def blocks_of(graph: Graph) -> tuple[SkipBlock, ...]:
    return find_blocks(graph, find_channel_groups(graph))


def skip(graph: Graph, blocks: Iterable[SkipBlock]) -> Graph:
    """Skip blocks and check what holds of every skipped graph."""
    before = print_graph(graph)
    skipped = skip_blocks(graph, blocks)
    verify_graph(skipped)
    assert print_graph(graph) == before
    assert skipped.name == graph.name
    assert [(v.name, v.type) for v in skipped.outputs] == [(v.name, v.type) for v in graph.outputs]
    return skipped


def run(graph: Graph, seed: int = 0) -> list[list[Array]]:
    return EXECUTORS["litert"].run(write_tflite(graph), random_samples(graph, 2, seed))


def silenced(graph: Graph, blocks: Iterable[SkipBlock]) -> Graph:
    """Return the whole graph in which every layer inside the blocks adds up to 0."""
    inside = {name for block in blocks for name in block.inside}
    zero: set[str] = set()
    for node in graph.nodes:
        rule = op_def(node.op).channels
        if isinstance(rule, Produces | Grouped) and node.outputs[0].name in inside:
            zero |= {value.name for value in node.present_inputs() if value.is_constant}
    return copy_graph(graph, lambda value: _zeroed(value) if value.name in zero else _copied(value))


def _copied(value: Value) -> Value:
    return Value(value.name, value.type, value.data)


def _zeroed(value: Value) -> Value:
    assert value.data is not None
    points = value.type.quant.zero_points if value.type.quant and value.type.dtype is INT8 else (0,)
    assert len(set(points)) == 1
    return Value.constant(value.name, np.full_like(value.data, points[0]), value.type.quant)


def ending_at(graph: Graph, name: str) -> Graph:
    """Return the part of a graph that makes one value: its only output."""
    part = copy_graph(graph, _copied)
    part.outputs = [value for value in part.activations() if value.name == name]
    DropDeadNodes().run(part, Log())
    return part


def apart(graph: Graph, block: SkipBlock) -> float:
    """Return how far a skipped block's result is from that of a silent one: in steps, floats in tolerances."""
    ((wanted, *_), (second, *_)) = run(ending_at(silenced(graph, [block]), block.result))
    skipped = ending_at(skip_with_output(graph, block), block.result)
    ((found, *_), (other, *_)) = run(skipped)
    pairs = ((wanted, found), (second, other))
    most = max(float(np.abs(a.astype(np.float64) - b).max()) for a, b in pairs)
    return most if wanted.dtype == np.int8 else most / (FLOAT_TOLERANCE * max(float(np.abs(wanted).max()), 1e-9))


def skip_with_output(graph: Graph, block: SkipBlock) -> Graph:
    """Skip a block whose result is a graph output: then it has the same name and type as before."""
    shown = copy_graph(graph, _copied)
    if block.result not in [value.name for value in shown.outputs]:
        shown.outputs += [value for value in shown.activations() if value.name == block.result]
    return skip(shown, [block])


@st.composite
def residual_graphs(draw: DrawFn) -> Graph:
    """Return a chain of residuals, some nested, some gated, some behind pools, with one or two outputs."""
    net = NetBuilder(draw(DTYPES), draw(st.integers(0, 999)))
    size, channels = st.integers(2, 6), st.integers(1, 5)
    value = net.conv(net.input(1, draw(size), draw(size), 2), draw(channels), activation=draw(ACTIVATIONS))
    made = []
    for _ in range(draw(st.integers(1, 4))):
        value = _layer(draw, net, value, 3)
        made.append(value)
    second = [item for item in made[:-1] if draw(st.booleans())]
    return net.outputs(net.dense(net.mean(value, 1, 2), 3) if draw(st.booleans()) else value, *second[:1])


def _layer(draw: DrawFn, net: NetBuilder, value: Value, depth: int) -> Value:
    """Residuals nest down to depth 1; pools lie between them only."""
    kind = draw(st.sampled_from(["residual", "residual", "conv", "unary", *["pool"] * (depth > 2)]))
    if kind == "conv":
        return net.conv(value, draw(st.integers(1, 5)), activation=draw(ACTIVATIONS))
    if kind == "pool":
        return net.pool(value, "MAX_POOL_2D", 2, padding=Padding.SAME)
    if kind == "unary":
        return net.unary(draw(st.sampled_from(["RELU", "RELU6"])), value)
    body = net.conv(value, draw(st.integers(1, 5)), 1, activation=draw(ACTIVATIONS))
    if depth > 1 and draw(st.booleans()):
        body = _layer(draw, net, body, depth - 1)
    body = net.conv(net.gate(body) if draw(st.booleans()) else body, value.type.shape[-1], 1)
    return net.add(value, body, activation=draw(st.sampled_from(list(Activation))))
