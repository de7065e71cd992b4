from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from redsc.errors import InternalError
from redsc.formats import write_tflite
from redsc.ir import Activation, DType, Graph, Quant, parse_graph, print_graph, verify_graph
from redsc.passes.base import Log
from redsc.passes.quantize.int8 import annotate
from redsc.passes.quantize.quantize import quantize
from redsc.passes.slice.nested import cut_level
from redsc.passes.slice.permute import permute_channels
from redsc.passes.slice.plan import Level
from redsc.passes.slice.selftest import check_slice
from redsc.passes.slice.skip import skip_blocks
from redsc.passes.slice.slice import slice_channels
from redsc.passes.spaces.blocks import SkipBlock, find_blocks
from redsc.passes.spaces.groups import find_channel_groups
from redsc.runtime import EXECUTORS
from redsc.runtime.compare import FLOAT_TOLERANCE, difference, random_samples
from tests.helpers import NetBuilder
from tests.passes.skipping import (
    FLOAT,
    GENERAL,
    INT8,
    N1_TO_1,
    NONE,
    RELU,
    RELU6,
    apart,
    blocks_of,
    ending_at,
    head,
    residual,
    residual_graphs,
    run,
    silenced,
    skip,
    skip_with_output,
    stem,
)


def gated_by(activation: Activation, first: Activation, dtype: DType, quants: tuple[Quant, Quant] | None) -> Graph:
    """Return a residual of which the stem and the sum have these activations, and in int8 these scales."""
    net = NetBuilder(dtype)
    x = stem(net, 4, activation=first)
    body = net.conv(x, 4)
    result = net.add(x, body, activation=activation)
    graph = head(net, result)
    set_quants(graph, dict(zip((x.name, result.name), quants or (), strict=False)))
    return graph


def set_quants(graph: Graph, quants: Mapping[str, Quant]) -> None:
    for value in graph.activations():
        value.type = replace(value.type, quant=quants.get(value.name, value.type.quant))
    verify_graph(graph)


A, B = Quant.per_tensor(0.1, 3), Quant.per_tensor(0.07, -20)
FROM_0, TO_6 = Quant.per_tensor(0.1, -128), Quant.per_tensor(6 / 255, -128)


@pytest.mark.parametrize(
    ("activation", "first", "quants", "op"),
    [
        (NONE, NONE, None, None),
        (RELU, NONE, None, "RELU"),
        (RELU6, NONE, None, "RELU6"),
        (N1_TO_1, NONE, None, "ADD"),
        (RELU, RELU, None, None),
        (RELU, RELU6, None, None),
        (RELU6, RELU, None, "RELU6"),
        (RELU6, N1_TO_1, None, "RELU6"),
        (N1_TO_1, N1_TO_1, None, None),
        (NONE, NONE, (A, A), None),
        (NONE, NONE, (A, B), "QUANTIZE"),
        (RELU, NONE, (A, A), "RELU"),
        (RELU, NONE, (A, B), "RELU"),
        (RELU, RELU, (A, B), "QUANTIZE"),
        (RELU, NONE, (A, FROM_0), "QUANTIZE"),
        (RELU, NONE, (FROM_0, B), "QUANTIZE"),
        (RELU, NONE, (FROM_0, FROM_0), None),
        (RELU6, NONE, (A, A), "RELU6"),
        (RELU6, NONE, (A, B), "ADD"),
        (RELU6, NONE, (A, FROM_0), "ADD"),
        (RELU6, NONE, (A, TO_6), "QUANTIZE"),
        (RELU6, NONE, (TO_6, A), "QUANTIZE"),
        (N1_TO_1, NONE, (A, B), "ADD"),
        (N1_TO_1, RELU6, (A, A), "ADD"),
    ],
)
def test_rules_1_and_2_what_makes_the_result(
    activation: Activation, first: Activation, quants: tuple[Quant, Quant] | None, op: str | None
) -> None:
    graph = gated_by(activation, first, INT8 if quants else FLOAT, quants)
    (block,) = blocks_of(graph)
    skipped = skip(graph, [block])
    made = [node.op for node in skipped.nodes if node.outputs[0].name == block.result]
    assert made == [op] * (op is not None)
    has_one_scale = quants is None or quants[0] == quants[1]
    assert apart(graph, block) <= (0 if has_one_scale else 1)
    if has_one_scale:
        assert difference(run(silenced(graph, [block])), run(skipped)) is None


@pytest.mark.parametrize("activation", list(Activation))
@pytest.mark.parametrize("quants", [None, (A, A), (A, B), (B, TO_6)])
def test_both_runtimes_agree_on_what_makes_the_result(
    activation: Activation, quants: tuple[Quant, Quant] | None
) -> None:
    pytest.importorskip("tflite_micro")
    graph = gated_by(activation, NONE, INT8 if quants else FLOAT, quants)
    part = ending_at(skip_with_output(graph, blocks_of(graph)[0]), "add2")
    found = EXECUTORS["tflm"].run(write_tflite(part), random_samples(part, 2))
    assert difference(run(part), found, FLOAT_TOLERANCE) is None


def test_rule_1_a_pool_keeps_the_range_of_what_it_reads() -> None:
    net = NetBuilder(FLOAT)
    x = net.pool(stem(net, activation=RELU))
    graph = head(net, residual(net, x, activation=RELU))
    assert "RELU" not in [node.op for node in skip(graph, blocks_of(graph)).nodes]
    net = NetBuilder(FLOAT)
    x = net.pool(stem(net))
    graph = head(net, residual(net, x, activation=RELU))
    assert "RELU" in [node.op for node in skip(graph, blocks_of(graph)).nodes]


@pytest.mark.parametrize("activation", [NONE, RELU])
def test_rule_2_blocks_in_a_row_requantise_once(activation: Activation) -> None:
    net = NetBuilder(INT8, 3)
    x = stem(net, activation=RELU)
    for _ in range(3):
        x = residual(net, x, 4, activation=activation)
    graph = head(net, x)
    blocks = blocks_of(graph)
    assert [node.op for node in skip(graph, blocks).nodes].count("QUANTIZE") == 1
    assert [node.op for node in skip(graph, blocks[1:]).nodes].count("QUANTIZE") == 1
    assert [node.op for node in skip(graph, [blocks[0], blocks[2]]).nodes].count("QUANTIZE") == 2


def test_rule_2_a_scale_that_stands_for_an_activation_is_kept() -> None:
    """The first result cannot be negative: the second must not be made of what can."""
    net = NetBuilder(INT8)
    x = stem(net, 4)
    middle = residual(net, x, activation=RELU)
    graph = head(net, residual(net, middle))
    set_quants(graph, {x.name: A, middle.name: FROM_0})
    blocks = blocks_of(graph)
    assert [node.op for node in skip(graph, blocks).nodes].count("QUANTIZE") == 2
    silent = ending_at(silenced(graph, blocks), blocks[1].result)
    shown = ending_at(skip(ending_at(graph, blocks[1].result), blocks), blocks[1].result)
    for wanted, found in zip(run(silent), run(shown), strict=True):
        assert np.abs(wanted[0].astype(int) - found[0]).max() <= 1


@pytest.mark.parametrize("dtype", GENERAL)
def test_rule_3_between_two_ports(dtype: DType) -> None:
    net = NetBuilder(dtype)
    x = net.input(1, 5, 5, 3)
    y = net.add(x, net.conv(x, 3))
    graph = net.outputs(y)
    for value in graph.outputs:
        value.type = x.type
    (block,) = blocks_of(graph)
    skipped = skip(graph, [block])
    assert [node.op for node in skipped.nodes] == ["RESHAPE"]
    assert [value.name for value in skipped.outputs] == [y.name]
    assert difference(random_samples(graph, 2), run(skipped)) is None


@pytest.mark.parametrize("dtype", GENERAL)
def test_rule_3_a_source_and_a_result_that_are_both_outputs(dtype: DType) -> None:
    net = NetBuilder(dtype)
    x = stem(net)
    y = residual(net, x, 4)
    graph = net.outputs(y, x, net.conv(y, 2))
    skipped = skip(graph, blocks_of(graph))
    assert [value.name for value in skipped.outputs] == [value.name for value in graph.outputs]
    assert [node.op for node in skipped.nodes] == ["CONV_2D", "QUANTIZE" if dtype is INT8 else "RESHAPE", "CONV_2D"]
    ((first, second, _), _) = run(skipped)
    assert dtype is INT8 or np.array_equal(first, second)


def test_an_annotated_network_is_quantised_after_it_was_skipped() -> None:
    """Float values that note an int8 form: readers of a result find one, whoever makes it."""
    net = NetBuilder(FLOAT)
    graph = head(net, residual(net, stem(net), activation=N1_TO_1))
    quants = {value.name: Quant.per_tensor(0.02 + 0.001 * i, i) for i, value in enumerate(graph.activations())}
    weights = {v.name: Quant.per_tensor(0.01) for v in graph.constants() if v.name.endswith(".weight")}
    graph = annotate(graph, {**quants, **weights})
    skipped = skip(graph, blocks_of(graph))
    assert skipped.nodes[1].op == "ADD"
    log = Log()
    made = quantize(skipped, log)
    verify_graph(made)
    assert not [entry for entry in log.entries if entry.is_refusal]
    assert {value.type.dtype for value in made.activations()} == {INT8}


PLAIN = """graph @main {
  input %x: i8[1,2] q(0.5,0)
  const %w: i8[2,2] q(0.25,0) = [1,2,3,4]
  const %v: i8[2,2] q(0.25,0) = [5,6,7,8]
  %h: i8[1,2] q(0.5,1) = FULLY_CONNECTED(%x, %w) {keep_num_dims=false, activation=NONE} @"stem"
  %f: i8[1,2] q(0.5,2) = FULLY_CONNECTED(%h, %v) {keep_num_dims=false, activation=NONE} @"body"
  %s: i8[1,2] q(0.5,3) = ADD(%h, %f) {activation=NONE} @"sum"
  %y: i8[1,2] q(0.5,0) = FULLY_CONNECTED(%s, %w) {keep_num_dims=false, activation=NONE} @"head"
  output %y
}
"""
SKIPPED = """graph @main {
  input %x: i8[1,2] q(0.5,0)
  const %w: i8[2,2] q(0.25,0) = [1,2,3,4]
  %h: i8[1,2] q(0.5,1) = FULLY_CONNECTED(%x, %w) {keep_num_dims=false, activation=NONE} @"stem"
  %s: i8[1,2] q(0.5,3) = QUANTIZE(%h) @"sum"
  %y: i8[1,2] q(0.5,0) = FULLY_CONNECTED(%s, %w) {keep_num_dims=false, activation=NONE} @"head"
  output %y
}
"""


def test_a_skipped_network_as_text() -> None:
    graph = parse_graph(PLAIN)
    assert blocks_of(graph) == (SkipBlock("sum", "h", "s", ("v", "f")),)
    assert print_graph(skip(graph, blocks_of(graph))) == SKIPPED
    assert print_graph(skip(graph, [])) == PLAIN


@given(residual_graphs(), st.data())
def test_a_skipped_block_adds_nothing_on_random_networks(graph: Graph, data: st.DataObject) -> None:
    blocks = blocks_of(graph)
    for block in blocks:
        assert apart(graph, block) <= 1
    if graph.inputs[0].type.dtype is FLOAT:
        chosen = [block for block in blocks if data.draw(st.booleans())]
        assert difference(run(silenced(graph, chosen)), run(skip(graph, chosen)), FLOAT_TOLERANCE) is None


@given(residual_graphs(), st.data())
def test_skipping_and_slicing_commute_and_pass_the_self_test(graph: Graph, data: st.DataObject) -> None:
    groups = find_channel_groups(graph)
    blocks = find_blocks(graph, groups)
    chosen = [block for block in blocks if data.draw(st.booleans())]
    order = {space.name: data.draw(st.permutations(range(space.size))) for space in groups.free}
    graph = permute_channels(graph, groups, order)
    widths = {space.name: data.draw(st.integers(1, space.size)) for space in groups.free}
    level = cut_level(graph, groups, blocks, Level("x", widths, tuple(block.name for block in chosen)))
    verify_graph(level)
    assert print_graph(level) == print_graph(skip_blocks(slice_channels(graph, groups, widths), chosen))
    check_slice(graph, groups, widths, level, chosen)


def test_the_self_test_catches_a_block_that_was_not_skipped() -> None:
    net = NetBuilder(INT8)
    graph = head(net, residual(net, residual(net, stem(net))))
    groups, blocks = find_channel_groups(graph), blocks_of(graph)
    level = slice_channels(skip(graph, blocks[:1]), groups, {"conv_2d0": 3})
    check_slice(graph, groups, {"conv_2d0": 3}, level, blocks[:1])
    for wrong in ((), blocks, blocks[1:]):
        with pytest.raises(InternalError, match="sliced level"):
            check_slice(graph, groups, {"conv_2d0": 3}, level, wrong)
