"""A checked `ModelProto` -> `OnnxModel`: the batch is bound, shapes are static, what is constant is computed.

Exporters write shapes as little programs (Shape, Gather, Concat, Reshape). With static shapes they are constants:
infer shapes, evaluate what depends on constants only with ONNX's own reference evaluator, and again until nothing
changes; then take the branches that conditions now choose, and go on.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from types import MappingProxyType
from typing import Any

from redsc.errors import LimitExceeded, UnsupportedError
from redsc.formats.onnx.load.bind import bind_inputs, described, open_sizes
from redsc.formats.onnx.load.branches import needed_nodes, take_branches, untaken
from redsc.formats.onnx.load.evaluate import fold_nodes, is_static
from redsc.formats.onnx.load.infer import infer_shapes
from redsc.formats.onnx.load.parse import admit
from redsc.formats.onnx.nodes import OnnxModel, OnnxNode
from redsc.formats.onnx.protobuf import array_of, attributes_of, dtype_name, set_nodes
from redsc.ir import Array, Shape
from redsc.limits import Limits

__all__ = ["fold_model"]

_NONE_GIVEN: Mapping[str, Shape] = MappingProxyType({})


def fold_model(model: Any, limits: Limits, sizes: Mapping[str, Shape] = _NONE_GIVEN) -> OnnxModel:
    """Return the model with static shapes and folded constants; `sizes` are shapes of inputs that it leaves open.

    Raises:
        UsageError: such a shape does not fit the model.
        UnsupportedError: a shape stays unknown, or which branch an If takes.
        LimitExceeded: a tensor is too large.
        MalformedModel: the shapes contradict each other.
    """
    import onnx  # slow to load, and only ONNX files need it

    bind_inputs(model.graph, sizes)
    opset = next(item.version for item in model.opset_import if item.domain in ("", "ai.onnx"))
    model, shapes, constants = _settle(onnx, model, opset, limits)
    while take_branches(onnx, model.graph, constants):
        model, shapes, constants = _settle(onnx, admit(onnx, model, limits), opset, limits)
    _refuse_branches(model.graph, shapes)
    _check_shapes(model.graph, shapes, constants, limits)
    return OnnxModel(
        nodes=[_node(onnx, node) for node in needed_nodes(model.graph)],
        inputs=[item.name for item in model.graph.input if item.name not in constants],
        outputs=[item.name for item in model.graph.output],
        shapes={name: shape for name, shape in shapes.items() if all(n > 0 for n in shape)}
        | {name: array.shape for name, array in constants.items()},
        constants=constants,
        opset=opset,
        types={item.name: dtype_name(onnx, item) for item in (*model.graph.input, *model.graph.output)},
    )


def _settle(onnx: Any, model: Any, opset: int, limits: Limits) -> tuple[Any, dict[str, Shape], dict[str, Array]]:
    """Return the model with all constants computed, with the shapes and the constants that are known then."""
    constants = {item.name: array_of(onnx, item) for item in model.graph.initializer}
    for _ in range(limits.rounds):
        model = infer_shapes(onnx, model)
        shapes = _known_shapes(model.graph, constants)
        folded = fold_nodes(onnx, model, opset, shapes, constants, limits)
        if not folded:
            break
        _replace_nodes(onnx, model.graph, folded)
        constants |= folded
    return model, shapes, constants


def _known_shapes(proto: Any, constants: Mapping[str, Array]) -> dict[str, Shape]:
    """Return the shapes that inference found, -1 for an unknown dimension; tensors of unknown rank are left out."""
    shapes = {name: array.shape for name, array in constants.items()}
    for item in (*proto.input, *proto.value_info, *proto.output):
        kind = item.type.tensor_type
        if kind.HasField("shape"):
            dims = kind.shape.dim
            shapes[item.name] = tuple(max(dim.dim_value, 0) if dim.HasField("dim_value") else -1 for dim in dims)
    return shapes


def _replace_nodes(onnx: Any, proto: Any, folded: Mapping[str, Array]) -> None:
    """Turn folded nodes into initializers, whose values the next shape inference sees."""
    kept = [node for node in proto.node if not all(name in folded for name in node.output if name)]
    set_nodes(proto, kept)
    proto.initializer.extend(onnx.numpy_helper.from_array(array, name) for name, array in folded.items())
    del proto.value_info[:]


def _refuse_branches(proto: Any, shapes: Mapping[str, Shape]) -> None:
    """Refuse every If that is left: its condition is not known."""
    if problems := [f"at If {node.name!r}: {reason}" for node, reason in untaken(proto)]:
        raise UnsupportedError(
            f"redsc does not know which branch {len(problems)} If node(s) take",
            evidence=problems,
            hint=open_sizes(proto.input, shapes) or "a condition must follow from constants and sizes of inputs",
        )


def _check_shapes(proto: Any, shapes: Mapping[str, Shape], constants: Mapping[str, Array], limits: Limits) -> None:
    """Check that every tensor that is read or made has a static shape of legal size."""
    made = [item.name for item in (*proto.input, *proto.output)]
    made += [name for node in needed_nodes(proto) for name in (*node.input, *node.output) if name]
    names = [name for name in dict.fromkeys(made) if name not in constants]
    unknown = [name for name in names if not is_static(name, shapes)]
    if unknown:
        is_empty = 0 in shapes.get(unknown[0], ()) and -1 not in shapes[unknown[0]]
        raise UnsupportedError(
            f"the tensor {unknown[0]!r} is empty" if is_empty else f"the shape of {unknown[0]!r} is not static",
            code="N403",
            evidence=[f"at {name!r}: {described(shapes.get(name))}" for name in unknown[:8]],
            hint=open_sizes(proto.input, shapes)
            or "only sizes of inputs may be unknown: export the model with fixed sizes",
        )
    for name in names:
        if len(shapes[name]) > limits.rank or prod(shapes[name]) > limits.tensor_elements:
            raise LimitExceeded(f"tensor {name!r} has the shape {list(shapes[name])}")


def _node(onnx: Any, node: Any) -> OnnxNode:
    return OnnxNode(
        op=node.op_type,
        inputs=tuple(node.input),
        outputs=tuple(node.output),
        attributes=attributes_of(onnx, node),
        name=node.name,
        domain=node.domain,
    )
