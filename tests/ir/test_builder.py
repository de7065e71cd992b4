from __future__ import annotations

import numpy as np
import pytest

from redsc.errors import InternalError
from redsc.ir import DType, GraphBuilder, Quant, Reshape, ShapeError, verify_graph


def test_shapes_are_inferred_and_types_follow_the_input() -> None:
    builder = GraphBuilder("net")
    x = builder.input("x", (2, 3))
    y = builder.op("RESHAPE", x, attrs=Reshape((6,)), name="flat", origin=["layer"])
    graph = builder.output(y)
    verify_graph(graph)
    assert graph.name == "net"
    assert (y.name, y.type.shape, y.type.dtype) == ("flat", (6,), DType.FLOAT32)
    assert graph.nodes[0].origin == ("layer",)


def test_the_element_type_can_be_another() -> None:
    builder = GraphBuilder()
    quant = Quant.per_tensor(0.5)
    y = builder.op("QUANTIZE", builder.input("x", (2,)), dtype=DType.INT8, quant=quant)
    assert (y.type.dtype, y.type.quant) == (DType.INT8, quant)


def test_names_are_made_unique() -> None:
    builder = GraphBuilder()
    x = builder.input("a", (2,))
    names = [builder.op("RELU", x, name="a").name, builder.op("RELU", x, name="a").name]
    assert names == ["a#2", "a#3"]


def test_a_made_up_name_does_not_meet_a_given_one() -> None:
    builder = GraphBuilder()
    x = builder.input("a#2", (2,))
    y = builder.constant("a", np.zeros(2, np.float32))
    z = builder.op("RELU", x, name="a")
    assert len({x.name, y.name, z.name}) == 3


def test_a_node_without_a_name_is_called_like_its_op() -> None:
    builder = GraphBuilder()
    assert builder.op("LEAKY_RELU", builder.input("x", (2,)), attrs=None).name == "leaky_relu"


def test_operands_that_do_not_fit_are_refused() -> None:
    builder = GraphBuilder()
    x, y = builder.input("x", (2,)), builder.input("y", (3,))
    with pytest.raises(ShapeError, match="do not broadcast"):
        builder.op("ADD", x, y)


def test_an_unknown_op_is_our_bug() -> None:
    builder = GraphBuilder()
    with pytest.raises(InternalError, match="did you mean RELU6"):
        builder.op("RELUU6", builder.input("x", (2,)))
