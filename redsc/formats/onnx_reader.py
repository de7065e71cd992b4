"""ONNX file -> graph: bind the batch, infer shapes, assign layouts, then translate node by node with `ONNX_OPS`.

Layouts are assigned, not transposed and cancelled: a rank-4 tensor that reaches a convolution or pool through
layout-free ops is channels-last (NHWC) in the graph, every other tensor keeps its source layout.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np

from redsc.errors import LimitExceeded, MalformedModel, RedscError, UnsupportedError
from redsc.formats.onnx_ops import ONNX_OPS, Kind, OnnxOp
from redsc.formats.tables import Refusal
from redsc.ir import Array, Graph, GraphBuilder, Shape, Value, verify_graph
from redsc.limits import DEFAULT_LIMITS, Limits

__all__ = ["CHANNELS_LAST", "OnnxContext", "read_onnx"]

CHANNELS_LAST = (0, 2, 3, 1)
_EXTERNAL = 1  # TensorProto.DataLocation.EXTERNAL, onnx.proto


def read_onnx(data: bytes, limits: Limits = DEFAULT_LIMITS) -> tuple[Graph, frozenset[str]]:
    """Return the graph and the names of the graph inputs and outputs that became channels-last.

    Raises:
        MalformedModel: the bytes are no sound ONNX model.
        UnsupportedError: listing every part that redsc does not know.
    """
    if len(data) > limits.file_bytes:
        raise LimitExceeded(f"the file has {len(data):,} B, the limit is {limits.file_bytes:,} B")
    try:
        context = _parse(data, limits)
        graph = context.translate()
    except RedscError:
        raise
    except Exception as error:  # protobuf and onnx raise their own families
        raise MalformedModel(f"damaged ONNX file ({type(error).__name__}: {error})") from error
    verify_graph(graph)
    return graph, frozenset(context.channels_last)


@dataclass(slots=True)
class OnnxContext:
    """What the handlers of `ONNX_OPS` see: shapes, constants, layouts and the graph under construction."""

    proto: Any
    shapes: dict[str, Shape]
    constants: dict[str, Array]
    builder: GraphBuilder = field(default_factory=GraphBuilder)
    values: dict[str, Value] = field(default_factory=dict)
    channels_last: set[str] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)

    def translate(self) -> Graph:
        """Return the finished graph."""
        self._refuse_unknown_ops()
        self._assign_layouts()
        for item in self.proto.input:
            if item.name not in self.constants:
                self.values[item.name] = self.builder.input(item.name, self.graph_shape(item.name))
        for node in self.proto.node:
            row = ONNX_OPS[node.op_type]
            assert isinstance(row, OnnxOp)
            problem = row.handler(self, node)
            if problem:
                self.problems.append(f"at {node.op_type} {node.name or node.output[0]!r}: {problem}")
                self._raise_problems()
        return self.builder.output(*(self.values[item.name] for item in self.proto.output))

    def graph_shape(self, name: str) -> Shape:
        """Return the shape of a tensor in the graph's layout."""
        shape = self.shapes[name]
        return tuple(shape[axis] for axis in CHANNELS_LAST) if name in self.channels_last else shape

    def axis(self, name: str, axis: int) -> int:
        """Return where an axis of the ONNX tensor lies in the graph."""
        axis %= len(self.shapes[name])
        return CHANNELS_LAST.index(axis) if name in self.channels_last else axis

    def _refuse_unknown_ops(self) -> None:
        for node in self.proto.node:
            row = ONNX_OPS.get(node.op_type, Refusal("redsc does not know this operator"))
            if node.domain not in ("", "ai.onnx"):
                row = Refusal(f"its domain {node.domain!r} is not ONNX's own")
            if isinstance(row, Refusal):
                self.problems.append(f"at {node.op_type} {node.name or node.output[0]!r}: {row.reason}")
        self._raise_problems()

    def _raise_problems(self) -> None:
        if self.problems:
            raise UnsupportedError(
                f"redsc cannot translate {len(self.problems)} part(s) of this model",
                evidence=self.problems,
                hint="`redsc ops` lists what is translated",
            )

    def _assign_layouts(self) -> None:
        """Mark as channels-last what is connected to a spatial op's data through layout-free ops."""
        networkx = importlib.import_module("networkx")
        links = networkx.Graph()
        spatial: set[str] = set()
        for node in self.proto.node:
            row = ONNX_OPS[node.op_type]
            assert isinstance(row, OnnxOp)
            data = [name for name in (*node.input, *node.output) if self._is_image(name)]
            if row.kind is Kind.SPATIAL:
                spatial |= set(data)
            if row.kind is not Kind.RELAYOUT:
                networkx.add_path(links, data)
        for component in networkx.connected_components(links):
            if component & spatial:
                self.channels_last |= component

    def _is_image(self, name: str) -> bool:
        return name not in self.constants and len(self.shapes.get(name, ())) == len(CHANNELS_LAST)


def _parse(data: bytes, limits: Limits) -> OnnxContext:
    onnx = importlib.import_module("onnx")
    model = onnx.load_model_from_string(data)
    if not model.graph.node:
        raise MalformedModel("not an ONNX model, or one without nodes")
    if len(model.graph.node) > limits.nodes or len(model.graph.initializer) > limits.tensors:
        raise LimitExceeded(f"the model has {len(model.graph.node):,} nodes")
    _bind_batch(model.graph)
    model = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
    constants = {item.name: _constant(onnx, item, limits) for item in model.graph.initializer}
    shapes: dict[str, Shape] = {name: array.shape for name, array in constants.items()}
    for item in (*model.graph.input, *model.graph.value_info, *model.graph.output):
        shapes[item.name] = _static_shape(item, limits)
    return OnnxContext(model.graph, shapes, constants)


def _bind_batch(proto: Any) -> None:
    """Set an unknown first dimension of every input to 1; inferred shapes follow from the inputs."""
    for item in proto.input:
        dims = item.type.tensor_type.shape.dim
        if dims and dims[0].dim_value <= 0:
            dims[0].Clear()
            dims[0].dim_value = 1
    del proto.value_info[:]
    for item in proto.output:
        for dim in item.type.tensor_type.shape.dim:
            if dim.HasField("dim_param"):
                dim.Clear()


def _static_shape(item: Any, limits: Limits) -> Shape:
    dims = item.type.tensor_type.shape.dim
    shape = tuple(int(dim.dim_value) for dim in dims)
    if any(n < 1 for n in shape):
        raise UnsupportedError(
            f"the shape of {item.name!r} is not static",
            code="N403",
            evidence=[f"at {item.name!r}: {[dim.dim_param or dim.dim_value for dim in dims]}"],
            hint="only the batch may be unknown: export the model with fixed sizes",
        )
    if len(shape) > limits.rank or prod(shape) > limits.tensor_elements:
        raise LimitExceeded(f"tensor {item.name!r} has the shape {list(shape)}")
    return shape


def _constant(onnx: Any, item: Any, limits: Limits) -> Array:
    if item.data_location == _EXTERNAL:
        raise UnsupportedError(
            f"the weights of {item.name!r} are in another file",
            code="N404",
            hint="export with external_data=False",
        )
    dims: Sequence[int] = list(item.dims)
    if any(n < 0 for n in dims) or prod(dims) > limits.tensor_elements:
        raise MalformedModel(f"constant {item.name!r} has the shape {list(dims)}")
    array: Array = onnx.numpy_helper.to_array(item)
    if array.dtype not in (np.float32, np.int64, np.int32):
        raise UnsupportedError(f"constant {item.name!r} has the element type {array.dtype}", code="N405")
    return array
