from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from redsc.formats import write_tflite
from redsc.ir import DType, Graph, Padding, Value, parse_graph, print_graph, verify_graph
from redsc.passes.base import Log
from redsc.passes.simplify.drop_identities import DropIdentities
from redsc.passes.simplify.fold_padding import FoldPadding
from redsc.runtime import EXECUTORS, installed
from redsc.runtime.compare import difference, random_samples
from tests.helpers import NetBuilder

CONV = """graph @g {
  input %x: f32[1,4,4,1]
  const %p: i32[4,2] = [0,0,0,1,0,1,0,0]
  const %w: f32[1,3,3,1] = [1,2,3,4,5,6,7,8,9]
  %a: f32[1,5,5,1] = PAD(%x, %p) @"pad"
  %y: f32[1,2,2,1] = CONV_2D(%a, %w) {padding=VALID, stride_h=2, stride_w=2} @"conv"
  output %y
}
"""
AMOUNTS = "[0,0,0,1,0,1,0,0]"
INT8 = (
    CONV.replace("%x: f32[1,4,4,1]", "%x: i8[1,4,4,1] q(0.5,-3)")
    .replace("%a: f32[1,5,5,1]", "%a: i8[1,5,5,1] q(0.5,-3)")
    .replace("%w: f32[1,3,3,1]", "%w: i8[1,3,3,1] q(0.5,0)")
    .replace("%y: f32[1,2,2,1]", "%y: i8[1,2,2,1] q(9,0)")
)
POOL = """graph @g {
  input %x: f32[1,4,4,1]
  const %p: i32[4,2] = [0,0,0,1,0,1,0,0]
  %r: f32[1,4,4,1] = RELU(%x)
  %a: f32[1,5,5,1] = PAD(%r, %p) @"pad"
  %y: f32[1,2,2,1] = MAX_POOL_2D(%a) {padding=VALID, stride_h=2, stride_w=2, filter_h=3, filter_w=3}
  output %y
}
"""


def run(text: str) -> tuple[Graph, Log, bool]:
    graph, log = parse_graph(text), Log()
    changed = FoldPadding().run(graph, log)
    verify_graph(graph)
    return graph, log, changed


def ops(graph: Graph) -> list[str]:
    return [node.op for node in graph.nodes]


def with_number(text: str, number: str) -> str:
    """Return a text whose PAD is a PADV2 with this constant."""
    return (
        text.replace("  const %p", f"  const %n: {number}\n  const %p")
        .replace(" = PAD(", " = PADV2(")
        .replace(", %p)", ", %p, %n)")
    )


def refusals(text: str) -> list[str]:
    graph, log, changed = run(text)
    assert not changed
    assert print_graph(graph) == print_graph(parse_graph(text))
    assert all(entry.is_refusal for entry in log.entries)
    return [entry.text for entry in log.entries]


def test_rule_1_the_convolution_pads_its_image_itself() -> None:
    graph, log, _ = run(CONV)
    (node,) = graph.nodes
    assert (node.op, node.attrs.padding, node.operand(0)) == ("CONV_2D", Padding.SAME, graph.inputs[0])
    assert [entry.render() for entry in log.entries] == [
        "fold-padding: changed conv: pads its image itself, 100 B less to write"
    ]


def test_rule_1_rows_that_no_window_reaches_do_not_matter() -> None:
    text = CONV.replace(AMOUNTS, "[0,0,0,2,0,2,0,0]").replace("%a: f32[1,5,5,1]", "%a: f32[1,6,6,1]")
    assert ops(run(text)[0]) == ["CONV_2D"]


@pytest.mark.parametrize(
    ("amounts", "padded", "result"),
    [
        ("[0,0,1,1,1,1,0,0]", "[1,6,6,1]", "[1,2,2,1]"),
        ("[0,0,1,0,0,1,0,0]", "[1,5,5,1]", "[1,2,2,1]"),
        ("[0,0,0,3,0,1,0,0]", "[1,7,5,1]", "[1,3,2,1]"),
        ("[0,0,0,0,0,1,0,0]", "[1,4,5,1]", "[1,1,2,1]"),
    ],
)
def test_rule_1_refuses_other_windows(amounts: str, padded: str, result: str) -> None:
    text = CONV.replace(AMOUNTS, amounts).replace("%a: f32[1,5,5,1]", f"%a: f32{padded}")
    text = text.replace("%y: f32[1,2,2,1]", f"%y: f32{result}")
    assert refusals(text) == ["CONV_2D with padding SAME begins elsewhere or has another size"]


def test_rule_1_a_convolution_that_pads_already_is_left_alone() -> None:
    text = CONV.replace("VALID", "SAME").replace("%y: f32[1,2,2,1]", "%y: f32[1,3,3,1]")
    assert refusals(text) == []


def test_rule_1_a_padded_weight_is_no_image() -> None:
    text = CONV.replace("CONV_2D(%a, %w)", "CONV_2D(%z, %a)").replace(
        "input %x", "input %z: f32[1,9,9,1]\n  input %x"
    )
    text = text.replace("%y: f32[1,2,2,1]", "%y: f32[1,3,3,1]")
    assert refusals(text.replace("  const %w: f32[1,3,3,1] = [1,2,3,4,5,6,7,8,9]\n", "")) == []


def test_rule_2_refuses_where_something_else_reads_the_padded_image() -> None:
    assert refusals(CONV.replace("  output %y", "  output %a\n  output %y")) == ["'a' is read elsewhere"]


def test_rule_2_refuses_padded_channels() -> None:
    text = CONV.replace(AMOUNTS, "[0,0,0,1,0,1,0,1]").replace("%a: f32[1,5,5,1]", "%a: f32[1,5,5,2]")
    text = text.replace(
        "%w: f32[1,3,3,1] = [1,2,3,4,5,6,7,8,9]", "%w: f32[1,3,3,2] = [1,2,3,4,5,6,7,8,9" + ",1" * 9 + "]"
    )
    assert refusals(text) == ["it pads batch or channels"]


def test_rule_3_zero_may_be_given_as_a_number() -> None:
    assert run(with_number(CONV, "f32[] = [0]"))[2]
    assert run(with_number(INT8, "i8[] q(0.5,-3) = [-3]"))[2]
    assert run(INT8)[2]


OPEN = CONV.replace("  input %x", "  input %n: f32[]\n  input %x").replace("PAD(%x, %p)", "PADV2(%x, %p, %n)")


@pytest.mark.parametrize(
    "text", [with_number(CONV, "f32[] = [1]"), with_number(INT8, "i8[] q(0.5,-3) = [0]"), OPEN]
)
def test_rule_3_refuses_other_numbers_and_unknown_ones(text: str) -> None:
    assert refusals(text) == ["the padding is not zero"]


@pytest.mark.parametrize(
    "text",
    [
        POOL,
        POOL.replace("= RELU(", "= RELU6("),
        POOL.replace("RELU(%x)", "ADD(%x, %x) {activation=RELU}"),
        with_number(POOL, "f32[] = [-1]"),
        with_number(POOL.replace("= RELU(", "= TANH("), "f32[] = [-3.4028235e38]"),
    ],
)
def test_rule_4_a_maximum_pool_ignores_what_is_never_the_most(text: str) -> None:
    graph, _, changed = run(text)
    assert changed
    assert graph.nodes[-1].attrs.padding is Padding.SAME


@pytest.mark.parametrize(
    "text",
    [
        POOL.replace("= RELU(", "= TANH("),
        POOL.replace("PAD(%r, %p)", "PAD(%x, %p)").replace("  %r: f32[1,4,4,1] = RELU(%x)\n", ""),
        POOL.replace("RELU(%x)", "ADD(%x, %x) {activation=RELU_N1_TO_1}"),
        with_number(POOL, "f32[] = [0.5]"),
    ],
)
def test_rule_4_refuses_where_padding_may_be_the_most(text: str) -> None:
    assert refusals(text) == ["elements of the image may be less than the padding"]


@pytest.mark.parametrize("op", ["AVERAGE_POOL_2D", "L2_POOL_2D"])
def test_rule_5_refuses_before_a_pool_that_divides(op: str) -> None:
    text = POOL.replace("MAX_POOL_2D", op)
    assert refusals(text) == ["the pool divides by the number of elements inside the image"]


TWICE = """graph @g {
  input %x: f32[2,3]
  const %p: i32[2,2] = [0,1,2,0]
  const %q: i32[2,2] = [1,0,0,3]
  const %zero: f32[] = [0]
  %a: f32[3,5] = PAD(%x, %p) @"first"
  %y: f32[4,8] = PADV2(%a, %q, %zero) @"second"
  output %y
}
"""


def test_rule_6_two_paddings_are_one() -> None:
    graph, log, _ = run(TWICE)
    (node,) = graph.nodes
    assert (node.op, node.name) == ("PADV2", "second")
    assert np.array_equal(node.operand(1).data, [[1, 1], [2, 3]])  # type: ignore[arg-type]
    assert [entry.render() for entry in log.entries] == [
        "fold-padding: changed second: takes over the PAD before it, 60 B less to write"
    ]


def test_rule_6_three_paddings_and_a_convolution_are_a_convolution() -> None:
    text = CONV.replace('PAD(%x, %p) @"pad"', "PAD(%c, %r)").replace(
        "  %a:", "  %b: f32[1,4,5,1] = PAD(%x, %q)\n  %c: f32[1,5,5,1] = PAD(%b, %s)\n  %a:"
    )
    amounts = {"q": "[0,0,0,0,0,1,0,0]", "s": "[0,0,0,1,0,0,0,0]", "r": "[0,0,0,0,0,0,0,0]"}
    constants = "".join(f"  const %{name}: i32[4,2] = {data}\n" for name, data in amounts.items())
    assert ops(run(text.replace("  const %w", f"{constants}  const %w"))[0]) == ["CONV_2D"]


def test_rule_6_refuses_another_number() -> None:
    assert refusals(TWICE.replace("[0]\n", "[1]\n")) == ["the PAD before it pads with another number"]


def test_rule_6_refuses_where_something_else_reads_what_lies_between() -> None:
    assert refusals(TWICE.replace("  output %y", "  output %a\n  output %y")) == ["'a' is read elsewhere"]


NOTHING = TWICE.replace("[0,1,2,0]", "[0,0,0,0]").replace("%a: f32[3,5]", "%a: f32[2,3]").replace("[4,8]", "[2,3]")


def test_rule_7_a_padding_by_nothing_goes() -> None:
    graph, log, _ = run(NOTHING.replace("PADV2(%a, %q, %zero)", "RELU(%a)"))
    assert ops(graph) == ["RESHAPE", "RELU"]
    assert [entry.render() for entry in log.entries] == [
        "fold-padding: changed first: PAD pads by nothing, 24 B less to write"
    ]
    DropIdentities().run(graph, Log())
    assert ops(graph) == ["RELU"]


@pytest.mark.parametrize(
    "text",
    [
        INT8.replace("%a: i8[1,5,5,1] q(0.5,-3)", "%a: i8[1,5,5,1] q(0.5000001,-3)"),
        CONV.replace("%a: f32[1,5,5,1]", "%a: f32[1,5,5,1] q(1,0)"),
        TWICE.replace("%a: f32[3,5]", "%a: f32[3,5] q(1,0)"),
        NOTHING.replace("PADV2(%a, %q, %zero)", "RELU(%a)").replace("%a: f32[2,3]", "%a: f32[2,3] q(1,0)"),
    ],
)
def test_rule_8_a_padding_that_notes_another_scale_stays(text: str) -> None:
    assert not run(text)[2]


def test_rule_8_the_image_keeps_its_int8_form() -> None:
    graph, _, changed = run(CONV.replace("%x: f32[1,4,4,1]", "%x: f32[1,4,4,1] q(0.5,-3)"))
    assert changed
    assert graph.nodes[0].operand(0).type.quant is not None


def same_amounts(size: int, reach: int, stride: int) -> tuple[int, int]:
    """Return what TensorFlow's documentation of SAME says: the remainder decides."""
    total = max(reach - (size % stride or stride), 0)
    return total // 2, total - total // 2


@st.composite
def padded_windows(draw: DrawFn) -> Graph:
    """Return a window over a padded image; most amounts are those of SAME or nearly so."""
    net = NetBuilder(draw(st.sampled_from([DType.FLOAT32, DType.INT8])), draw(st.integers(0, 99)))
    size, strides = st.integers(4, 9), (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    image = net.input(1, draw(size), draw(size), draw(st.integers(1, 3)))
    op = draw(st.sampled_from(["CONV_2D", "DEPTHWISE_CONV_2D", "MAX_POOL_2D", "AVERAGE_POOL_2D"]))
    kernel = draw(st.integers(1, 4))
    dilation = draw(st.integers(1, 2)) if strides == (1, 1) and "CONV" in op else 1
    reach = (kernel - 1) * dilation + 1
    wanted = [same_amounts(n, reach, stride) for n, stride in zip(image.type.shape[1:3], strides, strict=True)]
    amounts = [
        (before + draw(st.sampled_from([0, 0, 0, 1])), after + draw(st.sampled_from([0, 0, 1])))
        for before, after in wanted
    ]
    source = net.unary("RELU", image) if draw(st.booleans()) else image
    padded = pad(draw, net, source, amounts)
    window: dict[str, Any] = {"padding": Padding.VALID, "stride_h": strides[0], "stride_w": strides[1]}
    if op in ("MAX_POOL_2D", "AVERAGE_POOL_2D"):
        return net.outputs(net.pool(padded, op, kernel, **window))
    window |= {"dilation_h": dilation, "dilation_w": dilation}
    made = net.conv(padded, 2, kernel, **window) if op == "CONV_2D" else net.depthwise(padded, kernel, **window)
    return net.outputs(made)


def pad(draw: DrawFn, net: NetBuilder, source: Value, amounts: list[tuple[int, int]]) -> Value:
    """Return the padded image, in one step or two, by zeros or by the lowest number."""
    kind = source.type
    if draw(st.integers(0, 3)) == 0:
        lowest = np.finfo(np.float32).min if kind.dtype is DType.FLOAT32 else -128
        number = net.builder.constant("lowest", np.array(lowest, kind.dtype.numpy), kind.quant)
        return net.node("PADV2", source, np.array([(0, 0), *amounts, (0, 0)], np.int32), number)
    if draw(st.booleans()):
        source, amounts = net.pad(source, (0, 0), amounts[0], (0, 0), (0, 0)), [(0, 0), amounts[1]]
    return net.pad(source, (0, 0), *amounts, (0, 0))


@given(padded_windows())
def test_the_outputs_are_equal_bit_for_bit_and_twice_is_once(graph: Graph) -> None:
    samples, before = random_samples(graph, 2), write_tflite(graph)
    FoldPadding().run(graph, Log())
    verify_graph(graph)
    for name in filter(installed, ("litert", "tflm")):
        executor = EXECUTORS[name]
        assert difference(executor.run(before, samples), executor.run(write_tflite(graph), samples)) is None
    once = print_graph(graph)
    FoldPadding().run(graph, Log())
    assert print_graph(graph) == once


@given(st.integers(1, 12), st.integers(1, 5), st.integers(1, 3), st.integers(1, 2))
def test_the_amounts_of_same_always_fold(size: int, kernel: int, stride: int, dilation: int) -> None:
    net = NetBuilder(DType.FLOAT32)
    amounts = same_amounts(size, (kernel - 1) * dilation + 1, stride)
    padded = net.pad(net.input(1, size, size, 1), (0, 0), amounts, amounts, (0, 0))
    strides = {"stride_h": stride, "stride_w": stride, "dilation_h": dilation, "dilation_w": dilation}
    graph = net.outputs(net.conv(padded, 2, kernel, padding=Padding.VALID, **strides))
    FoldPadding().run(graph, Log())
    DropIdentities().run(graph, Log())
    assert ops(graph) == ["CONV_2D"]
