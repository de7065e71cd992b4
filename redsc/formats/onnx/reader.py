"""ONNX file -> graph: bind the batch, infer shapes, assign layouts, then translate node by node with `ONNX_OPS`.

Layouts are assigned, not transposed and cancelled: a rank-4 tensor that reaches a convolution or pool through
layout-free ops is channels-last (NHWC) in the graph, every other tensor keeps its source layout.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod
from typing import Any

import numpy as np

from redsc.errors import LimitExceeded, MalformedModel, RedscError, UnsupportedError
from redsc.formats.onnx.context import OnnxContext
from redsc.formats.onnx.ops import ONNX_OPS, Kind, OnnxOp
from redsc.formats.tables import Refusal
from redsc.ir import Array, Graph, Shape, ShapeError, verify_graph
from redsc.limits import DEFAULT_LIMITS, Limits

__all__ = ["read_onnx"]

_EXTERNAL = 1  # TensorProto.DataLocation.EXTERNAL, onnx.proto
_FLOAT32 = 1  # TensorProto.DataType.FLOAT, onnx.proto
_OLDEST_OPSET = 7  # from here on arithmetic broadcasts as numpy does (onnx/docs/Changelog.md)


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
        context.channels_last = _assign_layouts(context)
        graph = _translate(context)
    except ShapeError as error:
        raise MalformedModel(str(error)) from error
    except RedscError:
        raise
    except Exception as error:  # protobuf and onnx raise their own families
        raise MalformedModel(f"damaged ONNX file ({type(error).__name__}: {error})") from error
    verify_graph(graph)
    return graph, context.channels_last


def _parse(data: bytes, limits: Limits) -> OnnxContext:
    import onnx  # slow to load, and only ONNX files need it

    try:
        model = onnx.load_model_from_string(data)
    except Exception as error:  # protobuf's own class, whose words differ between its versions
        raise MalformedModel("not an ONNX model: its bytes cannot be parsed") from error
    if not model.graph.node:
        raise MalformedModel("not an ONNX model, or one without nodes")
    if len(model.graph.node) > limits.nodes or len(model.graph.initializer) > limits.tensors:
        raise LimitExceeded(f"the model has {len(model.graph.node):,} nodes")
    _check_names(model.graph)
    _check_opset(onnx, model)
    _refuse_unknown_ops(model.graph)
    _check_inputs(model.graph)
    _bind_batch(model.graph)
    model = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
    constants = {item.name: _constant(onnx, item, limits) for item in model.graph.initializer}
    shapes: dict[str, Shape] = {name: array.shape for name, array in constants.items()}
    for item in (*model.graph.input, *model.graph.value_info, *model.graph.output):
        shapes[item.name] = _static_shape(item, limits)
    return OnnxContext(model.graph, shapes, constants)


def _check_names(proto: Any) -> None:
    """Check that names are text and that every tensor has one producer."""
    made = {item.name for item in (*proto.input, *proto.initializer)}
    for node in proto.node:
        names = (node.name, node.op_type, node.domain, *node.input, *node.output)
        if not all(isinstance(name, str) for name in names):
            raise MalformedModel(f"a name of node {node.name!r} is not text")
        for name in node.output:
            if name in made:
                raise MalformedModel(f"tensor {name!r} has two producers")
            made |= {name} - {""}


def _refuse_unknown_ops(proto: Any) -> None:
    problems = []
    for node in proto.node:
        row = ONNX_OPS.get(node.op_type, Refusal("redsc does not know this operator"))
        if node.domain not in ("", "ai.onnx"):
            row = Refusal(f"its domain {node.domain!r} is not ONNX's own")
        if isinstance(row, Refusal):
            problems.append(f"at {node.op_type} {_label(node)!r}: {row.reason}")
    _raise_problems(problems)


def _raise_problems(problems: Sequence[str]) -> None:
    if problems:
        raise UnsupportedError(
            f"redsc cannot translate {len(problems)} part(s) of this model",
            evidence=problems,
            hint="`redsc ops` lists what is translated",
        )


def _label(node: Any) -> str:
    return str(node.name or next(iter(node.output), ""))


def _row(node: Any) -> OnnxOp:
    row = ONNX_OPS[node.op_type]
    assert isinstance(row, OnnxOp)
    return row


def _assign_layouts(context: OnnxContext) -> frozenset[str]:
    """Return the tensors that are connected to a spatial op's data through layout-free ops."""
    import networkx  # slow to load, and only ONNX files need it

    links = networkx.Graph()
    spatial: set[str] = set()
    for node in context.proto.node:
        data = [name for name in (*node.input, *node.output) if context.is_image(name)]
        if _row(node).kind is Kind.SPATIAL:
            spatial |= set(data)
        if _row(node).kind is not Kind.RELAYOUT:
            networkx.add_path(links, data)
    components: Iterable[set[str]] = networkx.connected_components(links)
    return frozenset[str]().union(*(component for component in components if component & spatial))


def _translate(context: OnnxContext) -> Graph:
    """Return the finished graph."""
    for item in context.proto.input:
        if item.name not in context.constants:
            context.values[item.name] = context.builder.input(item.name, context.graph_shape(item.name))
    for node in context.proto.node:
        is_constant = bool(node.input) and node.input[0] in context.constants
        problem = "its input is a constant" if is_constant else _row(node).handler(context, node)
        if problem:
            _raise_problems([f"at {node.op_type} {_label(node)!r}: {problem}"])
    constant = [item.name for item in context.proto.output if item.name in context.constants]
    _raise_problems([f"at {name!r}: the output is a constant" for name in constant])
    return context.builder.output(*(context.values[item.name] for item in context.proto.output))


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


def _check_inputs(proto: Any) -> None:
    """Check that data comes in as float32."""
    constants = {item.name for item in proto.initializer}
    _raise_problems(
        [
            f"at {item.name!r}: it is no float32 but element type {item.type.tensor_type.elem_type} of onnx.proto"
            for item in proto.input
            if item.name not in constants and item.type.tensor_type.elem_type != _FLOAT32
        ]
    )


def _check_opset(onnx: Any, model: Any) -> None:
    """Check that the operators' definitions are known."""
    versions = {item.domain: item.version for item in model.opset_import}
    version, newest = versions.get("", versions.get("ai.onnx", 0)), onnx.defs.onnx_opset_version()
    if not _OLDEST_OPSET <= version <= newest:
        raise UnsupportedError(
            f"the model uses opset {version}, redsc reads {_OLDEST_OPSET} to {newest}",
            code="N407",
            hint="export the model again with another opset_version",
        )


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
