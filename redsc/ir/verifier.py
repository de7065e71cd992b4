"""Invariants of a graph. Each check is a function whose docstring is the rule.

The pipeline calls `verify_graph` between passes; readers call it last. All problems are reported together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields

import numpy as np

from redsc.errors import MalformedModel, UnsupportedError
from redsc.ir.graph import Graph, Node
from redsc.ir.ops.definition import OpDef, ShapeError
from redsc.ir.ops.state import Variable
from redsc.ir.registry import ALL_OPS, op_def
from redsc.ir.rules import Fixed, SameInputScales, SameScale
from redsc.ir.signatures import Signature
from redsc.ir.types import DType, Quant

__all__ = ["graph_problems", "scale_problems", "signature_of", "verify_graph"]

_LARGEST_FLOAT = float(np.finfo(np.float32).max)
_FIXED_SLACK = 1e-3  # of an int16 scale that kernels prescribe: kernels/softmax_common.cc
_SCALE_TOLERANCE = 1e-6  # tflite-micro kernels/pooling_common.cc: |input scale - output scale| <= 1e-6


def verify_graph(graph: Graph) -> None:
    """Check every invariant.

    Raises:
        MalformedModel: naming every violated rule and its place.
        UnsupportedError: the graph is sound, but tflite-micro's kernels would ignore or refuse some of its scales.
    """
    problems = list(graph_problems(graph))
    if problems:
        raise MalformedModel(f"graph {graph.name!r} breaks {len(problems)} rule(s)", evidence=problems)
    problems = list(scale_problems(graph))
    if problems:
        raise UnsupportedError(
            f"tflite-micro's kernels do not take the scales of {len(problems)} operator(s)",
            code="N408",
            evidence=problems,
            hint="quantise the float model with redsc: --data calib.npz",
        )


def scale_problems(graph: Graph) -> Iterator[str]:
    """Yield one sentence per int8 node whose scales its kernel does not take; the graph must be sound otherwise."""
    for node in graph.nodes:
        yield from (f"{node.op} {node.name!r}: {problem}" for problem in _scale_rule(node, op_def(node.op)))


def graph_problems(graph: Graph) -> Iterator[str]:
    """Yield one sentence per violated rule."""
    structure = [problem for rule in _GRAPH_RULES for problem in rule(graph)]
    yield from structure
    if not structure:
        for node in graph.nodes:
            for rule in _NODE_RULES:
                yield from (f"{node.op} {node.name!r}: {problem}" for problem in rule(node, op_def(node.op)))


def signature_of(node: Node) -> Signature | None:
    """Return the row of the op's signatures that the node's element types match, or None."""
    inputs = [None if value is None else value.type.dtype for value in node.inputs]
    outputs = [value.type.dtype for value in node.outputs]
    for row in op_def(node.op).signatures:
        if row.takes(inputs) and row.gives(outputs):
            return row
    return None


def _unique_names(graph: Graph) -> Iterator[str]:
    """Every value has a name of its own."""
    seen: set[str] = set()
    for value in graph.values():
        if value.name in seen:
            yield f"the name {value.name!r} is used twice"
        seen.add(value.name)


def _known_ops(graph: Graph) -> Iterator[str]:
    """Every op is in a table and carries that op's attributes, with enough operands."""
    for node in graph.nodes:
        if node.op not in ALL_OPS:
            yield f"unknown op {node.op}"
        elif not isinstance(node.attrs, op_def(node.op).attrs):
            yield f"{node.op} {node.name!r}: attributes are {type(node.attrs).__name__}"
        elif any(v is None for v in (*node.inputs, None, None)[: op_def(node.op).min_inputs]):
            yield f"{node.op} {node.name!r}: needs {op_def(node.op).min_inputs} inputs"


def _schedule(graph: Graph) -> Iterator[str]:
    """A value is read only after it was made: the node list is a schedule, without cycles."""
    ready = {id(value) for value in graph.inputs}
    for node in graph.nodes:
        for value in node.present_inputs():
            if not value.is_constant and id(value) not in ready:
                yield f"{node.op} {node.name!r} reads {value.name!r} before it is made"
        ready |= {id(value) for value in node.outputs}
    for value in graph.outputs:
        if not value.is_constant and id(value) not in ready:
            yield f"the output {value.name!r} is never made"


def _variables(graph: Graph) -> Iterator[str]:
    """A variable is read once, then assigned once, all in one type, and starts with a constant."""
    nodes: dict[str, list[Node]] = {}
    for node in graph.nodes:
        if isinstance(node.attrs, Variable):
            nodes.setdefault(node.attrs.variable, []).append(node)
    for name, found in nodes.items():
        operands = [value for node in found for value in node.present_inputs()]
        ops = [node.op for node in found]
        if ops != ["READ_VARIABLE", "ASSIGN_VARIABLE"]:
            yield f"the variable {name!r} has {', '.join(ops)}, not one read and then one assignment"
        elif len({value.type for value in operands}) != 1:
            yield f"the variable {name!r} is read and assigned in different types"
        elif not operands[0].is_constant:
            yield f"the variable {name!r} starts with {operands[0].name!r}, which is no constant"


def _use_lists(graph: Graph) -> Iterator[str]:
    """Use lists and producers agree with the node list."""
    uses = {id(value): 0 for value in graph.values()}
    for node in graph.nodes:
        for value in node.present_inputs():
            uses[id(value)] += 1
        for value in node.outputs:
            if value.producer is not node:
                yield f"{value.name!r} does not know its producer {node.name!r}"
    for value in graph.values():
        if len(value.uses) != uses[id(value)]:
            yield f"{value.name!r} has {len(value.uses)} uses on record, {uses[id(value)]} in the graph"


def _positive_shapes(graph: Graph) -> Iterator[str]:
    """Shapes are static and positive; constants hold exactly the elements of their type."""
    for value in graph.values():
        if any(n < 1 for n in value.type.shape):
            yield f"{value.name!r} has the shape {list(value.type.shape)}"
        elif value.data is not None:
            if value.data.shape != value.type.shape or value.data.dtype != value.type.dtype.numpy:
                yield f"{value.name!r} holds {value.data.dtype}{list(value.data.shape)}, its type says otherwise"
            if value.data.flags.writeable:
                yield f"{value.name!r} is a writable constant"


def _finite(graph: Graph) -> Iterator[str]:
    """Constants hold numbers: no NaN, no infinity."""
    for value in graph.constants():
        if value.data is not None and not np.isfinite(value.data).all():
            yield f"{value.name!r} holds NaN or infinity"


def _quantisation(graph: Graph) -> Iterator[str]:
    """Scales are positive and finite, one per tensor or one per index of their axis; int8 values have them."""
    for value in graph.values():
        quant, shape = value.type.quant, value.type.shape
        if quant is None:
            if value.type.dtype is DType.INT8:
                yield f"{value.name!r} is int8 without a scale"
            continue
        if not all(0 < scale < float("inf") for scale in quant.scales):
            yield f"{value.name!r} has a scale that is not positive"
        if quant.is_per_channel and not (0 <= quant.axis < len(shape) and len(quant.scales) == shape[quant.axis]):
            yield f"{value.name!r} has {len(quant.scales)} scales along axis {quant.axis} of {list(shape)}"
        if len(quant.zero_points) not in (1, len(quant.scales)):
            yield f"{value.name!r} has {len(quant.scales)} scales and {len(quant.zero_points)} zero points"
        if value.type.dtype is DType.INT8 and not all(-128 <= point <= 127 for point in quant.zero_points):
            yield f"{value.name!r} has a zero point that is no int8"


def _shapes_infer(node: Node, op: OpDef) -> Iterator[str]:
    """Output shapes are what the op makes of its operands."""
    try:
        inferred = op.infer(node)
    except ShapeError as error:
        yield str(error)
        return
    found = tuple(value.type.shape for value in node.outputs)
    if inferred != found:
        yield f"outputs have the shapes {found}, the operands give {inferred}"


def _legal_dtypes(node: Node, op: OpDef) -> Iterator[str]:
    """Element types are one of the op's signatures."""
    if signature_of(node) is None:
        inputs = [None if value is None else value.type.dtype.value for value in node.inputs]
        outputs = ", ".join(value.type.dtype.value for value in node.outputs[:1]) or "nothing"
        yield f"no signature of {op.name} takes {inputs} and gives {outputs}"


def _attributes_fit(node: Node, op: OpDef) -> Iterator[str]:
    """Numbers of attributes are int32 or finite float32, as in every file: schema.fbs, options of custom ops."""
    for field in fields(op.attrs):
        item = getattr(node.attrs, field.name)
        for number in item if isinstance(item, tuple) else (item,):
            if isinstance(number, int) and not -(2**31) <= number < 2**31:
                yield f"{field.name} is {number}, beyond 32 bits"
            elif isinstance(number, float) and not abs(number) <= _LARGEST_FLOAT:
                yield f"{field.name} is {number}, which is no float32"


def _scale_rule(node: Node, op: OpDef) -> Iterator[str]:
    """int8 scales obey the op's quantisation rule."""
    quants = [value.type.quant for value in node.outputs if value.type.dtype is DType.INT8]
    if isinstance(op.quant, Fixed):
        wanted = {DType.INT8: (op.quant.scale, op.quant.zero_point), DType.INT16: op.quant.int16}
        for kind in (value.type for value in node.outputs):
            scale, zero_point = wanted.get(kind.dtype) or (0.0, 0)
            slack = _FIXED_SLACK if kind.dtype is DType.INT16 else 0.0
            if kind.quant and scale and not _is_fixed(kind.quant, scale, zero_point, slack):
                yield f"the output needs scale {scale}, zero point {zero_point}"
    elif isinstance(op.quant, SameScale):
        sources = [value.type.quant for value in op.data_inputs(node) if value.type.dtype is DType.INT8]
        if any(_differ(source, quant) for source in sources for quant in quants):
            yield "input and output must have the same scale and zero point"
    elif isinstance(op.quant, SameInputScales):
        first, *others = [value.type.quant for value in op.data_inputs(node)]
        if any(_differ(first, other) for other in others):
            yield "all inputs must have the same scale and zero point"


def _is_fixed(quant: Quant, scale: float, zero_point: int, slack: float) -> bool:
    return abs(quant.scale - scale) <= slack * scale and quant.zero_point == zero_point


def _differ(source: Quant | None, output: Quant | None) -> bool:
    if source is None or output is None:
        return False
    apart = abs(source.scale - output.scale) > _SCALE_TOLERANCE
    return apart or source.zero_point != output.zero_point


_GRAPH_RULES: tuple[Callable[[Graph], Iterator[str]], ...] = (
    _unique_names,
    _known_ops,
    _schedule,
    _variables,
    _use_lists,
    _positive_shapes,
    _finite,
    _quantisation,
)
_NODE_RULES: tuple[Callable[[Node, OpDef], Iterator[str]], ...] = (_attributes_fit, _shapes_infer, _legal_dtypes)
