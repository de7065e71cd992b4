from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import pytest
from hypothesis import given

from redsc.compile import read_model
from redsc.cost.macs import graph_macs
from redsc.ir import DType, Graph, Value, op_def, print_graph, verify_graph
from redsc.passes.slice.selftest import check_slice
from redsc.passes.slice.slice import slice_channels
from redsc.passes.spaces.blocks import SkipBlock, find_blocks, outermost_blocks, with_nested
from redsc.passes.spaces.groups import find_channel_groups
from redsc.runtime.compare import FLOAT_TOLERANCE, difference
from tests.conftest import Zoo
from tests.helpers import NetBuilder
from tests.passes.skipping import (
    FLOAT,
    GENERAL,
    INT8,
    apart,
    blocks_of,
    head,
    residual,
    residual_graphs,
    run,
    silenced,
    skip,
    stem,
)
from tests.zoo_models import MLPERF

NASNET = "models/keras-applications/nasnet_a_n1_32px"


def named(blocks: Iterable[SkipBlock]) -> list[tuple[str, str, str]]:
    return [(block.name, block.source, block.result) for block in blocks]


@pytest.mark.parametrize("dtype", GENERAL)
def test_rule_1_a_body_between_a_value_and_its_sum(dtype: DType) -> None:
    net = NetBuilder(dtype)
    graph = head(net, net.unary("RELU", residual(net, stem(net))))
    (block,) = blocks_of(graph)
    assert (block.name, block.source, block.result) == ("add3", "conv_2d0", "add3")
    layers = [f"conv_2d{i}{part}" for i in (1, 2) for part in (".weight", ".bias", "")]
    assert sorted(block.inside) == sorted(layers)
    between = ["QUANTIZE"] * (dtype is INT8)
    found = [node.op for node in skip(graph, [block]).nodes]
    assert found == ["CONV_2D", *between, "RELU", "MEAN", "FULLY_CONNECTED"]


@pytest.mark.parametrize("op", ["SUB", "MUL", "MAXIMUM"])
def test_rule_1_other_functions_of_two_values_are_none(op: str) -> None:
    net = NetBuilder(FLOAT)
    x = stem(net)
    assert blocks_of(head(net, net.node(op, x, net.conv(x, 6)))) == ()


def test_rule_1_the_order_of_the_operands_does_not_matter() -> None:
    net = NetBuilder(FLOAT)
    x = stem(net)
    graph = head(net, net.node("ADD", net.conv(x, 6), x))
    assert [block.source for block in blocks_of(graph)] == [x.name]


def test_rule_1_a_sum_of_more_than_two_counts_once_what_it_reads_once() -> None:
    net = NetBuilder(FLOAT)
    x = stem(net)
    once = net.node("ADD_N", net.conv(x, 6), x, net.conv(x, 6))
    twice = net.node("ADD_N", once, net.conv(once, 6), once)
    graph = head(net, twice)
    assert named(blocks_of(graph)) == [("add_n3", x.name, once.name)]
    assert apart(graph, blocks_of(graph)[0]) == 0


def test_rule_2_a_second_way_in_is_refused() -> None:
    net = NetBuilder(FLOAT)
    x, other = net.input(1, 6, 6, 6), net.input(1, 6, 6, 6, name="y")
    x = net.conv(x, 6)
    body = net.node("MUL", net.conv(x, 6), other)
    assert blocks_of(head(net, net.node("ADD", x, body))) == ()


def test_rule_2_what_something_else_reads_stays() -> None:
    """As in NASNet: the activation of the shortcut feeds another branch too."""
    net = NetBuilder(FLOAT)
    x = stem(net)
    shared = net.unary("RELU", x)
    result = net.node("ADD", net.conv(shared, 6), x)
    graph = head(net, net.node("CONCATENATION", result, net.conv(shared, 3, 1), axis=-1))
    (block,) = blocks_of(graph)
    assert shared.name not in block.inside
    skipped = skip(graph, [block])
    assert [node.op for node in skipped.nodes if node.op in ("RELU", "CONV_2D")] == ["CONV_2D", "RELU", "CONV_2D"]
    assert difference(run(silenced(graph, [block])), run(skipped), FLOAT_TOLERANCE) is None


def test_rule_2_a_graph_output_stays() -> None:
    net = NetBuilder(FLOAT)
    x = stem(net)
    first = net.conv(x, 6)
    graph = net.outputs(net.node("ADD", net.conv(first, 6), x), first)
    (block,) = blocks_of(graph)
    assert first.name not in block.inside
    assert [value.name for value in skip(graph, [block]).outputs] == [block.result, first.name]


def test_rule_2_a_body_that_others_share_as_a_whole_is_none() -> None:
    net = NetBuilder(FLOAT)
    x = stem(net)
    body = net.conv(x, 6)
    assert blocks_of(head(net, net.node("MUL", net.node("ADD", x, body), body))) == ()


def test_rule_3_a_projection_is_no_identity() -> None:
    net = NetBuilder(FLOAT)
    x = stem(net, 4)
    assert blocks_of(head(net, net.node("ADD", net.conv(x, 6, 1), net.conv(x, 6)))) == ()


def test_rule_3_a_broadcast_is_none() -> None:
    net = NetBuilder(FLOAT)
    x = net.conv(net.input(1, 1, 1, 3), 6)
    wide = net.conv(net.pad(x, (0, 0), (1, 1), (1, 1), (0, 0)), 6)
    assert blocks_of(head(net, net.node("ADD", x, wide))) == ()


def test_rule_4_a_body_without_a_layer_is_none() -> None:
    net = NetBuilder(FLOAT)
    x = stem(net)
    assert blocks_of(head(net, net.node("ADD", net.node("TANH", x), x))) == ()
    assert blocks_of(head(NetBuilder(FLOAT), stem(NetBuilder(FLOAT)))) == ()


def test_rule_4_a_body_may_have_256_nodes() -> None:
    def graph(nodes: int) -> Graph:
        net = NetBuilder(FLOAT)
        x = y = stem(net, 2)
        for _ in range(nodes - 2):
            y = net.node("TANH", y)
        return head(net, net.node("ADD", x, net.conv(y, 2)))

    assert len(blocks_of(graph(256))) == 1
    assert blocks_of(graph(257)) == ()


@pytest.mark.parametrize("dtype", GENERAL)
def test_a_gate_inside_a_body(dtype: DType) -> None:
    net = NetBuilder(dtype)
    x = stem(net)
    graph = head(net, net.add(x, net.gate(net.conv(x, 6))))
    (block,) = blocks_of(graph)
    assert {node.op for node in graph.nodes} - {node.op for node in skip(graph, [block]).nodes} >= {
        "MUL",
        "LOGISTIC",
    }
    assert apart(graph, block) <= 1


def test_a_gate_is_no_residual(zoo: Zoo) -> None:
    assert blocks_of(read_model(zoo("exports/silu_se.dynamo18.onnx")).graph) == ()


def test_sums_of_one_name_are_told_apart() -> None:
    net = NetBuilder(FLOAT)
    x = residual(net, residual(net, stem(net)))
    graph = head(net, x)
    for node in graph.nodes:
        node.origin = ("same",) if node.op == "ADD" else node.origin
    assert [block.name for block in blocks_of(graph)] == ["same", "same#2"]


def nested(dtype: DType) -> Graph:
    net = NetBuilder(dtype)
    x = stem(net)
    inner = residual(net, net.conv(x, 5), 3)
    return head(net, residual(net, net.add(x, net.conv(inner, 6))))


@pytest.mark.parametrize("dtype", GENERAL)
def test_nested_residuals(dtype: DType) -> None:
    graph = nested(dtype)
    inner, outer, last = blocks = blocks_of(graph)
    assert inner.result in outer.inside
    assert not {last.result, last.source} & {*inner.inside, *outer.inside}
    assert with_nested(blocks, [outer.name]) == (inner.name, outer.name)
    assert with_nested(blocks, [last.name, inner.name]) == (inner.name, last.name)
    assert outermost_blocks(blocks) == (outer, last)
    assert print_graph(skip(graph, [outer, inner])) == print_graph(skip(graph, [outer]))
    assert print_graph(skip(skip(graph, [inner]), [outer])) == print_graph(skip(graph, [outer]))


@given(residual_graphs())
def test_blocks_are_those_that_brute_force_finds(graph: Graph) -> None:
    found = [(block.name, block.source, set(block.inside) & _made(graph)) for block in blocks_of(graph)]
    assert found == list(_brute_force(graph))


def _made(graph: Graph) -> set[str]:
    return {value.name for value in graph.activations()}


def _brute_force(graph: Graph) -> Iterator[tuple[str, str, set[str]]]:
    """Yield sums of which one operand reaches the other in every way, and what dies if it replaces the sum."""
    for node in graph.nodes:
        left, right = (node.operand(0), node.operand(1)) if node.op == "ADD" else (None, None)
        for x, y in ((left, right), (right, left)):
            if x is None or y is None or x is y or y in _reached_without(graph, x) or x.type.shape != y.type.shape:
                continue
            needed = set(graph.outputs)
            for other in reversed(graph.nodes):
                if needed & set(other.outputs):
                    needed |= {x} if other is node else set(other.present_inputs())
            dead = [n for n in graph.nodes if n is not node and not needed & set(n.outputs)]
            if any(op_def(n.op).macs(n) for n in dead):
                yield node.name, x.name, {value.name for n in dead for value in n.outputs}


def _reached_without(graph: Graph, banned: Value) -> set[Value]:
    """Return the values on which the inputs have an influence that does not pass one value."""
    reached = set(graph.inputs) - {banned}
    for node in graph.nodes:
        if reached & set(node.present_inputs()):
            reached |= set(node.outputs) - {banned}
    return reached


ZOO: Mapping[str, tuple[int, float]] = {
    f"{MLPERF}/pretrainedResnet.tflite": (1, 0.63),
    f"{MLPERF}/pretrainedResnet_quant.tflite": (1, 0.63),
    "exports/resnet8.dynamo18.onnx": (1, 0.63),
    "exports/qdq/resnet8.dynamo18.qdq.onnx": (1, 0.63),
    "exports/det.dynamo18.onnx": (1, 0.99),
    "exports/mbv2.dynamo18.onnx": (3, 0.51),
    "exports/qdq/mbv2.dynamo18.qdq.onnx": (3, 0.51),
    "models/derived-ort-qdq/alibaba_ic_qdq_int8.onnx": (3, 0.79),
    "models/mit-han-lab+tinyengine/detection.tflite": (9, 0.84),
    f"{NASNET}_float.tflite": (3, 0.98),
    f"{NASNET}_int8.tflite": (3, 0.98),
    "models/mediapipe-0.10.14/hand_recrop.tflite": (0, 1),
    f"{MLPERF}/vww_96_int8.tflite": (0, 1),
}


@pytest.mark.parametrize("name", ZOO)
def test_blocks_of_real_networks(zoo: Zoo, name: str) -> None:
    graph = read_model(zoo(name)).graph
    groups = find_channel_groups(graph)
    blocks = find_blocks(graph, groups)
    count, share = ZOO[name]
    assert len(blocks) == count
    assert graph_macs(skip(graph, blocks)) <= share * graph_macs(graph)
    for block in blocks[:3]:
        assert apart(graph, block) <= 1
    widths = {space.name: max(space.size // 2, 1) for space in groups.free}
    level = slice_channels(skip(graph, blocks), groups, widths)
    verify_graph(level)
    check_slice(graph, groups, widths, level, blocks)


def test_the_projections_of_resnet8_are_no_identities(zoo: Zoo) -> None:
    graph = read_model(zoo(f"{MLPERF}/pretrainedResnet.tflite")).graph
    sums = [node for node in graph.nodes if node.op == "ADD"]
    (block,) = blocks_of(graph)
    assert [node.outputs[0].name == block.result for node in sums] == [True, False, False]
