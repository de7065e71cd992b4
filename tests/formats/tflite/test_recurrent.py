"""The tensors of recurrent layers in files: what redsc writes and reads, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import tflite

from redsc.errors import UnsupportedError
from redsc.formats import has_short_memory, has_variables, read_tflite, write_tflite
from redsc.formats.tflite import writer
from redsc.formats.tflite.state import FileGraph, file_graphs
from redsc.ir import LSTM, SVDF, DType, Graph, Node, Quant, Split, TensorType, Value, own_states, print_graph
from tests.helpers import NetBuilder, small_net
from tests.recurrent import lstm, recurrent_net, svdf

TIME = {"int8 time": DType.INT8, "int16 time": DType.INT16}
NETS = {name: recurrent_net(DType.INT8, time) for name, time in TIME.items()} | {
    "float32": recurrent_net(DType.FLOAT32)
}


@pytest.mark.parametrize("name", NETS)
def test_a_network_reads_back_equal(name: str) -> None:
    graph = NETS[name]
    assert print_graph(read_tflite(write_tflite(graph))) == print_graph(graph)


@pytest.mark.parametrize("name", NETS)
def test_a_file_has_the_state_as_variable_tensors(name: str) -> None:
    graph = NETS[name]
    subgraph = tflite.Model.GetRootAs(write_tflite(graph), 0).Subgraphs(0)
    tensors = [subgraph.Tensors(i) for i in range(subgraph.TensorsLength())]
    found = {t.Name().decode(): tuple(t.ShapeAsNumpy().tolist()) for t in tensors if t.IsVariable()}
    assert found == {state.name: state.type.shape for node in graph.nodes for state in own_states(node)}
    assert {t.Buffer() for t in tensors if t.IsVariable()} == {0}
    between = [subgraph.Operators(i).IntermediatesLength() for i in range(subgraph.OperatorsLength())]
    assert sum(between) == (0 if name == "float32" else 5)


def test_what_a_file_keeps_is_seen_without_its_graph() -> None:
    assert [has_variables(write_tflite(graph)) for graph in (*NETS.values(), small_net())] == [True] * 3 + [False]
    assert {name: has_short_memory(write_tflite(graph)) for name, graph in NETS.items()} == {
        "int8 time": True,
        "int16 time": False,
        "float32": False,
    }
    assert not has_short_memory(b"no model")


@pytest.mark.parametrize("dtype", [DType.INT8, DType.FLOAT32])
def test_a_layer_that_starts_anew_reads_back_so(dtype: DType) -> None:
    net = NetBuilder(dtype)
    graph = net.outputs(lstm(net, net.input(2, 3, 6), 4, starts_anew=True))
    (part,) = file_graphs(graph)
    assert [node.op for node in part.graph.nodes] == ["SPLIT", "SPLIT", LSTM]
    assert print_graph(read_tflite(write_tflite(graph))) == print_graph(graph)


Damage = Callable[[FileGraph, Node], FileGraph]


def damaged(op: str, damage: Damage, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """Return the file of a network whose layer of an op was changed."""
    net = NetBuilder()
    x = net.input(2, 3, 6) if op == LSTM else net.input(2, 6)
    graph = net.outputs(lstm(net, x, 4) if op == LSTM else svdf(net, x, 4))
    (part,) = file_graphs(graph)
    changed = damage(part, part.graph.nodes[0])
    monkeypatch.setattr(writer, "file_graphs", lambda _graph: (changed,))
    return write_tflite(graph)


def with_input(node: Node, place: int, value: Value | None) -> None:
    node.inputs = (*node.inputs[:place], value, *node.inputs[place + 1 :])


def plain_state(part: FileGraph, _node: Node) -> FileGraph:
    return replace(part, states=frozenset())


def no_state(part: FileGraph, node: Node) -> FileGraph:
    with_input(node, 4, None)
    return replace(part, states=frozenset())


def long_state(part: FileGraph, node: Node) -> FileGraph:
    (state,) = part.states
    state.type = replace(state.type, shape=(2, 41))
    return part


def wide_state(part: FileGraph, node: Node) -> FileGraph:
    (state,) = part.states
    state.type = replace(state.type, dtype=DType.INT32)
    return part


def shared_state(part: FileGraph, node: Node) -> FileGraph:
    again = Value("again", node.outputs[0].type)
    part.graph.append(node.op, node.inputs, [again], node.attrs)
    part.graph.outputs.append(again)
    return part


def state_as_output(part: FileGraph, _node: Node) -> FileGraph:
    part.graph.outputs += part.states
    return part


def no_bias(part: FileGraph, node: Node) -> FileGraph:
    with_input(node, 3, None)
    return part


def other_bias(part: FileGraph, node: Node) -> FileGraph:
    bias = node.operand(3)
    assert bias.data is not None
    with_input(node, 3, Value.constant("other", bias.data, Quant.per_tensor(1e-3)))
    return part


def coupled_gates(part: FileGraph, node: Node) -> FileGraph:
    for place in (1, 5, 12):
        with_input(node, place, None)
    return part


def peephole(part: FileGraph, node: Node) -> FileGraph:
    with_input(node, 9, node.operand(12))
    return part


def other_scale(part: FileGraph, node: Node) -> FileGraph:
    state = node.operand(18)
    state.type = replace(state.type, quant=Quant.per_tensor(0.5))
    return part


def odd_cell(part: FileGraph, node: Node) -> FileGraph:
    state = node.operand(19)
    state.type = replace(state.type, quant=Quant.per_tensor(0.001))
    return part


def shifted_weight(part: FileGraph, node: Node) -> FileGraph:
    weight = node.operand(1)
    weight.type = replace(weight.type, quant=Quant.per_tensor(0.01, 3))
    return part


def set_to(part: FileGraph, node: Node, place: int, number: int) -> FileGraph:
    """Let an operator before the layer set one of its states."""
    state, axis = node.operand(place), Value.constant("axis", np.array(0, np.int32))
    data = np.full(state.type.shape, number, state.type.dtype.numpy)
    source = Value.constant("source", data, state.type.quant)
    part.graph.append("SPLIT", [axis, source], [state], Split(1), before=node)
    return part


def half_reset(part: FileGraph, node: Node) -> FileGraph:
    return set_to(part, node, 19, 0)


def set_to_ones(part: FileGraph, node: Node) -> FileGraph:
    return set_to(part, node, 19, 1)


def reset_svdf(part: FileGraph, node: Node) -> FileGraph:
    return set_to(part, node, 4, 0)


REFUSED: dict[Damage, tuple[str, str]] = {
    plain_state: (SVDF, "its state is no tensor that kernels may change"),
    no_state: (SVDF, "it has no tensor for its state"),
    long_state: (SVDF, r"its state is not i16\[2, 40\]"),
    wide_state: (SVDF, r"its state is not i16\[2, 40\]"),
    shared_state: (SVDF, "or not its own"),
    state_as_output: (SVDF, "a tensor that kernels change is a graph input or output"),
    no_bias: (SVDF, "needs its weights and biases"),
    other_bias: (SVDF, "the scale of its bias is not that of the products"),
    coupled_gates: (LSTM, "needs its weights and biases"),
    peephole: (LSTM, "takes no peepholes"),
    other_scale: (LSTM, "does not have the scale and zero point that the output has"),
    odd_cell: (LSTM, "is no power of two"),
    half_reset: (LSTM, "a part of its state is set in every inference"),
    set_to_ones: (LSTM, "computes with the state of another layer"),
    reset_svdf: (SVDF, "its state is set in every inference"),
    shifted_weight: (LSTM, "does not have one scale and the zero point 0"),
}


@pytest.mark.parametrize("damage", REFUSED, ids=lambda damage: damage.__name__)
def test_what_the_kernels_do_not_take_is_refused(damage: Damage, monkeypatch: pytest.MonkeyPatch) -> None:
    op, reason = REFUSED[damage]
    with pytest.raises(UnsupportedError, match=reason):
        read_tflite(damaged(op, damage, monkeypatch))


def test_a_state_with_data_of_its_own_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def started(part: FileGraph, node: Node) -> FileGraph:
        state = Value.constant("start", np.zeros((2, 40), np.int16), Quant.per_tensor(1.0))
        with_input(node, 4, state)
        return replace(part, states=frozenset({state}))

    with pytest.raises(UnsupportedError, match="a variable with data of its own"):
        read_tflite(damaged(SVDF, started, monkeypatch))


def test_a_tensor_that_nothing_keeps_is_no_operand(monkeypatch: pytest.MonkeyPatch) -> None:
    def computed_with(part: FileGraph, node: Node) -> FileGraph:
        other = Value("other", TensorType((2, 6), DType.INT8, part.graph.inputs[0].type.quant))
        with_input(node, 0, other)
        return replace(part, states=part.states | {other})

    with pytest.raises(UnsupportedError, match="computes with the state of another layer"):
        read_tflite(damaged(SVDF, computed_with, monkeypatch))


def test_a_graph_without_recurrent_layers_is_its_own_file() -> None:
    graph: Graph = small_net()
    (part,) = file_graphs(graph)
    assert part.graph is graph
