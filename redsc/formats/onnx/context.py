"""What the handlers of `ONNX_OPS` see and do while a model is translated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from redsc.choices import Recurrent
from redsc.errors import Diagnostic
from redsc.formats.onnx.layout import Layout, Layouts, file_axes, laid_out, source_layout
from redsc.formats.onnx.nodes import OnnxModel, OnnxNode
from redsc.formats.onnx.rearrange import rearrange
from redsc.formats.tables import CannotTranslate
from redsc.ir import Array, DType, GraphBuilder, Quant, Reshape, Shape, Value, op_def

__all__ = ["OnnxContext", "origin"]


@dataclass(slots=True)
class OnnxContext:
    """The model, its layouts, and the graph under construction; everything is keyed by ONNX tensor names.

    `quants` is the int8 form that QDQ gave a tensor. `columns[name][i]` says which element of the ONNX tensor's
    last axis the graph has at place i, for flattened images that only dense layers read. `recurrent` is what LSTM
    layers become, `notes` what the user should know of the translation.
    """

    model: OnnxModel
    layouts: Layouts
    quants: Mapping[str, Quant] = field(default_factory=dict)
    recurrent: Recurrent = Recurrent.OP
    builder: GraphBuilder = field(default_factory=GraphBuilder)
    values: dict[str, Value] = field(default_factory=dict)
    columns: dict[str, Array] = field(default_factory=dict)
    notes: list[Diagnostic] = field(default_factory=list)
    _producers: dict[str, str] = field(default_factory=dict)
    _readers: dict[str, list[OnnxNode]] = field(default_factory=dict)
    _named: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        for node in self.model.nodes:
            self._producers |= dict.fromkeys(node.outputs, node.op)
            for name in dict.fromkeys(node.inputs):
                self._readers.setdefault(name, []).append(node)

    def graph_shape(self, name: str) -> Shape:
        """Return the shape of a tensor in the graph."""
        return laid_out(self.shape(name), self.layouts[name])

    def producer(self, name: str) -> str:
        """Return the op that makes a tensor, empty for inputs and constants."""
        return self._producers.get(name, "")

    def readers(self, name: str) -> list[OnnxNode]:
        """Return the nodes that read a tensor."""
        return self._readers.get(name, [])

    def is_read(self, name: str) -> bool:
        """Whether a node or the user reads a tensor."""
        return bool(self.readers(name)) or name in self.model.outputs

    def shape(self, name: str) -> Shape:
        """Return the shape of a tensor in the file."""
        return self.model.shapes[name]

    def rank(self, name: str) -> int:
        """Return the rank of a tensor in the file."""
        return len(self.model.shapes[name])

    def axis(self, name: str, axis: int) -> int:
        """Return where an axis of the ONNX tensor lies in the graph; negative ones count from the end."""
        rank = self.rank(name)
        if not -rank <= axis < rank:
            raise CannotTranslate(f"axis {axis} is not one of rank {rank}")
        return self.layouts[name].index(axis % rank)

    def is_constant(self, name: str) -> bool:
        """Whether a tensor is known now."""
        return name in self.model.constants

    def constant(self, name: str, what: str) -> Array:
        """Return the data of a constant operand.

        Raises:
            CannotTranslate: it is computed; `what` says what it would be.
        """
        if name not in self.model.constants:
            raise CannotTranslate(f"{what} not constant")
        return self.model.constants[name]

    def floats(self, name: str, what: str) -> Array:
        """Return a constant operand as float32."""
        data = self.constant(name, what)
        if data.dtype.kind not in "fiub":
            raise CannotTranslate(f"{what} of element type {data.dtype}")
        return data.astype(np.float32)

    def parameter(self, node: OnnxNode, attribute: str, index: int) -> list[int] | None:
        """Return a list of ints, an attribute in old opsets and input `index` in newer ones, if it is there."""
        found = node.get(attribute)
        if found is not None:
            return list(found) if isinstance(found, list) else [int(found)]
        if not node.input(index):
            return None
        return [int(n) for n in self.constant(node.input(index), f"its {attribute} are").reshape(-1)]

    def number(self, node: OnnxNode, attribute: str, index: int, default: float) -> float:
        """Return a number that is an attribute in old opsets and input `index` in newer ones."""
        if attribute in node.attributes:
            return float(node.attributes[attribute])
        if not node.input(index):
            return default
        found = self.floats(node.input(index), f"its {attribute} is")
        if found.size != 1:
            raise CannotTranslate(f"its {attribute} is no number")
        return float(found.reshape(-1)[0])

    def value(self, name: str) -> Value:
        """Return a tensor in the layout that it was assigned; a constant is as in the file."""
        if name not in self.values:
            data = np.asarray(_finite(self.floats(name, "one of its inputs is")), order="C")
            self.keep(name, self.builder.constant(name, data), self.quants.get(name))
        return self.values[name]

    def value_as(self, name: str, layout: Layout) -> Value:
        """Return a tensor in a given layout, moved if it must be."""
        value = self.value(name)
        have = source_layout(self.rank(name)) if self.is_constant(name) else self.layouts[name]
        if have == layout:
            return value
        source = file_axes(have)
        sizes = [self.shape(name)[axis] for axis in source]
        order = [source.index(axis) for axis in file_axes(layout)]
        return rearrange(self.builder, value, sizes, order, laid_out(self.shape(name), layout), name)

    def operand(self, name: str, like: str) -> Value:
        """Return an elementwise operand as it broadcasts against tensor `like`, in the layout of that."""
        layout, rank = self.layouts[like], self.rank(like)
        shape = (1,) * (rank - self.rank(name)) + self.shape(name)
        if self.is_constant(name):
            data = _finite(self.model.constants[name]).reshape(shape).transpose(file_axes(layout))
            data = data.reshape(laid_out(shape, layout))
            return self.weight(name, _without_leading_ones(data) if rank else data)
        if self.rank(name) == rank:
            return self.value_as(name, layout)
        missing = rank - self.rank(name)
        if layout == source_layout(rank) and self.layouts[name] == source_layout(self.rank(name)):
            return self.value(name)  # leading axes come by themselves
        target = tuple(None if axis is None or axis < missing else axis - missing for axis in layout)
        return self.value_as(name, target)

    def weight(self, name: str, data: Array, axis: int | None = None, source_axis: int = 0) -> Value:
        """Make a bool or float32 constant of a named tensor, with its int8 form if it has one.

        Scales per index of `source_axis` of the file belong to `axis` of `data`; others cannot be kept.
        """
        if data.dtype == bool:
            return self.builder.constant(name, np.ascontiguousarray(data))
        quant = self.quants.get(name)
        if quant is not None and quant.is_per_channel:
            fits = axis is not None and quant.axis == source_axis and data.shape[axis] == len(quant.scales)
            quant = replace(quant, axis=axis) if fits and axis is not None else None
        return self.builder.constant(name, np.asarray(data, np.float32, order="C"), quant)

    def indices(self, node: OnnxNode, what: str, numbers: Sequence[int] | Array) -> Value:
        """Make an int32 constant: axes, paddings, sizes."""
        return self.builder.constant(f"{node.output}.{what}", np.asarray(numbers, np.int32))

    def scalar(self, node: OnnxNode, what: str, number: float) -> Value:
        """Make a float constant of one element."""
        return self.builder.constant(f"{node.output}.{what}", np.array([number], np.float32))

    def step(
        self,
        node: OnnxNode,
        op: str,
        *inputs: Value | float | None,
        part: str,
        attrs: Any = None,
        dtype: DType | None = None,
    ) -> Value:
        """Add a TFLite op that is one part of what a node becomes; numbers among the inputs become constants.

        The value is named after the part, or after the output where that is empty.
        """
        name = f"{node.output}.{part}" if part else node.output
        return self._add(node, op, inputs, name, attrs, dtype, None)

    def emit(
        self, node: OnnxNode, op: str, *inputs: Value | float | None, attrs: Any = None, dtype: DType | None = None
    ) -> Value:
        """Add the TFLite op that makes a node's output, which is then in the layout assigned to it."""
        return self.bind(node, self._add(node, op, inputs, node.output, attrs, dtype, self.quants.get(node.output)))

    def _add(
        self,
        node: OnnxNode,
        op: str,
        inputs: Sequence[Value | float | None],
        name: str,
        attrs: Any,
        dtype: DType | None,
        quant: Quant | None,
    ) -> Value:
        values = [
            self.scalar(node, f"{name.removeprefix(node.output)}{index}", item) if isinstance(item, float) else item
            for index, item in enumerate(inputs)
        ]
        attrs = op_def(op).attrs() if attrs is None else attrs
        return self.builder.op(op, *values, attrs=attrs, name=name, dtype=dtype, quant=quant, origin=origin(node))

    def bind(self, node: OnnxNode, value: Value) -> Value:
        """Let a value be a node's output; its shape must be that of the output's layout."""
        name = node.output
        wanted = laid_out(self.shape(name), self.layouts[name])
        if value.type.shape != wanted:
            raise CannotTranslate(f"it gives {list(value.type.shape)} in place of {list(wanted)}")
        self.keep(name, value, value.type.quant)
        return value

    def keep(self, name: str, value: Value, quant: Quant | None) -> None:
        """Let a value of the graph be a tensor of the file, with its int8 form."""
        value.type = replace(value.type, quant=quant)
        self.values[name] = value
        self._named.add(id(value))

    def part(self, name: str, like: str) -> Value:
        """Return an operand of full rank, a constant too, in the layout of tensor `like`."""
        if not self.is_constant(name):
            return self.value_as(name, self.layouts[like])
        data = _finite(self.floats(name, "one of its inputs is")).transpose(file_axes(self.layouts[like]))
        return self.weight(name, data.reshape(laid_out(self.shape(name), self.layouts[like])))

    def alias(self, node: OnnxNode, value: Value) -> Value:
        """Let a node's output be a value that is there already; another int8 form of a known tensor is a copy."""
        quant = self.quants.get(node.output)
        if quant is None or quant == value.type.quant:
            return self.bind(node, value)
        if id(value) in self._named:
            return self.emit(node, "RESHAPE", value, attrs=Reshape(value.type.shape))
        value.type = replace(value.type, quant=quant)
        return self.bind(node, value)

    def arrange(self, node: OnnxNode, value: Value, sizes: Sequence[int], order: Sequence[int]) -> Value:
        """Bind the elements of a value, moved into the order of the output's layout; see `rearrange`."""
        name = node.output
        shape = self.graph_shape(name)
        return self.alias(node, rearrange(self.builder, value, sizes, order, shape, name, origin(node)))

    def arrange_from_file(self, node: OnnxNode, value: Value) -> Value:
        """Bind a value whose elements lie in memory as those of the output do in the file."""
        return self.arrange(node, value, self.shape(node.output), file_axes(self.layouts[node.output]))

    def bind_reduced(self, node: OnnxNode, value: Value, reduced: Sequence[int]) -> None:
        """Bind a value that lies as input 0 does, but for the reduced axes, which have size 1 or are gone."""
        name, rank = node.input(0), self.rank(node.input(0))
        gone = {axis % rank for axis in reduced}
        kept = list(range(rank))
        if self.rank(node.output) < rank:
            kept = [axis for axis in kept if axis not in gone]
        source = file_axes(self.layouts[name])
        sizes = [1 if axis in gone else self.shape(name)[axis] for axis in source]
        self.arrange(
            node, value, sizes, [source.index(kept[axis]) for axis in file_axes(self.layouts[node.output])]
        )


def origin(node: OnnxNode) -> tuple[str, ...]:
    """Return the names a user knows: the module that owns the weight, then the node.

    PyTorch's exporter names convolutions `getitem_3`, but their weights `block.0.weight`.
    """
    modules = [name.removesuffix(".weight") for name in node.inputs[1:2] if name.endswith(".weight")]
    return (*modules, node.label)


def _finite(data: Array) -> Array:
    """Return numbers with the largest ones in place of infinity, with which masks of attention are written."""
    return np.nan_to_num(data, nan=np.nan) if data.dtype.kind == "f" else data


def _without_leading_ones(data: Array) -> Array:
    """Drop leading axes of size 1, down to one axis: broadcasting brings them back."""
    while data.ndim > 1 and data.shape[0] == 1:
        data = data[0]
    return data.reshape(-1) if data.ndim == 0 else data
