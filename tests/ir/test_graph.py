from __future__ import annotations

import pickle

import numpy as np
import pytest

from redsc.errors import InternalError
from redsc.ir import NO_ATTRS, Add, DType, Graph, GraphBuilder, TensorType, Use, Value, print_graph, verify_graph

FLOATS = TensorType((4,), DType.FLOAT32)


def _chain() -> Graph:
    """Return x -> RELU -> a -> RELU -> b."""
    x, a, b = (Value(name, FLOATS) for name in "xab")
    graph = Graph(inputs=[x], outputs=[b])
    graph.append("RELU", [x], [a], NO_ATTRS, origin=["first"])
    graph.append("RELU", [a], [b], NO_ATTRS)
    verify_graph(graph)
    return graph


def test_append_registers_uses_and_producer() -> None:
    graph = _chain()
    first, second = graph.nodes
    (a,) = first.outputs
    assert a.producer is first
    assert a.uses == [Use(second, 0)]


def test_a_value_has_one_producer() -> None:
    graph = _chain()
    with pytest.raises(InternalError, match="'a' already has a producer"):
        graph.append("RELU", [graph.inputs[0]], [graph.nodes[0].outputs[0]], NO_ATTRS)


def test_a_constant_has_no_producer() -> None:
    graph = _chain()
    with pytest.raises(InternalError, match="already has a producer"):
        graph.append("RELU", [graph.inputs[0]], [Value.constant("c", np.zeros(4, np.float32))], NO_ATTRS)


def test_a_constant_is_a_read_only_view() -> None:
    data = np.arange(3, dtype=np.int32)
    value = Value.constant("c", data)
    assert value.data is not None
    assert value.data.base is data
    assert not value.data.flags.writeable
    assert data.flags.writeable
    assert value.type == TensorType((3,), DType.INT32)
    assert value.is_constant


def test_set_input_moves_the_use() -> None:
    graph = _chain()
    x, a = graph.inputs[0], graph.nodes[0].outputs[0]
    graph.set_input(graph.nodes[1], 0, x)
    assert a.uses == []
    assert x.uses == [Use(graph.nodes[0], 0), Use(graph.nodes[1], 0)]
    verify_graph(graph)


def test_set_input_fills_an_operand_that_was_left_out() -> None:
    x, y = Value("x", FLOATS), Value("y", FLOATS)
    graph = Graph(inputs=[x], outputs=[y])
    node = graph.append("ADD", [x, None], [y], Add())
    graph.set_input(node, 1, x)
    assert node.inputs == (x, x)
    assert x.uses == [Use(node, 0), Use(node, 1)]


def test_replace_uses_reaches_every_reader_and_the_outputs() -> None:
    graph = _chain()
    x, b = graph.inputs[0], graph.outputs[0]
    graph.replace_uses(b, graph.nodes[0].outputs[0])
    graph.replace_uses(graph.nodes[0].outputs[0], x)
    assert graph.outputs == [x]
    assert graph.nodes[1].inputs == (x,)
    verify_graph(graph)


def test_a_value_used_twice_by_one_node_is_replaced_twice() -> None:
    x, y, z = (Value(name, FLOATS) for name in "xyz")
    graph = Graph(inputs=[x, z], outputs=[y])
    node = graph.append("ADD", [x, x], [y], Add())
    graph.replace_uses(x, z)
    assert node.inputs == (z, z)
    assert (len(x.uses), len(z.uses)) == (0, 2)


def test_remove_drops_the_uses() -> None:
    graph = _chain()
    a = graph.nodes[0].outputs[0]
    graph.outputs = [a]
    graph.remove(graph.nodes[1])
    assert a.uses == []
    verify_graph(graph)


def test_a_node_that_is_read_cannot_be_removed() -> None:
    graph = _chain()
    with pytest.raises(InternalError, match="'a' is still used"):
        graph.remove(graph.nodes[0])


def test_a_node_that_makes_an_output_cannot_be_removed() -> None:
    graph = _chain()
    with pytest.raises(InternalError, match="'b' is still used"):
        graph.remove(graph.nodes[1])


def test_values_come_once_in_order_of_appearance() -> None:
    x, y, idle = (Value(name, FLOATS) for name in ("x", "y", "idle"))
    c = Value.constant("c", np.zeros(4, np.float32))
    graph = Graph(inputs=[x, idle], outputs=[y, c])
    graph.append("ADD", [c, x], [y], Add())
    assert [value.name for value in graph.values()] == ["x", "idle", "c", "y"]
    assert graph.constants() == [c]
    assert graph.activations() == [x, idle, y]


def test_a_node_is_called_as_the_user_calls_it() -> None:
    first, second = _chain().nodes
    assert first.name == "first"
    assert second.name == "b"
    assert repr(second) == "Node(RELU, 'b')"
    assert repr(second.outputs[0]) == "Value('b', f32[4])"


def test_an_operand_must_be_there() -> None:
    graph = Graph(inputs=[x := Value("x", FLOATS)])
    node = graph.append("ADD", [x, None], [Value("y", FLOATS)], Add())
    assert list(node.present_inputs()) == [x]
    with pytest.raises(InternalError, match="ADD 'y' has no input 1"):
        node.operand(1)


def test_an_unused_name_is_like_the_one_asked_for() -> None:
    builder = GraphBuilder()
    graph = builder.output(builder.op("RELU", builder.input("x", (1, 2)), name="x#2"))
    assert graph.unused_name("y") == "y"
    assert graph.unused_name("x") == "x#3"


def test_a_graph_of_any_depth_can_be_pickled() -> None:
    weights = Value.constant("weights", np.arange(4, dtype=np.float32))
    last = first = Value("x", FLOATS)
    graph = Graph("deep", inputs=[first])
    for layer in range(2000):
        last, previous = Value(f"y{layer}", FLOATS), last
        graph.append("ADD", [previous, weights], [last], Add(), origin=[f"layer {layer}"])
    graph.outputs = [last]
    copy = pickle.loads(pickle.dumps(graph))
    verify_graph(copy)
    assert print_graph(copy) == print_graph(graph)
    assert [node.origin for node in copy.nodes] == [node.origin for node in graph.nodes]
    (constant,) = copy.constants()
    assert not constant.data.flags.writeable
    assert len(constant.uses) == 2000
