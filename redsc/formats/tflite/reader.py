"""TFLite file -> graph. Every count, index, length and shape in the file is checked before it is used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
import tflite

from redsc.errors import LimitExceeded, MalformedModel, RedscError, UnsupportedError
from redsc.formats.tables import Refusal
from redsc.formats.tflite.accessors import DTYPES, indices, op_name, quant_of, shape_of
from redsc.formats.tflite.canonical import canonical
from redsc.formats.tflite.custom import decode_options
from redsc.formats.tflite.older import (
    FLOAT16,
    Made,
    as_int8,
    unpack_constant,
    widened,
    with_real_constants,
    with_symmetric_weights,
)
from redsc.formats.tflite.ops import TFLITE_OPS, Field, TFLiteOp
from redsc.formats.tflite.state import RESOURCE, STATE_FILE_OPS
from redsc.formats.tflite.variables import Variables, init_subgraphs
from redsc.ir import (
    CUSTOM_OPS,
    DType,
    Graph,
    KernelLimit,
    Node,
    Shape,
    ShapeError,
    TensorType,
    Value,
    op_def,
    verify_graph,
)
from redsc.ir.rules import RawIntegers
from redsc.ir.verifier import signature_of
from redsc.limits import DEFAULT_LIMITS, Limits

__all__ = ["read_tflite"]


def read_tflite(data: bytes, limits: Limits = DEFAULT_LIMITS) -> Graph:
    """Return the graph of the only subgraph; others may give variables their initial values.

    Raises:
        MalformedModel: the bytes are no sound TFLite model.
        LimitExceeded: the model is larger than `limits`.
        UnsupportedError: listing every part that redsc does not know.
    """
    if len(data) > limits.file_bytes:
        raise LimitExceeded(f"the file has {len(data):,} B, the limit is {limits.file_bytes:,} B")
    if len(data) < 8 or data[4:8] != b"TFL3":
        raise MalformedModel("not a TFLite model: the identifier TFL3 is missing")
    try:
        graph = _Reader(data, limits).graph()
    except RedscError:
        raise
    except Exception as error:  # the flatbuffers accessors raise struct.error, IndexError, TypeError, ...
        raise MalformedModel(f"damaged TFLite file ({type(error).__name__}: {error})") from error
    verify_graph(graph)
    return graph


@dataclass(slots=True)
class _Reader:
    data: bytes
    limits: Limits
    problems: list[str] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    moved: set[Value] = field(default_factory=set)
    made: Made = field(default_factory=dict)
    resources: set[Value] = field(default_factory=set)
    variables: Variables = field(init=False)

    def __post_init__(self) -> None:
        self.variables = Variables(self.limits.name_chars, problems=self.problems)

    def graph(self) -> Graph:
        model = tflite.Model.GetRootAs(self.data, 0)
        codes = [op_name(model.OperatorCodes(i)) for i in range(model.OperatorCodesLength())]
        starts = self._checked_subgraphs(model, codes)
        subgraph = model.Subgraphs(0)
        self._cap("buffers", model.BuffersLength(), self.limits.tensors)
        self._refuse_unknown_ops(subgraph, codes)
        tensors = self._tensors(model, subgraph)
        for start in starts:
            self._start_variables(model, start, codes)
        graph = Graph((subgraph.Name() or b"main").decode("utf-8", "replace")[: self.limits.name_chars])
        for index in indices(subgraph.InputsAsNumpy()):
            graph.inputs.append(self._activation(tensors, index, "graph input"))
        for i in range(subgraph.OperatorsLength()):
            self._node(graph, tensors, subgraph.Operators(i), codes)
        graph.outputs = [self._pick(tensors, i, "graph output") for i in indices(subgraph.OutputsAsNumpy())]
        if any(value in self.resources for value in (*graph.inputs, *graph.outputs)):
            raise MalformedModel("a handle of a variable is a graph input or output")
        self.variables.settle(graph)
        self._raise_problems()
        self._rename_copies(graph)
        return graph

    def _checked_subgraphs(self, model: Any, codes: list[str]) -> list[Any]:
        """Return the subgraphs that start variables, after the network's own; there must be no others."""
        count = model.SubgraphsLength()
        subgraphs = [model.Subgraphs(i) for i in range(count)]
        self._cap("operators", sum(subgraph.OperatorsLength() for subgraph in subgraphs), self.limits.nodes)
        self._cap("tensors", sum(subgraph.TensorsLength() for subgraph in subgraphs), self.limits.tensors)
        for subgraph in subgraphs:
            for i in range(subgraph.OperatorsLength()):
                self._pick(codes, subgraph.Operators(i).OpcodeIndex(), "operator code")
        starts = list(init_subgraphs(model, codes)) if count else []
        if count != 1 + len(starts):
            raise UnsupportedError(
                f"the model has {count} subgraphs, redsc reads models with one",
                code="N402",
                hint="control flow and several signatures are not supported; CALL_ONCE is, where it starts variables",
            )
        return [subgraphs[index] for index in starts]

    def _start_variables(self, model: Any, subgraph: Any, codes: list[str]) -> None:
        """Read a subgraph that does nothing but assign constants to variables."""
        operators = [subgraph.Operators(i) for i in range(subgraph.OperatorsLength())]
        names = [codes[operator.OpcodeIndex()] for operator in operators]
        others = sorted(set(names) - {"VAR_HANDLE", "ASSIGN_VARIABLE"})
        self.problems += [f"at CALL_ONCE: {op}: redsc reads assignments of constants only" for op in others]
        self._raise_problems()
        tensors = self._tensors(model, subgraph)
        for op, operator in zip(names, operators, strict=True):
            operands = self._operands(op, tensors, operator)
            if op == "VAR_HANDLE":
                self.variables.handle(operator, self._handle(tensors, operator))
            else:
                self.variables.start(operands)

    def _cap(self, what: str, count: int, limit: int) -> None:
        if count > limit:
            raise LimitExceeded(f"the model has {count:,} {what}, the limit is {limit:,}")

    def _raise_problems(self) -> None:
        if self.problems:
            raise UnsupportedError(
                f"redsc cannot translate {len(self.problems)} part(s) of this model",
                evidence=self.problems,
                hint="`redsc ops` lists what is translated",
            )

    def _refuse_unknown_ops(self, subgraph: Any, codes: list[str]) -> None:
        for i in range(subgraph.OperatorsLength()):
            name = self._pick(codes, subgraph.Operators(i).OpcodeIndex(), "operator code")
            row = TFLITE_OPS.get(name, Refusal("redsc does not know this operator"))
            if name not in CUSTOM_OPS and name not in STATE_FILE_OPS and isinstance(row, Refusal):
                self.problems.append(f"at operator {i}: {name}: {row.reason}")
        self._raise_problems()

    def _pick(self, items: list[Any], index: int, what: str) -> Any:
        if not 0 <= index < len(items):
            raise MalformedModel(f"{what} index {index} is outside 0..{len(items) - 1}")
        return items[index]

    def _activation(self, tensors: list[Value], index: int, what: str) -> Value:
        value: Value = self._pick(tensors, index, what)
        if value.is_constant:
            raise MalformedModel(f"{what} {value.name!r} is a constant")
        return value

    def _tensors(self, model: Any, subgraph: Any) -> list[Value]:
        tensors = (subgraph.Tensors(i) for i in range(subgraph.TensorsLength()))
        return [self._as_int8(self._tensor(model, tensor, index)) for index, tensor in enumerate(tensors)]

    def _tensor(self, model: Any, tensor: Any, index: int) -> Value:
        name = self._name(tensor.Name(), index)
        shape = shape_of(tensor)
        if len(shape) > self.limits.rank or prod(shape) > self.limits.tensor_elements:
            raise LimitExceeded(f"tensor {name!r} has the shape {list(shape)}")
        raw = self._buffer(model, tensor.Buffer())
        if tensor.Type() == FLOAT16 and raw:
            return widened(name, raw, shape)
        if tensor.Type() == RESOURCE:
            handle = Value(name, TensorType((), DType.INT32))
            self.resources.add(handle)
            return handle
        dtype = DTYPES.get(tensor.Type())
        if dtype is None:
            self.problems.append(f"at tensor {name!r}: element type number {tensor.Type()} is not supported")
            dtype = DType.FLOAT32
        for present, what in ((tensor.IsVariable(), "a variable"), (tensor.Sparsity(), "sparse")):
            if present:
                self.problems.append(f"at tensor {name!r}: it is {what}")
        quant = quant_of(tensor.Quantization()) if dtype is not DType.FLOAT32 else None
        if not raw:
            return Value(name, TensorType(shape, dtype, quant))
        size = prod(shape) * dtype.itemsize
        if len(raw) < size:
            raise MalformedModel(f"tensor {name!r} has {len(raw)} B of data, its type needs {size}")
        # A longer buffer is legal in both runtimes: the tensor is its prefix.
        return Value.constant(name, np.frombuffer(raw[:size], dtype.numpy).reshape(shape), quant)

    def _as_int8(self, value: Value) -> Value:
        moved = as_int8(value)
        if moved is not value:
            self.moved.add(moved)
        return moved

    def _name(self, raw: bytes | None, index: int) -> str:
        name = (raw or b"").decode("utf-8", "replace")[: self.limits.name_chars] or f"tensor{index}"
        while name in self.names:
            name = f"{name}#{index}"
        self.names.add(name)
        return name

    def _buffer(self, model: Any, index: int) -> bytes:
        """Return the data of a buffer, also where it lies behind the flatbuffer (`Buffer.offset`)."""
        if not 0 <= index < model.BuffersLength():
            raise MalformedModel(f"buffer index {index} is outside 0..{model.BuffersLength() - 1}")
        buffer = model.Buffers(index)
        start, size = buffer.Offset(), buffer.Size()
        if start > 1:  # 0 and 1 mean "inline" (schema.fbs, table Buffer)
            if start + size > len(self.data):
                raise MalformedModel(f"buffer {index} ends at {start + size}, the file at {len(self.data)}")
            return self.data[start : start + size]
        return b"" if buffer.DataIsNone() else bytes(buffer.DataAsNumpy())

    def _node(self, graph: Graph, tensors: list[Value], operator: Any, codes: list[str]) -> None:
        op = codes[operator.OpcodeIndex()]
        inputs = self._operands(op, tensors, operator)
        if op in STATE_FILE_OPS or op_def(op).is_stateful:
            self._state_node(graph, tensors, operator, op, inputs)
            return
        outputs = [self._activation(tensors, i, f"{op} output") for i in indices(operator.OutputsAsNumpy())]
        if any(value in self.resources for value in (*inputs, *outputs)):
            raise MalformedModel(f"{op} computes with the handle of a variable")
        if not outputs or len(inputs) < op_def(op).min_inputs:
            raise MalformedModel(f"{op} has {len(inputs)} inputs and {len(outputs)} outputs")
        if any(value is None for value in inputs[: op_def(op).min_inputs]):
            raise MalformedModel(f"{op} {outputs[0].name!r} leaves out an input that it needs")
        for index, value in enumerate(outputs):
            if value.producer or any(value is other for other in (*graph.inputs, *outputs[:index])):
                raise MalformedModel(f"tensor {value.name!r} has two producers")
        name = outputs[0].name
        if isinstance(op_def(op).quant, RawIntegers) and any(value in self.moved for value in (*inputs, *outputs)):
            self.problems.append(
                f"at {op} {name!r}: it reads or writes uint8 numbers themselves, redsc makes them int8"
            )
        attrs = self._attrs(op, name, operator)
        node = canonical(Node(op, tuple(inputs), tuple(outputs), attrs, _origin(name)))
        if unpack_constant(node, self.made):
            return
        node = with_symmetric_weights(with_real_constants(node, self.made), self.made)
        if signature_of(node) is None:
            self.problems.append(f"at {op} {node.name!r}: {_dtypes(node)}")
        else:
            self._check_shapes(node)
        graph.append(node.op, node.inputs, node.outputs, node.attrs, node.origin)

    def _operands(self, op: str, tensors: list[Value], operator: Any) -> list[Value | None]:
        numbers = indices(operator.InputsAsNumpy())
        return [None if i == -1 else self._pick(tensors, i, f"{op} input") for i in numbers]

    def _handle(self, tensors: list[Value], operator: Any) -> Value:
        """Return what a VAR_HANDLE makes."""
        outputs = [self._pick(tensors, i, "VAR_HANDLE output") for i in indices(operator.OutputsAsNumpy())]
        if len(outputs) != 1 or outputs[0] not in self.resources or outputs[0] in self.variables.handles:
            raise MalformedModel("VAR_HANDLE does not make one handle of its own")
        return outputs[0]

    def _state_node(
        self, graph: Graph, tensors: list[Value], operator: Any, op: str, inputs: list[Value | None]
    ) -> None:
        places = indices(operator.OutputsAsNumpy())
        if len(places) != (op in ("VAR_HANDLE", "READ_VARIABLE")):
            raise MalformedModel(f"{op} has {len(places)} outputs")
        if op == "VAR_HANDLE":
            self.variables.handle(operator, self._handle(tensors, operator))
        elif op == "ASSIGN_VARIABLE":
            self.variables.assign(graph, inputs)
        elif op == "CALL_ONCE" and self.variables.current:
            self.problems.append("at CALL_ONCE: it runs after variables were read or assigned")
        elif op == "READ_VARIABLE":
            output = self._activation(tensors, places[0], f"{op} output")
            if output.producer or output in graph.inputs or output in self.resources:
                raise MalformedModel(f"tensor {output.name!r} has two producers")
            tensors[places[0]] = self.variables.read(graph, inputs, output)

    def _rename_copies(self, graph: Graph) -> None:
        """Give constants in a new form names of their own: other nodes may read the file's form."""
        seen: set[str] = set()
        for index, value in enumerate(graph.values()):
            if value.name in seen:
                value.name = self._name(value.name.encode(), index)
            seen.add(value.name)

    def _check_shapes(self, node: Node) -> None:
        try:
            inferred = op_def(node.op).infer(node)
        except KernelLimit as error:
            self.problems.append(f"at {node.op} {node.name!r}: {error}")
            return
        except ShapeError as error:
            raise MalformedModel(f"{node.op} {node.name!r}: {error}") from error
        found = tuple(value.type.shape for value in node.outputs)
        if inferred != found:
            raise MalformedModel(
                f"{node.op} {node.name!r} gives {_listed(inferred)}, the file says {_listed(found)}"
            )

    def _attrs(self, op: str, name: str, operator: Any) -> Any:
        if op in CUSTOM_OPS:
            return decode_options(op, bytes(indices(operator.CustomOptionsAsNumpy())))
        row = TFLITE_OPS[op]
        assert isinstance(row, TFLiteOp)
        table = operator.BuiltinOptions()
        if table is None or not (row.fields or row.zero):
            return op_def(op).attrs()
        options = getattr(tflite, row.options or "")()
        options.Init(table.Bytes, table.Pos)
        for schema in row.zero:
            if getattr(options, schema)():
                self.problems.append(f"at {op} {name!r}: {schema} is not supported")
        return op_def(op).attrs(**{item.attr: self._field(op, name, options, item) for item in row.fields})

    def _field(self, op: str, name: str, options: Any, item: Field) -> Any:
        if hasattr(options, f"{item.schema}AsNumpy"):
            return tuple(indices(getattr(options, f"{item.schema}AsNumpy")()))
        stored = getattr(options, item.schema)()
        try:
            return item.decode(stored)
        except KeyError:
            self.problems.append(f"at {op} {name!r}: {item.schema} number {stored} is not supported")
            return next(iter(item.codes or ()))


def _origin(name: str) -> tuple[str, ...]:
    """Return the user's layer names: converters join those of fused layers with `;`."""
    return tuple(part for part in name.split(";") if part) or (name,)


def _dtypes(node: Node) -> str:
    inputs = ", ".join("none" if value is None else value.type.dtype.value for value in node.inputs)
    return f"it takes ({inputs}) and gives {node.outputs[0].type.dtype.value}, which redsc does not translate"


def _listed(shapes: Sequence[Shape]) -> str:
    return ", ".join(str(list(shape)) for shape in shapes)
