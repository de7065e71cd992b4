from __future__ import annotations

import base64

import numpy as np
import pytest

from redsc.choices import Kernels
from redsc.cost.memory import measure_memory
from redsc.formats import read_tflite, write_tflite
from redsc.ir import DType, Graph, GraphBuilder, Quant, parse_graph, print_graph, verify_graph
from redsc.passes.base import Log
from redsc.passes.quantize.fuse_lookups import FuseLookups
from redsc.passes.slice.strided import as_stock
from redsc.runtime import EXECUTORS
from redsc.runtime.compare import difference

TABLE = np.random.default_rng(0).integers(-128, 128, 256, np.int8)
NUMBERS = f'base64"{base64.b64encode(TABLE.tobytes()).decode()}"'
PARTS = f"""graph @g {{
  input %x: i8[1,3] q(0.5,3)
  const %half: i32[1] = [128]
  const %table: i8[256] q(0.25,-1) = {NUMBERS}
  %raw: i32[1,3] = CAST(%x)
  %index: i32[1,3] = ADD(%raw, %half) {{activation=NONE}}
  %y: i8[1,3] q(0.25,-1) = GATHER(%table, %index) {{axis=0, batch_dims=0}} @"mish"
  output %y
}}
"""
FUSED = f"""graph @g {{
  input %x: i8[1,3] q(0.5,3)
  const %table: i8[256] q(0.25,-1) = {NUMBERS}
  %y: i8[1,3] q(0.25,-1) = REDSC_LOOKUP(%x, %table) @"mish"
  output %y
}}
"""


def run(text: str, kernels: Kernels = Kernels.ENGINE) -> tuple[Graph, Log, bool]:
    graph, log = parse_graph(text), Log()
    changed = FuseLookups(kernels).run(graph, log)
    verify_graph(graph)
    return graph, log, changed


@pytest.mark.parametrize("kernels", [Kernels.ENGINE, Kernels.ENGINE_SMALL])
def test_rule_1_fires_for_the_c_engine(kernels: Kernels) -> None:
    graph, log, changed = run(PARTS, kernels)
    assert changed
    assert print_graph(graph) == FUSED
    assert [entry.render() for entry in log.entries] == [
        "fuse-lookups: changed mish: CAST, ADD and GATHER are one look-up, 24 B less to write"
    ]


@pytest.mark.parametrize("kernels", [Kernels.SAFE, Kernels.REFERENCE, Kernels.CMSIS_NN])
def test_rule_1_leaves_what_tflm_runs(kernels: Kernels) -> None:
    graph, _, changed = run(PARTS, kernels)
    assert not changed
    assert print_graph(graph) == PARTS


def test_rule_2_the_summands_may_come_in_either_order_and_the_shift_in_any_shape() -> None:
    text = PARTS.replace("ADD(%raw, %half)", "ADD(%half, %raw)")
    graph, _, changed = run(text.replace("i32[1] = [128]", "i32[1,3] = [128,128,128]"))
    assert changed
    assert print_graph(graph) == FUSED


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("[128]", "[127]"),
        ("i32[1] = [128]", "i32[1,3] = [128,128,127]"),
        ("activation=NONE", "activation=RELU6"),
        ("= ADD(%raw, %half)", "= SUB(%raw, %half)"),
        ("ADD(%raw, %half)", "ADD(%raw, %raw)"),
        ("  const %half: i32[1] = [128]\n", "  input %half: i32[1]\n"),
        ("i8[1,3] q(0.5,3)", "i16[1,3] q(0.5,0)"),
        (f"  const %table: i8[256] q(0.25,-1) = {NUMBERS}\n", "  input %table: i8[256] q(0.25,-1)\n"),
        ("%raw: i32[1,3] = CAST(%x)", "%raw: i32[1,3] = SHAPE(%x)"),
    ],
)
def test_rule_2_leaves_what_is_no_table_of_all_int8_numbers(old: str, new: str) -> None:
    assert old in PARTS
    text = PARTS.replace(old, new)
    graph, before = parse_graph(text), print_graph(parse_graph(text))
    assert not FuseLookups(Kernels.ENGINE).run(graph, Log())
    assert print_graph(graph) == before


def test_rule_2_leaves_a_table_of_another_size() -> None:
    text = PARTS.replace("i8[256]", "i8[257]")
    more = base64.b64encode(TABLE.tobytes() + b"\0").decode()
    graph = parse_graph(text.replace(NUMBERS, f'base64"{more}"'))
    assert not FuseLookups(Kernels.ENGINE).run(graph, Log())


def test_rule_2_leaves_what_gets_more_axes_than_it_had() -> None:
    text = PARTS.replace("i8[1,3] q(0.5,3)", "i8[3] q(0.5,3)").replace("%raw: i32[1,3]", "%raw: i32[3]")
    assert not run(text.replace("i32[1] = [128]", "i32[1,1] = [128]"))[2]


@pytest.mark.parametrize("part", ["raw", "index"])
def test_rule_3_what_else_reads_a_part_still_does(part: str) -> None:
    graph, _, changed = run(PARTS.replace("  output %y\n", f"  output %y\n  output %{part}\n"))
    assert changed
    assert graph.nodes[-1].op == "REDSC_LOOKUP"
    assert [node.op for node in graph.nodes[:-1]] == ["CAST", "ADD"][: 1 + (part == "index")]


def test_a_fused_graph_is_one_that_is_fused_already() -> None:
    graph, _, _ = run(PARTS)
    assert not FuseLookups(Kernels.ENGINE).run(graph, Log())


def test_the_stock_form_has_the_parts_again() -> None:
    graph = as_stock(parse_graph(FUSED))
    verify_graph(graph)
    assert [node.op for node in graph.nodes] == ["CAST", "ADD", "GATHER"]
    assert print_graph(read_tflite(write_tflite(graph))).count("REDSC") == 0
    assert run(print_graph(graph))[2]


def test_a_file_has_the_parts_and_answers_alike() -> None:
    every = np.arange(-128, 128, dtype=np.int8)
    wide = PARTS.replace("[1,3]", "[2,128]")
    samples = [[every.reshape(2, 128)]]
    fused, _, _ = run(wide)
    assert [node.op for node in read_tflite(write_tflite(fused)).nodes] == ["CAST", "ADD", "GATHER"]
    expected = EXECUTORS["litert"].run(write_tflite(parse_graph(wide)), samples)
    assert difference(expected, EXECUTORS["litert"].run(write_tflite(fused), samples)) is None
    assert np.array_equal(expected[0][0].reshape(-1), TABLE)


def test_the_look_up_takes_no_more_memory_than_its_result() -> None:
    fused = measure_memory(run(PARTS.replace("[1,3]", "[1,320]"))[0], Kernels.ENGINE)
    parts = measure_memory(parse_graph(PARTS.replace("[1,3]", "[1,320]")), Kernels.SAFE)
    assert fused.head_bytes == 320
    assert parts.head_bytes == (1 + 4) * 320


def test_a_table_of_another_size_is_no_look_up() -> None:
    builder = GraphBuilder()
    quant = Quant.per_tensor(0.5)
    short = builder.constant("table", TABLE[:255].copy(), quant)
    with pytest.raises(Exception, match=r"shape \[255\], needs \[256\]"):
        builder.op("REDSC_LOOKUP", builder.input("x", (4,), DType.INT8, quant), short, quant=quant)
