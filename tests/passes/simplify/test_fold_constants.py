from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from redsc.formats import write_tflite
from redsc.ir import OPS, Array, DType, Graph, Reshape, Value, parse_graph, print_graph, verify_graph
from redsc.ir.signatures import Signature
from redsc.passes.base import Log
from redsc.passes.simplify.fold_constants import FoldConstants
from redsc.runtime import EXECUTORS
from redsc.runtime.compare import difference, random_samples
from tests.helpers import NetBuilder, streaming_net
from tests.op_samples import pure_cases, sample_graph, sample_inputs

CHAIN = """graph @g {
  input %x: f32[1,2]
  const %two: f32[] = [2]
  const %row: f32[2] = [1,-4]
  %a: f32[2] = MUL(%row, %two) @"first"
  %b: f32[2] = ABS(%a) @"second"
  %y: f32[1,2] = ADD(%x, %b) @"last"
  output %y
}
"""


def run(text: str) -> tuple[Graph, Log, bool]:
    graph, log = parse_graph(text), Log()
    changed = FoldConstants().run(graph, log)
    verify_graph(graph)
    return graph, log, changed


def test_rule_1_nodes_of_constants_become_constants_one_after_the_other() -> None:
    graph, log, _ = run(CHAIN)
    assert (
        print_graph(graph)
        == """graph @g {
  input %x: f32[1,2]
  const %b: f32[2] = [2.0,8.0]
  %y: f32[1,2] = ADD(%x, %b) {activation=NONE} @"last"
  output %y
}
"""
    )
    assert [entry.render() for entry in log.entries] == [
        "fold-constants: changed first: MUL of constants is computed, -4 B of constants",
        "fold-constants: changed second: ABS of constants is computed, +0 B of constants",
    ]


def test_rule_1_every_result_of_a_node_becomes_a_constant() -> None:
    text = """graph @g {
  input %x: f32[1]
  const %axis: i32[] = [0]
  const %row: f32[2] = [1,-4]
  %a: f32[1], %b: f32[1] = SPLIT(%axis, %row) {num_splits=2}
  %c: f32[1] = ADD(%x, %a)
  %y: f32[1] = ADD(%c, %b)
  output %y
}
"""
    graph, _, _ = run(text)
    assert [node.op for node in graph.nodes] == ["ADD", "ADD"]
    assert [np.asarray(value.data).tolist() for value in graph.constants()] == [[1.0], [-4.0]]


def test_rule_1_a_node_that_reads_an_input_stays() -> None:
    graph, log, changed = run(
        CHAIN.replace("MUL(%row, %two)", "MUL(%z, %two)").replace("const %row: f32[2] = [1,-4]", "input %z: f32[2]")
    )
    assert not changed
    assert not log.entries
    assert len(graph.nodes) == 3


def test_rule_1_the_result_keeps_its_scale() -> None:
    text = CHAIN.replace("%b: f32[2] = ABS(%a)", "%b: i8[2] q(0.5,1) = QUANTIZE(%a)").replace(
        "%x: f32[1,2]", "%x: i8[1,2] q(1,0)"
    )
    graph, _, _ = run(text.replace("%y: f32[1,2]", "%y: i8[1,2] q(1,0)"))
    (constant,) = graph.constants()
    assert constant.type == graph.nodes[0].operand(1).type
    assert print_graph(graph).splitlines()[2] == "  const %b: i8[2] q(0.5,1) = [5,-15]"


def test_rule_2_refuses_a_graph_output() -> None:
    graph, log, _ = run(CHAIN.replace("  output %y", "  output %b\n  output %y"))
    assert [node.op for node in graph.nodes] == ["ABS", "ADD"]
    assert log.entries[-1].render() == "fold-constants: kept second: a graph output may not be a constant"


FILL = """graph @g {
  input %x: f32[600,300]
  const %shape: i32[2] = [600,300]
  const %one: f32[] = [1]
  %a: f32[600,300] = FILL(%shape, %one) @"fill"
  %b: f32[600,300] = SIN(%a) @"sine"
  %c: f32[600,300] = FILL(%shape, %one) @"other"
  %s: f32[600,300] = ADD(%b, %x)
  %y: f32[600,300] = ADD(%c, %s)
  output %y
}
"""


def test_rule_3_refuses_where_all_results_together_take_too_much_flash() -> None:
    """720,000 B once are less than 1 MiB, twice they are more; the sine takes the place of what it reads."""
    graph, log, _ = run(FILL)
    assert [node.op for node in graph.nodes] == ["FILL", "ADD", "ADD"]
    assert log.entries[-1].render() == (
        "fold-constants: kept other: the constants would grow by 719,988 B, folding may add 328,576 B more"
    )


def test_rule_3_a_constant_that_stays_makes_no_room() -> None:
    graph, _, _ = run(CHAIN.replace("  output %y", "  %z: f32[1,2] = ADD(%y, %row)\n  output %z"))
    assert [np.asarray(value.data).tolist() for value in graph.constants()] == [[2.0, 8.0], [1.0, -4.0]]


@pytest.mark.parametrize("op", ["LOG", "SQRT"])
def test_rule_4_refuses_what_is_no_number(op: str) -> None:
    graph, log, _ = run(CHAIN.replace("ABS", op))
    assert op in [node.op for node in graph.nodes]
    assert log.entries[-1].render() == "fold-constants: kept second: it gives NaN or infinity"


def test_rule_4_refuses_what_litert_does_not_run() -> None:
    text = (
        CHAIN.replace("MUL", "DIV")
        .replace("f32", "i32")
        .replace("[2]\n", "[0]\n")
        .replace("ABS(%a)", "ADD(%a, %a)")
    )
    _, log, changed = run(text)
    assert not changed
    assert "LiteRT refuses the model" in log.entries[0].text


def _case(item: object) -> str:
    if isinstance(item, Signature):
        return f"{'-'.join(dtype.value for dtype in item.inputs)}-to-{item.output.value}"
    return str(item)


VIEWED = {row.output for row in OPS["RESHAPE"].signatures}  # types of which a view of a constant can be the output


@pytest.mark.parametrize(("name", "row"), [item for item in pure_cases() if item[1].output in VIEWED], ids=_case)
def test_every_op_is_folded_to_what_litert_answers_of_inputs(name: str, row: Signature) -> None:
    graph = sample_graph(name, row)
    (sample,) = sample_inputs(graph, 1)
    wanted = EXECUTORS["litert"].run(write_tflite(graph), [sample])
    make_constant(graph, sample)
    assert FoldConstants().run(graph, Log())
    verify_graph(graph)
    assert {node.op for node in graph.nodes} == {"RESHAPE"}
    assert difference(wanted, [[np.asarray(node.operand(0).data) for node in graph.nodes]]) is None


def make_constant(graph: Graph, sample: list[Array]) -> None:
    """Make the inputs of a graph constants, and views of its outputs the outputs."""
    for value, array in zip(graph.inputs, sample, strict=True):
        graph.replace_uses(value, Value.constant(value.name, array, value.type.quant))
    views = [Value(f"{value.name}.view", value.type) for value in graph.outputs]
    for value, view in zip(graph.outputs, views, strict=True):
        graph.append("RESHAPE", [value], [view], Reshape(view.type.shape))
    graph.inputs, graph.outputs = [], views


@st.composite
def graphs_with_constants(draw: DrawFn) -> Graph:
    """Return elementwise ops over inputs and constants, each operand chosen at random."""
    net = NetBuilder(DType.FLOAT32)
    made = [net.input(1, 4), net.builder.constant("k", np.array([[1, -2, 3, 0.5]], np.float32))]
    for op in draw(st.lists(st.sampled_from(["ADD", "MUL", "MAXIMUM", "ABS", "TANH"]), min_size=1, max_size=8)):
        count = 1 if op in ("ABS", "TANH") else 2
        made.append(net.node(op, *(draw(st.sampled_from(made)) for _ in range(count))))
    return net.outputs(net.node("ADD", made[0], made[-1]))


@given(graphs_with_constants())
def test_the_outputs_are_equal_bit_for_bit_and_twice_is_once(graph: Graph) -> None:
    samples, litert = random_samples(graph, 2), EXECUTORS["litert"]
    before = litert.run(write_tflite(graph), samples)
    FoldConstants().run(graph, Log())
    verify_graph(graph)
    assert difference(before, litert.run(write_tflite(graph), samples)) is None
    assert not FoldConstants().run(graph, Log())


@pytest.mark.parametrize("dtype", [DType.INT8, DType.FLOAT32])
def test_what_keeps_state_is_not_folded(dtype: DType) -> None:
    """A READ_VARIABLE has a constant as its only operand, and here something to be folded into."""
    graph = streaming_net(dtype)
    before = print_graph(graph)
    assert not FoldConstants().run(graph, Log())
    assert print_graph(graph) == before


def test_no_op_is_random_or_keeps_state_unsaid() -> None:
    """A new op of that kind must not be folded."""
    words = ("RANDOM", "MULTINOMIAL", "LSTM", "RNN", "SVDF", "HASHTABLE", "CALL", "IF", "WHILE", "CUSTOM")
    pure = {name for name, _ in pure_cases()}
    assert not [name for name in pure if set(name.split("_")) & set(words)]
