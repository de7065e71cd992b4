from __future__ import annotations

import numpy as np
import pytest

from redsc.ir import DType, Graph, parse_graph
from redsc.options import Quantization
from redsc.passes.base import Log
from redsc.passes.quantize.functions import MOST_OPS, inner_values
from redsc.passes.quantize.ptq import quantize_network

SOFTPLUS = """graph @g {
  input %x: f32[1,8]
  const %one: f32[1] = [1]
  const %row: f32[8] = [1,1,1,1,1,1,1,1]
  %a: f32[1,8] = MUL(%x, %one)
  %b: f32[1,8] = EXP(%a)
  %c: f32[1,8] = ADD(%b, %one)
  %d: f32[1,8] = LOG(%c)
  %y: f32[1,8] = MUL(%x, %d)
  output %y
}
"""


def inner(text: str, keep_float: tuple[str, ...] = ()) -> set[str]:
    return inner_values(parse_graph(text), keep_float)


def quantized(text: str) -> Graph:
    samples = [[np.random.default_rng(seed).standard_normal((1, 8)).astype(np.float32)] for seed in range(4)]
    return quantize_network(parse_graph(text), samples, Quantization(), Log()).graph


def test_all_of_a_function_becomes_one_table() -> None:
    graph = quantized(SOFTPLUS)
    assert [node.op for node in graph.nodes] == ["CAST", "ADD", "GATHER"]
    assert DType.FLOAT32 not in {value.type.dtype for value in graph.activations()}


def test_rule_1_a_function_reads_one_tensor_element_by_element() -> None:
    assert inner(SOFTPLUS) == {"a", "b", "c", "d"}
    assert inner(SOFTPLUS.replace("MUL(%x, %d)", "MUL(%row, %d)")) == {"a", "b", "c"}


def test_rule_2_what_has_kernels_stays_int8() -> None:
    plain = SOFTPLUS.replace("EXP", "TANH").replace("LOG", "TANH")
    assert inner(plain) == set()
    assert [node.op for node in quantized(plain).nodes] == [node.op for node in parse_graph(plain).nodes]


def test_rule_2_the_operator_may_come_first_or_last() -> None:
    assert inner(SOFTPLUS.replace("LOG", "TANH")) == {"a", "b", "c", "d"}
    assert inner(SOFTPLUS.replace("EXP", "TANH")) == {"a", "b", "c", "d"}


@pytest.mark.parametrize("end", ["  %z: f32[1,8] = ADD(%b, %row)\n  output %z\n}", "  output %b\n}"])
def test_rule_3_what_is_read_elsewhere_is_a_result(end: str) -> None:
    assert inner(SOFTPLUS.replace("}\n", f"{end}\n")) == {"a"}


def test_rule_3_a_value_with_a_scale_is_a_result() -> None:
    assert "c" not in inner(SOFTPLUS.replace("%c: f32[1,8]", "%c: f32[1,8] q(0.5,0)"))


def test_rule_4_a_function_that_reads_its_tensor_and_a_result() -> None:
    """`y` reads `x` and, past `b`, which is an output, `d`."""
    assert "d" not in inner(SOFTPLUS.replace("}\n", "  output %b\n}\n"))


def test_rule_4_functions_of_many_ops() -> None:
    names = [f"v{index}" for index in range(MOST_OPS)]
    lines = [f"  %{new}: f32[1,8] = EXP(%{old})\n" for old, new in zip(["x", *names], names, strict=False)]
    text = f"graph @g {{\n  input %x: f32[1,8]\n{''.join(lines)}  output %{names[-1]}\n}}\n"
    assert inner(text) == {*names[:-1]}
    more = text.replace("  output", f"  %last: f32[1,8] = EXP(%{names[-1]})\n  output").replace(
        f"output %{names[-1]}", "output %last"
    )
    assert inner(more) == set()


def test_what_is_kept_float_is_no_part() -> None:
    text = SOFTPLUS.replace("EXP(%a)", 'EXP(%a) @"power"')
    assert inner(text, ("power",)) == {"c"}
