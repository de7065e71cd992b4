"""TFLite file -> graph. Every count, index, length and shape in the file is checked before it is used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import tflite

from redsc.errors import LimitExceeded, MalformedModel
from redsc.formats.damage import damage_in
from redsc.formats.tables import Refusal, raise_problems
from redsc.formats.tflite.accessors import indices, op_name, text_of
from redsc.formats.tflite.custom import CUSTOM_FILE_OPS, custom_refusal
from redsc.formats.tflite.identifier import is_tflite
from redsc.formats.tflite.ops import TFLITE_OPS
from redsc.formats.tflite.read.attributes import read_attrs
from redsc.formats.tflite.read.branches import IF, find_choice, give_results, pass_operands
from redsc.formats.tflite.read.canonical import canonical, scale_plain_integers
from redsc.formats.tflite.read.conditions import Known
from redsc.formats.tflite.read.layer_states import LayerStates
from redsc.formats.tflite.read.older import (
    Made,
    unpack_constant,
    with_real_constants,
    with_symmetric_weights,
)
from redsc.formats.tflite.read.tensors import Tensors, operands, pick
from redsc.formats.tflite.read.variables import Variables, init_subgraphs
from redsc.formats.tflite.recurrent import split_states, state_problems, with_scales
from redsc.formats.tflite.state import STATE_FILE_OPS
from redsc.ir import (
    Graph,
    KernelLimit,
    Node,
    Shape,
    ShapeError,
    Value,
    Variable,
    op_def,
    verify_graph,
)
from redsc.ir.rules import RawIntegers
from redsc.ir.verifier import signature_of
from redsc.limits import DEFAULT_LIMITS, Limits

__all__ = ["read_tflite"]

_FILE_OPS = {*CUSTOM_FILE_OPS, *STATE_FILE_OPS, IF}  # what files have besides what graphs have


def read_tflite(data: bytes, limits: Limits = DEFAULT_LIMITS) -> Graph:
    """Return the graph of the first subgraph; others may give variables their initial values, or be branches.

    Raises:
        MalformedModel: the bytes are no sound TFLite model.
        LimitExceeded: the model is larger than `limits`.
        UnsupportedError: listing every part that redsc does not know.
    """
    if len(data) > limits.file_bytes:
        raise LimitExceeded(f"the file has {len(data):,} B, the limit is {limits.file_bytes:,} B")
    if not is_tflite(data):
        raise MalformedModel("not a TFLite model: the identifier TFL3 is missing")
    with damage_in("TFLite file"):
        graph = _Reader(data, limits).graph()
    verify_graph(graph)
    return graph


@dataclass(slots=True)
class _Reader:
    data: bytes
    limits: Limits
    problems: list[str] = field(default_factory=list)
    made: Made = field(default_factory=dict)
    inside: list[int] = field(default_factory=list)
    known: Known = field(default_factory=Known)
    model: Any = field(init=False)
    codes: list[str] = field(init=False)
    most_operators: int = 0
    most_tensors: int = 0
    tensors: Tensors = field(init=False)
    states: LayerStates = field(init=False)
    variables: Variables = field(init=False)

    def __post_init__(self) -> None:
        self.model = tflite.Model.GetRootAs(self.data, 0)
        self.codes = [op_name(self.model.OperatorCodes(i)) for i in range(self.model.OperatorCodesLength())]
        self.tensors = Tensors(self.data, self.limits, self.problems)
        self.states = LayerStates(self.tensors.variables, self.problems)
        self.variables = Variables(self.tensors.resources, self.limits.name_chars, self.problems)

    def graph(self) -> Graph:
        starts = [self.model.Subgraphs(index) for index in self._checked_starts()]
        subgraph = self.model.Subgraphs(0)
        self._cap("buffers", self.model.BuffersLength(), self.limits.tensors)
        self._refuse_unknown_ops(subgraph)
        tensors = self.tensors.read(self.model, subgraph)
        for start in starts:
            self.variables.start(start, self.tensors.read(self.model, start), self.codes)
        raise_problems(self.problems)
        graph = Graph(text_of(subgraph.Name() or b"main")[: self.limits.name_chars])
        for index in indices(subgraph.InputsAsNumpy()):
            graph.inputs.append(self._activation(tensors, index, "graph input"))
        for i in range(subgraph.OperatorsLength()):
            self._node(graph, tensors, subgraph.Operators(i))
        graph.outputs = [pick(tensors, i, "graph output") for i in indices(subgraph.OutputsAsNumpy())]
        if any(value in self.tensors.resources for value in (*graph.inputs, *graph.outputs)):
            raise MalformedModel("a handle of a variable is a graph input or output")
        if self.states.has_any((*graph.inputs, *graph.outputs)):
            self.problems.append("a tensor that kernels change is a graph input or output")
        self.variables.settle(graph)
        raise_problems(self.problems)
        scale_plain_integers(graph)
        self._rename_copies(graph)
        return graph

    def _checked_starts(self) -> list[int]:
        """Return which subgraphs start variables; what neither they nor branches are is never looked at."""
        subgraphs = self._subgraphs()
        if not subgraphs:
            raise MalformedModel("the model has no subgraph")
        operators = sum(subgraph.OperatorsLength() for subgraph in subgraphs)
        tensors = sum(subgraph.TensorsLength() for subgraph in subgraphs)
        self._cap("operators", operators, self.limits.nodes)
        self._cap("tensors", tensors, self.limits.tensors)
        self.most_operators = min(self.limits.nodes, self.limits.growth * operators)
        self.most_tensors = min(self.limits.tensors, self.limits.growth * tensors)
        for subgraph in subgraphs:
            for i in range(subgraph.OperatorsLength()):
                pick(self.codes, subgraph.Operators(i).OpcodeIndex(), "operator code")
        return list(init_subgraphs(self.model, self.codes))

    def _subgraphs(self) -> list[Any]:
        return [self.model.Subgraphs(i) for i in range(self.model.SubgraphsLength())]

    def _cap(self, what: str, count: int, limit: int) -> None:
        if count > limit:
            raise LimitExceeded(f"the model has {count:,} {what}, the limit is {limit:,}")

    def _refuse_unknown_ops(self, subgraph: Any) -> None:
        for i in range(subgraph.OperatorsLength()):
            code = subgraph.Operators(i).OpcodeIndex()
            name = self.codes[code]
            row = TFLITE_OPS.get(name, Refusal("redsc does not know this operator"))
            if name == "CUSTOM":
                row = Refusal(custom_refusal(self.model.OperatorCodes(code), self.limits.name_chars))
            if name not in _FILE_OPS and isinstance(row, Refusal):
                self.problems.append(f"at operator {i}: {name}: {row.reason}")
        raise_problems(self.problems)

    def _activation(self, tensors: list[Value], index: int, what: str) -> Value:
        value: Value = pick(tensors, index, what)
        if value.is_constant:
            raise MalformedModel(f"{what} {value.name!r} is a constant")
        return value

    def _node(self, graph: Graph, tensors: list[Value], operator: Any) -> None:
        op = self.codes[operator.OpcodeIndex()]
        if op == IF:
            self._take_branch(graph, tensors, operator)
        elif op in STATE_FILE_OPS or op_def(op).attrs is Variable:
            self.variables.node(graph, tensors, operator, op)
        else:
            self._compute(graph, tensors, operator, op)

    def _compute(self, graph: Graph, tensors: list[Value], operator: Any, op: str) -> None:
        """Add the node of an operator that computes, but for what is a constant or a reset of states."""
        found = split_states(op, operands(op, tensors, operator))
        if found.refusal:
            self.problems.append(f"at {op}: {found.refusal}")
            return
        outputs = [self._activation(tensors, i, f"{op} output") for i in indices(operator.OutputsAsNumpy())]
        self._check_operands(graph, op, found.inputs, outputs)
        problems, name = list[str](), outputs[0].name
        attrs = with_scales(op, read_attrs(op, operator, problems), found.states)
        self.problems += [f"at {op} {name!r}: {problem}" for problem in problems]
        node = Node(op, tuple(found.inputs), tuple(outputs), attrs, _origin(name))
        if self.states.take_reset(node):
            return
        node = canonical(self.states.claim(node, found.states))
        if not unpack_constant(node, self.made):
            self._append(graph, node, found.states)

    def _check_operands(
        self, graph: Graph, op: str, inputs: Sequence[Value | None], outputs: Sequence[Value]
    ) -> None:
        """Check that an operator reads what it needs, and makes what nothing else makes."""
        if any(value in self.tensors.resources for value in (*inputs, *outputs)):
            raise MalformedModel(f"{op} computes with the handle of a variable")
        if not outputs or len(inputs) < op_def(op).min_inputs:
            raise MalformedModel(f"{op} has {len(inputs)} inputs and {len(outputs)} outputs")
        if any(value is None for value in inputs[: op_def(op).min_inputs]):
            raise MalformedModel(f"{op} {outputs[0].name!r} leaves out an input that it needs")
        for index, value in enumerate(outputs):
            if value.producer or any(value is other for other in (*graph.inputs, *outputs[:index])):
                raise MalformedModel(f"tensor {value.name!r} has two producers")
        is_raw = isinstance(op_def(op).quant, RawIntegers)
        if is_raw and any(value in self.tensors.moved for value in (*inputs, *outputs)):
            problem = "it reads or writes uint8 numbers themselves, redsc makes them int8"
            self.problems.append(f"at {op} {outputs[0].name!r}: {problem}")

    def _append(self, graph: Graph, node: Node, states: Sequence[Value]) -> None:
        """Add a node, its numbers in a form that tflite-micro takes, and note what it makes if that is known."""
        node = with_symmetric_weights(with_real_constants(node, self.made), self.made)
        if signature_of(node) is None:
            self.problems.append(f"at {node.op} {node.name!r}: {_dtypes(node)}")
        elif self._check_shapes(node):
            self.problems += [f"at {node.op} {node.name!r}: {problem}" for problem in state_problems(node, states)]
        made = graph.append(node.op, node.inputs, node.outputs, node.attrs, node.origin)
        if not self.problems:
            self.known.note(made)

    def _take_branch(self, graph: Graph, tensors: list[Value], operator: Any) -> None:
        """Read the operators of the branch that an IF takes in its place: its results are those of the branch."""
        choice = find_choice(tensors, operator, self.known)
        if choice.branch is None:
            self.problems.append(f"at IF {choice.name!r}: {choice.refusal}")
            return
        if choice.branch in (0, *self.inside):
            raise MalformedModel(f"IF {choice.name!r} runs a subgraph inside itself")
        branch = self.model.Subgraphs(pick(range(self.model.SubgraphsLength()), choice.branch, "branch"))
        self._refuse_unknown_ops(branch)
        self._cap("operators with its branches", len(graph.nodes) + branch.OperatorsLength(), self.most_operators)
        self._cap("tensors with its branches", len(self.tensors.names) + branch.TensorsLength(), self.most_tensors)
        self._cap("branches inside each other", len(self.inside) + 1, self.limits.nesting)
        own = self.tensors.read(self.model, branch)
        pass_operands(choice, own, indices(branch.InputsAsNumpy()))
        self.inside.append(choice.branch)
        for i in range(branch.OperatorsLength()):
            self._node(graph, own, branch.Operators(i))
        self.inside.pop()
        results = [pick(own, i, "result of a branch") for i in indices(branch.OutputsAsNumpy())]
        give_results(choice, tensors, results)

    def _rename_copies(self, graph: Graph) -> None:
        """Give constants in a new form names of their own: other nodes may read the file's form."""
        seen: set[str] = set()
        for index, value in enumerate(graph.values()):
            if value.name in seen:
                value.name = self.tensors.name(value.name.encode(), index)
            seen.add(value.name)

    def _check_shapes(self, node: Node) -> bool:
        """Check that the shapes are those that the op makes; return whether tflite-micro's kernel takes them."""
        try:
            inferred = op_def(node.op).infer(node)
        except KernelLimit as error:
            self.problems.append(f"at {node.op} {node.name!r}: {error}")
            return False
        except ShapeError as error:
            raise MalformedModel(f"{node.op} {node.name!r}: {error}") from error
        found = tuple(value.type.shape for value in node.outputs)
        if inferred != found:
            raise MalformedModel(
                f"{node.op} {node.name!r} gives {_listed(inferred)}, the file says {_listed(found)}"
            )
        return True


def _origin(name: str) -> tuple[str, ...]:
    """Return the user's layer names: converters join those of fused layers with `;`."""
    return tuple(part for part in name.split(";") if part) or (name,)


def _dtypes(node: Node) -> str:
    inputs = ", ".join("none" if value is None else value.type.dtype.value for value in node.inputs)
    return f"it takes ({inputs}) and gives {node.outputs[0].type.dtype.value}, which redsc does not translate"


def _listed(shapes: Sequence[Shape]) -> str:
    return ", ".join(str(list(shape)) for shape in shapes)
