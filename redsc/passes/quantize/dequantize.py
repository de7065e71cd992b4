"""Make an int8 graph float, such that `quantize` makes it again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from redsc.ir import NO_ATTRS, Array, DType, Graph, Names, Node, Quant, TensorType, Value, op_def, real_values
from redsc.ir.rules import RawIntegers, SameInputScales, SameScale
from redsc.passes.base import Log
from redsc.passes.quantize.int8 import Role, fixed_quant, quantize_array, role_of
from redsc.runtime.ports import to_integers, to_real

__all__ = ["dequantize", "real_samples", "why_integer"]

_RULE = "dequantize"
_CONVERSIONS = ("QUANTIZE", "DEQUANTIZE")


def dequantize(graph: Graph, log: Log | None = None) -> Graph:
    """Return the graph in float; what was int8 notes its scale, so that `quantize` makes the same graph again.

    `quantize(dequantize(g), Log())` has the nodes, integers and scales of g, but for biases that the log refuses.

    1. An int8 node becomes float where its op has a float kernel; data, weights and results note their scales.
    2. A bias becomes real with the scales that its kernel takes for granted, s_in * s_w[i], whatever its own says.
       One that float32 cannot hold to half a step (some beyond 2^23 steps) is the nearest float; the log says so.
    3. A QUANTIZE or DEQUANTIZE between int8 and float32 becomes a CAST from float32 to float32: it moves nothing,
       and `quantize` finds the conversion in what its operand and result note.
    4. Any other node stays: QUANTIZE before, DEQUANTIZE after it; the log says why.
    5. int8 graph inputs and outputs become float, and note their scales.
    6. Values that were float note nothing, so that they stay float.
    """
    return _Dequantizer(graph, log or Log()).run()


def why_integer(node: Node) -> str | None:
    """Return why a node over int8 stays, None where it becomes float or has no int8."""
    if _is_conversion(node) or not any(_is_int8(value) for value in (*node.present_inputs(), *node.outputs)):
        return None
    if isinstance(op_def(node.op).quant, RawIntegers):
        return f"{node.op} reads or writes the integers themselves"
    if not _has_float_kernel(node):
        return f"there is no float kernel for {node.op} with these operands"
    if any(not value.is_constant for value, role in _lifted_inputs(node) if role is not Role.DATA):
        return "its weight or bias is no constant"
    return None if _keeps_scales(node) else "its scales differ, and its kernel ignores that"


def real_samples(graph: Graph, samples: Sequence[Sequence[Array]]) -> list[list[Array]]:
    """Return samples of an int8 graph as those of the float graph that `dequantize` makes of it.

    A sample has one array per graph input, in the element type of the graph or of its model file.
    """
    kinds = [value.type for value in graph.inputs]
    return [
        [to_real(to_integers(array, kind), kind) for array, kind in zip(row, kinds, strict=True)] for row in samples
    ]


def _is_int8(value: Value) -> bool:
    return value.type.dtype is DType.INT8 and value.type.quant is not None


def _is_conversion(node: Node) -> bool:
    types = {value.type.dtype for value in (node.operand(0), node.outputs[0])} if node.op in _CONVERSIONS else set()
    return DType.INT8 in types and types <= {DType.INT8, DType.FLOAT32}


def _is_lifted(node: Node, index: int, value: Value) -> bool:
    """Whether an operand of a node that becomes float is to be float."""
    is_bias = value.type.dtype is DType.INT32 and role_of(node, index) is Role.BIAS
    return is_bias or _is_int8(value)


def _lifted_inputs(node: Node) -> list[tuple[Value, Role]]:
    return [
        (value, role_of(node, index))
        for index, value in enumerate(node.inputs)
        if value is not None and _is_lifted(node, index, value)
    ]


def _has_float_kernel(node: Node) -> bool:
    """Whether the op has a signature in which every int8 tensor of this node, and its bias, is float."""
    inputs = [
        None if value is None else DType.FLOAT32 if _is_lifted(node, index, value) else value.type.dtype
        for index, value in enumerate(node.inputs)
    ]
    outputs = {DType.FLOAT32 if _is_int8(value) else value.type.dtype for value in node.outputs}
    return any(row.takes(inputs) and outputs == {row.output} for row in op_def(node.op).signatures)


def _keeps_scales(node: Node) -> bool:
    """Whether the scales are exactly those at which `quantize` would run the node."""
    op, fixed = op_def(node.op), fixed_quant(node)
    if fixed is not None:
        return all(value.type.quant == fixed for value in node.outputs if _is_int8(value))
    if not isinstance(op.quant, SameScale | SameInputScales):
        return True
    outputs = node.outputs if isinstance(op.quant, SameScale) else ()
    return len({value.type.quant for value in (*op.data_inputs(node), *outputs) if _is_int8(value)}) <= 1


@dataclass(slots=True)
class _Dequantizer:
    """Builds the new graph; `floats` are the float forms of old values, `kept` those in their own type."""

    source: Graph
    log: Log
    result: Graph = field(init=False)
    integer_nodes: set[Node] = field(default_factory=set)
    floats: dict[Value, Value] = field(default_factory=dict)
    kept: dict[Value, Value] = field(default_factory=dict)
    biases: dict[tuple[Value, Quant], Value] = field(default_factory=dict)
    constants: set[Value] = field(default_factory=set)
    names: Names = field(default_factory=Names)

    def run(self) -> Graph:
        self.result = Graph(self.source.name)
        self.names = Names(value.name for value in self.source.values())
        for node in self.source.nodes:
            reason = why_integer(node)
            if reason:
                self.integer_nodes.add(node)
                self.log.refuse(_RULE, node.name, reason)
        self.result.inputs = [self.declare(value) for value in self.source.inputs]
        for node in self.source.nodes:
            if _is_conversion(node):
                self.convert(node)
            elif node in self.integer_nodes:
                self.keep(node)
            else:
                self.lift(node)
        self.result.outputs = [self.operand(value) for value in self.source.outputs]
        return self.result

    def declare(self, value: Value) -> Value:
        """Make the new form of a graph input or of a result: float with a note where the old one is int8."""
        if _is_int8(value):
            self.floats[value] = _float_value(value)
            return self.floats[value]
        self.kept[value] = _plain_value(value.name, value)
        return self.kept[value]

    def operand(self, value: Value) -> Value:
        """Return the form of a value for a float node."""
        if not _is_int8(value):
            return self.as_it_is(value)
        if value.data is not None and value not in self.floats:
            self.floats[value] = self.constant(value, np.asarray(real_values(value), np.float32), value.type.quant)
        return self.floats[value]

    def as_it_is(self, value: Value) -> Value:
        """Return a value in its own type."""
        if value.data is not None and value not in self.kept:
            self.kept[value] = self.constant(value, value.data, _own_quant(value))
        if value not in self.kept:
            self.kept[value] = Value(self.names.take(f"{value.name}.int8"), value.type)
            self.result.append("QUANTIZE", [self.floats[value]], [self.kept[value]], NO_ATTRS)
        return self.kept[value]

    def convert(self, node: Node) -> None:
        source = self.operand(node.operand(0))
        self.result.append("CAST", [source], [self.declare(node.outputs[0])], op_def("CAST").attrs(), node.origin)

    def lift(self, node: Node) -> None:
        """Append a node in float; one that was float, or has no such numbers, as it is."""
        biases = [value for value, role in _lifted_inputs(node) if role is Role.BIAS]
        inputs = [
            None if value is None else self.bias(node, value) if value in biases else self.operand(value)
            for value in node.inputs
        ]
        self.result.append(node.op, inputs, [self.declare(v) for v in node.outputs], node.attrs, node.origin)

    def keep(self, node: Node) -> None:
        """Append a node over integers; what others read of its results is made float after it."""
        inputs = [None if value is None else self.as_it_is(value) for value in node.inputs]
        wanted = [value for value in node.outputs if _is_int8(value) and self.is_read_as_float(value)]
        for value in node.outputs:
            name = self.names.take(f"{value.name}.int8") if value in wanted else value.name
            self.kept[value] = _plain_value(name, value)
        self.result.append(node.op, inputs, [self.kept[value] for value in node.outputs], node.attrs, node.origin)
        for value in wanted:
            self.result.append("DEQUANTIZE", [self.kept[value]], [self.declare(value)], NO_ATTRS)

    def is_read_as_float(self, value: Value) -> bool:
        return self.source.is_output(value) or any(use.node not in self.integer_nodes for use in value.uses)

    def bias(self, node: Node, value: Value) -> Value:
        """Return the real bias; the log says where `quantize` will not find the same integers in it."""
        source, weight = op_def(node.op).data_inputs(node)[0].type.quant, _weight_quant(node)
        assert source is not None
        assert value.data is not None
        scales = np.array(weight.scales, np.float32) * np.float32(source.scale)
        quant = Quant(tuple(float(scale) for scale in scales), (0,))
        if (value, quant) not in self.biases:
            flat = value.data.reshape(-1)
            data = np.asarray(real_values(Value.constant(value.name, flat, quant)), np.float32)
            lost = int(np.count_nonzero(quantize_array(data, quant, DType.INT32) != flat))
            if lost:
                self.log.refuse(_RULE, node.name, f"float32 does not hold {lost} of the integers of {value.name!r}")
            self.biases[value, quant] = self.constant(value, data.reshape(value.data.shape), None)
        return self.biases[value, quant]

    def constant(self, value: Value, data: Array, quant: Quant | None) -> Value:
        """Return a form of a constant; the first has its name."""
        name = self.names.take(value.name) if value in self.constants else value.name
        self.constants.add(value)
        return Value.constant(name, data, quant)


def _weight_quant(node: Node) -> Quant:
    found = [value.type.quant for value, role in _lifted_inputs(node) if role is Role.WEIGHT]
    assert found[0] is not None
    return found[0]


def _float_value(value: Value) -> Value:
    return Value(value.name, TensorType(value.type.shape, DType.FLOAT32, value.type.quant))


def _plain_value(name: str, value: Value) -> Value:
    return Value(name, TensorType(value.type.shape, value.type.dtype, _own_quant(value)))


def _own_quant(value: Value) -> Quant | None:
    """Return the quantisation of integers; what a float notes is no property of this graph."""
    return None if value.type.dtype is DType.FLOAT32 else value.type.quant
