"""ONNX file -> graph, step by step: parse and check, fold, absorb quantisation, assign layouts, translate nodes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from redsc.choices import Recurrent
from redsc.errors import Diagnostic, LimitExceeded
from redsc.formats.damage import damage_in
from redsc.formats.onnx.context import OnnxContext
from redsc.formats.onnx.layout import Layout, Layouts, source_layout
from redsc.formats.onnx.load.fold import fold_model
from redsc.formats.onnx.load.parse import parse_onnx
from redsc.formats.onnx.nodes import OnnxNode
from redsc.formats.onnx.ops.row import OnnxOp
from redsc.formats.onnx.ops.table import ONNX_OPS
from redsc.formats.onnx.qdq import absorb_quantization
from redsc.formats.tables import CannotTranslate, raise_problems
from redsc.ir import DType, Graph, Shape, ShapeError, TensorType, Value, verify_graph
from redsc.ir.verifier import signature_of
from redsc.limits import DEFAULT_LIMITS, Limits

__all__ = ["OnnxImport", "read_onnx"]


@dataclass(frozen=True, slots=True)
class OnnxImport:
    """A graph, how its inputs and outputs lie in it, and the model as one self-contained file.

    It `is_exact` where the graph computes as the file does; quantised operators of ONNX round in their own way.
    `output_names` are the file's: a value of the graph may be two outputs. `notes` is what the user should know,
    `node_names` are those of the file's nodes that have any.
    """

    graph: Graph
    inputs: tuple[Layout, ...]
    outputs: tuple[Layout, ...]
    input_types: tuple[str, ...]
    output_types: tuple[str, ...]
    output_names: tuple[str, ...]
    source: bytes
    is_exact: bool
    notes: tuple[Diagnostic, ...]
    node_names: frozenset[str]


def read_onnx(
    data: bytes,
    limits: Limits = DEFAULT_LIMITS,
    directory: Path | None = None,
    shapes: Mapping[str, Shape] | None = None,
    recurrent: Recurrent = Recurrent.OP,
) -> OnnxImport:
    """Return the graph of a model; `directory` is where its external data may lie, `shapes` are those of inputs.

    `recurrent` is what LSTM layers become.

    Raises:
        UsageError: a shape does not fit the model.
        MalformedModel: the bytes are no sound ONNX model.
        UnsupportedError: listing every part that redsc does not know.
    """
    with damage_in("ONNX file"):
        proto = parse_onnx(data, limits, directory)
        source = data if directory is None else proto.SerializeToString()
        with np.errstate(all="ignore"):  # what is no number is found by the verifier
            folded = fold_model(proto, limits, shapes or {})
            model, quants, refused = absorb_quantization(folded)
            layouts = Layouts.assign(model, lambda node: _row(node).kind)
            context = OnnxContext(model, layouts, quants, recurrent)
            graph = _translate(context, [_problem(*item) for item in refused])
    _name_as_in_file(context, [item.name for item in proto.graph.output])
    verify_graph(graph)
    if len(graph.nodes) > limits.nodes:
        raise LimitExceeded(f"the model becomes {len(graph.nodes):,} operators, the limit is {limits.nodes:,}")
    for value in graph.activations():
        if value.type.elements > limits.tensor_elements:
            raise LimitExceeded(f"tensor {value.name!r} has the shape {list(value.type.shape)}")
    return OnnxImport(
        graph,
        inputs=tuple(layouts[name] for name in model.inputs),
        outputs=tuple(layouts[name] for name in model.outputs),
        input_types=tuple(folded.types[name] for name in folded.inputs),
        output_types=tuple(folded.types[name] for name in folded.outputs),
        output_names=tuple(item.name for item in proto.graph.output),
        source=source,
        is_exact=not quants,
        notes=tuple(context.notes),
        node_names=frozenset(node.name for node in proto.graph.node if node.name),
    )


def _row(node: OnnxNode) -> OnnxOp:
    row = ONNX_OPS[node.op]
    assert isinstance(row, OnnxOp)
    return row


def _problem(node: OnnxNode, reason: str) -> str:
    return f"at {node.op} {node.label!r}: {reason}"


def _translate(context: OnnxContext, problems: list[str]) -> Graph:
    """Return the finished graph, or raise all problems together."""
    model = context.model
    for name in model.inputs:
        quant = context.quants.get(name)
        context.keep(name, context.builder.input(name, context.graph_shape(name)), quant)
    for node in model.nodes:
        try:
            _decide_layouts(context, node)
            _row(node).handler(context, node)
        except (CannotTranslate, ShapeError) as error:
            problems.append(_problem(node, str(error)))
            _stand_in(context, node)
    problems += [f"at {name!r}: the output is a constant" for name in model.outputs if context.is_constant(name)]
    raise_problems(problems or list(_type_problems(context.builder.graph)))
    return context.builder.output(*(context.value(name) for name in model.outputs))


def _name_as_in_file(context: OnnxContext, outputs: list[str]) -> None:
    """Give tensors the names of the file, the outputs first: behind a Q, another tensor has become the output."""
    graph = context.builder.graph
    taken = {value.name for value in graph.values()}
    named = [*zip(outputs, graph.outputs, strict=True), *context.values.items()]
    renamed = {id(value) for value in graph.inputs}
    for name, value in named:
        if id(value) not in renamed and value.producer is not None:
            renamed.add(id(value))
            if name not in taken:
                taken.add(name)
                value.name = name


def _type_problems(graph: Graph) -> Iterator[str]:
    """Yield the nodes whose element types tflite-micro does not take: most ops take no integers but int8."""
    for node in graph.nodes:
        if signature_of(node) is None:
            types = ", ".join(value.type.dtype.value for value in node.present_inputs())
            yield f"at {node.name!r}: tflite-micro has no {node.op} of ({types})"


def _decide_layouts(context: OnnxContext, node: OnnxNode) -> None:
    """Choose the layout of an output that is still free: the one in which the op moves nothing."""
    for name in node.outputs:
        if name and not context.layouts.is_decided(name):
            natural = _row(node).natural
            layout = source_layout(context.rank(name)) if natural is None else natural(context, node)
            context.layouts.decide(name, layout)


def _stand_in(context: OnnxContext, node: OnnxNode) -> None:
    """Let the rest of the model be read after a node that cannot be, so that every problem is found."""
    for name in node.outputs:
        if name and name not in context.values:
            context.keep(name, Value(name, TensorType(context.graph_shape(name), DType.FLOAT32)), None)
