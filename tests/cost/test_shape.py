from __future__ import annotations

import re
from typing import Any

from redsc.cost.latency.shape import FORM, layer_shape
from redsc.ir import Activation, DType, Graph, Node
from tests.helpers import NetBuilder
from tests.op_samples import sample_graph, signature_cases


def last_node(graph: Graph) -> Node:
    return graph.nodes[-1]


def conv(channels: int, outputs: int, kernel: int = 3, dtype: DType = DType.INT8, **attrs: Any) -> Node:
    net = NetBuilder(dtype)
    return last_node(net.outputs(net.conv(net.input(1, 8, 6, channels), outputs, kernel, **attrs)))


def test_a_form_has_all_but_channels_and_numbers() -> None:
    assert layer_shape(conv(4, 12)) == ("CONV_2D:i8.1x8x6x*,3x3xw,w>i8.1x8x6x*", (4, 12))
    assert layer_shape(conv(5, 7)) == ("CONV_2D:i8.1x8x6x*,3x3xw,w>i8.1x8x6x*", (5, 7))
    strided = layer_shape(conv(4, 12, stride_h=2))
    assert strided == ("CONV_2D:i8.1x8x6x*,3x3xw,w>i8.1x4x6x*:stride_h=2", (4, 12))


def test_what_makes_a_difference_is_in_the_form() -> None:
    nodes = [conv(4, 4), conv(4, 4, 1), conv(4, 4, dtype=DType.FLOAT32), conv(4, 4, dilation_w=2)]
    forms = [shape[0] for node in nodes if (shape := layer_shape(node))]
    assert len(set(forms)) == len(nodes)


def test_a_fused_activation_makes_none() -> None:
    assert layer_shape(conv(4, 4, activation=Activation.RELU)) == layer_shape(conv(4, 4))


def test_of_two_operands_the_channels_of_both_count() -> None:
    net = NetBuilder()
    x = net.input(1, 8, 8, 4)
    left, right = net.conv(x, 6), net.conv(x, 10)
    shape = layer_shape(last_node(net.outputs(net.concat(left, right))))
    assert shape is not None
    assert shape[1] == (6, 10)


def test_short_constants_are_in_the_form() -> None:
    net = NetBuilder()
    x = net.input(1, 8, 8, 4)
    shape = layer_shape(last_node(net.outputs(net.pad(x, (0, 0), (1, 2), (0, 0), (0, 0)))))
    assert shape is not None
    assert "=0.0.1.2.0.0.0.0" in shape[0]


def test_what_reads_where_numbers_say_cannot_be_measured() -> None:
    net = NetBuilder()
    rows = net.builder.input("rows", (3,), DType.INT32, None)
    assert layer_shape(last_node(net.outputs(net.node("GATHER", net.input(5, 4), rows)))) is None


def test_forms_of_all_operators_are_one_word() -> None:
    shapes = [layer_shape(node) for case in signature_cases() for node in sample_graph(*case).nodes]
    found = [shape for shape in shapes if shape is not None]
    assert len(found) > 100
    for form, channels in found:
        assert re.fullmatch(FORM, form)
        assert min(channels) > 0
