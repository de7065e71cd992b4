from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from redsc.formats import write_tflite
from redsc.ir import Activation, DType, Graph, parse_graph, print_graph, verify_graph
from redsc.passes.base import Log
from redsc.passes.simplify.fuse_hard_swish import FuseHardSwish
from redsc.runtime import EXECUTORS
from redsc.runtime.compare import FLOAT_TOLERANCE, difference, random_samples
from tests.helpers import NetBuilder

PARTS = """graph @g {
  input %x: f32[1,4]
  const %three: f32[] = [3]
  const %sixth: f32[] = [0.16666667]
  %g: f32[1,4] = ADD(%x, %three) {activation=RELU6} @"gate"
  %m: f32[1,4] = MUL(%x, %g) @"product"
  %y: f32[1,4] = MUL(%m, %sixth) @"result"
  output %y
}
"""
FUSED = """graph @g {
  input %x: f32[1,4]
  %y: f32[1,4] = HARD_SWISH(%x) @"result"
  output %y
}
"""


def run(text: str) -> tuple[Graph, Log, bool]:
    graph, log = parse_graph(text), Log()
    changed = FuseHardSwish().run(graph, log)
    verify_graph(graph)
    return graph, log, changed


def test_rule_1_the_parts_become_one_op() -> None:
    graph, log, _ = run(PARTS)
    assert print_graph(graph) == FUSED
    assert [entry.render() for entry in log.entries] == [
        "fuse-hard-swish: changed result: x * relu6(x + 3) / 6 is one op, 32 B less to write"
    ]


@pytest.mark.parametrize(
    ("product", "result"),
    [
        ("MUL(%g, %x)", "MUL(%sixth, %m)"),
        ("MUL(%g, %sixth)", "MUL(%m, %x)"),
        ("MUL(%sixth, %x)", "MUL(%g, %m)"),
    ],
)
def test_rule_1_in_any_order(product: str, result: str) -> None:
    text = PARTS.replace("MUL(%x, %g)", product).replace("MUL(%m, %sixth)", result)
    assert print_graph(run(text)[0]) == FUSED


def test_rule_1_the_sixth_may_be_a_product() -> None:
    text = PARTS.replace("[0.16666667]", "[0.33333334]").replace(
        "  const %six", "  const %half: f32[1] = [0.5]\n  const %six"
    )
    text = text.replace('MUL(%x, %g) @"product"', "MUL(%x, %g)\n  %n: f32[1,4] = MUL(%half, %m)").replace(
        "MUL(%m, %s", "MUL(%n, %s"
    )
    assert print_graph(run(text)[0]) == FUSED


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("= [3]", "= [2]"),
        ("[0.16666667]", "[0.1667]"),
        ("activation=RELU6", "activation=RELU"),
        ("ADD(%x, %three)", "SUB(%x, %three)"),
        ("MUL(%x, %g)", "MUL(%g, %g)"),
        ("const %sixth: f32[]", "const %sixth: f32[4]"),
    ],
)
def test_rule_1_anything_else_does_not_fire(old: str, new: str) -> None:
    text = PARTS.replace(old, new).replace("f32[4] = [0.16666667]", "f32[4] = [0.16666667,1,1,1]")
    graph, log, changed = run(text)
    assert not changed
    assert len(graph.nodes) == 3
    assert not log.entries


def test_rule_2_refuses_where_something_else_reads_the_gate() -> None:
    _, log, changed = run(PARTS.replace("  output %y", "  output %g\n  output %y"))
    assert not changed
    assert log.entries[0].render() == "fuse-hard-swish: kept result: 'g' is read elsewhere"


def test_rule_2_refuses_where_something_else_reads_the_product() -> None:
    assert not run(PARTS.replace("  output %y", "  output %m\n  output %y"))[2]


@pytest.mark.parametrize("node", ["MUL(%x, %g)", "MUL(%m, %sixth)"])
def test_rule_3_refuses_where_a_product_has_an_activation(node: str) -> None:
    assert not run(PARTS.replace(node, f"{node} {{activation=RELU}}"))[2]


def test_rule_3_refuses_integers() -> None:
    text = PARTS.replace("f32", "i8").replace("i8[1,4]", "i8[1,4] q(0.1,0)").replace("i8[] = ", "i8[] q(0.1,0) = ")
    assert not run(text.replace("[0.16666667]", "[1]"))[2]


@pytest.mark.parametrize("constant", ["three", "sixth"])
def test_rule_4_refuses_constants_that_add_axes(constant: str) -> None:
    text = PARTS.replace(f"%{constant}: f32[]", f"%{constant}: f32[1,1,1]").replace(
        "%y: f32[1,4]", "%y: f32[1,1,4]"
    )
    if constant == "three":
        text = text.replace("%g: f32[1,4]", "%g: f32[1,1,4]").replace("%m: f32[1,4]", "%m: f32[1,1,4]")
    assert not run(text)[2]


def test_a_long_product_is_no_endless_search() -> None:
    net = NetBuilder(DType.FLOAT32)
    value = net.input(1, 4)
    for _ in range(2000):
        value = net.node("MUL", value, np.ones(1, np.float32))
    assert not FuseHardSwish().run(net.outputs(value), Log())


@st.composite
def products(draw: DrawFn) -> Graph:
    """Return products of x, a gate and constants in any order, as exporters write them and almost so."""
    net = NetBuilder(DType.FLOAT32)
    x = net.unary("TANH", net.input(1, 2, 2, 3))
    shift, sixth = draw(st.sampled_from([3.0, 3.0, 2.5])), draw(st.sampled_from([1 / 6, 1 / 6, 1 / 3]))
    gate = net.node("ADD", x, np.array([shift], np.float32), activation=Activation.RELU6)
    halves = [sixth] if draw(st.booleans()) else [sixth * 2, 0.5]
    constants = [net.builder.constant(f"c{i}", np.array([half], np.float32)) for i, half in enumerate(halves)]
    factors = [x, gate, *constants]
    made = []
    while len(factors) > 1:
        pair = [factors.pop(draw(st.integers(0, len(factors) - 1))) for _ in range(2)]
        if all(value.is_constant for value in pair):
            factors += [pair[0], net.node("MUL", factors.pop(), pair[1])]
        else:
            factors.append(net.node("MUL", *pair))
        made.append(factors[-1])
    second = [value for value in (gate, *made) if value is not factors[0] and draw(st.integers(0, 4)) == 0]
    return net.outputs(factors[0], *second[:1])


@given(products())
def test_the_outputs_agree_and_twice_is_once(graph: Graph) -> None:
    samples, litert = random_samples(graph, 2), EXECUTORS["litert"]
    before = litert.run(write_tflite(graph), samples)
    changed = FuseHardSwish().run(graph, Log())
    verify_graph(graph)
    assert changed == ("HARD_SWISH" in [node.op for node in graph.nodes])
    assert difference(before, litert.run(write_tflite(graph), samples), FLOAT_TOLERANCE) is None
    assert not FuseHardSwish().run(graph, Log())
