"""Make a float graph int8 where its values carry scales."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace

import numpy as np

from redsc.ir import (
    NO_ATTRS,
    Array,
    DType,
    Graph,
    Lstm,
    Names,
    Node,
    Quant,
    TensorType,
    Value,
    op_def,
    variable_nodes,
)
from redsc.passes.base import Log
from redsc.passes.quantize.int8 import (
    Role,
    fixed_quant,
    is_float_node,
    quantize_array,
    role_of,
    tied_values,
    weight_of_bias,
    why_float,
)
from redsc.passes.quantize.weight_scales import weight_integers
from redsc.passes.simplify.drop_dead_nodes import DropDeadNodes

__all__ = ["quantize"]

_RULE = "quantize"
_CONVERSIONS = {
    (DType.FLOAT32, DType.FLOAT32): "CAST",
    (DType.FLOAT32, DType.INT8): "QUANTIZE",
    (DType.INT8, DType.FLOAT32): "DEQUANTIZE",
    (DType.INT8, DType.INT8): "QUANTIZE",
}


def quantize(graph: Graph, log: Log, keep_float: Collection[str] = ()) -> Graph:
    """Return the graph in int8: what carries a quantisation becomes int8, what cannot stays float.

    1. A node becomes int8 where its op has an int8 kernel and its data, results and weights carry scales.
    2. Any other float node is an island: DEQUANTIZE before, QUANTIZE after it; the log says why.
    3. Graph inputs and outputs that carry a scale are int8, without a conversion at the border.
    4. A bias becomes int32 with scale s_in * s_w[i]; one beyond int32 saturates, and the log says so.
    5. An op that copies raw integers runs at the scale of its only operand, or of its result if it has several;
       an operand or result with another scale is requantised by an int8 QUANTIZE.
    6. Where the kernel prescribes another scale than the result carries, the result is requantised likewise.
    7. Nodes without floats, and integer operands, stay as they are.
    8. A CAST from float32 to float32 becomes the conversion between what its operand and its result become.
    9. A QUANTIZE or DEQUANTIZE from a float32 that becomes int8 to int8, or back, is dropped, or requantises.
    10. A variable is int8 where both of its nodes can be; what is assigned takes the scale of what is read.
    11. A node whose int8 kernel fails with its scales (`redsc.ir.scale_limits`) stays float.
    12. Weights become integers from -127 to 127, but for those that are -128 steps exactly.
    """
    return _Quantizer(graph, log, keep_float).run()


def _becomes_int8(value: Value) -> bool:
    return value.type.dtype is DType.FLOAT32 and value.type.quant is not None


def _is_conversion(node: Node) -> bool:
    """Whether a node converts between the new forms of its operand and its result (rules 8 and 9)."""
    if node.op not in _CONVERSIONS.values():
        return False
    source, result = node.operand(0), node.outputs[0]
    match node.op:
        case "CAST":
            return source.type.dtype is result.type.dtype is DType.FLOAT32
        case "QUANTIZE":
            return _becomes_int8(source) and result.type.dtype is DType.INT8
        case "DEQUANTIZE":
            return source.type.dtype is DType.INT8 and _becomes_int8(result)
    return False


@dataclass(slots=True)
class _Quantizer:
    """Builds the new graph; `integers` and `floats` are the new forms of old values.

    `derived` are requantised forms, `raws` what a kernel wrote before it was requantised, `scales` are those of
    variables, by the nodes that assign them.
    """

    source: Graph
    log: Log
    keep_float: Collection[str]
    result: Graph = field(init=False)
    islands: set[Node] = field(default_factory=set)
    integers: dict[Value, Value] = field(default_factory=dict)
    floats: dict[Value, Value] = field(default_factory=dict)
    derived: dict[tuple[Value, Quant, DType], Value] = field(default_factory=dict)
    raws: dict[Value, Value] = field(default_factory=dict)
    names: Names = field(default_factory=Names)
    scales: dict[Node, Quant | None] = field(default_factory=dict)

    def run(self) -> Graph:
        self.result = Graph(self.source.name)
        self.names = Names(value.name for value in self.source.values())
        for node in self.source.nodes:
            is_float = is_float_node(node) and not _is_conversion(node)
            reason = why_float(node, self.keep_float) if is_float else None
            if reason:
                self.islands.add(node)
                self.log.refuse(_RULE, node.name, reason)
        self.keep_variables()
        self.result.inputs = [self.declare(value) for value in self.source.inputs]
        for node in self.source.nodes:
            if _is_conversion(node):
                self.change_form(node)
            elif node in self.islands or not is_float_node(node):
                self.copy(node)
            else:
                self.convert(node)
        self.result.outputs = [self.output(value) for value in self.source.outputs]
        DropDeadNodes().run(self.result, Log())  # conversions that only other forms of a value would read
        return self.result

    def keep_variables(self) -> None:
        """Let both nodes of a variable be int8, or both float."""
        for read, assign in variable_nodes(self.source):
            if self.islands & {read, assign}:
                self.islands |= {read, assign}
            else:
                self.scales[assign] = read.outputs[0].type.quant

    def output(self, value: Value) -> Value:
        return self.integers[value] if value in self.integers else self.as_float(value)

    def declare(self, value: Value) -> Value:
        """Make the new form of a graph input or of an int8 node's result."""
        if value.type.dtype is not DType.FLOAT32 or value.type.quant is None:
            self.floats[value] = Value(value.name, value.type)
            return self.floats[value]
        self.integers[value] = _int8_value(value.name, value, value.type.quant)
        return self.integers[value]

    def copy(self, node: Node) -> None:
        """Append a node that stays as it is; what int8 nodes read of its results is quantised after it."""
        inputs = [None if value is None else self.as_float(value) for value in node.inputs]
        wanted = [value for value in node.outputs if self.is_read_as_int8(value)]
        outputs = []
        for value in node.outputs:
            name = self.names.take(f"{value.name}.float") if value in wanted else value.name
            quant = None if value.type.dtype is DType.FLOAT32 else value.type.quant
            self.floats[value] = Value(name, replace(value.type, quant=quant))
            outputs.append(self.floats[value])
        attrs = replace(node.attrs, cell_scale=1.0) if isinstance(node.attrs, Lstm) else node.attrs
        self.result.append(node.op, inputs, outputs, attrs, node.origin)
        for value in wanted:
            self.result.append("QUANTIZE", [self.floats[value]], [self.declare(value)], NO_ATTRS)

    def change_form(self, node: Node) -> None:
        """Append the conversion that a node has become, or none where both forms are one."""
        source, result = node.operand(0), node.outputs[0]
        before = self.data(source, source.type.quant) if _becomes_int8(source) else self.as_float(source)
        is_named = source.producer is None or self.source.is_output(source)
        is_output = self.source.is_output(result)
        if node.op == "CAST" or source.type.quant != result.type.quant or (is_named and is_output):
            after = self.declare(result)
            op = _CONVERSIONS[before.type.dtype, after.type.dtype]
            self.result.append(op, [before], [after], NO_ATTRS, node.origin)
            return
        (self.integers if _becomes_int8(result) else self.floats)[result] = before
        if is_output or (_becomes_int8(result) and not is_named):
            before.name = result.name

    def is_read_as_int8(self, value: Value) -> bool:
        if not _becomes_int8(value):
            return False
        by_node = any(use.node not in self.islands for use in value.uses)
        return by_node or any(value is output for output in self.source.outputs)

    def as_float(self, value: Value) -> Value:
        """Return the float form of a value; integer values that are no activations of ours keep their type."""
        if value.data is not None and value not in self.floats:
            self.floats[value] = Value.constant(
                value.name, value.data, None if value.type.dtype is DType.FLOAT32 else value.type.quant
            )
        if value not in self.floats:
            plain = Value(self.names.take(f"{value.name}.float"), TensorType(value.type.shape, DType.FLOAT32))
            self.result.append("DEQUANTIZE", [self.integers[value]], [plain], NO_ATTRS)
            self.floats[value] = plain
        return self.floats[value]

    def convert(self, node: Node) -> None:
        """Append a node in int8, with the requantisations that its op needs."""
        scale = _common_scale(node) or fixed_quant(node) or self.scales.get(node)
        tied = tied_values(node) or (node.inputs if node in self.scales else ())
        inputs: list[Value | None] = []
        for index, value in enumerate(node.inputs):
            if value is None or value.type.dtype is not DType.FLOAT32:
                inputs.append(None if value is None else self.as_float(value))
            elif role_of(node, index) is Role.BIAS:
                inputs.append(self.bias(node, index))
            elif role_of(node, index) is Role.WEIGHT:
                inputs.append(self.constant(value, value.type.quant, weight_integers(value)))
            else:
                inputs.append(self.data(value, scale if value in tied else value.type.quant))
        outputs = [self.declare(value) for value in node.outputs]
        is_free = bool(tied) and not set(node.outputs) & set(tied)
        made = [self.result_at(value, None if is_free else scale) for value in outputs]
        self.result.append(node.op, inputs, made, node.attrs, node.origin)
        for value, raw in zip(outputs, made, strict=True):
            if raw is not value:
                self.result.append("QUANTIZE", [raw], [value], NO_ATTRS)
                self.raws[value] = raw

    def result_at(self, value: Value, scale: Quant | None) -> Value:
        """Return the value that the kernel writes: a result that carries another scale is requantised from it."""
        if scale is None or value.type.dtype is not DType.INT8 or value.type.quant == scale:
            return value
        self.log.change(_RULE, value.name, "its kernel prescribes another scale, it is requantised")
        return _int8_value(self.names.take(f"{value.name}.raw"), value, scale)

    def data(self, value: Value, scale: Quant | None) -> Value:
        """Return the int8 form of a data operand at a scale."""
        assert scale is not None
        if value.is_constant:
            return self.constant(value, scale)
        found = self.integers[value]
        if found.type.quant == scale:
            return found
        key = (value, scale, DType.INT8)
        if key not in self.derived:
            self.derived[key] = _int8_value(self.names.take(f"{value.name}.requantized"), value, scale)
            self.result.append("QUANTIZE", [self.raws.get(found, found)], [self.derived[key]], NO_ATTRS)
            self.log.change(_RULE, value.name, "its reader needs another scale, it is requantised")
        return self.derived[key]

    def constant(self, value: Value, quant: Quant | None, integers: Array | None = None) -> Value:
        assert quant is not None
        assert value.data is not None
        key = (value, quant, DType.INT8)
        if key not in self.derived:
            data = quantize_array(value.data, quant) if integers is None else integers
            self.derived[key] = Value.constant(self.own_name(value), data, quant)
        return self.derived[key]

    def bias(self, node: Node, index: int) -> Value:
        """Return the int32 bias; its quantised axis is 0, also where the weight's is not."""
        value, source = node.operand(index), op_def(node.op).data_inputs(node)[0].type.quant
        weight = weight_of_bias(node, index).type.quant
        assert source is not None
        assert weight is not None
        assert value.data is not None
        scales = np.array(weight.scales, np.float32) * np.float32(source.scale)
        quant = Quant(tuple(float(scale) for scale in scales), (0,))
        key = (value, quant, DType.INT32)
        if key not in self.derived:
            flat = value.data.reshape(-1)
            if self.saturates(flat, scales):
                self.log.change(_RULE, node.name, f"the bias {value.name!r} saturates")
            data = quantize_array(flat, quant, DType.INT32).reshape(value.data.shape)
            self.derived[key] = Value.constant(self.own_name(value), data, quant)
        return self.derived[key]

    @staticmethod
    def saturates(bias: Array, scales: Array) -> bool:
        return bool((np.abs(bias / scales.astype(np.float64)) > np.iinfo(np.int32).max).any())

    def own_name(self, value: Value) -> str:
        """Return the name of a constant for its first new form, else one made of it."""
        taken = any(key[0] is value for key in self.derived) or any(use.node in self.islands for use in value.uses)
        return self.names.take(f"{value.name}.int8") if taken else value.name


def _common_scale(node: Node) -> Quant | None:
    """Return the scale at which an op runs that copies raw integers, None for other ops."""
    tied = tied_values(node)
    if not tied:
        return None
    sources = [value for value in op_def(node.op).data_inputs(node) if value in tied]
    outputs = [value for value in node.outputs if value in tied]
    return (outputs[0] if len(sources) != 1 and outputs else sources[0]).type.quant


def _int8_value(name: str, like: Value, quant: Quant) -> Value:
    return Value(name, replace(like.type, dtype=DType.INT8, quant=quant))
