from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from redsc.formats import write_tflite
from redsc.ir import Activation, DType, Graph, Padding
from redsc.passes.recover.layers import Positions, as_layer, kept_columns, kept_rows, rows_of, sampled
from redsc.passes.recover.split_activations import split_activations
from redsc.passes.slice.own_biases import own_biases
from redsc.passes.slice.slice import slice_channels
from redsc.passes.spaces.groups import find_channel_groups
from redsc.runtime.compare import difference, random_samples
from redsc.runtime.litert import run
from redsc.runtime.observe.walk import Walk
from tests.helpers import NetBuilder, residual_net, small_net

LAYERS: dict[str, Any] = {
    "same": lambda b, x: b.conv(x, 6, 3),
    "valid": lambda b, x: b.conv(x, 6, 3, padding=Padding.VALID),
    "strides": lambda b, x: b.conv(x, 6, 3, stride_h=2, stride_w=3),
    "even kernel": lambda b, x: b.conv(x, 6, 2, stride_h=2),
    "dilation": lambda b, x: b.conv(x, 6, 3, dilation_h=2, dilation_w=2),
    "depthwise": lambda b, x: b.depthwise(x, 3, stride_h=2),
    "multiplier": lambda b, x: b.depthwise(x, 3, multiplier=3),
    "dense": lambda b, x: b.dense(x, 7),
}


@pytest.mark.parametrize("kind", LAYERS)
def test_a_layer_is_its_matrix_times_what_it_reads(kind: str) -> None:
    b = NetBuilder(DType.FLOAT32)
    graph = b.outputs(LAYERS[kind](b, b.input(1, 7, 8, 4)))
    walk = Walk.start(graph, random_samples(graph, 5))
    (node,) = graph.nodes
    source = walk.arrays["x"]
    layer = as_layer(node)
    assert layer is not None
    assert layer.is_solvable
    walk.step()
    output = walk.arrays[node.outputs[0].name]
    positions = Positions.draw(5, int(np.prod(output.shape[1:-1])), 9, seed=3)
    read, wanted = rows_of(layer, source, positions), sampled(output, positions)
    matrix = layer.matrix(np.asarray(node.operand(1).data, np.float64))
    bias = np.asarray(node.operand(2).data)
    made = (np.einsum("nok,ok->no", read, matrix) if layer.is_grouped else read @ matrix.T) + bias
    assert np.allclose(made, wanted, atol=1e-4)
    assert np.array_equal(layer.tensor(matrix, node.operand(1).type.shape), np.asarray(node.operand(1).data))


@pytest.mark.parametrize("net", [small_net, residual_net])
def test_rows_and_columns_are_those_of_the_sliced_weight(net: type) -> None:
    graph: Graph = net(DType.FLOAT32)
    groups = find_channel_groups(graph)
    widths = {space.name: max(space.size // 2, 1) for space in groups.free}
    sliced = slice_channels(graph, groups, widths)
    cut = 0
    for whole, part in zip(graph.nodes, sliced.nodes, strict=True):
        layer, local = as_layer(whole), as_layer(part)
        if layer is None or local is None:
            assert layer is local
            continue
        rows, columns = kept_rows(layer, groups, widths), kept_columns(layer, groups, widths)
        matrix = layer.matrix(np.asarray(whole.operand(1).data))[np.ix_(rows, columns)]
        assert np.array_equal(local.matrix(np.asarray(part.operand(1).data)), matrix)
        cut += matrix.size < np.asarray(whole.operand(1).data).size
    assert cut


def test_every_layer_has_a_bias_of_its_own() -> None:
    graph: Graph = small_net(DType.FLOAT32)
    dense = graph.nodes[-1]
    graph.rewrite(dense, dense.op, dense.inputs[:2], dense.attrs)
    conv, depthwise = (next(n for n in graph.nodes if n.op == op) for op in ("CONV_2D", "DEPTHWISE_CONV_2D"))
    graph.set_input(depthwise, 2, conv.operand(2))
    prepared = own_biases(graph)
    layers = [layer for node in prepared.nodes if (layer := as_layer(node))]
    assert len(layers) == len({layer.bias for layer in layers}) == 4
    samples = random_samples(graph, 2)
    assert difference(run(write_tflite(graph), samples), run(write_tflite(prepared), samples)) is None


@pytest.mark.parametrize("activation", [Activation.RELU, Activation.RELU6])
def test_fused_activations_become_nodes(activation: Activation) -> None:
    b = NetBuilder(DType.FLOAT32)
    x = b.conv(b.input(1, 5, 5, 3), 4, activation=activation)
    graph = b.outputs(b.add(x, b.conv(x, 4), activation=activation))
    split = split_activations(graph)
    assert [node.op for node in split.nodes].count(activation.value) == 2
    assert {value.name for value in graph.activations()} <= {value.name for value in split.activations()}
    samples = random_samples(graph, 2)
    assert difference(run(write_tflite(graph), samples), run(write_tflite(split), samples), 1e-6) is None
