from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from redsc.formats import write_tflite
from redsc.ir import DType, Graph, GraphBuilder, Quant, Value, parse_graph, print_graph, verify_graph
from redsc.ir.registry import OPS
from redsc.passes.base import Log
from redsc.passes.quantize.tabulate import Tabulate
from redsc.runtime import EXECUTORS, installed
from redsc.runtime.compare import difference, random_samples

ISLAND = """graph @g {
  input %x: i8[1,3] q(0.5,0)
  const %two: f32[] = [2]
  %r: f32[1,3] = DEQUANTIZE(%x)
  %s: f32[1,3] = SQUARE(%r) @"square"
  %t: f32[1,3] = ADD(%two, %s) @"sum"
  %y: i8[1,3] q(1,-100) = QUANTIZE(%t)
  output %y
}
"""
TABLE = [min(round(0.25 * code * code) + 2 - 100, 127) for code in range(-128, 128)]
REASON = "tabulate: kept y: its float part is no function of one int8 tensor, element by element"


def run(text: str) -> tuple[Graph, Log, bool]:
    graph, log = parse_graph(text), Log()
    changed = Tabulate().run(graph, log)
    verify_graph(graph)
    return graph, log, changed


def test_rule_1_an_island_becomes_a_table() -> None:
    graph, log, _ = run(ISLAND)
    lines = print_graph(graph).splitlines()
    assert lines[4:] == [
        "  %y.raw: i32[1,3] = CAST(%x)",
        "  %y.index: i32[1,3] = ADD(%y.raw, %y.half) {activation=NONE}",
        '  %y: i8[1,3] q(1.0,-100) = GATHER(%y.table, %y.index) {axis=0, batch_dims=0} @"sum"',
        "  output %y",
        "}",
    ]
    table = graph.nodes[-1].operand(0)
    assert table.data is not None
    assert table.type.quant == graph.outputs[0].type.quant
    assert np.abs(table.data.astype(int) - TABLE).max() <= 1  # halves round either way
    assert [entry.render() for entry in log.entries] == [
        "tabulate: changed y: 2 float op(s) become a table, 12 B less to write, +256 B of constants"
    ]


def test_rule_1_constants_of_one_element_may_have_any_axes() -> None:
    plain, _, _ = run(ISLAND)
    graph, _, changed = run(ISLAND.replace("%two: f32[]", "%two: f32[1,1]"))
    assert changed
    assert np.array_equal(graph.nodes[-1].operand(0).data, plain.nodes[-1].operand(0).data)  # type: ignore[arg-type]


def test_rule_1_made_up_names_do_not_meet_those_of_the_file() -> None:
    text = (
        ISLAND.replace("%s", "%y.raw")
        .replace("%two", "%y.table")
        .replace("output %y\n", "output %y\n  output %y.raw\n")
    )
    assert run(text)[2]


def test_rule_1_a_value_may_be_read_twice() -> None:
    graph, _, changed = run(ISLAND.replace("SQUARE(%r)", "MUL(%r, %r)"))
    assert changed
    assert [node.op for node in graph.nodes] == ["CAST", "ADD", "GATHER"]


@pytest.mark.parametrize(
    "text",
    [
        ISLAND.replace("  const %two: f32[] = [2]\n", "  input %two: f32[1,3]\n"),
        ISLAND.replace("%two: f32[] = [2]", "%two: f32[3] = [1,2,3]"),
        ISLAND.replace("SQUARE", "SOFTMAX"),
        ISLAND.replace("ADD(%two, %s)", "ADD(%other, %s)")
        .replace("  %s:", "  %other: f32[1,3] = DEQUANTIZE(%z)\n  %s:")
        .replace("  const", "  input %z: i8[1,3] q(0.5,0)\n  const"),
        ISLAND.replace("%x: i8[1,3]", "%x: i8[1,1]")
        .replace("%r: f32[1,3]", "%r: f32[1,1]")
        .replace("%s: f32[1,3]", "%s: f32[1,1]")
        .replace("%two: f32[] = [2]", "%two: f32[3] = [1,2,3]"),
        ISLAND.replace("i8[1,3] q(0.5,0)", "i16[1,3] q(0.5,0)"),
    ],
)
def test_rule_2_refuses_what_is_no_function_of_one_tensor(text: str) -> None:
    graph, log, changed = run(text)
    assert not changed
    assert print_graph(graph) == print_graph(parse_graph(text))
    assert [entry.render() for entry in log.entries] == [REASON]


def test_rule_3_what_something_else_reads_stays() -> None:
    graph, _, _ = run(ISLAND.replace("  output %y", "  %z: f32[1,3] = SIN(%s)\n  output %y\n  output %z"))
    assert [node.op for node in graph.nodes] == ["DEQUANTIZE", "SQUARE", "CAST", "ADD", "GATHER", "SIN"]


BORDER = """graph @g {
  input %x: i8[3] q(2,0)
  %r: f32[3] = DEQUANTIZE(%x)
  %y: i8[3] q(1,0) = QUANTIZE(%r)
  output %y
}
"""
REQUANTIZE = BORDER.replace("  %r: f32[3] = DEQUANTIZE(%x)\n", "").replace("%r", "%x")


@pytest.mark.parametrize("text", [BORDER, REQUANTIZE, REQUANTIZE.replace("%x: i8[3] q(2,0)", "%x: f32[3]")])
def test_rule_4_a_border_is_no_island(text: str) -> None:
    _, log, changed = run(text)
    assert not changed
    assert not log.entries


def test_rule_4_a_chain_that_doubles_its_paths_is_no_endless_search() -> None:
    builder = GraphBuilder()
    value = builder.op("DEQUANTIZE", builder.input("x", (1, 3), DType.INT8, Quant.per_tensor(0.5)), name="r")
    for _ in range(80):
        value = builder.op("ADD", value, value, attrs=OPS["ADD"].attrs())
    quant = Quant.per_tensor(1.0)
    graph = builder.output(builder.op("QUANTIZE", value, name="y", dtype=DType.INT8, quant=quant))
    assert not Tabulate().run(graph, Log())


UNARY = [
    "EXP",
    "SIN",
    "COS",
    "NEG",
    "SQUARE",
    "ABS",
    "RELU",
    "TANH",
    "LOGISTIC",
    "LEAKY_RELU",
    "HARD_SWISH",
    "FLOOR",
]
BINARY = ["ADD", "SUB", "MUL", "MAXIMUM", "MINIMUM", "DIV"]


@st.composite
def islands(draw: DrawFn) -> Graph:
    """Return an int8 graph with one or two float islands in it."""
    builder = GraphBuilder()
    x = builder.input(
        "x",
        (1, 64),
        DType.INT8,
        Quant.per_tensor(draw(st.sampled_from([0.01, 0.05])), draw(st.integers(-128, 127))),
    )
    results = []
    value = builder.op("DEQUANTIZE", x, name="real")
    for step in range(draw(st.integers(1, 2))):
        made = [value]
        for index in range(draw(st.integers(1, 5))):
            made.append(layer(draw, builder, made, f"v{step}.{index}"))
        quant = Quant.per_tensor(draw(st.sampled_from([0.01, 0.1])), draw(st.integers(-128, 127)))
        results.append(builder.op("QUANTIZE", made[-1], name=f"y{step}", dtype=DType.INT8, quant=quant))
        value = made[-1]
    return builder.output(*results)


def layer(draw: DrawFn, builder: GraphBuilder, made: list[Value], name: str) -> Value:
    if draw(st.booleans()):
        op = draw(st.sampled_from(UNARY))
        value = builder.op(op, made[-1], attrs=OPS[op].attrs(), name=name)
        # Numbers stay small: beyond int32 the kernels of QUANTIZE cast as the machine does.
        return builder.op("TANH", value, name=f"{name}.small") if op in ("EXP", "SQUARE") else value
    op = draw(st.sampled_from(BINARY))
    number = builder.constant(f"{name}.k", np.array([draw(st.sampled_from([-2.0, 0.5, 3.0]))], np.float32))
    others = [number] if op == "DIV" else [number, *made]
    return builder.op(op, made[-1], draw(st.sampled_from(others)), attrs=OPS[op].attrs(), name=name)


@given(islands())
def test_litert_answers_bit_for_bit_as_before_and_twice_is_once(graph: Graph) -> None:
    samples, litert = random_samples(graph, 4), EXECUTORS["litert"]
    before = litert.run(write_tflite(graph), samples)
    assert Tabulate().run(graph, Log())
    verify_graph(graph)
    assert {node.op for node in graph.nodes} == {"CAST", "ADD", "GATHER"}
    assert difference(before, litert.run(write_tflite(graph), samples)) is None
    assert not Tabulate().run(graph, Log())


@pytest.mark.skipif(not installed("tflm"), reason="tflite_micro is not installed")
@given(islands())
def test_tflm_answers_within_one_step(graph: Graph) -> None:
    """The table is LiteRT's: where the two libraries round a float or a half otherwise, an int8 step differs."""
    samples, tflm = random_samples(graph, 4), EXECUTORS["tflm"]
    before = tflm.run(write_tflite(graph), samples)
    Tabulate().run(graph, Log())
    after = tflm.run(write_tflite(graph), samples)
    for row, other in zip(before, after, strict=True):
        for a, b in zip(row, other, strict=True):
            assert np.abs(a.astype(int) - b.astype(int)).max() <= 1


def test_the_table_is_that_of_litert_in_tflm_as_well() -> None:
    graph, _, _ = run(ISLAND)
    if not installed("tflm"):
        pytest.skip("tflite_micro is not installed")
    samples = [[np.array([[-128, 0, 127]], np.int8)]]
    found, other = (EXECUTORS[name].run(write_tflite(graph), samples) for name in ("litert", "tflm"))
    assert difference(found, other) is None
