"""ONNX bytes -> a checked `ModelProto`. Every name, count and shape is checked before it is used."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from redsc.errors import LimitExceeded, MalformedModel, UnsupportedError
from redsc.formats.damage import INCOMPLETE
from redsc.formats.onnx.load.branches import all_graphs, names_read, needed_nodes
from redsc.formats.onnx.load.external import inline_external_data
from redsc.formats.onnx.load.infer import around_slices, infer_shapes
from redsc.formats.onnx.load.qoperator import expand_quantized_ops
from redsc.formats.onnx.ops.table import EXPANDED_OPS, ONNX_OPS
from redsc.formats.onnx.protobuf import DataType, copy_of, set_nodes
from redsc.formats.tables import Refusal, raise_problems
from redsc.limits import Limits

__all__ = ["admit", "parse_onnx"]

_READABLE_INPUTS = (DataType.FLOAT, DataType.UINT8, DataType.INT8)  # the latter two before a DequantizeLinear
_INTEGER_INPUTS = (DataType.INT32, DataType.INT64)
_OLDEST_OPSET = 7  # from here on arithmetic broadcasts as numpy does (onnx/docs/Changelog.md)
_OWN_DOMAINS = ("", "ai.onnx")
_DOMAINS = (*_OWN_DOMAINS, "com.microsoft")  # the latter for onnxruntime's quantised operators


def parse_onnx(data: bytes, limits: Limits, directory: Path | None) -> Any:
    """Return the model: self-contained, with unique names, a known opset and operators that have a translation.

    Args:
        data: the file.
        limits: what it may ask for.
        directory: where external data may lie; None where there is none.

    Raises:
        MalformedModel: the bytes are no sound model.
        UnsupportedError: listing every node that redsc does not translate.
    """
    import onnx  # slow to load, and only ONNX files need it

    if len(data) > limits.file_bytes:
        raise LimitExceeded(f"the file has {len(data):,} B, the limit is {limits.file_bytes:,} B")
    try:
        model = onnx.load_model_from_string(data)
    except Exception as error:  # protobuf's own class, whose words differ between its versions
        raise MalformedModel("not an ONNX model: its bytes cannot be parsed", hint=INCOMPLETE) from error
    _check_counts(model, limits)
    _check_opset(onnx, model)
    if model.functions:
        from onnx import inliner

        _check_functions(model, limits)
        model = inliner.inline_local_functions(model)
    _bind_inert_inputs(onnx, model.graph, limits)
    weights = [item for graph in all_graphs(model.graph) for item in graph.initializer]
    inline_external_data(weights, directory, limits)
    return admit(onnx, model, limits)


def admit(onnx: Any, model: Any, limits: Limits) -> Any:
    """Return a self-contained model, checked, with those operators only that have a translation.

    Raises:
        MalformedModel: the model is not sound.
        UnsupportedError: listing every node that redsc does not translate.
    """
    _check_counts(model, limits)
    model = _expand_functions(onnx, model)
    _check_counts(model, limits)
    _check_names(model.graph, limits)
    _drop_unused_nodes(model.graph)
    _refuse_unknown_ops(model.graph)
    expand_quantized_ops(onnx, model.graph)
    _check_inputs(model.graph)
    _check_constants(model.graph.initializer, limits)
    return model


def _expand_functions(onnx: Any, model: Any) -> Any:
    """Return the model with operators that onnx defines by others written out as these."""
    from onnx import inliner

    if not any(node.op_type in EXPANDED_OPS and node.domain in _OWN_DOMAINS for node in model.graph.node):
        return model
    typed = infer_shapes(onnx, copy_of(model), is_strict=False)  # some functions depend on the types of operands
    typed.graph.value_info.extend(
        onnx.helper.make_tensor_value_info(item.name, item.data_type, item.dims) for item in model.graph.initializer
    )
    wanted = [(domain, op) for op in EXPANDED_OPS for domain in _OWN_DOMAINS]

    def inline(typed: Any) -> Any:
        return inliner.inline_selected_functions(typed, wanted, inline_schema_functions=True)

    try:
        return around_slices(onnx, typed, inline)  # it infers shapes once more
    except RuntimeError:  # onnx 1.23 stops where a function depends on the type of an operand that is left out
        return model


def _check_counts(model: Any, limits: Limits) -> None:
    if not model.graph.node:
        raise MalformedModel("not an ONNX model, or one without nodes")
    graphs = list(all_graphs(model.graph))
    nodes = sum(len(graph.node) for graph in graphs)
    if nodes > limits.nodes or sum(len(graph.initializer) for graph in graphs) > limits.tensors:
        raise LimitExceeded(f"the model has {nodes:,} nodes")
    for node in chain.from_iterable(graph.node for graph in graphs):
        stated = [item.i for item in node.attribute if item.name == "num_outputs" and node.op_type == "Split"]
        if stated and stated[0] != len(node.output):  # onnx 1.23 makes a list of so many before it looks
            raise MalformedModel(f"Split {node.name!r} has {len(node.output)} outputs and says {stated[0]:,}")


def _check_functions(model: Any, limits: Limits) -> None:
    """Check how many nodes the model has once its functions are written out: each may call others many times."""
    bodies = {(item.domain, item.name): item for item in model.functions}
    in_file = sum(len(list(_with_inner_nodes(item.node))) for item in (model.graph, *model.functions))
    most = min(limits.nodes, limits.growth * in_file)
    sizes = dict[tuple[str, str], int]()

    def size(nodes: Any, depth: int) -> int:
        if depth > limits.nesting:
            raise LimitExceeded(f"functions call each other more than {limits.nesting} deep, or without end")
        total = 0
        for node in _with_inner_nodes(nodes):
            key = (node.domain, node.op_type)
            if key in bodies and key not in sizes:
                sizes[key] = size(bodies[key].node, depth + 1)
            total += sizes.get(key, 1)
            if total > most:
                raise LimitExceeded(f"the {in_file:,} nodes are more than {most:,} with functions written out")
        return total

    size(model.graph.node, 0)


def _with_inner_nodes(nodes: Any) -> Iterator[Any]:
    """Yield nodes, and those of the graphs in their attributes."""
    for node in nodes:
        yield node
        for attribute in node.attribute:
            for graph in (attribute.g, *attribute.graphs):
                yield from _with_inner_nodes(graph.node)


def _check_opset(onnx: Any, model: Any) -> None:
    """Check that the operators' definitions are known."""
    versions = {item.domain: item.version for item in model.opset_import}
    version, newest = versions.get("", versions.get("ai.onnx", 1)), onnx.defs.onnx_opset_version()
    if not _OLDEST_OPSET <= version <= newest:
        raise UnsupportedError(
            f"the model uses opset {version}, redsc reads {_OLDEST_OPSET} to {newest}",
            code="N407",
            hint="export the model again with another opset_version",
        )


def _check_names(proto: Any, limits: Limits) -> None:
    """Check that names are text and that every tensor has one producer, which comes before its readers."""
    made = {item.name for item in (*proto.input, *proto.initializer)}
    for node in proto.node:
        names = (node.name, node.op_type, node.domain, *node.input, *node.output)
        if not all(isinstance(name, str) for name in names):
            raise MalformedModel(f"a name of node {node.name!r} is not text")
        if not node.output:
            raise MalformedModel(f"node {node.name!r} has no outputs")
        if max(map(len, names)) > limits.name_chars:
            raise LimitExceeded(f"node {node.name[:80]!r}: a name has more than {limits.name_chars:,} characters")
        for name in node.input:
            if name and name not in made:
                raise MalformedModel(f"node {node.name!r} reads {name!r}, which nothing before it makes")
        for name in node.output:
            if name in made:
                raise MalformedModel(f"tensor {name!r} has two producers")
            made |= {name} - {""}
    for item in proto.output:
        if item.name not in made:
            raise MalformedModel(f"nothing makes the output {item.name!r}")


def _drop_unused_nodes(proto: Any) -> None:
    """Drop the nodes on which no output depends: exporters leave them, and they need no translation."""
    used = needed_nodes(proto)
    if len(used) < len(proto.node):
        set_nodes(proto, used)


def _refuse_unknown_ops(proto: Any) -> None:
    problems = []
    for node in proto.node:
        row = ONNX_OPS.get(node.op_type, Refusal("redsc does not know this operator"))
        own = node.domain in _OWN_DOMAINS or (node.domain in _DOMAINS and getattr(row, "is_microsoft", False))
        if not own:
            row = Refusal(f"its domain {node.domain!r} is not ONNX's own")
        if isinstance(row, Refusal):
            problems.append(f"at {node.op_type} {node.name or next(iter(node.output), '')!r}: {row.reason}")
    raise_problems(problems)


def _bind_inert_inputs(onnx: Any, proto: Any, limits: Limits) -> None:
    """Make constants of integer inputs that are not read, or multiplied by 0 only: so exporters keep an input.

    Products of floats would depend on them: infinity times 0 is none.
    """
    tensors = [(item.name, item) for item in proto.initializer]
    made = [(node.output[0], item) for node in proto.node if node.op_type == "Constant" for item in node.attribute]
    tensors += [(name, item.t) for name, item in made if item.HasField("t")]
    small = [(name, item) for name, item in tensors if not item.data_location and prod(item.dims) == 1]
    zeros = {name for name, item in small if not onnx.numpy_helper.to_array(item).any()}
    real = [node for node in proto.node if not (node.op_type == "Mul" and zeros & set(node.input))]
    kept = {item.name for item in (*proto.output, *proto.initializer)}.union(*map(names_read, real))
    left = limits.folded_bytes
    for item in list(proto.input):
        kind = item.type.tensor_type
        if kind.elem_type in _INTEGER_INPUTS and item.name not in kept:
            shape = [max(dim.dim_value, 1) for dim in kind.shape.dim]
            dtype = onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type)
            left -= prod(shape) * dtype.itemsize
            if left < 0:
                raise LimitExceeded(f"the input {item.name!r}, which has no effect, has the shape {shape}")
            proto.initializer.append(onnx.numpy_helper.from_array(np.zeros(shape, dtype), item.name))
            proto.input.remove(item)


def _check_inputs(proto: Any) -> None:
    """Check that data comes in as float32, or as 8-bit integers with a scale."""
    constants = {item.name for item in proto.initializer}
    raise_problems(
        [
            f"at {item.name!r}: it is no float32 but element type {item.type.tensor_type.elem_type} of onnx.proto"
            for item in proto.input
            if item.name not in constants and item.type.tensor_type.elem_type not in _READABLE_INPUTS
        ]
    )


def _check_constants(items: Any, limits: Limits) -> None:
    for item in items:
        dims = list(item.dims)
        if any(n < 0 for n in dims):
            raise MalformedModel(f"constant {item.name!r} has the shape {dims}")
        if len(dims) > limits.rank or prod(dims) > limits.tensor_elements:
            raise LimitExceeded(f"constant {item.name!r} has the shape {dims}")
